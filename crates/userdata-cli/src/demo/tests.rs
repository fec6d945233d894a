//! The demo fails on a store that is broken: its checks can fail.

use std::time::Duration;

use userdata_core::store::{
    Admit, AdmitBoth, AdmitEach, Cleared, ClosingMark, Done, Durability, EachCleared, Entry, Found,
    Op, Owned, State, StoreError, Transfer, Transferred,
};
use userdata_core::{DomainKey, Userid, Value};
use userdata_fs::OsDirectory;

use super::*;
use crate::chain::chain;
use userdata::Store;

/// How a store is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// A read may see half of one value and half of another.
    Torn,
    /// Admits every change.
    Unguarded,
    /// Loses the values of one program.
    Forgetful,
    /// Reports that it cleared, and did not.
    Lazy,
}

#[derive(Debug)]
struct Broken {
    store: FileStore<OsDirectory>,
    fault: Fault,
}

impl Store for Broken {
    fn get(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Value>, StoreError> {
        let value = self.store.get(domain, userid)?;
        Ok(match (self.fault, value) {
            (Fault::Torn, Some(value)) if value.as_bytes().len() == race::SIZE => {
                let mut bytes = value.into_bytes();
                let half = race::SIZE / 2;
                bytes[half..].copy_from_slice(&race::value(u64::MAX)[half..]);
                Some(Value::new(bytes))
            }
            (Fault::Forgetful, _) if userid.as_bytes() == b"backup-agent" => None,
            (_, value) => value,
        })
    }

    fn stat(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Entry>, StoreError> {
        self.store.stat(domain, userid)
    }

    fn list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError> {
        self.store.list(domain)
    }

    fn scan(
        &self,
        each: &mut dyn FnMut(Found) -> std::ops::ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.store.scan(each)
    }

    fn change(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
        ops: &[Op<'_>],
    ) -> Result<Vec<Done>, StoreError> {
        if self.fault == Fault::Unguarded {
            let anything = &mut |_: &State| Ok(());
            return self.store.change(domain, timeout, anything, ops);
        }
        self.store.change(domain, timeout, admit, ops)
    }

    fn owners(
        &self,
        each: &mut dyn FnMut(Owned) -> std::ops::ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.store.owners(each)
    }

    fn clear_each(
        &self,
        domains: &[DomainKey],
        timeout: Duration,
        durability: Durability,
        admit: AdmitEach<'_>,
        each: EachCleared<'_>,
    ) -> Result<(), StoreError> {
        self.store
            .clear_each(domains, timeout, durability, admit, each)
    }

    fn snapshot(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        which: &dyn Fn(&Userid) -> bool,
        each: &mut dyn FnMut(Userid, Value) -> std::ops::ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.store.snapshot(domain, timeout, which, each)
    }

    fn transfer(
        &self,
        transfer: &Transfer<'_>,
        timeout: Duration,
        admit: AdmitBoth<'_>,
    ) -> Result<Transferred, StoreError> {
        self.store.transfer(transfer, timeout, admit)
    }

    fn close(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
    ) -> Result<Box<dyn ClosingMark>, StoreError> {
        let mark = self.store.close(domain, timeout, admit)?;
        Ok(match self.fault {
            Fault::Lazy => Box::new(LazyMark(mark)),
            _ => mark,
        })
    }

    fn now(&self) -> Duration {
        self.store.now()
    }
}

#[derive(Debug)]
struct LazyMark(Box<dyn ClosingMark>);

impl ClosingMark for LazyMark {
    fn clear(
        self: Box<Self>,
        timeout: Duration,
        _: Durability,
        _: Admit<'_>,
    ) -> Result<Cleared, StoreError> {
        self.0.reopen(timeout).map(|()| Cleared::default())
    }

    fn reopen(self: Box<Self>, timeout: Duration) -> Result<(), StoreError> {
        self.0.reopen(timeout)
    }
}

/// The steps that were shown, and how the demo ended.
fn tell(fault: Fault) -> (Vec<document::Step>, Result<(), Failure>) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).unwrap();
    let host = SimHost::new(HostOptions::new(7));
    let mut narrator = Narrator::new(false);
    let told = Story::new(host, Broken { store, fault }, folder.path()).tell(&mut narrator);
    (narrator.into_steps(), told.map_err(failed))
}

#[test]
fn on_a_store_that_works_the_demo_ends_well() {
    let (steps, told) = tell(Fault::None);
    told.unwrap();
    assert_eq!(steps.len(), 7);
    assert!(steps.iter().all(|step| !step.shown.is_empty()));
}

#[test]
fn each_broken_store_fails_the_step_that_shows_it() {
    for (fault, number, why) in [
        (Fault::Torn, 3, "a mixture of two values"),
        (Fault::Forgetful, 4, "not what it should be"),
        (Fault::Unguarded, 5, "the store was not refused"),
        (Fault::Lazy, 5, "not what it should be"),
    ] {
        let (steps, told) = tell(fault);
        let failure = told.unwrap_err();
        assert_eq!(steps.len(), number, "{fault:?}");
        assert!(matches!(failure, Failure::Demo(_)), "{fault:?}");
        assert!(
            chain(&failure).contains(why),
            "{fault:?}: {}",
            chain(&failure)
        );
        assert_eq!(Status::from(&failure), Status::Failure);
    }
}
