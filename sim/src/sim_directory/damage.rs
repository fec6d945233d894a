//! What real libxl does to a file and this library never does, and what failed calls leave.

use userdata_fs::{Directory, Errno, Name};

use super::{SimDirectory, SimFile};
use crate::call::CallKind;

impl SimDirectory {
    /// `openat(dir, name, O_RDWR|O_CREAT|O_TRUNC|O_CLOEXEC, 0600)`: what libxl does to its
    /// temporary file, and this library never does.
    ///
    /// # Errors
    ///
    /// Those of [`Directory::create`] and [`Directory::open_lock`], but `EEXIST` and `ENOENT`.
    pub fn open_truncated(&self, name: Name<'_>) -> Result<SimFile, Errno> {
        let file = match self.create(name) {
            Err(Errno::EXIST) => self.open_lock(name),
            created => created,
        }?;
        self.truncate(&file)?;
        Ok(file)
    }

    /// `ftruncate(fd, 0)`: what `O_TRUNC` does after it opened the file.
    ///
    /// # Errors
    ///
    /// `EBADF` if the file is not open in this process.
    pub fn truncate(&self, file: &SimFile) -> Result<(), Errno> {
        let mut kernel = self.kernel();
        let node = kernel.node_of(self.process.id(), file.descriptor)?;
        let clock = kernel.clock();
        kernel.storage.truncate(node, clock)?;
        kernel.stepped(CallKind::OpenLock, || "truncate".to_owned());
        Ok(())
    }

    /// Makes the disk lose the written bytes, as a failed [`Directory::sync_file`] does: the kernel
    /// takes the pages for clean, readers see the new bytes until the host goes down, the disk
    /// keeps the old ones, and the next sync succeeds.
    pub fn lose_writeback(&self, file: &SimFile) {
        let mut kernel = self.kernel();
        if let Ok(node) = kernel.node_of(self.process.id(), file.descriptor) {
            let _ = kernel.storage.lose_writeback(node);
            kernel.stepped(CallKind::SyncFile, || "failed sync".to_owned());
        }
    }

    /// Makes a file that was written lose its bytes, as a failed [`Directory::close`] does: the
    /// server of a network file system has refused them, and readers find an empty file.
    pub fn lose_written(&self, file: &SimFile) {
        let mut kernel = self.kernel();
        if let Some(node) = kernel.written(self.process.id(), file.descriptor) {
            let clock = kernel.clock();
            let _ = kernel.storage.truncate(node, clock);
            kernel.stepped(CallKind::Close, || "failed close".to_owned());
        }
    }
}
