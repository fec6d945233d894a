//! `Scene`: a scratch directory with a store in it, and one domain.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use userdata_core::file_name::{FileName, Kind, NameFormat};
use userdata_core::store::{Done, Durability, Expect, Op, State, StoreError};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Store as _, Userid, WritableUserid};
use userdata_fs::{FileStore, OsDirectory};
use userdata_testkit::Snapshot;

use crate::actor::Actor;
use crate::place::Place;

/// The lock is tried once.
pub(crate) const AT_ONCE: Duration = Duration::ZERO;

/// A timeout that only a failing test reaches.
pub(crate) const PATIENT: Duration = Duration::from_secs(120);

pub(crate) struct Scene {
    scratch: TempDir,
    pub(crate) store: FileStore<OsDirectory>,
    pub(crate) domain: DomainKey,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::at(Place::Disk)
    }

    pub(crate) fn at(place: Place) -> Self {
        let scratch = place.scratch();
        let store = FileStore::open(scratch.path()).expect("a scratch directory is opened");
        let domain = "5.11111111-2222-3333-4444-abcdef555555".parse();
        Self {
            scratch,
            store,
            domain: domain.expect("DOMID.UUID"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// Starts a process that uses this directory and this domain.
    pub(crate) fn actor(&self, arguments: &[&str]) -> Actor {
        Actor::new(self.path(), &self.domain, arguments)
    }

    pub(crate) fn put(
        &self,
        userid: &WritableUserid,
        data: &[u8],
    ) -> Result<Vec<Done>, StoreError> {
        self.put_within(PATIENT, userid, data)
    }

    pub(crate) fn put_within(
        &self,
        timeout: Duration,
        userid: &WritableUserid,
        data: &[u8],
    ) -> Result<Vec<Done>, StoreError> {
        let op = Op::Put {
            userid,
            data: NonEmpty::new(data).expect("a value has bytes"),
            expect: Expect::Any,
            durability: Durability::Process,
        };
        self.store
            .change(&self.domain, timeout, &mut |_| Ok(()), &[op])
    }

    #[track_caller]
    pub(crate) fn get(&self, userid: &Userid) -> Option<Vec<u8>> {
        let value = self
            .store
            .get(&self.domain, userid)
            .expect("a value is read or absent");
        value.map(userdata_core::Value::into_bytes)
    }

    #[track_caller]
    pub(crate) fn is_closing(&self) -> bool {
        let mut closing = false;
        let mut admit = |state: &State| {
            closing = state.closing;
            Ok(())
        };
        let changed = self.store.change(&self.domain, PATIENT, &mut admit, &[]);
        changed.expect("a change of nothing is made");
        closing
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        let name = FileName::lock(NameFormat::Libxl, &self.domain);
        self.path().join(name.to_string())
    }

    #[track_caller]
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::of(self.path()).expect("a directory is read")
    }

    /// The kinds of the store's files that are not values.
    #[track_caller]
    pub(crate) fn others(&self) -> Vec<Kind> {
        let snapshot = self.snapshot();
        let ours = snapshot
            .names()
            .filter_map(|name| FileName::parse(NameFormat::Libxl, name));
        ours.map(|name| name.kind())
            .filter(|kind| *kind != Kind::Data)
            .collect()
    }
}

pub(crate) fn userid(text: &str) -> WritableUserid {
    WritableUserid::new(text).expect("a userid")
}
