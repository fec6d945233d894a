//! Putting several values, all of them or none.

use userdata_core::file_name::FileName;
use userdata_core::store::{
    Clash, Done, Durability, Operation, Put, StoreError, StoreErrorKind, StoredAll,
};

use crate::failure::kind_of;
use crate::lock::HeldLock;
use crate::replace::NAMES_MAX;
use crate::{Directory, Errno};

/// One value that is to be written.
pub(crate) struct Unwritten<'a> {
    name: FileName,
    put: &'a Put<'a>,
    /// There is another value, or something else, under the name.
    replaces: bool,
}

/// One value that is in a temporary file and not yet renamed.
pub(crate) struct Staged {
    temporary: FileName,
    name: FileName,
    /// A second name of the old value, or a copy of it, from which it can be restored.
    former: Option<FileName>,
}

impl<D: Directory> HeldLock<'_, D> {
    /// Writes a temporary file for each value, and renames them when all are written. If a rename
    /// fails, the old values of those before it are restored.
    pub(crate) fn put_all(
        &mut self,
        names: &[FileName],
        values: &[Put<'_>],
        clash: Clash,
        durability: Durability,
    ) -> Result<Done, StoreError> {
        if let Some(done) = self.put_staged(names, values, durability)? {
            return Ok(done);
        }
        let (mut done, puts) = self.compare_all(names, values, clash, durability)?;
        let barrier = self.outer().barrier(puts.len(), durability);
        let staged = self.stage_all(&puts, barrier.each())?;
        barrier
            .pass(self)
            .map_err(|errno| self.discard_all(&staged, self.not_passed(errno)))?;
        self.name_all(&staged, &mut done)?;
        if durability == Durability::Full && !names.is_empty() {
            let synced = self.sync_names();
            synced.map_err(|errno| self.not_durable(errno, &done))?;
        }
        Ok(Done::StoredAll(done))
    }

    /// The error if all values are in place and their names can't be synced.
    pub(crate) fn not_durable(&self, errno: Errno, done: &StoredAll) -> StoreError {
        let kind = StoreErrorKind::ReplacedNotDurable(Box::new(errno));
        let domain = self.domain().to_string();
        let error = StoreError::new(Operation::SyncDirectory, domain, kind);
        naming_left(error, &done.failed)
    }

    /// Compares the values with those that are there. Returns those that are to be written.
    pub(crate) fn compare_all<'a>(
        &self,
        names: &[FileName],
        values: &'a [Put<'a>],
        clash: Clash,
        durability: Durability,
    ) -> Result<(StoredAll, Vec<Unwritten<'a>>), StoreError> {
        let mut done = StoredAll::default();
        done.durability = durability;
        let mut puts = Vec::new();
        for (name, put) in names.iter().zip(values) {
            let unwritten = |replaces| Unwritten {
                name: name.clone(),
                put,
                replaces,
            };
            match self.compare(name, put, clash, durability)? {
                Compared::Absent => puts.push(unwritten(false)),
                Compared::Replaced => puts.push(unwritten(true)),
                Compared::Equal => done.unchanged.push(name.userid()),
                Compared::Kept => done.kept.push(name.userid()),
            }
        }
        Ok((done, puts))
    }

    /// Writes a temporary file for each value. After a failure none is left.
    pub(crate) fn stage_all(
        &self,
        puts: &[Unwritten<'_>],
        durability: Durability,
    ) -> Result<Vec<Staged>, StoreError> {
        let mut staged = Vec::with_capacity(puts.len());
        for one in puts {
            match self.stage(one, durability) {
                Ok(one) => staged.push(one),
                Err(error) => return Err(self.discard_all(&staged, error)),
            }
        }
        Ok(staged)
    }

    fn compare(
        &self,
        name: &FileName,
        put: &Put<'_>,
        clash: Clash,
        durability: Durability,
    ) -> Result<Compared, StoreError> {
        let there = match self.store().read(name, Some(self.timeout())) {
            // A value that can't be read is not equal, and may be replaced.
            Err(_) if clash == Clash::Replace => return Ok(Compared::Replaced),
            there => there?,
        };
        match there {
            None => Ok(Compared::Absent),
            Some(value) if value.as_bytes() == put.data.as_bytes() => {
                Ok(match self.make_durable(name, durability) {
                    true => Compared::Equal,
                    // It could not be synced, so it is written anew.
                    false => Compared::Replaced,
                })
            }
            Some(value) => match clash {
                Clash::Replace => Ok(Compared::Replaced),
                Clash::Keep => Ok(Compared::Kept),
                _ => {
                    let found = Some(value.version());
                    let kind = StoreErrorKind::PreconditionFailed { found };
                    Err(StoreError::new(Operation::Compare, name, kind))
                }
            },
        }
    }

    /// Makes a value that is there already as durable as is asked for: the process that stored it
    /// may have asked for less. False if it can't be synced.
    fn make_durable(&self, name: &FileName, durability: Durability) -> bool {
        durability == Durability::Process || self.sync_value(name).is_ok()
    }

    fn stage(&self, one: &Unwritten<'_>, durability: Durability) -> Result<Staged, StoreError> {
        let Unwritten {
            name,
            put,
            replaces,
        } = one;
        let temporary = self.write_temporary(put.data.as_bytes(), durability)?;
        let former = match *replaces {
            true => self.second_name(name, durability),
            false => Ok(None),
        };
        match former {
            Ok(former) => Ok(Staged {
                temporary,
                name: name.clone(),
                former,
            }),
            Err(error) => Err(self.discard(&temporary, error)),
        }
    }

    /// Gives the old value a second name, if there is one. If the file can't be linked, it is
    /// copied.
    fn second_name(
        &self,
        name: &FileName,
        durability: Durability,
    ) -> Result<Option<FileName>, StoreError> {
        let directory = &*self.store().directory;
        for _ in 0..NAMES_MAX {
            let second = self.temporary_name()?;
            match directory.link(name.into(), (&second).into()) {
                Ok(()) => return Ok(Some(second)),
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::EXIST) => self.free_name(&second),
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => {
                    let value = self.store().read(name, Some(self.timeout()))?;
                    let copy =
                        value.map(|value| self.write_temporary(value.as_bytes(), durability));
                    return copy.transpose();
                }
                Err(errno) => return Err(self.store().unopened(Operation::Create, name, errno)),
            }
        }
        let tries = NAMES_MAX;
        let kind = StoreErrorKind::GaveUp { tries };
        Err(StoreError::new(Operation::Create, name, kind))
    }

    /// Renames all staged values to their names, or none. An error in the result's list says that a
    /// second name could not be removed. It stays as a temporary file of the domain.
    pub(crate) fn name_all(
        &self,
        staged: &[Staged],
        done: &mut StoredAll,
    ) -> Result<(), StoreError> {
        let directory = &*self.store().directory;
        for (at, one) in staged.iter().enumerate() {
            let named = self.check().and_then(|()| {
                directory
                    .rename((&one.temporary).into(), (&one.name).into())
                    .map_err(|errno| self.not_renamed(&one.name, errno))
            });
            if let Err(error) = named {
                let (named, rest) = staged.split_at(at);
                let error = self.take_back(named, error);
                return Err(self.discard_all(rest, error));
            }
        }
        let formers = staged.iter().filter_map(|one| one.former.as_ref());
        let removed = formers.map(|former| match directory.unlink(former.into()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => {
                let error = StoreError::new(Operation::Remove, former, kind_of(errno));
                Err(error.leaving_behind(former))
            }
        });
        done.failed = removed.filter_map(Result::err).collect();
        done.stored = staged.iter().map(|one| one.name.userid()).collect();
        if !staged.is_empty() {
            self.set_filled();
        }
        Ok(())
    }

    /// Restores the old values under these names, unless the lock was lost: then another process
    /// may have stored there since. The restored values are made durable at every durability, since
    /// a power cut must not bring back a change that is reported as not made.
    fn take_back(&self, named: &[Staged], error: StoreError) -> StoreError {
        if matches!(error.kind(), StoreErrorKind::LockLost { .. }) {
            let lost = self.lost(!named.is_empty());
            let formers = named.iter().filter_map(|one| one.former.as_ref());
            return formers.fold(lost, |error, former| self.discard(former, error));
        }
        let latest_first = named.iter().rev();
        let error = latest_first.fold(error, |error, one| self.restore(one, error));
        if !named.is_empty() {
            // The call fails in any case.
            let _ = self.sync_names();
        }
        error
    }

    /// Restores one old value. If that fails, the error names the new value.
    fn restore(&self, one: &Staged, error: StoreError) -> StoreError {
        let directory = &*self.store().directory;
        let restored = match &one.former {
            Some(former) => directory.rename(former.into(), (&one.name).into()),
            None => match directory.unlink((&one.name).into()) {
                Err(Errno::NOENT) => Ok(()),
                unlinked => unlinked,
            },
        };
        match restored {
            Ok(()) => error,
            Err(_) => {
                // The new value stays, and the error names it. The old one is removed, as the next
                // lock holder would remove it as a temporary file.
                if let Some(former) = &one.former {
                    let _ = directory.unlink(former.into());
                }
                error.leaving_behind(&one.name)
            }
        }
    }

    pub(crate) fn discard_all(&self, staged: &[Staged], error: StoreError) -> StoreError {
        staged.iter().fold(error, |error, one| {
            let error = self.discard(&one.temporary, error);
            match &one.former {
                Some(former) => self.discard(former, error),
                None => error,
            }
        })
    }
}

/// The same error, which also names the first temporary file that could not be removed.
pub(crate) fn naming_left(error: StoreError, failed: &[StoreError]) -> StoreError {
    match failed.first().and_then(StoreError::left_behind) {
        Some(left) => error.leaving_behind(left),
        None => error,
    }
}

/// How a new value compares with the one that is there.
enum Compared {
    /// Nothing is there.
    Absent,
    /// The value that is there is to be replaced.
    Replaced,
    Equal,
    /// A different value stays.
    Kept,
}
