//! `Story`: a history written by hand.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use hv_sim::{HostOptions, NewDomain, SimHost, Until};
use userdata::{Outcome, Userdata};
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{
    Admit, AdmitBoth, AdmitEach, Cleared, ClosingMark, Condition, Done, Durability, EachCleared,
    Entry, Expect, Found, Keep, Op, Operation as StoreOperation, Owned, StoreError, StoreErrorKind,
    Transfer, Transferred,
};
use userdata_core::{DomainKey, Domid, Store, Userid, Uuid, Value, Version, WritableUserid};
use userdata_fs::Name;

use super::super::{Checked, Checker, HostImage};
use crate::history::{
    Event, History, Invocation, LibxlBug, LibxlCall, OperationId, ProcessId, Response,
};
use crate::walk::{Action, Report, Seen, Slot};
use userdata_sim::crash::Tree;
use userdata_sim::{Plant, SimDisk, SimOptions};

pub(super) const FULL: Durability = Durability::Full;

/// A history that grows, on a host with the domains 5 and 50.
pub(super) struct Story {
    pub(super) history: History,
    pub(super) host: SimHost,
    before: HostImage,
    seen: Vec<Seen>,
    after: Option<HostImage>,
    operations: usize,
}

pub(super) fn key(domid: u16) -> DomainKey {
    DomainKey::new(
        Domid::new(domid).unwrap(),
        Uuid::from_u128(0xa000 + u128::from(domid)),
    )
}

pub(super) fn slot(domid: u16, userid: &str) -> Slot {
    let userid = match userid {
        "libxl-json" => WritableUserid::libxl_json(),
        other => WritableUserid::new(other).unwrap(),
    };
    Slot {
        domain: key(domid),
        userid,
    }
}

/// The slot that most stories are about.
pub(super) fn xl() -> Slot {
    slot(5, "xl")
}

pub(super) fn tree(values: &[(Slot, &[u8])]) -> Tree {
    let disk = SimDisk::new(SimOptions::default());
    let root = disk.process().root().unwrap();
    for (slot, value) in values {
        let name =
            FileName::data(NameFormat::Libxl, &slot.domain, slot.userid.as_userid()).unwrap();
        let name = Name::new(name.as_bytes()).unwrap();
        root.plant(name, Plant::File(value.to_vec())).unwrap();
    }
    disk.tree()
}

impl Story {
    pub(super) fn new() -> Self {
        Self::with(&[])
    }

    /// One that begins with these values.
    pub(super) fn with(values: &[(Slot, &[u8])]) -> Self {
        let host = SimHost::new(HostOptions::new(1).with_spurious_one_in(0));
        for domid in [5, 50] {
            let DomainKey { domid, uuid } = key(domid);
            host.create(NewDomain::new().with_domid(domid).with_uuid(uuid))
                .unwrap();
        }
        let before = HostImage {
            host: host.state(),
            tree: tree(values),
        };
        Self {
            history: History::default(),
            host,
            before,
            seen: Vec::new(),
            after: None,
            operations: 0,
        }
    }

    fn push(&mut self, event: Event) {
        self.history.events.push(event);
    }

    fn begin(&mut self, process: usize, invocation: Invocation) -> usize {
        let id = OperationId(self.operations);
        self.operations += 1;
        self.push(Event::Invoked {
            process: ProcessId(process),
            id,
            invocation,
        });
        id.0
    }

    pub(super) fn call(&mut self, process: usize, action: Action) -> usize {
        self.begin(process, Invocation::Userdata(action))
    }

    pub(super) fn end(&mut self, process: usize, id: usize, report: Report) {
        self.push(Event::Responded {
            process: ProcessId(process),
            id: OperationId(id),
            response: Response::Userdata(report),
        });
    }

    /// A whole operation, with nothing in between.
    pub(super) fn does(&mut self, process: usize, action: Action, report: Report) {
        let id = self.call(process, action);
        self.end(process, id, report);
    }

    pub(super) fn stores(&mut self, process: usize, slot: Slot, value: &str) {
        self.does(process, store(slot, value), stored());
    }

    pub(super) fn reads(&mut self, process: usize, slot: Slot, value: Option<&str>) {
        self.does(process, Action::Retrieve { slot }, read(value));
    }

    pub(super) fn libxl(&mut self, process: usize, call: LibxlCall) -> usize {
        self.begin(process, Invocation::Libxl(call))
    }

    pub(super) fn libxl_ends(&mut self, process: usize, id: usize, rc: i32, data: Option<&[u8]>) {
        self.push(Event::Responded {
            process: ProcessId(process),
            id: OperationId(id),
            response: Response::Libxl {
                rc,
                data: data.map(<[u8]>::to_vec),
            },
        });
    }

    pub(super) fn kill(&mut self, process: usize) {
        self.push(Event::Killed {
            process: ProcessId(process),
        });
    }

    pub(super) fn bug(&mut self, process: usize, bug: LibxlBug) {
        self.push(Event::Libxl {
            process: ProcessId(process),
            bug,
            domain: key(5),
        });
    }

    pub(super) fn event(&mut self, event: Event) {
        self.push(event);
    }

    pub(super) fn host(&mut self, event: hv_sim::Event) {
        let created = self.host.apply(&event).unwrap();
        self.push(Event::Host { event, created });
    }

    pub(super) fn destroys_domain(&mut self, domid: u16, until: Until) {
        let domid = Domid::new(domid).unwrap();
        self.host(hv_sim::Event::Destroy { domid, until });
    }

    /// What is there when all is over.
    pub(super) fn leaves(&mut self, values: &[(Slot, &[u8])]) {
        self.leaves_tree(tree(values));
    }

