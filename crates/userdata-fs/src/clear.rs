//! Removing all records of a domain, going on after a failure.

use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{Cleared, Durability, Keep, Operation, StoreError, StoreErrorKind};

use crate::failure::kind_of;
use crate::lock::HeldLock;
use crate::{Directory, Errno, LockMode};

impl<D: Directory> HeldLock<'_, D> {
    /// Removes the domain's files except what is to be kept, the lock that is held, and the
    /// caller's own closing marker.
    pub(crate) fn clear(
        &mut self,
        keep: Keep,
        durability: Durability,
        marker: Option<&FileName>,
    ) -> Result<Cleared, StoreError> {
        let mut names = self.store().names_of(self.domain())?;
        self.check()?;
        names.extend(self.moved().cloned());
        names.sort();
        names.dedup();
        let mut cleared = Cleared::default();
        cleared.durability = durability;
        for name in names {
            if name == *self.name() || marker == Some(&name) || is_kept(keep, &name) {
                continue;
            }
            match self.remove(&name) {
                Ok(true) if name.kind() == Kind::Data => cleared.removed.push(name.userid()),
                Ok(true) => cleared.others += 1,
                Ok(false) => {}
                Err(error) => cleared.failed.push(error),
            }
        }
        let anything = !cleared.removed.is_empty() || cleared.others > 0;
        if durability == Durability::Full
            && anything
            && let Err(errno) = self.store().directory.sync()
        {
            let kind = StoreErrorKind::RemovedNotDurable(Box::new(errno));
            let domain = self.domain().to_string();
            cleared
                .failed
                .push(StoreError::new(Operation::SyncDirectory, domain, kind));
            cleared.durability = Durability::Process;
        }
        Ok(cleared)
    }

    /// Removes one record; false if it is gone already or another process is to remove it.
    fn remove(&mut self, name: &FileName) -> Result<bool, StoreError> {
        match name.kind() {
            _ if self.remove_moved(name) => Ok(true),
            Kind::Lock | Kind::Closing => self.remove_unless_held(name),
            _ => self.unlink(name),
        }
    }

    fn unlink(&self, name: &FileName) -> Result<bool, StoreError> {
        match self.store().directory.unlink(name.into()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.store().unopened(Operation::Remove, name, errno)),
        }
    }

    /// Removes the lock file of another program, or a closing marker, while holding its lock: to
    /// unlink it otherwise would let two programs hold "the" lock at once.
    fn remove_unless_held(&self, name: &FileName) -> Result<bool, StoreError> {
        let directory = &*self.store().directory;
        let opened = self
            .store()
            .open_leased(Some(self.timeout()), || directory.open_lock(name.into()))
            .map_err(|kind| StoreError::new(Operation::Remove, name, kind))?;
        let file = match opened {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(false),
            // A link or a socket can't be opened to be locked, so no process holds it.
            Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => return self.unlink(name),
            Err(errno) => return Err(self.store().unopened(Operation::Remove, name, errno)),
        };
        let removed = match directory.lock(&file, LockMode::Exclusive) {
            Ok(()) => {
                let removed = self.unlink_if_same(name, &file);
                let _ = directory.unlock(&file);
                removed
            }
            // The process that destroys the domain removes its marker itself.
            Err(Errno::AGAIN) if name.kind() == Kind::Closing => Ok(false),
            Err(Errno::AGAIN) => Err(StoreError::new(
                Operation::Remove,
                name,
                StoreErrorKind::Held,
            )),
            Err(errno) => Err(StoreError::new(Operation::Remove, name, kind_of(errno))),
        };
        directory.close_unwritten(file);
        removed
    }

    fn unlink_if_same(&self, name: &FileName, file: &D::File) -> Result<bool, StoreError> {
        let directory = &*self.store().directory;
        let failed = |errno| StoreError::new(Operation::Remove, name, kind_of(errno));
        let locked = directory.metadata(file).map_err(failed)?;
        match directory.metadata_at(name.into()) {
            Ok(named) if named.identity == locked.identity => self.unlink(name),
            Ok(_) => Err(StoreError::new(
                Operation::Remove,
                name,
                StoreErrorKind::Held,
            )),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(failed(errno)),
        }
    }
}

/// Whether this file stays. A closing marker that no process holds does not.
pub(crate) fn is_kept(keep: Keep, name: &FileName) -> bool {
    match keep {
        Keep::Nothing => false,
        _ => match name.kind() {
            Kind::Data => name.userid().is_libxl_json(),
            Kind::Lock => true,
            _ => false,
        },
    }
}
