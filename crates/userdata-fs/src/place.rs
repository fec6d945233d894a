//! Two checks of the directory: it is the one at its path, and it distinguishes names by case.

use std::sync::atomic::Ordering;

use userdata_core::file_name::FileName;
use userdata_core::store::{Operation, StoreError, StoreErrorKind};

use crate::failure::kind_of;
use crate::layout::Layout;
use crate::{Directory, Errno, FileStore, Identity, Name};

impl<D: Directory> FileStore<D> {
    /// Makes sure that the directory is the one at its path. Otherwise other processes use another
    /// directory: a value that is absent here may exist there, and a lock excludes none of them.
    pub(crate) fn check_place(
        &self,
        operation: Operation,
        file: impl AsRef<[u8]>,
    ) -> Result<(), StoreError> {
        if let Layout::Tree(tree) = &self.layout {
            return self.check_boot(tree, operation, file);
        }
        let kind = match self.directory.is_at_path() {
            Ok(true) => return Ok(()),
            Ok(false) => StoreErrorKind::DirectoryReplaced,
            Err(errno) => kind_of(errno),
        };
        Err(StoreError::new(operation, file, kind))
    }

    /// Makes sure, once for a store and its clones, that the directory distinguishes names by case:
    /// it must not find the lock file that is held under its name in capitals.
    pub(crate) fn check_case(&self, lock: &FileName, held: Identity) -> Result<(), StoreError> {
        if self.tells_case.load(Ordering::Relaxed) {
            return Ok(());
        }
        let capitals = lock.as_bytes().to_ascii_uppercase();
        let Some(capitals) = Name::new(&capitals) else {
            return Ok(());
        };
        let kind = match self.directory.metadata_at(capitals) {
            Ok(found) if found.identity == held => StoreErrorKind::FoldsCase,
            Ok(_) | Err(Errno::NOENT) => {
                self.tells_case.store(true, Ordering::Relaxed);
                return Ok(());
            }
            Err(errno) => kind_of(errno),
        };
        Err(StoreError::new(Operation::CheckLock, lock, kind))
    }
}
