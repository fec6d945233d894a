//! `Database`: compare-and-put in memory, as a distributed key-value engine offers it.
//!
//! Keys have revisions, a transaction is committed on the condition that the keys it names still
//! have the revisions that were read, and a key may hang on a lease that runs out unless its holder
//! renews it. There is no lock to wait for.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use userdata_core::{DomainKey, Userid};

/// A key. In this order the keys of a domain are adjacent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// Written by every change of the domain.
    Turn(DomainKey),
    /// Present while a client closes the domain.
    Closing(DomainKey),
    Value(DomainKey, Userid),
}

/// The number of a write of a key; 0 for an absent key.
pub(crate) type Revision = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lease(u64);

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) revision: Revision,
    pub(crate) bytes: Vec<u8>,
    lease: Option<Lease>,
}

pub(crate) enum Write {
    Set(Key, Vec<u8>, Option<Lease>),
    Unset(Key),
}

#[derive(Debug, Default)]
struct Content {
    records: BTreeMap<Key, Record>,
    /// When each lease runs out, in seconds.
    leases: BTreeMap<Lease, u64>,
    seconds: u64,
    last: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Database(Mutex<Content>);

impl Database {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self, key: &Key) -> Option<Record> {
        self.content().read(key).cloned()
    }

    pub(crate) fn revision(&self, key: &Key) -> Revision {
        self.content().revision(key)
    }

    /// The values for which `which` returns true, in order.
    pub(crate) fn values(
        &self,
        which: impl Fn(&DomainKey) -> bool,
    ) -> Vec<(DomainKey, Userid, Vec<u8>)> {
        let content = self.content();
        let values = content
            .records
            .iter()
            .filter_map(|(key, record)| match key {
                Key::Value(domain, userid) if which(domain) => {
                    Some((*domain, userid.clone(), record.bytes.clone()))
                }
                _ => None,
            });
        values.collect()
    }

    /// Writes everything, or nothing if a key no longer has the revision with which it was read.
    pub(crate) fn commit(&self, conditions: &[(Key, Revision)], writes: Vec<Write>) -> bool {
        let mut content = self.content();
        if conditions
            .iter()
            .any(|(key, revision)| content.revision(key) != *revision)
        {
            return false;
        }
        for write in writes {
            match write {
                Write::Set(key, bytes, lease) => {
                    content.last += 1;
                    let revision = content.last;
                    let record = Record {
                        revision,
                        bytes,
                        lease,
                    };
                    content.records.insert(key, record);
                }
                Write::Unset(key) => {
                    content.records.remove(&key);
                }
            }
        }
        true
    }

    /// A lease for this many seconds.
    pub(crate) fn grant(&self, seconds: u64) -> Lease {
        let mut content = self.content();
        content.last += 1;
        let (lease, until) = (Lease(content.last), content.seconds + seconds);
        content.leases.insert(lease, until);
        lease
    }

    /// Ends a lease, and removes every key that is attached to it.
    pub(crate) fn revoke(&self, lease: Lease) {
        self.content().leases.remove(&lease);
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: u64) {
        self.content().seconds += seconds;
    }
}

impl Content {
    fn read(&self, key: &Key) -> Option<&Record> {
        let holds = |lease| {
            self.leases
                .get(&lease)
                .is_some_and(|until| self.seconds < *until)
        };
        let record = self.records.get(key)?;
        record.lease.is_none_or(holds).then_some(record)
    }

    fn revision(&self, key: &Key) -> Revision {
        self.read(key).map_or(0, |record| record.revision)
    }
}
