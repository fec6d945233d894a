//! `DatabaseStore`: a store without locks.
//!
//! A change reads the turn of its domain, asks whether it is admitted, and commits on the condition
//! that the turn is still the same; every commit moves the turn on. The closing mark is a key on a
//! lease.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use userdata_core::file_name::{Kind, Owner};
use userdata_core::store::{
    Admit, AdmitBoth, AdmitEach, Cleared, ClosingMark, Condition, Done, Durability, EachCleared,
    Entry, Found, Keep, Op, Operation, Owned, Refused, State, StoreError, StoreErrorKind, Transfer,
    Transferred,
};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Store, Userid, Value, WritableUserid};

use super::database::{Database, Key, Lease, Revision, Write};
use super::database_change::{Values, apply, give};

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

    /// Asks for admission and computes the change again until no other change comes first.
    fn until_first<T>(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
        mut change: impl FnMut(&Basis) -> Result<(Vec<Write>, T), StoreError>,
    ) -> Result<T, StoreError> {
        let domains = [*domain];
        let mut admit = |[basis]: &[Basis; 1]| admit(&State::new(basis.closing));
        self.until_both(domains, timeout, &mut admit, |[basis]| change(basis))
    }

    /// The same for several domains in one transaction, before which no other change of any of them
    /// is committed.
    fn until_both<T, const N: usize>(
        &self,
        domains: [DomainKey; N],
        timeout: Duration,
        admit: &mut dyn FnMut(&[Basis; N]) -> Result<(), Refused>,
        mut change: impl FnMut(&[Basis; N]) -> Result<(Vec<Write>, T), StoreError>,
    ) -> Result<T, StoreError> {
        let names = domains.map(|domain| domain.to_string()).join(" and ");
        let failed = |operation, kind| StoreError::new(operation, &names, kind);
        let started = Instant::now();
        for _ in 0..TRIES_MAX {
            let bases = domains.map(|domain| self.basis(&domain));
            admit(&bases)
                .map_err(|refused| failed(Operation::Admit, StoreErrorKind::Refused(refused)))?;
            let (mut writes, result) = change(&bases)?;
            let turns = domains.map(|domain| Write::Set(Key::Turn(domain), Vec::new(), None));
            writes.extend(turns);
            let conditions = bases.map(|basis| basis.conditions).concat();
            if self.database.commit(&conditions, writes) {
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
            Op::Put { userid, data, .. } => self.check_size(userid, *data),
            Op::PutAll { values, .. } => {
                let mut seen = BTreeSet::new();
                values.iter().try_for_each(|put| {
                    if seen.insert(put.userid.as_userid()) {
                        return self.check_size(put.userid, put.data);
                    }
                    let kind = StoreErrorKind::Unsupported;
                    Err(StoreError::new(
                        Operation::Admit,
                        put.userid.as_bytes(),
                        kind,
                    ))
                })
            }
            _ => Ok(()),
        }
    }

    fn check_size(&self, userid: &WritableUserid, data: NonEmpty<'_>) -> Result<(), StoreError> {
        let (limit, size) = (self.value_max, data.as_bytes().len() as u64);
        if size <= limit {
            return Ok(());
        }
        let kind = StoreErrorKind::LimitExceeded { limit, size };
        Err(StoreError::new(Operation::Write, userid.as_bytes(), kind))
    }

    /// Clears one of many domains.
    fn clear_one(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        durability: Durability,
        admit: AdmitEach<'_>,
    ) -> Result<Cleared, StoreError> {
        let keep = Cell::new(Keep::Essential);
        let mut admit = |state: &State| {
            keep.set(admit(domain, state)?);
            Ok(())
        };
        self.until_first(domain, timeout, &mut admit, |basis| {
            let (mut values, mut writes) = (basis.values.clone(), Vec::new());
            let clear = Op::Clear {
                keep: keep.get(),
                durability,
            };
            match apply(domain, &clear, &mut values, &mut writes)? {
                Done::Cleared(cleared) => Ok((writes, cleared)),
                other => unreachable!("a clear answered {other:?}"),
            }
        })
    }
}

fn entry(userid: Userid, bytes: &[u8]) -> Entry {
    Entry::new(userid, bytes.len() as u64, Condition::Whole)
}

fn owner(domain: &DomainKey) -> Owner {
    Owner {
        domid: Some(domain.domid),
        uuid: domain.uuid,
    }
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
            if each(Found::new(
                owner(&domain),
                Kind::Data,
                entry(userid, &bytes),
            ))
            .is_break()
            {
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

    fn owners(&self, each: &mut dyn FnMut(Owned) -> ControlFlow<()>) -> Result<(), StoreError> {
        let mut owned: BTreeMap<Owner, Owned> = BTreeMap::new();
        for (domain, ..) in self.database.values(|_| true) {
            let one = Owned::new(owner(&domain), Kind::Data);
            owned
                .entry(one.owner)
                .and_modify(|owned| *owned = owned.with(one))
                .or_insert(one);
        }
        let _ = owned.into_values().try_for_each(each);
        Ok(())
    }

    fn clear_each(
        &self,
        domains: &[DomainKey],
        timeout: Duration,
        durability: Durability,
        admit: AdmitEach<'_>,
        each: EachCleared<'_>,
    ) -> Result<(), StoreError> {
        let _ = domains.iter().try_for_each(|domain| {
            let cleared = self.clear_one(domain, timeout, durability, admit);
            each(domain, cleared)
        });
        Ok(())
    }

    fn snapshot(
        &self,
        domain: &DomainKey,
        _: Duration,
        which: &dyn Fn(&Userid) -> bool,
        each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        // One read of several keys is of one instant.
        let values = self.database.values(|owner| owner == domain);
        let mut values = values.into_iter().filter(|(_, userid, _)| which(userid));
        let _ = values.try_for_each(|(_, userid, bytes)| each(userid, Value::new(bytes)));
        Ok(())
    }

    fn transfer(
        &self,
        transfer: &Transfer<'_>,
        timeout: Duration,
        admit: AdmitBoth<'_>,
    ) -> Result<Transferred, StoreError> {
        let domains = [transfer.from(), transfer.to()];
        if transfer.from() == transfer.to() {
            let (name, kind) = (transfer.from().to_string(), StoreErrorKind::Unsupported);
            return Err(StoreError::new(Operation::Admit, name, kind));
        }
        let mut admit =
            |[from, to]: &[Basis; 2]| admit(&State::new(from.closing), &State::new(to.closing));
        self.until_both(domains, timeout, &mut admit, |[from, to]| {
            give(transfer, &from.values, &to.values)
        })
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
