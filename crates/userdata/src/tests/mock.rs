//! Mocks of the two traits, which write their calls into one list.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mockall::mock;
use userdata_core::hypervisor::{BootId, HypervisorError, HypervisorErrorKind};
use userdata_core::store::{
    Admit, AdmitBoth, AdmitEach, Cleared, ClosingMark, Done, Durability, EachCleared, Entry, Found,
    Op, Owned, State, StoreError, Transfer, Transferred,
};
use userdata_core::{
    Domain, DomainKey, Domid, Hypervisor, Life, Store, Userid, Uuid, Value, WritableUserid,
};

use crate::Userdata;

mock! {
    pub(super) Host {}

    impl Hypervisor for Host {
        fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError>;
        fn domains(&self) -> Result<Vec<Domain>, HypervisorError>;
        fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError>;
        fn boot(&self) -> Result<BootId, HypervisorError>;
    }
}

mock! {
    pub(super) Engine {}

    impl Store for Engine {
        fn get(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Value>, StoreError>;
        fn stat(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Entry>, StoreError>;
        fn list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError>;
        fn scan(&self, each: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), StoreError>;
        fn change<'a, 'b, 'c>(
            &self, domain: &DomainKey, timeout: Duration, admit: Admit<'a>, ops: &'b [Op<'c>],
        ) -> Result<Vec<Done>, StoreError>;
        fn owners(&self, each: &mut dyn FnMut(Owned) -> ControlFlow<()>) -> Result<(), StoreError>;
        fn clear_each<'a, 'b>(
            &self, domains: &[DomainKey], timeout: Duration, durability: Durability,
            admit: AdmitEach<'a>, each: EachCleared<'b>,
        ) -> Result<(), StoreError>;
        fn snapshot(
            &self, domain: &DomainKey, timeout: Duration, which: &dyn Fn(&Userid) -> bool,
            each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
        ) -> Result<(), StoreError>;
        fn transfer<'a, 'b>(
            &self, transfer: &Transfer<'a>, timeout: Duration, admit: AdmitBoth<'b>,
        ) -> Result<Transferred, StoreError>;
        fn close<'a>(
            &self, domain: &DomainKey, timeout: Duration, admit: Admit<'a>,
        ) -> Result<Box<dyn ClosingMark>, StoreError>;
        fn now(&self) -> Duration;
    }
}

mock! {
    #[derive(Debug)]
    pub(super) Mark {}

    impl ClosingMark for Mark {
        fn clear<'a>(
            self: Box<Self>, timeout: Duration, durability: Durability, admit: Admit<'a>,
        ) -> Result<Cleared, StoreError>;
        fn reopen(self: Box<Self>, timeout: Duration) -> Result<(), StoreError>;
    }
}

/// The calls of all mocks, in their order.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Vec<String>>>);

impl Calls {
    pub(super) fn push(&self, call: &str) {
        self.0.lock().unwrap().push(call.to_owned());
    }

    pub(super) fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The answers of the host: one to each look-up in turn, the last one from then on.
#[derive(Clone)]
pub(super) struct Answers {
    pub(super) domains: Vec<Answer>,
    pub(super) leaving: Option<bool>,
    pub(super) closing: bool,
}

/// One answer to a look-up of a domain.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Absent,
    Is(DomainKey, Life),
    Unknown,
}

impl Answers {
    pub(super) fn alive() -> Self {
        let domains = vec![Answer::Is(key(), Life::Alive)];
        Self {
            domains,
            leaving: Some(false),
            closing: false,
        }
    }

    pub(super) fn of(domains: &[Answer]) -> Self {
        Self {
            domains: domains.to_vec(),
            ..Self::alive()
        }
    }
}

pub(super) fn key() -> DomainKey {
    DomainKey::new(Domid::new(5).unwrap(), Uuid::from_u128(0x55))
}

/// Another incarnation under the same domid.
pub(super) fn other() -> DomainKey {
    DomainKey::new(Domid::new(5).unwrap(), Uuid::from_u128(0x66))
}

pub(super) fn userid() -> WritableUserid {
    WritableUserid::new("xl").unwrap()
}

pub(super) fn unknown() -> HypervisorError {
    let kind = HypervisorErrorKind::Unsupported {
        what: "a scripted answer".to_owned(),
    };
    HypervisorError::new("look up", kind)
}

pub(super) fn host(answers: &Answers, calls: &Calls) -> MockHost {
    let mut host = MockHost::new();
    let (log, script, asked) = (calls.clone(), answers.domains.clone(), Mutex::new(0));
    host.expect_domain().returning(move |domid| {
        log.push("domain");
        let mut asked = asked.lock().unwrap();
        let answer = script[(*asked).min(script.len() - 1)];
        *asked += 1;
        match answer {
            Answer::Absent => Ok(None),
            Answer::Is(key, life) => {
                assert_eq!(key.domid, domid);
                Ok(Some(Domain::new(key, life)))
            }
            Answer::Unknown => Err(unknown()),
        }
    });
    let (log, leaving) = (calls.clone(), answers.leaving);
    host.expect_leaving().returning(move |_| {
        log.push("leaving");
        leaving.ok_or_else(unknown)
    });
    host
}

/// An engine that asks for admission and then returns what [`done`] does.
pub(super) fn engine(answers: &Answers, calls: &Calls) -> MockEngine {
    let mut engine = MockEngine::new();
    engine.expect_now().returning(|| Duration::ZERO);
    let (log, closing) = (calls.clone(), answers.closing);
    engine.expect_change().returning(move |key, _, admit, ops| {
        log.push("lock");
        admit(&State::new(closing)).map_err(|refused| {
            let kind = userdata_core::store::StoreErrorKind::Refused(refused);
            StoreError::new(
                userdata_core::store::Operation::Admit,
                key.to_string(),
                kind,
            )
        })?;
        Ok(ops.iter().map(|op| done(op, &log)).collect())
    });
    engine
}

fn done(op: &Op<'_>, log: &Calls) -> Done {
    match *op {
        Op::Put { durability, .. } => {
            log.push("put");
            Done::Stored {
                durability,
                displaced: None,
            }
        }
        Op::Delete { durability, .. } => {
            log.push("delete");
            Done::Removed { durability }
        }
        Op::Clear { keep, .. } => {
            log.push(&format!("clear, keep {keep:?}"));
            Done::Cleared(Cleared::default())
        }
        _ => panic!("{op:?}"),
    }
}

pub(super) fn userdata(answers: &Answers, calls: &Calls) -> Userdata<MockHost, MockEngine> {
    Userdata::new(host(answers, calls), engine(answers, calls))
}
