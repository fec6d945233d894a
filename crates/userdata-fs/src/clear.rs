//! Removing all records of a domain. After a failure the remaining records are removed all the
//! same.

use std::time::Duration;

use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{
    Cleared, Durability, Keep, Operation, Record, StoreError, StoreErrorKind,
};

use crate::failure::kind_of;
use crate::listing::{Ending, ending, in_order};
use crate::lock::HeldLock;
use crate::{Directory, Errno, LockMode};

impl<D: Directory> HeldLock<'_, D> {
    /// Removes the domain's files except those that are to be kept, the lock that is held, and the
    /// caller's own closing mark.
    pub(crate) fn clear(
        &mut self,
        keep: Keep,
        durability: Durability,
        marker: Option<&FileName>,
    ) -> Result<Cleared, StoreError> {
        if let Some(cleared) = self.clear_whole(keep, durability, marker)? {
            return Ok(cleared);
        }
        let endings = self.store().endings_of(self.domain())?;
        self.clear_endings(endings, keep, durability, marker)
    }

    /// The same for the domain's files with these endings.
    pub(crate) fn clear_endings(
        &mut self,
        mut endings: Vec<Ending>,
        keep: Keep,
        durability: Durability,
        marker: Option<&FileName>,
    ) -> Result<Cleared, StoreError> {
        self.check()?;
        endings.extend(self.moved().map(ending));
        endings.sort_unstable_by(in_order);
        endings.dedup();
        let mut cleared = Cleared::default();
        cleared.durability = durability;
        for (kind, userid) in endings {
            // Every file that was found has a name.
            let Ok(name) = FileName::of(self.store().format, kind, self.domain(), &userid) else {
                continue;
            };
            if name == *self.name() || marker == Some(&name) || self.stays(keep, &name) {
                continue;
            }
            match self.remove(&name) {
                Ok(true) => match kind {
                    Kind::Data => cleared.removed.push(userid),
                    kind => cleared.others.push(Record::new(kind, userid)),
                },
                Ok(false) => {}
                Err(error) => cleared.failed.push(error),
            }
        }
        let anything = !cleared.removed.is_empty() || !cleared.others.is_empty();
        if durability == Durability::Full
            && anything
            && let Err(errno) = self.sync_names()
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

    /// Removes one record. False if the record is gone already, or if another process will remove
    /// it.
    fn remove(&mut self, name: &FileName) -> Result<bool, StoreError> {
        match name.kind() {
            _ if self.remove_moved(name) => Ok(true),
            Kind::Lock | Kind::Closing => self.remove_unless_held(name),
            _ => self.unlink(name),
        }
    }

    fn unlink(&self, name: &FileName) -> Result<bool, StoreError> {
        match self.store().directory.unlink(name.into()) {
            Ok(()) => {
                self.set_less();
                Ok(true)
            }
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.store().unopened(Operation::Remove, name, errno)),
        }
    }

    /// Removes the lock file of another program, or a closing mark, while holding its `flock`.
    /// Without that, another process could hold a lock on the unlinked file while a third one locks
    /// a new file of the same name.
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
            // The process that destroys the domain removes its closing mark itself.
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

    /// Whether this file stays. A temporary file that became the lock file goes with the lock.
    fn stays(&self, keep: Keep, name: &FileName) -> bool {
        match (keep, name.kind()) {
            (Keep::AllButStale { age }, Kind::Temporary | Kind::New) => {
                self.moved() != Some(name) && !self.is_older(name, age)
            }
            _ => is_kept(keep, name),
        }
    }

    /// Whether a file was last written at least this long before the lock was taken, by the clock
    /// of the file system. If this is unknown, the file counts as younger. In a tree every
    /// temporary file that is found under the lock was left by a process that was killed, so for an
    /// age of nothing no clock is asked.
    fn is_older(&self, name: &FileName, age: Duration) -> bool {
        if age.is_zero() && self.in_tree().is_some() {
            return true;
        }
        let found = self.store().directory.metadata_at(name.into());
        found.is_ok_and(|found| {
            let taken = self.taken_at();
            let older = taken.map(|taken| taken.duration_since(found.modified));
            older.is_some_and(|older| older.is_ok_and(|older| older >= age))
        })
    }
}

/// Whether the file of this name stays, whatever its age. A closing mark that no process holds does
/// not stay.
pub(crate) fn is_kept(keep: Keep, name: &FileName) -> bool {
    match (keep, name.kind()) {
        (Keep::Nothing, _) | (_, Kind::Closing) => false,
        (_, Kind::Lock) => true,
        (Keep::AllButStale { .. }, Kind::Temporary | Kind::New) => false,
        (Keep::AllButStale { .. }, _) => true,
        (_, kind) => kind == Kind::Data && name.userid().is_libxl_json(),
    }
}
