//! Opening the lock file of a flat layout, and locking it.

use userdata_core::DomainKey;
use userdata_core::file_name::FileName;
use userdata_core::store::{Operation, StoreError};

use crate::link::Linked;
use crate::moved::Substitute;
use crate::wait::Timeout;
use crate::{Directory, Errno, FileStore, LockMode, Metadata};

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
    pub(super) fn open_lock_file(
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
