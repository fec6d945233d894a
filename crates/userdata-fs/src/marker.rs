//! `HeldMarker`: the closing marker of a domain.
//!
//! A file whose `flock` somebody holds while he destroys the domain. It is made and removed under
//! the domain's lock, and void as soon as nobody holds it, so that a destroyer who is killed stops
//! nobody.

use std::fmt;
use std::time::Duration;

use userdata_core::DomainKey;
use userdata_core::file_name::FileName;
use userdata_core::store::{
    Admit, Cleared, ClosingMark, Durability, FileType, Keep, Operation, Refused, StoreError,
    StoreErrorKind,
};

use crate::failure::kind_of;
use crate::lock::HeldLock;
use crate::{Directory, Errno, FileStore, Identity, LockMode};

/// Whether somebody holds the closing marker of this domain. The caller has the domain's lock.
pub(crate) fn is_closing<D: Directory>(
    store: &FileStore<D>,
    domain: &DomainKey,
) -> Result<bool, StoreError> {
    let name = FileName::closing_marker(store.format, domain);
    let directory = &*store.directory;
    let failed = |errno| StoreError::new(Operation::Mark, &name, kind_of(errno));
    let file = match directory.open((&name).into()) {
        Ok(file) => file,
        // Nobody holds what is not there, nor what can't be opened because it is no file.
        Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Ok(false),
        Err(errno) => return Err(failed(errno)),
    };
    let closing = match directory.lock(&file, LockMode::Shared) {
        Ok(()) => directory.unlock(&file).map(|()| false).map_err(failed),
        Err(Errno::AGAIN) => Ok(true),
        Err(errno) => Err(failed(errno)),
    };
    directory.close(file);
    closing
}

/// The closing marker of a domain, held.
pub(crate) struct HeldMarker<D: Directory> {
    store: FileStore<D>,
    domain: DomainKey,
    name: FileName,
    identity: Identity,
    process: u32,
    /// Taken out on release.
    file: Option<D::File>,
}

impl<D: Directory> HeldMarker<D> {
    /// Makes the marker, or takes over a void one. The caller has the domain's lock.
    pub(crate) fn make(store: FileStore<D>, domain: DomainKey) -> Result<Self, StoreError> {
        let name = FileName::closing_marker(store.format, &domain);
        let directory = &*store.directory;
        let file = directory
            .open_lock((&name).into())
            .map_err(|errno| store.unopened(Operation::Mark, &name, errno))?;
        match hold(directory, &name, &file) {
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
            Err(kind) => {
                directory.close(file);
                Err(StoreError::new(Operation::Mark, &name, kind))
            }
        }
    }

    /// Removes the marker: compare, unlink, unlock, close. The caller has the domain's lock.
    fn remove(&mut self) -> Result<(), StoreError> {
        let directory = &*self.store.directory;
        let unlinked = match directory.metadata_at((&self.name).into()) {
            Ok(metadata) if metadata.identity == self.identity => {
                directory.unlink((&self.name).into())
            }
            // Somebody else removed it: there is nothing left to do.
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno),
        };
        self.let_go();
        unlinked.map_err(|errno| StoreError::new(Operation::Remove, &self.name, kind_of(errno)))
    }

    fn let_go(&mut self) {
        if let Some(file) = self.file.take() {
            let directory = &*self.store.directory;
            // In a forked child the marker is the parent's, and the file is only closed.
            if directory.process() == self.process {
                let _ = directory.unlock(&file);
            }
            directory.close(file);
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
        let lock = HeldLock::acquire(&store, &self.domain, timeout)?;
        // The mark is the caller's own, so it is not one that closes the domain to the caller.
        let cleared = lock
            .ask(false, admit)
            .and_then(|()| lock.clear(Keep::Nothing, durability, Some(&self.name)));
        let removed = self.remove();
        let cleared = cleared.map(|mut cleared| {
            cleared.failed.extend(removed.err());
            cleared
        });
        lock.release(cleared, |mut cleared, error| {
            cleared.failed.push(error);
            Ok(cleared)
        })
    }

    fn reopen(mut self: Box<Self>, timeout: Duration) -> Result<(), StoreError> {
        let store = self.store.clone();
        let lock = HeldLock::acquire(&store, &self.domain, timeout)?;
        let removed = self.remove();
        lock.release(removed, |(), error| Err(error))
    }
}

impl<D: Directory> Drop for HeldMarker<D> {
    /// Voids the marker. The file stays: removing it takes the domain's lock.
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

fn hold<D: Directory>(
    directory: &D,
    name: &FileName,
    file: &D::File,
) -> Result<Identity, StoreErrorKind> {
    match directory.lock(file, LockMode::Exclusive) {
        Ok(()) => {}
        Err(Errno::AGAIN) => return Err(StoreErrorKind::Refused(Refused::BeingDestroyed)),
        Err(errno) => return Err(kind_of(errno)),
    }
    let held = directory.metadata(file).map_err(kind_of)?;
    let named = directory.metadata_at(name.into()).map_err(kind_of)?;
    if held.file_type != FileType::Regular {
        return Err(StoreErrorKind::NotRegular(held.file_type));
    }
    if held.identity != named.identity {
        return Err(StoreErrorKind::LockLost { applied: false });
    }
    Ok(held.identity)
}
