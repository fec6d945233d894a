//! Atomic replace, and removal, of one value.

use userdata_core::file_name::FileName;
use userdata_core::store::{
    Done, Durability, Expect, FileType, Operation, StoreError, StoreErrorKind,
};
use userdata_core::value::NonEmpty;

use crate::failure::kind_of;
use crate::lock::HeldLock;
use crate::uninterrupted::Uninterrupted;
use crate::wait::Timeout;
use crate::{Directory, Errno, FileStore};

/// How many random names are tried if files with these names exist.
pub(crate) const NAMES_MAX: u32 = 8;

impl<D: Directory> HeldLock<'_, D> {
    /// Writes a temporary file, syncs it as asked, and renames it over the value.
    pub(crate) fn put(
        &self,
        name: &FileName,
        data: NonEmpty<'_>,
        expect: Expect,
        durability: Durability,
    ) -> Result<Done, StoreError> {
        let directory = &*self.store().directory;
        self.store().expect(name, expect, self.timeout())?;
        // In a tree the directories that were made have to be synced, too.
        let is_flat = self.in_tree().is_none();
        if is_flat && durability == Durability::Full && directory.promises().one_barrier {
            let displaced = self.put_with_one_barrier(name, data.as_bytes())?;
            return Ok(Done::Stored {
                durability,
                displaced,
            });
        }
        let temporary = self.write_temporary(data.as_bytes(), durability)?;
        let displaced = self
            .displaced(name)
            .and_then(|displaced| self.check().map(|()| displaced))
            .and_then(|displaced| {
                directory
                    .rename((&temporary).into(), name.into())
                    .map(|()| displaced)
                    .map_err(|errno| self.not_renamed(name, errno))
            })
            .map_err(|error| self.discard(&temporary, error))?;
        self.set_filled();
        if durability == Durability::Full {
            self.sync_names().map_err(|errno| {
                let kind = StoreErrorKind::ReplacedNotDurable(Box::new(errno));
                StoreError::new(Operation::SyncDirectory, name, kind)
            })?;
        }
        Ok(Done::Stored {
            durability,
            displaced,
        })
    }

    /// Why a temporary file could not take the name of a value.
    pub(crate) fn not_renamed(&self, name: &FileName, errno: Errno) -> StoreError {
        match errno {
            // Another process removed the temporary file, although this one holds the lock. Real
            // libxl does so if the domid or the handle of a domain changes while libxl waits for
            // the lock: it then holds the lock of the old incarnation and removes the files of the
            // new one. The other possible cause is that real libxl broke the lock.
            Errno::NOENT => {
                let kind = StoreErrorKind::LockLost { applied: false };
                StoreError::new(Operation::Replace, name, kind)
            }
            errno => self.store().unopened(Operation::Replace, name, errno),
        }
    }

    /// The type of the file that a rename to this name replaces, if it is not a regular file.
    pub(crate) fn displaced(&self, name: &FileName) -> Result<Option<FileType>, StoreError> {
        match self.store().directory.metadata_at(name.into()) {
            Ok(metadata) => {
                Ok(Some(metadata.file_type).filter(|found| *found != FileType::Regular))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(StoreError::new(Operation::Inspect, name, kind_of(errno))),
        }
    }

    /// Syncs a value that another process may have stored without a sync.
    pub(crate) fn sync_value(&self, name: &FileName) -> Result<(), StoreError> {
        let directory = &*self.store().directory;
        let opened = self
            .store()
            .open_leased(Some(self.timeout()), || directory.open(name.into()))
            .map_err(|kind| StoreError::new(Operation::SyncFile, name, kind))?;
        let file =
            opened.map_err(|errno| self.store().unopened(Operation::SyncFile, name, errno))?;
        let synced = directory.sync_file(&file);
        directory.close_unwritten(file);
        synced.map_err(|errno| StoreError::new(Operation::SyncFile, name, kind_of(errno)))
    }

    /// Removes a value, or whatever else has its name.
    pub(crate) fn delete(
        &mut self,
        name: &FileName,
        expect: Expect,
        durability: Durability,
    ) -> Result<Done, StoreError> {
        let is_moved = self.moved() == Some(name);
        let found_under = if is_moved { self.name() } else { name };
        self.store().expect(found_under, expect, self.timeout())?;
        self.check()?;
        if !self.remove_moved(name) {
            let store = self.store();
            match store.directory.unlink(name.into()) {
                Ok(()) => {}
                Err(Errno::NOENT) => return Ok(Done::NothingToRemove),
                Err(errno) => return Err(store.unopened(Operation::Remove, name, errno)),
            }
        }
        self.set_less();
        if durability == Durability::Full {
            self.sync_names().map_err(|errno| {
                let kind = StoreErrorKind::RemovedNotDurable(Box::new(errno));
                StoreError::new(Operation::SyncDirectory, name, kind)
            })?;
        }
        Ok(Done::Removed { durability })
    }

    /// Writes a new temporary file with these bytes and closes it. After a failure the file is
    /// removed.
    pub(crate) fn write_temporary(
        &self,
        data: &[u8],
        durability: Durability,
    ) -> Result<FileName, StoreError> {
        let directory = &*self.store().directory;
        let (name, file) = self.create_temporary()?;
        match write_and_close(directory, file, data, durability) {
            Ok(()) => Ok(name),
            Err((operation, errno)) => {
                let error = StoreError::new(operation, &name, kind_of(errno));
                Err(self.discard(&name, error))
            }
        }
    }

    /// A name of a temporary file that no other process draws. In a tree it has a number: there no
    /// other process makes one while the lock is held.
    pub(crate) fn temporary_name(&self) -> Result<FileName, StoreError> {
        let random =
            match self.in_tree() {
                Some(held) => held.number(),
                None => self.store().directory.random().map_err(|errno| {
                    StoreError::new(Operation::Create, self.name(), kind_of(errno))
                })?,
            };
        Ok(FileName::temporary(
            self.store().format,
            self.domain(),
            random,
        ))
    }

    /// In a tree, a temporary file that has a name already was left by a killed lock holder: it is
    /// removed, and the name is used.
    pub(crate) fn free_name(&self, name: &FileName) {
        if let Some(held) = self.in_tree()
            && held.view.directory.unlink(name.into()).is_ok()
        {
            held.repeat_number();
        }
    }

    pub(crate) fn create_temporary(&self) -> Result<(FileName, D::File), StoreError> {
        let directory = &*self.store().directory;
        for _ in 0..NAMES_MAX {
            let name = self.temporary_name()?;
            match directory.create((&name).into()) {
                Ok(file) => return Ok((name, file)),
                Err(Errno::EXIST) => self.free_name(&name),
                Err(errno) => {
                    return Err(StoreError::new(Operation::Create, &name, kind_of(errno)));
                }
            }
        }
        let kind = StoreErrorKind::GaveUp { tries: NAMES_MAX };
        Err(StoreError::new(Operation::Create, self.name(), kind))
    }

    /// Removes a temporary file after a failure. If that fails too, the error names the file.
    pub(crate) fn discard(&self, temporary: &FileName, error: StoreError) -> StoreError {
        match self.store().directory.unlink(temporary.into()) {
            Ok(()) | Err(Errno::NOENT) => error,
            Err(_) => error.leaving_behind(temporary),
        }
    }
}

