//! Putting values for many domains with few barriers.
//!
//! Up to [`DOMAINS_MAX`] domains are locked. All values are written, then synced together, then
//! renamed, and last each directory is synced once. The locks are held until then, so a value is
//! durable before another process can build on it. A call that holds locks waits for no other one:
//! a domain whose lock is not free is put by itself, after those of its group.

use std::time::Duration;

use userdata_core::store::{
    AdmitPut, Clash, Durability, Op, PutEach, StoreError, StoreErrorKind, StoredAll,
};

use crate::layout::Layout;
use crate::lock::HeldLock;
use crate::moved::Substitute;
use crate::put_all::{Staged, Unwritten, naming_left};
use crate::wait::Timeout;
use crate::{Directory, FileStore};

/// How many domains are locked at the same time. Each takes a descriptor, of which a process often
/// has 1 024.
const DOMAINS_MAX: usize = 64;

/// A domain that is locked, and whose change is admitted.
struct Locked<'a, 'p, D: Directory> {
    /// Its place in the group.
    at: usize,
    lock: HeldLock<'a, D>,
    done: StoredAll,
    unwritten: Vec<Unwritten<'p>>,
    staged: Vec<Staged>,
}

/// The results of a group; `None` for a domain that is to be put by itself.
type Results = Vec<Option<Result<StoredAll, StoreError>>>;

impl<D: Directory> FileStore<D> {
    pub(crate) fn put_for_each(
        &self,
        puts: &[PutEach<'_>],
        timeout: Duration,
        durability: Durability,
        admit: AdmitPut<'_>,
    ) -> Vec<Result<StoredAll, StoreError>> {
        let mut results = Vec::with_capacity(puts.len());
        for group in puts.chunks(DOMAINS_MAX) {
            let in_group = self.put_group(group, durability, admit);
            for (result, put) in in_group.into_iter().zip(group) {
                results.push(match result {
                    Some(result) => result,
                    None => put.put_alone(self, timeout, durability, admit),
                });
            }
        }
        results
    }

    fn put_group(
        &self,
        group: &[PutEach<'_>],
        durability: Durability,
        admit: AdmitPut<'_>,
    ) -> Results {
        let mut results: Results = group.iter().map(|_| None).collect();
        // A group of one has nothing to share.
        if group.len() < 2 {
            return results;
        }
        let locked = self.lock_group(group, durability, admit, &mut results);
        let staged = self.stage_group(locked, durability, &mut results);
        self.name_group(staged, durability, &mut results);
        results
    }

    /// Locks the domains whose locks are free, and compares their values.
    fn lock_group<'p>(
        &self,
        group: &'p [PutEach<'_>],
        durability: Durability,
        admit: AdmitPut<'_>,
        results: &mut Results,
    ) -> Vec<Locked<'_, 'p, D>> {
        let at_once = Timeout::start(&*self.directory, Duration::ZERO);
        let mut locked = Vec::with_capacity(group.len());
        for (at, put) in group.iter().enumerate() {
            let earlier = group.iter().take(at);
            if earlier.into_iter().any(|other| other.domain == put.domain) {
                continue;
            }
            let op = Op::PutAll {
                values: put.values,
                clash: Clash::Replace,
                durability,
            };
            let names = self.check(&put.domain, &op);
            let Ok(names) = names else {
                // By itself it fails in the same way.
                continue;
            };
            let lock = HeldLock::acquire(self, &put.domain, at_once, Substitute::Temporary);
            let Ok(mut lock) = lock else {
                continue;
            };
            lock.keep_directory();
            let admitted = lock.admit(&mut |state| admit(&put.domain, state));
            let compared = admitted.and_then(|()| {
                let names = names.as_slice();
                lock.compare_all(names, put.values, Clash::Replace, durability)
            });
            match compared {
                Ok((done, unwritten)) => locked.push(Locked {
                    at,
                    lock,
                    done,
                    unwritten,
                    staged: Vec::new(),
                }),
                Err(error) => self.finish(at, lock, Err(error), results),
            }
        }
        locked
    }

    /// Writes the values into temporary files, and syncs them. No value has a new name yet.
    fn stage_group<'a, 'p>(
        &self,
        locked: Vec<Locked<'a, 'p, D>>,
        durability: Durability,
        results: &mut Results,
    ) -> Vec<Locked<'a, 'p, D>> {
        let count = locked.iter().map(|one| one.unwritten.len()).sum();
        let barrier = self.barrier(count, durability);
        let mut staged = Vec::with_capacity(locked.len());
        for mut one in locked {
            match one.lock.stage_all(&one.unwritten, barrier.each()) {
                Ok(files) => {
                    one.staged = files;
                    staged.push(one);
                }
                Err(error) => self.finish(one.at, one.lock, Err(error), results),
            }
        }
        let first = staged.first();
        let passed = first.map_or(Ok(()), |one| barrier.pass(&one.lock));
        let Err(errno) = passed else {
            return staged;
        };
        for one in staged {
            let error = one.lock.not_passed(errno);
            let error = one.lock.discard_all(&one.staged, error);
            self.finish(one.at, one.lock, Err(error), results);
        }
        Vec::new()
    }

    /// Renames the values, syncs each directory once, and releases the locks.
    fn name_group(
        &self,
        staged: Vec<Locked<'_, '_, D>>,
        durability: Durability,
        results: &mut Results,
    ) {
        let mut named = Vec::with_capacity(staged.len());
        for mut one in staged {
            match one.lock.name_all(&one.staged, &mut one.done) {
                Ok(()) => named.push(one),
                Err(error) => self.finish(one.at, one.lock, Err(error), results),
            }
        }
        let is_synced = durability == Durability::Full && !named.is_empty();
        let shared = match (&self.layout, is_synced) {
            (Layout::Tree(tree), true) => tree.sync_boot(&self.directory),
            (_, true) => self.directory.sync(),
            _ => Ok(()),
        };
        for one in named {
            let own = match &self.layout {
                Layout::Tree(_) if is_synced => one.lock.store().directory.sync(),
                _ => Ok(()),
            };
            let done = match shared.and(own) {
                Ok(()) => Ok(one.done),
                Err(errno) => Err(one.lock.not_durable(errno, &one.done)),
            };
            self.finish(one.at, one.lock, done, results);
        }
    }

    /// Releases the lock and notes the result, unless the domain is to be put by itself because a
    /// wait would have been needed.
    fn finish(
        &self,
        at: usize,
        lock: HeldLock<'_, D>,
        done: Result<StoredAll, StoreError>,
        results: &mut Results,
    ) {
        let domain = *lock.domain();
        let done = lock.release(done, |stored, error| {
            Err(naming_left(error, &stored.failed))
        });
        let has_waited =
            |error: &StoreError| matches!(error.kind(), StoreErrorKind::DeadlinePassed { .. });
        let waits = done.as_ref().is_err_and(has_waited);
        if let Some(result) = results.get_mut(at).filter(|_| !waits) {
            *result = Some(self.named(&domain, done));
        }
    }
}
