//! `HeldLock`: the lock of one domain's userdata, the one that libxl takes.
//!
//! `flock(2)` on a file that exists only while a process uses it. The lock holder unlinks the file
//! before it unlocks it. A process that waited for the old file then finds that the name belongs to
//! another file, or to none, and starts over. Real libxl sometimes unlinks the lock file of another
//! process (when its own attempt to lock fails), so the lock holder compares the files again before
//! a rename of a value.
//!
//! The threads of one process line up before they try to take the lock: see [`crate::line`].
//!
//! A lock file that no process has locked was left by a lock holder that was killed. Only in this
//! case does the new lock holder look for temporary files of the domain and remove them.

use std::time::SystemTime;

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{FileType, Operation, StoreError, StoreErrorKind};

use crate::failure::kind_of;
use crate::line::Place;
use crate::link::Linked;
use crate::moved::{Substitute, is_given_back};
use crate::wait::{Retries, Timeout};
use crate::{Directory, Errno, FileStore, Identity, LockMode, Metadata};

/// How often the locked file may turn out to have lost its name. Each time another process had the
/// lock in between, so on a real clock the timeout ends long before this bound.
const REPLACED_MAX: u32 = 100_000;

/// The lock of one domain, held.
pub(crate) struct HeldLock<'a, D: Directory> {
    store: &'a FileStore<D>,
    domain: DomainKey,
    name: FileName,
    identity: Identity,
    /// When the lock file was made, by the clock of the file system.
    made: SystemTime,
    timeout: Timeout,
    /// This thread's place in the line. It leaves the line after it has released the lock.
    place: Place<'a, D>,
    /// The search for the temporary files of a killed lock holder failed. The lock file is the
    /// evidence that there may be some, so it is left in place, unlocked, unless the search
    /// succeeds at the release.
    unswept: bool,
    /// The name that the lock file had before, if it was renamed and is not yet removed.
    moved: Option<FileName>,
    /// `None` once the lock is released.
    file: Option<D::File>,
}

/// The time at which the temporary files of a killed lock holder are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cleaning {
    /// Before anything else is done under the lock.
    First,
    /// At the release. The directory is read for this, unless [`HeldLock::set_clean`] was called
    /// before.
    Last,
}

/// A lock file that is open.
pub(crate) enum Opened<F> {
    /// This call made it.
    Made(F),
    /// This call locked the file of this name and renamed it.
    Moved(F, Metadata, FileName),
    /// It existed.
    Found(F),
    /// It existed, and does not exist any more.
    Gone,
    /// Another process has a lease on it, or moves what could be moved here.
    Busy,
}

/// The result of one try.
pub(crate) enum Attempt {
    Held(Metadata),
    /// Another process has it.
    Busy,
    /// The file that was locked has lost its name.
    Replaced,
}

impl<'a, D: Directory> HeldLock<'a, D> {
    /// Takes the lock, or fails when the timeout has ended. Asks no hypervisor, unless there is no
    /// space for the lock file and the substitute asks one.
    pub(crate) fn acquire(
        store: &'a FileStore<D>,
        domain: &DomainKey,
        timeout: Timeout,
        substitute: Substitute<'_, D>,
    ) -> Result<Self, StoreError> {
        Self::acquire_cleaning(store, domain, timeout, Cleaning::First, substitute)
    }