impl<D: Directory> FileStore<D> {
    /// Fails unless the value is the expected one.
    pub(crate) fn expect(
        &self,
        name: &FileName,
        expect: Expect,
        timeout: Timeout,
    ) -> Result<(), StoreError> {
        if expect == Expect::Any {
            return Ok(());
        }
        let found = self.read(name, Some(timeout))?;
        let found = found.map(|value| value.version());
        let wanted = match expect {
            Expect::Version(version) => Some(version),
            _ => None,
        };
        if found == wanted {
            Ok(())
        } else {
            let kind = StoreErrorKind::PreconditionFailed { found };
            Err(StoreError::new(Operation::Compare, name, kind))
        }
    }
}

/// Writes the bytes, syncs them as asked, and closes the file in any case.
pub(crate) fn write_and_close<D: Directory>(
    directory: &Uninterrupted<D>,
    file: D::File,
    data: &[u8],
    durability: Durability,
) -> Result<(), (Operation, Errno)> {
    let written = write_all(directory, &file, data)
        .map_err(|errno| (Operation::Write, errno))
        .and_then(|()| match durability {
            Durability::Process => Ok(()),
            // Never repeated on this file: the second call would return success.
            _ => directory
                .sync_file(&file)
                .map_err(|errno| (Operation::SyncFile, errno)),
        });
    // A network file system may report only now that it has no room for the bytes.
    let closed = directory.close(file);
    written.and(closed.map_err(|errno| (Operation::Close, errno)))
}

/// Writes all bytes. Every call that succeeds writes at least one, so their number is bounded.
pub(crate) fn write_all<D: Directory>(
    directory: &D,
    file: &D::File,
    data: &[u8],
) -> Result<(), Errno> {
    let mut rest = data;
    while !rest.is_empty() {
        let written = directory.write(file, rest)?;
        rest = match rest.get(written..) {
            Some(rest) if written > 0 => rest,
            _ => return Err(Errno::IO),
        };
    }
    Ok(())
}