    pub(super) fn leaves_tree(&mut self, tree: Tree) {
        self.after = Some(HostImage {
            host: self.host.state(),
            tree,
        });
    }

    /// A sweep of this boot had seen this before the story begins.
    pub(super) fn was_seen(&mut self, seen: Seen) {
        self.seen.push(seen);
    }

    pub(super) fn before(&self) -> &HostImage {
        &self.before
    }

    pub(super) fn check(&self) -> Checked {
        let checker = Checker {
            history: &self.history,
            format: NameFormat::Libxl,
            before: &self.before,
            seen: &self.seen,
            after: self.after.as_ref(),
            storage: None,
        };
        checker.check().unwrap()
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.history.fmt(f)
    }
}

pub(super) fn store(slot: Slot, value: &str) -> Action {
    store_at(slot, value, FULL)
}

pub(super) fn store_at(slot: Slot, value: &str, durability: Durability) -> Action {
    Action::Store {
        slot,
        value: value.into(),
        durability,
    }
}

/// A store on the condition that `old` is there.
pub(super) fn swap(slot: Slot, old: Option<&str>, new: &str) -> Action {
    Action::StoreIf {
        slot,
        value: new.into(),
        expect: old.map_or(Expect::Absent, |old| {
            Expect::Version(Version::of(old.as_bytes()))
        }),
        durability: FULL,
    }
}

pub(super) fn remove(slot: Slot) -> Action {
    Action::Remove {
        slot,
        durability: FULL,
    }
}

pub(super) fn destroy_all(domid: u16) -> Action {
    Action::Clear {
        domain: key(domid),
        keep: Keep::Nothing,
        durability: FULL,
    }
}

pub(super) fn destroy(domid: u16) -> Action {
    Action::Destroy {
        domain: key(domid),
        durability: FULL,
    }
}

pub(super) fn list(domid: u16) -> Action {
    Action::List { domain: key(domid) }
}

pub(super) fn stored() -> Report {
    stored_at(FULL)
}

pub(super) fn stored_at(durability: Durability) -> Report {
    Report::Changed(Outcome::Stored {
        durability,
        displaced: None,
    })
}

pub(super) fn removed() -> Report {
    Report::Changed(Outcome::Removed { durability: FULL })
}

pub(super) fn nothing_to_remove() -> Report {
    Report::Changed(Outcome::NothingToRemove)
}

pub(super) fn read(value: Option<&str>) -> Report {
    Report::Read(value.map(|value| Value::new(value.into())))
}

pub(super) fn cleared(userids: &[&str]) -> Report {
    let mut cleared = Cleared::default();
    cleared.removed = userids.iter().map(|u| Userid::new(u).unwrap()).collect();
    Report::Cleared(Some(cleared), Vec::new())
}

pub(super) fn listed(entries: &[(&str, u64)]) -> Report {
    let entry = |(userid, size): &(&str, u64)| {
        Entry::new(Userid::new(userid).unwrap(), *size, Condition::Whole)
    };
    Report::Listed(entries.iter().map(entry).collect())
}

/// What the facade says of an action if its store fails like this.
pub(super) fn failed(action: &Action, kind: fn() -> StoreErrorKind) -> Report {
    let host = SimHost::new(HostOptions::new(1).with_spurious_one_in(0));
    let DomainKey { domid, uuid } = action.domain();
    host.create(NewDomain::new().with_domid(domid).with_uuid(uuid))
        .unwrap();
    action.perform(&Userdata::new(host.clone(), Failing(kind)), &host)
}

/// A store that does nothing but fail.
#[derive(Clone, Copy)]
struct Failing(fn() -> StoreErrorKind);

impl Failing {
    fn error(self) -> StoreError {
        StoreError::new(StoreOperation::Read, "the file", (self.0)())
    }
}

impl Store for Failing {
    fn get(&self, _: &DomainKey, _: &Userid) -> Result<Option<Value>, StoreError> {
        Err(self.error())
    }
    fn stat(&self, _: &DomainKey, _: &Userid) -> Result<Option<Entry>, StoreError> {
        Err(self.error())
    }
    fn list(&self, _: &DomainKey) -> Result<Vec<Entry>, StoreError> {
        Err(self.error())
    }
    fn scan(&self, _: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), StoreError> {
        Err(self.error())
    }
    fn change(
        &self,
        _: &DomainKey,
        _: Duration,
        _: Admit<'_>,
        _: &[Op<'_>],
    ) -> Result<Vec<Done>, StoreError> {
        Err(self.error())
    }
    fn owners(&self, _: &mut dyn FnMut(Owned) -> ControlFlow<()>) -> Result<(), StoreError> {
        Err(self.error())
    }
    fn clear_each(
        &self,
        _: &[DomainKey],
        _: Duration,
        _: Durability,
        _: AdmitEach<'_>,
        _: EachCleared<'_>,
    ) -> Result<(), StoreError> {
        Err(self.error())
    }
    fn snapshot(
        &self,
        _: &DomainKey,
        _: Duration,
        _: &dyn Fn(&Userid) -> bool,
        _: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        Err(self.error())
    }
    fn transfer(
        &self,
        _: &Transfer<'_>,
        _: Duration,
        _: AdmitBoth<'_>,
    ) -> Result<Transferred, StoreError> {
        Err(self.error())
    }
    fn close(
        &self,
        _: &DomainKey,
        _: Duration,
        _: Admit<'_>,
    ) -> Result<Box<dyn ClosingMark>, StoreError> {
        Err(self.error())
    }
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}
