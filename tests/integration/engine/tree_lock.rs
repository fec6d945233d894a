//! `DomainLock`: flock on the domain's own directory.
//!
//! The lock is valid while its inode is the one under the directory's name. Only the lock holder
//! removes the empty directory or renames it into the trash.

use std::time::Duration;

use userdata_core::store::{Operation, StoreError, StoreErrorKind};
use userdata_fs::{Directory, Errno, Identity, LockMode, Name};

use super::tree::failed;

/// How often the directory may have been replaced by the time it is locked.
const REPLACED_MAX: u32 = 100_000;

pub(crate) struct DomainLock<'a, D: Directory> {
    /// The directory of this boot.
    pub(crate) boot: &'a D,
    pub(crate) name: String,
    /// The domain's directory, which keeps its name while the lock is held.
    pub(crate) directory: D,
    identity: Identity,
    file: Option<D::File>,
}

pub(crate) fn name_of(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).expect("a single path component")
}

impl<'a, D: Directory> DomainLock<'a, D> {
    /// Makes the domain's directory if it is absent, and locks it.
    pub(crate) fn acquire(
        boot: &'a D,
        name: String,
        timeout: Duration,
    ) -> Result<Self, StoreError> {
        let lock_failed = |errno| failed(Operation::Lock, &name, errno);
        let started = boot.now();
        for _ in 0..REPLACED_MAX {
            match boot.make_directory(name_of(&name)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(lock_failed(errno)),
            }
            let file = match boot.open(name_of(&name)) {
                Ok(file) => file,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(lock_failed(errno)),
            };
            match boot.lock(&file, LockMode::Exclusive) {
                Ok(()) => {}
                Err(Errno::AGAIN) => {
                    let _ = boot.close(file);
                    let waited = boot.now().saturating_sub(started);
                    if waited >= timeout {
                        let kind = StoreErrorKind::DeadlinePassed { waited };
                        return Err(StoreError::new(Operation::Lock, &name, kind));
                    }
                    boot.pause(Duration::from_millis(1).min(timeout - waited));
                    continue;
                }
                Err(errno) => return Err(lock_failed(errno)),
            }
            let identity = boot.metadata(&file).map_err(lock_failed)?.identity;
            match boot.metadata_at(name_of(&name)) {
                Ok(named) if named.identity == identity => {
                    let directory = boot.open_directory(name_of(&name)).map_err(lock_failed)?;
                    let file = Some(file);
                    return Ok(Self {
                        boot,
                        name,
                        directory,
                        identity,
                        file,
                    });
                }
                Ok(_) | Err(Errno::NOENT) => drop(boot.close(file)),
                Err(errno) => return Err(lock_failed(errno)),
            }
        }
        let kind = StoreErrorKind::GaveUp {
            tries: REPLACED_MAX,
        };
        Err(StoreError::new(Operation::Lock, &name, kind))
    }

    /// Fails unless the lock still excludes other processes.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.boot.metadata_at(name_of(&self.name)) {
            Ok(named) if named.identity == self.identity => Ok(()),
            Ok(_) | Err(Errno::NOENT) => {
                let kind = StoreErrorKind::LockLost { applied: false };
                Err(StoreError::new(Operation::CheckLock, &self.name, kind))
            }
            Err(errno) => Err(failed(Operation::CheckLock, &self.name, errno)),
        }
    }
}

impl<D: Directory> Drop for DomainLock<'_, D> {
    /// Removes the directory if it is empty, then unlocks it.
    fn drop(&mut self) {
        if self.check().is_ok() {
            // Not empty is the common case.
            let _ = self.boot.remove_directory(name_of(&self.name));
        }
        if let Some(file) = self.file.take() {
            let _ = self.boot.unlock(&file);
            let _ = self.boot.close(file);
        }
    }
}
