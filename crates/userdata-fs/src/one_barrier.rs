//! A durable replace with one flush of the disk's cache instead of two.
//!
//! The bytes are written back and awaited, without a flush; then the rename; then `fsync` of the
//! file. On a file system with [`Promises::one_barrier`](crate::Promises) this is enough. The
//! commit that makes the new name durable flushes the disk's cache first, and the bytes are in that
//! cache, since they were awaited before the rename. So no crash leaves the name without the bytes.
//! The `fsync` after the rename waits for that commit.

use userdata_core::file_name::FileName;
use userdata_core::store::{FileType, Operation, StoreError, StoreErrorKind};

use crate::failure::kind_of;
use crate::lock::HeldLock;
use crate::replace::write_all;
use crate::{Directory, Errno};

impl<D: Directory> HeldLock<'_, D> {
    /// Replaces a value durably. Returns the type of the file that was replaced, if that was not a
    /// regular file.
    pub(crate) fn put_with_one_barrier(
        &self,
        name: &FileName,
        data: &[u8],
    ) -> Result<Option<FileType>, StoreError> {
        let directory = &*self.store().directory;
        let (temporary, file) = self.create_temporary()?;
        let named = write_all(directory, &file, data)
            .map_err(|errno| (Operation::Write, errno))
            .and_then(|()| {
                written_back(directory, &file).map_err(|errno| (Operation::SyncFile, errno))
            })
            .map_err(|(operation, errno)| StoreError::new(operation, &temporary, kind_of(errno)))
            .and_then(|()| self.displaced(name))
            .and_then(|displaced| self.check().map(|()| displaced))
            .and_then(|displaced| {
                directory
                    .rename((&temporary).into(), name.into())
                    .map(|()| displaced)
                    .map_err(|errno| self.not_renamed(name, errno))
            })
            .map_err(|error| self.discard(&temporary, error));
        let synced = named.and_then(|displaced| {
            let synced = directory.sync_file_and_name(&file);
            synced.map(|()| displaced).map_err(|errno| {
                let kind = StoreErrorKind::ReplacedNotDurable(Box::new(errno));
                StoreError::new(Operation::SyncFile, name, kind)
            })
        });
        // These file systems report every error of a write at the sync, and none at the close.
        directory.close_unwritten(file);
        synced
    }
}

/// Writes the bytes back. Where the kernel, or a filter of its calls, has no call for that, they
/// are synced instead, with a flush.
fn written_back<D: Directory>(directory: &D, file: &D::File) -> Result<(), Errno> {
    match directory.write_back(file) {
        Err(Errno::NOSYS) => directory.sync_file(file),
        written => written,
    }
}
