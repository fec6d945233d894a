//! `DatabaseStore`: a store without locks.
//!
//! A change reads the turn of its domain, asks whether it is admitted, and commits on the condition
//! that the turn is still the same; every commit moves the turn on. The closing mark is a key on a
//! lease.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use userdata_core::file_name::{Kind, Owner};
use userdata_core::store::{
    Admit, AdmitBoth, AdmitEach, Cleared, ClosingMark, Condition, Done, Durability, EachCleared,
    Entry, Expect, Found, Keep, Op, Operation, Owned, Refused, State, StoreError, StoreErrorKind,
    Transfer, Transferred,
};
use userdata_core::{DomainKey, Store, Userid, Value, Version};

use super::database::{Database, Key, Lease, Revision, Write};

/// How long a mark stays after its holder has died.
pub(crate) const LEASE_SECONDS: u64 = 15;

/// How often a change is tried anew because others changed the domain first.
const TRIES_MAX: u32 = 1000;

#[derive(Clone, Debug)]
pub(crate) struct DatabaseStore {
    database: Arc<Database>,
    value_max: u64,
    started: Instant,
}

/// The values of one domain while a change is computed.
type Values = BTreeMap<Userid, Vec<u8>>;

/// The revisions that were read, and that must be the same when the change is committed.
struct Basis {
    conditions: [(Key, Revision); 2],
    closing: bool,
    values: Values,
}

impl DatabaseStore {
    pub(crate) const VALUE_MAX: u64 = 1 << 20;

    pub(crate) fn new(database: Arc<Database>) -> Self {
        let value_max = Self::VALUE_MAX;
        Self {
            database,
            value_max,
            started: Instant::now(),
        }
    }

    fn basis(&self, domain: &DomainKey) -> Basis {
        // The turn is read first, so that a later change makes the commit fail.
        let keys = [Key::Turn(*domain), Key::Closing(*domain)];
        let conditions = keys.map(|key| {
            let revision = self.database.revision(&key);
            (key, revision)
        });
        let [_, (_, closing)] = &conditions;
        let values = self.database.values(|owner| owner == domain);
        Basis {
            closing: *closing != 0,
            conditions,
            values: values
                .into_iter()
                .map(|(_, userid, bytes)| (userid, bytes))
                .collect(),
        }
    }

    fn commit(&self, domain: &DomainKey, basis: &Basis, mut writes: Vec<Write>) -> bool {
        writes.push(Write::Set(Key::Turn(*domain), Vec::new(), None));
        self.database.commit(&basis.conditions, writes)
    }

    /// Asks for admission and computes the change again until no other change comes first.
    fn until_first<T>(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
        mut change: impl FnMut(&Basis) -> Result<(Vec<Write>, T), StoreError>,
    ) -> Result<T, StoreError> {
        let failed = |operation, kind| StoreError::new(operation, domain.to_string(), kind);
        let started = Instant::now();
        for _ in 0..TRIES_MAX {
            let basis = self.basis(domain);
            admit(&State::new(basis.closing))
                .map_err(|refused| failed(Operation::Admit, StoreErrorKind::Refused(refused)))?;
            let (writes, result) = change(&basis)?;
            if self.commit(domain, &basis, writes) {
                return Ok(result);
            }
            let waited = started.elapsed();
            if waited >= timeout {
                return Err(failed(
                    Operation::Lock,
                    StoreErrorKind::DeadlinePassed { waited },
                ));
            }
        }
        Err(failed(
            Operation::Lock,
            StoreErrorKind::GaveUp { tries: TRIES_MAX },
        ))
    }

    fn check(&self, op: &Op<'_>) -> Result<(), StoreError> {
        match op {
            Op::Put { userid, data, .. } if data.as_bytes().len() as u64 > self.value_max => {
                let (limit, size) = (self.value_max, data.as_bytes().len() as u64);
                let kind = StoreErrorKind::LimitExceeded { limit, size };
                Err(StoreError::new(Operation::Write, userid.as_bytes(), kind))
            }
            _ => Ok(()),
        }
    }
}

