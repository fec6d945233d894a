//! Clearing many domains. The names of all their files are read together.

use std::time::Duration;

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{
    AdmitEach, Cleared, Done, Durability, EachCleared, Keep, Op, Record, Refused, State,
    StoreError, StoreErrorKind,
};

use crate::free::Removal;
use crate::listing::Ending;
use crate::lock::{Cleaning, HeldLock};
use crate::marker::{Mark, mark_of};
use crate::moved::Substitute;
use crate::owners::NamesOfMany;
use crate::wait::Timeout;
use crate::{Directory, FileStore};

/// About how many bytes of memory the names of all files may take.
pub(crate) const NAMES_MAX: usize = 6 << 20;

/// How each of many domains is cleared.
pub(crate) struct ClearEach {
    pub(crate) timeout: Duration,
    pub(crate) durability: Durability,
    /// About how many bytes of memory the names of the files may take.
    pub(crate) names_max: usize,
}

impl ClearEach {
    /// Clears the domains, in order. Domains whose names did not fit into memory follow in another
    /// round, for which the directory is read again.
    pub(crate) fn run<D: Directory>(
        &self,
        store: &FileStore<D>,
        domains: &[DomainKey],
        admit: AdmitEach<'_>,
        each: EachCleared<'_>,
    ) -> Result<(), StoreError> {
        let mut rest = domains;
        while !rest.is_empty() {
            let names = match store.format {
                // Its names have no domids, so one reading cannot tell many domains apart. In a
                // tree each domain has a directory of its own.
                NameFormat::Seed | NameFormat::Tree => NamesOfMany::default(),
                _ => store.names_of_many(rest, self.names_max)?,
            };
            // If not even the names of the first domain fit, the directory is read for it alone.
            let alone = names.domains == 0;
            let (round, later) = rest.split_at(if alone { 1 } else { names.domains });
            for (place, domain) in round.iter().enumerate() {
                let endings = match store.format {
                    // They are read under the lock.
                    NameFormat::Tree => None,
                    _ if alone => Some(store.endings_of(domain)?),
                    _ => Some(names.of(place).cloned().collect()),
                };
                let cleared = self.clear(store, domain, endings, admit);
                let cleared = store.named(domain, cleared);
                if each(domain, cleared).is_break() {
                    return Ok(());
                }
            }
            rest = later;
        }
        Ok(())
    }

    fn clear<D: Directory>(
        &self,
        store: &FileStore<D>,
        domain: &DomainKey,
        endings: Option<Vec<Ending>>,
        admit: AdmitEach<'_>,
    ) -> Result<Cleared, StoreError> {
        let timeout = Timeout::start(&*store.directory, self.timeout);
        let substitute = Substitute::Temporary;
        let lock = HeldLock::acquire_cleaning(store, domain, timeout, Cleaning::Last, substitute);
        let mut lock = match lock {
            Err(error) if is_no_space(&error) => {
                return self.clear_full(store, domain, timeout, admit);
            }
            lock => lock?,
        };
        let mut keep = Keep::Essential;
        let admitted = lock.is_closing().and_then(|closing| {
            store.ask(domain, closing, &mut |state| {
                keep = admit(domain, state)?;
                Ok(())
            })
        });
        let cleared = admitted.and_then(|()| match endings {
            Some(endings) => lock.clear_endings(endings, keep, self.durability, None),
            None => lock.clear(keep, self.durability, None),
        });
        let mut cleared = match cleared {
            Ok(cleared) => cleared,
            // An error names no removed files, so the lock file is removed only after a refusal.
            Err(error)
                if lock.was_found() && (!is_refused(&error) || lock.may_have_temporaries()) =>
            {
                lock.leave();
                return Err(error);
            }
            Err(error) => {
                lock.set_clean();
                let mut cleared = Cleared::default();
                cleared.others.extend(end(lock).ok().flatten());
                return if cleared.others.is_empty() {
                    Err(error)
                } else {
                    Ok(cleared)
                };
            }
        };
        match keep {
            Keep::Nothing => lock.set_clean(),
            _ => match lock.clean() {
                Some(removed) => cleared.others.extend(removed.iter().map(record)),
                None => {
                    lock.leave();
                    return Ok(cleared);
                }
            },
        }
        match end(lock) {
            Ok(found) => cleared.others.extend(found),
            Err(error) => cleared.failed.push(error),
        }
        Ok(cleared)
    }

    /// Clears a domain if there is no space for its lock file. The caller decides what stays before
    /// a file becomes the lock file, and must not decide otherwise under the lock.
    fn clear_full<D: Directory>(
        &self,
        store: &FileStore<D>,
        domain: &DomainKey,
        timeout: Timeout,
        admit: AdmitEach<'_>,
    ) -> Result<Cleared, StoreError> {
        let closing = mark_of(store, domain, timeout)? == Mark::Held;
        let mut keep = Keep::Essential;
        store.ask(domain, closing, &mut |state| {
            keep = admit(domain, state)?;
            Ok(())
        })?;
        let op = Op::Clear {
            keep,
            durability: self.durability,
        };
        let mut admit_again = |state: &State| match admit(domain, state)? {
            again if again == keep => Ok(()),
            Keep::Nothing => Err(Refused::BeingDestroyed),
            _ => Err(Refused::ExistsAgain),
        };
        let done = store.free(domain, timeout, Removal::new(&op, &[], &mut admit_again))?;
        let cleared = done.into_iter().find_map(|done| match done {
            Done::Cleared(cleared) => Some(cleared),
            _ => None,
        });
        Ok(cleared.unwrap_or_default())
    }
}

/// Releases the lock, and removes the lock file. Returns it if it existed before.
fn end<D: Directory>(lock: HeldLock<'_, D>) -> Result<Option<Record>, StoreError> {
    let found = lock.was_found().then(|| record(lock.name()));
    lock.release(Ok(found), |_, error| Err(error))
}

fn is_refused(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Refused(_))
}

fn record(name: &FileName) -> Record {
    Record::new(name.kind(), name.userid())
}

fn is_no_space(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::NoSpace(_))
}
