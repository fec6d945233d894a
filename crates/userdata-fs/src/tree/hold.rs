//! The lock of a domain in a tree: `flock` on its directory.
//!
//! The lock is valid while the directory is the one under the domain's name. Only the lock holder
//! renames or removes the directory, and it removes an empty one before it unlocks it. So a process
//! that waited for a directory which lost its name finds another one, or none, and starts over.
//! While a process holds the lock it has the directory open, so that no other directory gets its
//! inode.
//!
//! If a temporary file exists when the lock is taken, a killed lock holder left it: every other
//! lock holder removes its own. Temporary files are numbered from 0, and a file that has the number
//! already is removed first. So a domain has at most as many of them as one change makes, and the
//! lock holder need not read the directory to find them.

use std::cell::Cell;
use std::time::SystemTime;

use userdata_core::DomainKey;
use userdata_core::file_name::FileName;
use userdata_core::store::{Operation, RootRefused, StoreError, StoreErrorKind};

use crate::failure::kind_of;
use crate::layout::Layout;
use crate::line::Place;
use crate::lock::{HeldLock, REPLACED_MAX};
use crate::tree::{Boot, Tree};
use crate::uninterrupted::Uninterrupted;
use crate::wait::{Retries, Timeout};
use crate::{Directory, Errno, FileStore, Identity, LockMode};

/// A domain's directory, locked.
pub(crate) struct HeldDirectory<D> {
    /// The store in the directory.
    pub(crate) view: FileStore<D>,
    /// What the lock holder knows about the directory.
    pub(crate) content: Cell<Content>,
    /// Whether a clear may take the directory away: no other change follows under this lock.
    pub(crate) is_last: bool,
    /// Whether another process holds the closing mark.
    pub(crate) closing: Cell<bool>,
    /// The number of the next temporary file.
    next: Cell<u128>,
    /// When the lock was taken, by the clock of the file system. `None` until it is needed.
    taken: Cell<Option<SystemTime>>,
}

/// What a lock holder knows about its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// It may be empty.
    Unknown,
    /// It has a file.
    Something,
    /// It is in the trash.
    Discarded,
}

/// The result of one try.
enum Attempt<D> {
    Held(Uninterrupted<D>, Identity),
    /// The directory does not exist.
    Absent,
    /// The directory that was locked has lost its name.
    Replaced,
}

impl<D> HeldDirectory<D> {
    pub(crate) const fn new(view: FileStore<D>) -> Self {
        Self {
            view,
            content: Cell::new(Content::Unknown),
            is_last: true,
            closing: Cell::new(false),
            next: Cell::new(0),
            taken: Cell::new(None),
        }
    }

    /// The number of a temporary file.
    pub(crate) fn number(&self) -> u128 {
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        number
    }

    /// Uses the last number again.
    pub(crate) fn repeat_number(&self) {
        self.next.set(self.next.get().wrapping_sub(1));
    }
}