/// Applies an op to the values, and adds it to the transaction.
fn apply(
    domain: &DomainKey,
    op: &Op<'_>,
    values: &mut Values,
    writes: &mut Vec<Write>,
) -> Result<Done, StoreError> {
    // Every commit is replicated, so it survives a power cut.
    let durability = Durability::Full;
    match *op {
        Op::Put {
            userid,
            data,
            expect,
            ..
        } => {
            compare(values, userid.as_userid(), expect)?;
            values.insert(Userid::clone(userid.as_userid()), data.as_bytes().to_vec());
            let key = Key::Value(*domain, Userid::clone(userid.as_userid()));
            writes.push(Write::Set(key, data.as_bytes().to_vec(), None));
            Ok(Done::Stored {
                durability,
                displaced: None,
            })
        }
        Op::Delete { userid, expect, .. } => delete(domain, userid, expect, values, writes),
        Op::Clear { keep, .. } => {
            let mut cleared = Cleared::default();
            let goes = |userid: &Userid| keep == Keep::Nothing || !userid.is_libxl_json();
            cleared.removed = values
                .keys()
                .filter(|userid| goes(userid))
                .cloned()
                .collect();
            for userid in &cleared.removed {
                values.remove(userid);
                writes.push(Write::Unset(Key::Value(*domain, userid.clone())));
            }
            Ok(Done::Cleared(cleared))
        }
        _ => unreachable!("an op that this engine does not know"),
    }
}

fn delete(
    domain: &DomainKey,
    userid: &Userid,
    expect: Expect,
    values: &mut Values,
    writes: &mut Vec<Write>,
) -> Result<Done, StoreError> {
    compare(values, userid, expect)?;
    if values.remove(userid).is_none() {
        return Ok(Done::NothingToRemove);
    }
    writes.push(Write::Unset(Key::Value(*domain, userid.clone())));
    let durability = Durability::Full;
    Ok(Done::Removed { durability })
}

fn compare(values: &Values, userid: &Userid, expect: Expect) -> Result<(), StoreError> {
    let found = values.get(userid).map(|bytes| Version::of(bytes));
    let as_expected = match expect {
        Expect::Absent => found.is_none(),
        Expect::Version(version) => found == Some(version),
        _ => true,
    };
    if as_expected {
        return Ok(());
    }
    let kind = StoreErrorKind::PreconditionFailed { found };
    Err(StoreError::new(Operation::Compare, userid.as_bytes(), kind))
}

fn entry(userid: Userid, bytes: &[u8]) -> Entry {
    Entry::new(userid, bytes.len() as u64, Condition::Whole)
}

fn unsupported() -> StoreError {
    StoreError::new(Operation::Admit, "all domains", StoreErrorKind::Unsupported)
}

