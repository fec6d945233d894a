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

mod opening;

use std::time::SystemTime;

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{FileType, Operation, StoreError, StoreErrorKind};

use crate::failure::kind_of;
use crate::layout::Layout;
use crate::line::Place;
use crate::moved::{Substitute, is_given_back};
use crate::tree::{Content, HeldDirectory};
use crate::uninterrupted::Uninterrupted;
use crate::wait::{Retries, Timeout};
use crate::{Directory, Errno, FileStore, Identity, Metadata};

pub(crate) use opening::{Attempt, Opened, attempt};

/// How often the locked file may turn out to have lost its name. Each time another process had the
/// lock in between, so on a real clock the timeout ends long before this bound.
pub(crate) const REPLACED_MAX: u32 = 100_000;

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
    /// The lock file existed before, unlocked.
    found: bool,
    /// The name that the lock file had before, if it was renamed and is not yet removed.
    moved: Option<FileName>,
    /// `None` once the lock is released, and in a tree.
    file: Option<D::File>,
    /// The domain's directory, which is the lock in a tree. `None` once the lock is released.
    in_tree: Option<HeldDirectory<D>>,
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
        if let Layout::Tree(tree) = &store.layout {
            return Self::acquire_directory(store, tree, domain, timeout);
        }
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
                found,
                moved,
                file: Some(file),
                in_tree: None,
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

    /// The lock of a domain in a tree, whose directory this process has locked.
    pub(crate) const fn of_directory(
        store: &'a FileStore<D>,
        domain: DomainKey,
        name: FileName,
        identity: Identity,
        timeout: Timeout,
        place: Place<'a, D>,
        view: FileStore<D>,
    ) -> Self {
        Self {
            store,
            domain,
            name,
            identity,
            made: SystemTime::UNIX_EPOCH,
            timeout,
            place,
            unswept: false,
            found: false,
            moved: None,
            file: None,
            in_tree: Some(HeldDirectory::new(view)),
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

    /// Whether the lock file existed before, unlocked: a killed lock holder left it, or another
    /// process has made it and not yet locked it.
    pub(crate) const fn was_found(&self) -> bool {
        self.found
    }

    /// Records that all files of the domain were removed, so that the release does not search for
    /// temporary files.
    pub(crate) fn set_clean(&mut self) {
        self.unswept = false;
    }

    /// Removes the temporary files that killed lock holders left, if there may be some, and returns
    /// their names. The release would remove them, too, but does not return their names. `None` if
    /// the lock is not known to be held, or if the directory cannot be searched.
    pub(crate) fn clean(&mut self) -> Option<Vec<FileName>> {
        if !self.unswept {
            return Some(Vec::new());
        }
        self.check().ok()?;
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

    /// The store in the directory that has the domain's files.
    pub(crate) fn store(&self) -> &FileStore<D> {
        self.in_tree.as_ref().map_or(self.store, |held| &held.view)
    }

    /// The store whose lock this is.
    pub(crate) const fn outer(&self) -> &'a FileStore<D> {
        self.store
    }

    /// The directory with which the store was opened: in a tree, its root.
    pub(crate) fn directory(&self) -> &'a Uninterrupted<D> {
        &self.store.directory
    }

    pub(crate) const fn in_tree(&self) -> Option<&HeldDirectory<D>> {
        self.in_tree.as_ref()
    }

    pub(crate) const fn identity(&self) -> Identity {
        self.identity
    }

    /// A change follows under this lock, so a clear must not take the directory away.
    pub(crate) const fn keep_directory(&mut self) {
        if let Some(held) = &mut self.in_tree {
            held.is_last = false;
        }
    }

    /// The domain has a file, so its directory is not empty.
    pub(crate) fn set_filled(&self) {
        if let Some(held) = &self.in_tree {
            held.content.set(Content::Something);
        }
    }

    /// A file of the domain was removed, so its directory may be empty.
    pub(crate) fn set_less(&self) {
        if let Some(held) = &self.in_tree {
            held.content.set(Content::Unknown);
        }
    }

    pub(crate) fn set_closing(&self, closing: bool) {
        if let Some(held) = &self.in_tree {
            held.closing.set(closing);
        }
    }

    /// Another directory, which this process has locked, replaced the domain's, and has files.
    pub(crate) fn move_to(&mut self, view: FileStore<D>, identity: Identity) {
        if let Some(held) = &mut self.in_tree {
            let replaced = std::mem::replace(&mut held.view, view);
            let _ = replaced.directory.unlock_itself();
            held.content.set(Content::Something);
            self.identity = identity;
        }
    }

    /// Syncs the directory that has the domain's names, and in a tree those that have its own.
    pub(crate) fn sync_names(&self) -> Result<(), Errno> {
        self.store().directory.sync()?;
        match &self.store.layout {
            Layout::Tree(tree) => tree.sync_boot(self.directory()),
            _ => Ok(()),
        }
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

    /// When the lock was taken, by the clock of the file system: when the lock file was made. A
    /// link, and a file that was found, is older than the lock. `None` if that is unknown.
    pub(crate) fn taken_at(&self) -> Option<SystemTime> {
        match &self.in_tree {
            Some(held) => self.taken(held),
            None => Some(self.made),
        }
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

    /// Releases the lock and leaves the lock file, as the evidence that a killed lock holder may
    /// have left temporary files.
    pub(crate) fn leave(mut self) {
        self.unlock();
    }

    /// Whether a killed lock holder may have left temporary files that still exist.
    pub(crate) fn may_have_temporaries(&self) -> bool {
        let is_temporary = |name: &FileName| matches!(name.kind(), Kind::Temporary | Kind::New);
        self.unswept && {
            let names = self.store.names_of(&self.domain);
            names.map_or(true, |names| names.iter().any(is_temporary))
        }
    }

    fn unlock(&mut self) {
        if let Some(held) = self.in_tree.take() {
            // If this fails, dropping the directory unlocks it.
            let _ = held.view.directory.unlock_itself();
        }
        if let Some(file) = self.file.take() {
            // If this fails, closing the file unlocks it.
            let _ = self.store.directory.unlock(&file);
            self.store.directory.close_unwritten(file);
        }
    }

    fn is_ours(&self) -> Result<bool, StoreError> {
        if let Layout::Tree(tree) = &self.store.layout {
            return self.is_at_name(tree);
        }
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
        if let Some(held) = &self.in_tree {
            return self.remove_if_empty(held);
        }
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
        if self.in_tree.is_some() && self.store.directory.process() == self.place.process() {
            let _ = self.unlink_lock();
            self.unlock();
        }
        if let Some(file) = self.file.take() {
            if self.store.directory.process() == self.place.process() {
                let _ = self.unlink_lock();
                let _ = self.store.directory.unlock(&file);
            }
            self.store.directory.close_unwritten(file);
        }
    }
}
