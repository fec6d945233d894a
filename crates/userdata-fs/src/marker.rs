//! `HeldMarker`: the closing mark of a domain.
//!
//! The mark is a file whose `flock` a process holds while it destroys the domain. It is made and
//! removed under the domain's lock. The mark is void as soon as no process holds its `flock`, so a
//! process that was killed blocks no other process.

use std::fmt;
use std::time::Duration;

use userdata_core::DomainKey;
use userdata_core::file_name::FileName;
use userdata_core::store::{
    Admit, Cleared, ClosingMark, Durability, FileType, Keep, Operation, Refused, StoreError,
    StoreErrorKind,
};

use crate::failure::kind_of;
use crate::lock::{HeldLock, Opened};
use crate::moved::Substitute;
use crate::wait::{Retries, Timeout};
use crate::{Directory, Errno, FileStore, Identity, LockMode, Metadata};

/// How often the file may vanish before it is opened. No process should remove it without the
/// domain's lock.
const MADE_MAX: u32 = 8;

/// How often the mark is tried to lock. Where there is no space for a lock file, a process looks at
/// the mark without the domain's lock, and must not be taken for one that destroys the domain.
const HELD_MAX: u32 = 4;

/// The file under the name of a domain's closing mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// No file that a process could hold.
    Absent,
    /// A file that no process holds.
    Void,
    /// A void mark that is a link to a file with bytes, which keeps their space from being freed.
    VoidLink,
    /// A file that a process holds.
    Held,
}

/// Whether a process holds the closing mark of the domain.
pub(crate) fn mark_of<D: Directory>(
    store: &FileStore<D>,
    domain: &DomainKey,
    timeout: Timeout,
) -> Result<Mark, StoreError> {
    let name = FileName::closing_marker(store.format, domain);
    let directory = &*store.directory;
    let failed = |errno| StoreError::new(Operation::Mark, &name, kind_of(errno));
    let opened = store
        .open_leased(Some(timeout), || directory.open((&name).into()))
        .map_err(|kind| StoreError::new(Operation::Mark, &name, kind))?;
    let file = match opened {
        Ok(file) => file,
        // No process holds the mark if the file does not exist, or is one that can't be locked.
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Ok(Mark::Absent),
        Err(errno) => return Err(failed(errno)),
    };
    let mark = match directory.lock(&file, LockMode::Shared) {
        Ok(()) => {
            let has_bytes =
                |found: Metadata| found.file_type == FileType::Regular && found.size > 0;
            let mark = match directory.metadata(&file).is_ok_and(has_bytes) {
                true => Mark::VoidLink,
                false => Mark::Void,
            };
            directory.unlock(&file).map(|()| mark).map_err(failed)
        }
        Err(Errno::AGAIN) => Ok(Mark::Held),
        Err(errno) => Err(failed(errno)),
    };
    directory.close_unwritten(file);
    mark
}

impl<D: Directory> HeldLock<'_, D> {
    /// Whether a process holds the closing mark of the domain whose lock this is.
    pub(crate) fn is_closing(&self) -> Result<bool, StoreError> {
        let mark = mark_of(self.store(), self.domain(), self.timeout())?;
        let closing = mark == Mark::Held;
        self.set_closing(closing);
        Ok(closing)
    }
}

/// The closing mark of a domain, held.
pub(crate) struct HeldMarker<D: Directory> {
    store: FileStore<D>,
    domain: DomainKey,
    name: FileName,
    identity: Identity,
    process: u32,
    /// `None` once the mark is released.
    file: Option<D::File>,
}

impl<D: Directory> HeldMarker<D> {
    /// Makes the closing mark of the domain whose lock this is, or takes over a void one.
    pub(crate) fn make(lock: &HeldLock<'_, D>) -> Result<Self, StoreError> {
        let (store, domain) = (lock.outer().clone(), *lock.domain());
        let name = FileName::closing_marker(store.format, &domain);
        let file = open_marker(lock, &name)?;
        let directory = &*store.directory;
        match hold(lock, &name, &file) {
            Ok(identity) => {
                let process = directory.process();
                Ok(Self {
                    store,
                    domain,
                    name,
                    identity,
                    process,
                    file: Some(file),
                })
            }
            Err(error) => {
                directory.close_unwritten(file);
                Err(error)
            }
        }
    }

    /// Renames the mark to the name of the lock if there is no space for another file: its `flock`
    /// is then that of the lock. `None` if that can't be done.
    pub(crate) fn move_to_lock(&mut self, lock: &FileName) -> Option<Opened<D::File>> {
        let directory = &*self.store.directory;
        let named = directory.metadata_at((&self.name).into()).ok()?;
        if named.identity != self.identity {
            return None;
        }
        match directory.rename_no_replace((&self.name).into(), lock.into()) {
            Ok(()) => self.file.take().map(Opened::Made),
            Err(Errno::EXIST) => Some(Opened::Gone),
            Err(_) => None,
        }
    }

