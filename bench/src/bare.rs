//! `Bare`: the fewest system calls that retrieve or store as libxl's protocol asks. It allocates
//! nothing, makes no names and explains no errors.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::{fs, io};
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::Durability;
use userdata_core::{DomainKey, Userid};

const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
const NEW: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::CLOEXEC);

/// The names of one value, its lock and its temporary file, ready for the kernel.
#[derive(Debug)]
pub struct Bare {
    directory: Arc<OwnedFd>,
    data: CString,
    lock: CString,
    temporary: CString,
}

impl Bare {
    /// The value of this domain under this userid.
    ///
    /// # Errors
    ///
    /// When the directory can't be opened.
    pub fn open(path: &Path, key: &DomainKey, userid: &Userid) -> Result<Self> {
        let directory = fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
        Self::within(Arc::new(directory), key, userid)
    }

    /// Another value in the same directory.
    ///
    /// # Errors
    ///
    /// When the userid has no file name.
    pub fn another(&self, key: &DomainKey, userid: &Userid) -> Result<Self> {
        Self::within(Arc::clone(&self.directory), key, userid)
    }

    fn within(directory: Arc<OwnedFd>, key: &DomainKey, userid: &Userid) -> Result<Self> {
        let format = NameFormat::Libxl;
        Ok(Self {
            directory,
            data: CString::new(FileName::data(format, key, userid)?.as_bytes())?,
            lock: CString::new(FileName::lock(format, key).as_bytes())?,
            temporary: CString::new(FileName::temporary(format, key, 0).as_bytes())?,
        })
    }

    /// open, fstat, read, close.
    ///
    /// # Errors
    ///
    /// When a call fails, or the file does not fit the buffer.
    pub fn retrieve(&self, buffer: &mut [u8]) -> Result<usize> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = fs::openat(&self.directory, &self.data, flags, Mode::empty())?;
        let size = fs::fstat(&file)?.st_size;
        let read = io::read(&file, buffer)?;
        ensure!(
            u64::try_from(size)? == read as u64,
            "a value of {size} bytes"
        );
        Ok(read)
    }

    /// lock-open, flock, fstat, stat, open, write, close, rename, stat, unlink, close; and the
    /// syncs that the durability asks for.
    ///
    /// # Errors
    ///
    /// When a call fails, or another process has the lock.
    pub fn store(&self, data: &[u8], durability: Durability) -> Result<()> {
        let directory = &self.directory;
        let lock = fs::openat(directory, &self.lock, NEW, PRIVATE)?;
        fs::flock(&lock, FlockOperation::LockExclusive)?;
        let held = fs::fstat(&lock)?.st_ino;
        ensure!(held == self.lock_inode()?, "the lock was replaced");

        let file = fs::openat(directory, &self.temporary, NEW | OFlags::EXCL, PRIVATE)?;
        ensure!(io::write(&file, data)? == data.len(), "a short write");
        if durability != Durability::Process {
            fs::fdatasync(&file)?;
        }
        drop(file);
        fs::renameat(directory, &self.temporary, directory, &self.data)?;
        if durability == Durability::Full {
            fs::fsync(directory)?;
        }

        ensure!(held == self.lock_inode()?, "the lock was lost");
        fs::unlinkat(directory, &self.lock, AtFlags::empty())?;
        Ok(())
    }

    fn lock_inode(&self) -> Result<u64> {
        Ok(fs::statat(&self.directory, &self.lock, AtFlags::SYMLINK_NOFOLLOW)?.st_ino)
    }
}