    /// The same for a caller that decides when the temporary files of a killed lock holder are
    /// looked for.
    pub(crate) fn acquire_cleaning(
        store: &'a FileStore<D>,
        domain: &DomainKey,
        timeout: Timeout,
        cleaning: Cleaning,
        mut substitute: Substitute<'_, D>,
    ) -> Result<Self, StoreError> {
        let name = FileName::lock(store.format, domain);
        let directory = &*store.directory;
        let failed = |kind| StoreError::new(Operation::Lock, &name, kind);
        let place = Place::take(store, domain, &name, timeout).map_err(failed)?;
        let held = |name, file, metadata: Metadata, found: bool, moved| {
            let mut lock = Self {
                store,
                domain: *domain,
                name,
                identity: metadata.identity,
                made: metadata.modified,
                timeout,
                place,
                unswept: false,
                moved,
                file: Some(file),
            };
            match lock.begin(found, cleaning) {
                Ok(()) => Ok(lock),
                Err(error) => lock.release(Err(error), |lock, _| Ok(lock)),
            }
        };
        let mut retries = Retries::new(directory, timeout);
        let mut replaced = 0;
        // Another process had the lock and released it, so it may be free now.
        let mut start_over = || {
            replaced += 1;
            if replaced > REPLACED_MAX {
                let tries = REPLACED_MAX;
                return Err(StoreErrorKind::GaveUp { tries });
            }
            timeout.remaining(directory).map(drop)
        };
        loop {
            let opened = store.open_lock_file(&name, domain, timeout, &mut substitute)?;
            let (file, found) = match opened {
                Opened::Made(file) => (file, false),
                Opened::Moved(file, metadata, from) => {
                    return held(name, file, metadata, false, Some(from));
                }
                Opened::Found(file) => (file, true),
                Opened::Gone => {
                    start_over().map_err(failed)?;
                    continue;
                }
                Opened::Busy => {
                    retries.pause().map_err(failed)?;
                    continue;
                }
            };
            let attempt = attempt(directory, &name, &file);
            if let Ok(Attempt::Held(metadata)) = attempt
                && metadata.file_type == FileType::Regular
            {
                return held(name, file, metadata, found, None);
            }
            let busy = matches!(attempt, Ok(Attempt::Busy));
            if !busy {
                // A forked child may have the file open too; then closing it would not unlock it.
                let _ = directory.unlock(&file);
            }
            directory.close_unwritten(file);
            match attempt {
                Ok(Attempt::Busy) => retries.pause().map_err(failed)?,
                Ok(Attempt::Replaced) => start_over().map_err(failed)?,
                Ok(Attempt::Held(metadata)) => {
                    return Err(failed(StoreErrorKind::NotRegular(metadata.file_type)));
                }
                Err(errno) => return Err(failed(kind_of(errno))),
            }
        }
    }

    /// The first steps under the lock. `found` is true if the lock file existed and was unlocked.
    fn begin(&mut self, found: bool, cleaning: Cleaning) -> Result<(), StoreError> {
        self.store.check_place(Operation::Lock, &self.name)?;
        self.store.check_case(&self.name, self.identity)?;
        if found {
            self.unswept = cleaning == Cleaning::Last || self.remove_temporaries().is_none();
        }
        Ok(())
    }

    /// Records that all files of the domain were removed, so that the release does not search for
    /// temporary files.
    pub(crate) fn set_clean(&mut self) {
        self.unswept = false;
    }

    /// Removes the temporary files that killed lock holders left, if there may be some, and returns
    /// their names; `None` if the directory could not be searched. The release would remove them,
    /// too, but does not return their names.
    pub(crate) fn clean(&mut self) -> Option<Vec<FileName>> {
        if !self.unswept || self.check().is_err() {
            return Some(Vec::new());
        }
        let removed = self.remove_temporaries();
        self.unswept = removed.is_none();
        removed
    }

    /// Removes the temporary files that killed lock holders left, and returns their names; `None`
    /// if the directory could not be searched. A temporary file that stays does not harm the
    /// change, so failures are not reported.
    fn remove_temporaries(&self) -> Option<Vec<FileName>> {
        let mut names = self.store.names_of(&self.domain).ok()?;
        names.retain(|name| {
            matches!(name.kind(), Kind::Temporary | Kind::New)
                && self.store.directory.unlink(name.into()).is_ok()
        });
        Some(names)
    }