    /// Removes the mark: compare, unlink, unlock, close. The caller has the domain's lock.
    fn remove(&mut self, lock: &HeldLock<'_, D>) -> Result<(), StoreError> {
        let directory = &*lock.store().directory;
        let unlinked = match directory.metadata_at((&self.name).into()) {
            Ok(metadata) if metadata.identity == self.identity => {
                directory.unlink((&self.name).into())
            }
            // Another process removed it: there is nothing left to do.
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno),
        };
        self.let_go();
        unlinked.map_err(|errno| StoreError::new(Operation::Remove, &self.name, kind_of(errno)))
    }

    fn let_go(&mut self) {
        if let Some(file) = self.file.take() {
            let directory = &*self.store.directory;
            // In a forked child the mark belongs to the parent, so the file is only closed.
            if directory.process() == self.process {
                let _ = directory.unlock(&file);
            }
            directory.close_unwritten(file);
        }
    }
}

impl<D: Directory> ClosingMark for HeldMarker<D> {
    fn clear(
        mut self: Box<Self>,
        timeout: Duration,
        durability: Durability,
        admit: Admit<'_>,
    ) -> Result<Cleared, StoreError> {
        let store = self.store.clone();
        let timeout = Timeout::start(&*store.directory, timeout);
        let domain = self.domain;
        let mut lock = HeldLock::acquire(&store, &domain, timeout, Substitute::Marker(&mut self))?;
        // The mark is the caller's own, so the domain is not closed to the caller.
        let cleared = store
            .ask(&domain, false, admit)
            .and_then(|()| lock.clear(Keep::Nothing, durability, Some(&self.name)));
        let removed = self.remove(&lock);
        let cleared = cleared.map(|mut cleared| {
            cleared.failed.extend(removed.err());
            cleared
        });
        let cleared = lock.release(cleared, |mut cleared, error| {
            cleared.failed.push(error);
            Ok(cleared)
        });
        store.named(&domain, cleared)
    }

    fn reopen(mut self: Box<Self>, timeout: Duration) -> Result<(), StoreError> {
        let store = self.store.clone();
        let timeout = Timeout::start(&*store.directory, timeout);
        let domain = self.domain;
        let lock = HeldLock::acquire(&store, &domain, timeout, Substitute::Marker(&mut self))?;
        let removed = self.remove(&lock);
        let removed = lock.release(removed, |(), error| Err(error));
        store.named(&domain, removed)
    }
}

impl<D: Directory> Drop for HeldMarker<D> {
    /// Voids the mark. The file stays, since its removal needs the domain's lock.
    fn drop(&mut self) {
        self.let_go();
    }
}

impl<D: Directory> fmt::Debug for HeldMarker<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldMarker")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// Makes the file, as a link if there is no space for a file, or opens the existing one.
fn open_marker<D: Directory>(
    lock: &HeldLock<'_, D>,
    name: &FileName,
) -> Result<D::File, StoreError> {
    let store = lock.store();
    let directory = &*store.directory;
    let failed = |errno| store.unopened(Operation::Mark, name, errno);
    let gave_up = |kind| StoreError::new(Operation::Mark, name, kind);
    for _ in 0..MADE_MAX {
        match directory.create(name.into()) {
            Err(Errno::EXIST) => {}
            Err(errno @ (Errno::NOSPC | Errno::DQUOT)) => {
                if store.link(lock.domain(), name, lock.name()).is_none() {
                    return Err(failed(errno));
                }
            }
            created => return created.map_err(failed),
        }
        let opened = store
            .open_leased(Some(lock.timeout()), || directory.open_lock(name.into()))
            .map_err(gave_up)?;
        match opened {
            Err(Errno::NOENT) => {}
            opened => return opened.map_err(failed),
        }
    }
    Err(gave_up(StoreErrorKind::GaveUp { tries: MADE_MAX }))
}

/// Locks the file, if it has this name.
fn hold<D: Directory>(
    lock: &HeldLock<'_, D>,
    name: &FileName,
    file: &D::File,
) -> Result<Identity, StoreError> {
    let directory = &*lock.store().directory;
    let failed = |kind| StoreError::new(Operation::Mark, name, kind);
    let mut retries = Retries::new(directory, lock.timeout());
    let mut tries = 1;
    loop {
        match directory.lock(file, LockMode::Exclusive) {
            Ok(()) => break,
            // A process that only looks at the mark locks it for a moment.
            Err(Errno::AGAIN) if tries < HELD_MAX && retries.pause().is_ok() => tries += 1,
            Err(Errno::AGAIN) => {
                // If the domain's lock was lost, the other process may be one that only looks.
                lock.check()?;
                return Err(failed(StoreErrorKind::Refused(Refused::BeingDestroyed)));
            }
            Err(errno) => return Err(failed(kind_of(errno))),
        }
    }
    let held = directory.metadata(file).map_err(|e| failed(kind_of(e)))?;
    let named = directory
        .metadata_at(name.into())
        .map_err(|e| failed(kind_of(e)))?;
    if held.file_type != FileType::Regular {
        return Err(failed(StoreErrorKind::NotRegular(held.file_type)));
    }
    if held.identity != named.identity {
        return Err(failed(StoreErrorKind::LockLost { applied: false }));
    }
    Ok(held.identity)
}