impl<'a, D: Directory> HeldLock<'a, D> {
    /// Takes the lock of a domain in a tree, and makes its directory if it has none.
    pub(crate) fn acquire_directory(
        store: &'a FileStore<D>,
        tree: &Tree<D>,
        domain: &DomainKey,
        timeout: Timeout,
    ) -> Result<Self, StoreError> {
        let name = FileName::lock(store.format, domain);
        let failed = |kind| StoreError::new(Operation::Lock, &name, kind);
        let place = Place::take(store, domain, &name, timeout).map_err(failed)?;
        let boot = tree.boot_made(&store.directory, Operation::Lock)?;
        let mut replaced = 0;
        loop {
            let is_absent = match attempt(store, boot, &name, timeout)? {
                Attempt::Held(directory, identity) => {
                    let view = store.in_directory(directory, *domain);
                    return Ok(Self::of_directory(
                        store, *domain, name, identity, timeout, place, view,
                    ));
                }
                Attempt::Absent => true,
                Attempt::Replaced => {
                    // Not only the domain's directory may be another one.
                    store.check_boot(tree, Operation::Lock, &name)?;
                    false
                }
            };
            replaced += 1;
            if replaced > REPLACED_MAX {
                let tries = REPLACED_MAX;
                return Err(failed(StoreErrorKind::GaveUp { tries }));
            }
            // A directory that is made here and then not locked would stay, so the time is checked
            // before.
            if replaced > 1 {
                timeout.remaining(&*store.directory).map_err(failed)?;
            }
            if is_absent {
                match boot.directory.make_directory((&name).into()) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => {
                        // The directory of the boot may be the one that is gone.
                        if errno == Errno::NOENT {
                            store.check_boot(tree, Operation::Lock, &name)?;
                        }
                        return Err(failed(kind_of(errno)));
                    }
                }
            }
        }
    }

    /// Whether the directory is the one under the domain's name, at the path of the tree.
    pub(crate) fn is_at_name(&self, tree: &Tree<D>) -> Result<bool, StoreError> {
        let failed = |errno| StoreError::new(Operation::CheckLock, self.name(), kind_of(errno));
        let boot = tree.boot_made(self.directory(), Operation::CheckLock)?;
        match boot.directory.metadata_by_path(self.name().into()) {
            Ok(found) if found.identity == self.identity() => Ok(true),
            Ok(_) | Err(Errno::NOENT) => {
                self.outer()
                    .check_boot(tree, Operation::CheckLock, self.name())?;
                Ok(false)
            }
            Err(errno) => Err(failed(errno)),
        }
    }

    /// Removes the directory if it is empty. The lock is still held.
    pub(crate) fn remove_if_empty(&self, held: &HeldDirectory<D>) -> Result<(), StoreError> {
        let Layout::Tree(tree) = &self.outer().layout else {
            return Ok(());
        };
        if held.content.get() != Content::Unknown {
            return Ok(());
        }
        let boot = tree.boot_made(self.directory(), Operation::Unlock)?;
        match boot.directory.metadata_at(self.name().into()) {
            Ok(found) if found.identity == self.identity() => {
                // It usually has files. An empty one that stays is a leftover, which a sweep
                // removes.
                let _ = boot.directory.remove_directory(self.name().into());
                Ok(())
            }
            Ok(_) | Err(Errno::NOENT) => Err(self.lost(true)),
            // The change was made before.
            Err(errno) => Err(self.left(errno)),
        }
    }

    /// When the lock was taken, by the clock of the file system. A temporary file is made to read
    /// it.
    pub(crate) fn taken(&self, held: &HeldDirectory<D>) -> Option<SystemTime> {
        if held.taken.get().is_none() {
            let directory = &*held.view.directory;
            let (name, file) = self.create_temporary().ok()?;
            let made = directory.metadata(&file).ok();
            directory.close_unwritten(file);
            let _ = directory.unlink((&name).into());
            held.taken.set(made.map(|made| made.modified));
        }
        held.taken.get()
    }
}

/// Opens and locks the directory of this name, and makes sure that it is the one at its path.
fn attempt<D: Directory>(
    store: &FileStore<D>,
    boot: &Boot<D>,
    name: &FileName,
    timeout: Timeout,
) -> Result<Attempt<D>, StoreError> {
    let failed = |kind| StoreError::new(Operation::Lock, name, kind);
    let opened = super::open_child(&boot.directory, name.as_bytes(), Operation::Lock)?;
    let Some(directory) = opened else {
        return Ok(Attempt::Absent);
    };
    let mut retries = Retries::new(&*store.directory, timeout);
    loop {
        match directory.lock_itself(LockMode::Exclusive) {
            Ok(()) => break,
            Err(Errno::AGAIN) => retries.pause().map_err(failed)?,
            Err(Errno::BADF) => return Err(failed(StoreErrorKind::Root(RootRefused::Nfs))),
            Err(errno) => return Err(failed(kind_of(errno))),
        }
    }
    let own = directory.own_metadata();
    let named = own.and_then(|own| match boot.directory.metadata_by_path(name.into()) {
        Ok(named) => Ok((named.identity == own.identity).then_some(own.identity)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    });
    if let Ok(Some(identity)) = named {
        return Ok(Attempt::Held(directory, identity));
    }
    // A forked child may have the directory open too; then dropping it would not unlock it.
    let _ = directory.unlock_itself();
    match named {
        Ok(_) => Ok(Attempt::Replaced),
        Err(errno) => Err(failed(kind_of(errno))),
    }
}