    pub(crate) fn store(&self) -> &'a FileStore<D> {
        self.store
    }

    pub(crate) fn domain(&self) -> &DomainKey {
        &self.domain
    }

    /// The lock file.
    pub(crate) const fn file(&self) -> Option<&D::File> {
        self.file.as_ref()
    }

    pub(crate) fn name(&self) -> &FileName {
        &self.name
    }

    /// When the lock file was made, by the clock of the file system. A link, and a file that was
    /// found, is older than the lock.
    pub(crate) const fn made(&self) -> SystemTime {
        self.made
    }

    /// The time that is left to the call that took the lock.
    pub(crate) const fn timeout(&self) -> Timeout {
        self.timeout
    }

    /// Makes sure that the lock still excludes other processes.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.is_ours()? {
            Ok(())
        } else {
            // A value that became the lock file is gone with it.
            Err(self.lost(self.owes_value()))
        }
    }

    /// The name that the lock file had before, if it is not yet removed.
    pub(crate) const fn moved(&self) -> Option<&FileName> {
        self.moved.as_ref()
    }

    /// Removes the file of this name if it became the lock file: it goes when the lock is released.
    /// Returns whether it did.
    pub(crate) fn remove_moved(&mut self, name: &FileName) -> bool {
        self.moved.take_if(|moved| moved == name).is_some()
    }

    /// Whether the lock file is a value whose removal is not decided yet.
    fn owes_value(&self) -> bool {
        self.moved.as_ref().is_some_and(is_given_back)
    }

    /// Releases the lock: compare, unlink, unlock, close. If `outcome` is an error, it is returned,
    /// unless the release loses a value. If it is a success and the release fails, `note` adds the
    /// failure to it.
    pub(crate) fn release<T>(
        mut self,
        outcome: Result<T, StoreError>,
        note: impl FnOnce(T, StoreError) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let owes_value = self.owes_value();
        let unlinked = self.unlink_lock();
        self.unlock();
        match (outcome, unlinked) {
            (Ok(value), Err(error)) => note(value, error),
            (Err(_), Err(error)) if owes_value => Err(error),
            (outcome, _) => outcome,
        }
    }

    /// As [`HeldLock::release`], but removes no temporary file of a killed lock holder. If there is
    /// one, or if the directory cannot be searched, the lock file stays as the evidence.
    pub(crate) fn release_as_found<T>(
        mut self,
        outcome: Result<T, StoreError>,
        note: impl FnOnce(T, StoreError) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.unswept && self.has_temporaries() {
            self.unlock();
            return outcome;
        }
        self.unswept = false;
        self.release(outcome, note)
    }

    fn has_temporaries(&self) -> bool {
        let is_temporary = |name: &FileName| matches!(name.kind(), Kind::Temporary | Kind::New);
        let names = self.store.names_of(&self.domain);
        names.map_or(true, |names| names.iter().any(is_temporary))
    }

    fn unlock(&mut self) {
        if let Some(file) = self.file.take() {
            // If this fails, closing the file unlocks it.
            let _ = self.store.directory.unlock(&file);
            self.store.directory.close_unwritten(file);
        }
    }

    fn is_ours(&self) -> Result<bool, StoreError> {
        match self.store.directory.metadata_at((&self.name).into()) {
            Ok(metadata) => Ok(metadata.identity == self.identity),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(StoreError::new(
                Operation::CheckLock,
                &self.name,
                kind_of(errno),
            )),
        }
    }

    fn unlink_lock(&self) -> Result<(), StoreError> {
        match self.store.directory.metadata_at((&self.name).into()) {
            Ok(metadata) if metadata.identity == self.identity => {
                if self.unswept && self.remove_temporaries().is_none() {
                    return Ok(());
                }
                match self.moved.as_ref().filter(|moved| is_given_back(moved)) {
                    Some(name) => self.give_back(name),
                    None => self.unlink_own(),
                }
            }
            Ok(_) | Err(Errno::NOENT) => Err(self.lost(true)),
            Err(errno) => Err(self.left(errno)),
        }
    }

    pub(crate) fn unlink_own(&self) -> Result<(), StoreError> {
        match self.store.directory.unlink((&self.name).into()) {
            // The lock was broken after the comparison.
            Err(Errno::NOENT) => Err(self.lost(true)),
            unlinked => unlinked.map_err(|errno| self.left(errno)),
        }
    }

    /// The error if the lock file stays, after the change was made or a value was renamed to it.
    pub(crate) fn left(&self, errno: Errno) -> StoreError {
        let kind = StoreErrorKind::LockLeft(Box::new(errno));
        let error = StoreError::new(Operation::Unlock, self.subject(), kind);
        match self.owes_value() {
            true => error.leaving_behind(&self.name),
            false => error,
        }
    }

    pub(crate) fn lost(&self, applied: bool) -> StoreError {
        StoreError::new(
            Operation::CheckLock,
            self.subject(),
            StoreErrorKind::LockLost { applied },
        )
    }

    /// The file that an error is about: the value that became the lock file, or the lock.
    fn subject(&self) -> &FileName {
        let owed = self.moved.as_ref().filter(|moved| is_given_back(moved));
        owed.unwrap_or(&self.name)
    }
}