impl Store for DatabaseStore {
    fn get(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Value>, StoreError> {
        let record = self.database.read(&Key::Value(*domain, userid.clone()));
        Ok(record.map(|record| Value::new(record.bytes)))
    }

    fn stat(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Entry>, StoreError> {
        let record = self.database.read(&Key::Value(*domain, userid.clone()));
        Ok(record.map(|record| entry(userid.clone(), &record.bytes)))
    }

    fn list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError> {
        let values = self.database.values(|owner| owner == domain);
        Ok(values
            .into_iter()
            .map(|(_, userid, bytes)| entry(userid, &bytes))
            .collect())
    }

    fn scan(&self, each: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), StoreError> {
        for (domain, userid, bytes) in self.database.values(|_| true) {
            let owner = Owner {
                domid: Some(domain.domid),
                uuid: domain.uuid,
            };
            if each(Found::new(owner, Kind::Data, entry(userid, &bytes))).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn change(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
        ops: &[Op<'_>],
    ) -> Result<Vec<Done>, StoreError> {
        ops.iter().try_for_each(|op| self.check(op))?;
        self.until_first(domain, timeout, admit, |basis| {
            let (mut values, mut writes) = (basis.values.clone(), Vec::new());
            let done = ops
                .iter()
                .map(|op| apply(domain, op, &mut values, &mut writes))
                .collect();
            // The ops before one that fails are committed.
            Ok((writes, done))
        })?
    }

    fn owners(&self, _: &mut dyn FnMut(Owned) -> ControlFlow<()>) -> Result<(), StoreError> {
        Err(unsupported())
    }

    fn clear_each(
        &self,
        _: &[DomainKey],
        _: Duration,
        _: Durability,
        _: AdmitEach<'_>,
        _: EachCleared<'_>,
    ) -> Result<(), StoreError> {
        Err(unsupported())
    }

    fn snapshot(
        &self,
        _: &DomainKey,
        _: Duration,
        _: &dyn Fn(&Userid) -> bool,
        _: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        Err(unsupported())
    }

    fn transfer(
        &self,
        _: &Transfer<'_>,
        _: Duration,
        _: AdmitBoth<'_>,
    ) -> Result<Transferred, StoreError> {
        Err(unsupported())
    }

    fn close(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
    ) -> Result<Box<dyn ClosingMark>, StoreError> {
        let lease = self.database.grant(LEASE_SECONDS);
        let mark = Mark {
            store: self.clone(),
            domain: *domain,
            lease,
        };
        self.until_first(domain, timeout, admit, |basis| {
            if basis.closing {
                let kind = StoreErrorKind::Refused(Refused::BeingDestroyed);
                return Err(StoreError::new(Operation::Mark, domain.to_string(), kind));
            }
            let key = Key::Closing(*domain);
            Ok((vec![Write::Set(key, Vec::new(), Some(lease))], ()))
        })?;
        Ok(Box::new(mark))
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The closing mark: a key that exists as long as its lease.
struct Mark {
    store: DatabaseStore,
    domain: DomainKey,
    lease: Lease,
}

impl ClosingMark for Mark {
    fn clear(
        self: Box<Self>,
        timeout: Duration,
        durability: Durability,
        admit: Admit<'_>,
    ) -> Result<Cleared, StoreError> {
        let keep = Keep::Nothing;
        let ops = [Op::Clear { keep, durability }];
        // The mark is the caller's own. Whether its lease has run out does not matter: the caller
        // says whether the domain is gone.
        let done = self.store.change(
            &self.domain,
            timeout,
            &mut |state| admit(&State::new(false).with_shared_by_uuid(state.shared_by_uuid)),
            &ops,
        )?;
        match done.into_iter().next() {
            Some(Done::Cleared(cleared)) => Ok(cleared),
            other => unreachable!("a clear answered {other:?}"),
        }
    }

    fn reopen(self: Box<Self>, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.store.database.revoke(self.lease);
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mark")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

#[test]
fn a_dead_holders_mark_is_void_once_its_lease_has_run_out() {
    let database = Arc::new(Database::default());
    let store = DatabaseStore::new(Arc::clone(&database));
    let key: DomainKey = "5.11111111-2222-3333-4444-abcdef555555".parse().unwrap();
    let closing = || {
        let mut told = false;
        let mut admit = |state: &State| {
            told = state.closing;
            Ok(())
        };
        store
            .change(&key, std::time::Duration::from_secs(10), &mut admit, &[])
            .unwrap();
        told
    };
    let mark = store
        .close(&key, std::time::Duration::from_secs(10), &mut |_| Ok(()))
        .unwrap();
    std::mem::forget(mark);
    database.pass(LEASE_SECONDS - 1);
    assert!(closing());
    database.pass(1);
    assert!(!closing());
    store
        .close(&key, std::time::Duration::from_secs(10), &mut |_| Ok(()))
        .unwrap();
}