impl<D: Directory> Drop for HeldLock<'_, D> {
    /// Releases the lock if the caller's code panicked while it was held. In a forked child the
    /// lock belongs to the parent, so the file is only closed.
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            if self.store.directory.process() == self.place.process() {
                let _ = self.unlink_lock();
                let _ = self.store.directory.unlock(&file);
            }
            self.store.directory.close_unwritten(file);
        }
    }
}

/// Locks the file, if it has this name.
pub(crate) fn attempt<D: Directory>(
    directory: &D,
    name: &FileName,
    file: &D::File,
) -> Result<Attempt, Errno> {
    match directory.lock(file, LockMode::Exclusive) {
        Ok(()) => {}
        Err(Errno::AGAIN) => return Ok(Attempt::Busy),
        Err(errno) => return Err(errno),
    }
    let locked = directory.metadata(file)?;
    match directory.metadata_at(name.into()) {
        Ok(named) if named.identity == locked.identity => Ok(Attempt::Held(locked)),
        Ok(_) | Err(Errno::NOENT) => Ok(Attempt::Replaced),
        Err(errno) => Err(errno),
    }
}

impl<D: Directory> FileStore<D> {
    /// Makes the lock file, or opens the existing one. If there is no space for a file, the lock
    /// file is a link, or the substitute.
    fn open_lock_file(
        &self,
        name: &FileName,
        domain: &DomainKey,
        timeout: Timeout,
        substitute: &mut Substitute<'_, D>,
    ) -> Result<Opened<D::File>, StoreError> {
        let failed = |errno| Err(self.unopened(Operation::Lock, name, errno));
        let mut linked = None;
        match self.directory.create(name.into()) {
            Ok(file) => return Ok(Opened::Made(file)),
            Err(Errno::EXIST) => {}
            Err(errno @ (Errno::NOSPC | Errno::DQUOT)) => {
                let marker = FileName::closing_marker(self.format, domain);
                linked = self.link(domain, name, &marker);
                if linked.is_none() {
                    let moved = self.move_to_lock(domain, name, timeout, substitute)?;
                    return moved.map_or_else(|| failed(errno), Ok);
                }
            }
            Err(errno) => return failed(errno),
        }
        match self.directory.open_lock(name.into()) {
            Ok(file) if linked == Some(Linked::Made) => Ok(Opened::Made(file)),
            Ok(file) => Ok(Opened::Found(file)),
            Err(Errno::NOENT) => Ok(Opened::Gone),
            Err(Errno::AGAIN) => Ok(Opened::Busy),
            Err(errno) => failed(errno),
        }
    }
}
