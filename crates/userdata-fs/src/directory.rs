//! `Directory`: the seam to the operating system.

use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use userdata_core::store::FileType;

use crate::{Errno, Name};

/// A directory that is open, and the few calls a store makes on it.
///
/// Every call is relative to the directory's own descriptor, takes single names, follows no
/// symbolic link, and never blocks on what it finds. Time, pauses and randomness are part of the
/// seam, so that a simulated directory is deterministic to the byte.
///
/// "A crash" below is a power cut or a kernel panic; "a kill" is the end of the process at any
/// point. After a kill whatever calls returned before it stands, files are closed and locks
/// released. A simulated kill makes the directory and its files inert: every later call of that
/// process fails and changes nothing, and dropping a file does nothing more, since the kernel has
/// closed it already.
pub trait Directory: Send + Sync + Sized + 'static {
    /// A file that is open. Dropping it closes it.
    type File: Send + Sync + 'static;

    /// `openat(dir, name, O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC|O_NOFOLLOW, 0600)`: a file that was not
    /// there before. A crash may lose the name, or keep the name of an empty file.
    ///
    /// # Errors
    ///
    /// `EEXIST` if anything has the name, a dangling link included.
    fn create(&self, name: Name<'_>) -> Result<Self::File, Errno>;

    /// `openat(dir, name, O_RDWR|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY)`: a file that is there,
    /// to be locked. Open for writing too, because NFS gives an exclusive lock to no other.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none, `ELOOP` for a symbolic link, `EISDIR` for a directory, `ENXIO`
    /// for a socket, `EAGAIN` while another process has a lease on it (`F_SETLEASE`).
    fn open_lock(&self, name: Name<'_>) -> Result<Self::File, Errno>;

    /// `openat(dir, name, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY)`: a file to be read,
    /// or a directory to be locked.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none, `ELOOP` for a symbolic link, `ENXIO` for a socket, `EAGAIN` while
    /// another process has a lease for writing on it (`F_SETLEASE`).
    fn open(&self, name: Name<'_>) -> Result<Self::File, Errno>;

    /// `close(fd)`: closes the file, also when it fails. Releases its lock unless a forked child
    /// still has it open.
    ///
    /// # Errors
    ///
    /// `EDQUOT`, `ENOSPC` or `EIO` if bytes that `write` accepted are lost: a network file system
    /// sends them to its server when the file is closed. `EINTR` is a success, as on Linux the
    /// file is closed then.
    fn close(&self, file: Self::File) -> Result<(), Errno>;

    /// `read(fd, buffer)`: the next bytes, possibly fewer than asked for; none at the end.
    ///
    /// # Errors
    ///
    /// As in `read(2)`.
    fn read(&self, file: &Self::File, buffer: &mut [u8]) -> Result<usize, Errno>;

    /// `write(fd, bytes)`: appends, possibly fewer bytes than given. A crash may lose any part of
    /// what was not synced and leave zeros in its place.
    ///
    /// # Errors
    ///
    /// As in `write(2)`.
    fn write(&self, file: &Self::File, bytes: &[u8]) -> Result<usize, Errno>;

    /// `fstat(fd)`: what the file is.
    ///
    /// # Errors
    ///
    /// As in `fstat(2)`.
    fn metadata(&self, file: &Self::File) -> Result<Metadata, Errno>;

    /// `fstatat(dir, name, AT_SYMLINK_NOFOLLOW)`: what stands under a name.
    ///
    /// # Errors
    ///
    /// `ENOENT` if nothing does.
    fn metadata_at(&self, name: Name<'_>) -> Result<Metadata, Errno>;

    /// `flock(fd, LOCK_EX|LOCK_NB)` or `LOCK_SH`: locks the file, without waiting.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if another open file has a lock that excludes this one; `EBADF` on NFS for an
    /// exclusive lock of a file that is not open for writing.
    fn lock(&self, file: &Self::File, mode: LockMode) -> Result<(), Errno>;

    /// `flock(fd, LOCK_UN)`: releases the lock, for forked children that have the file open too.
    ///
    /// # Errors
    ///
    /// As in `flock(2)`.
    fn unlock(&self, file: &Self::File) -> Result<(), Errno>;

    /// `fdatasync(fd)`: after it the file's bytes survive a crash; its name need not.
    ///
    /// Must not be repeated after a failure: the kernel answers the second call with success
    /// although the bytes are lost.
    ///
    /// # Errors
    ///
    /// As in `fsync(2)`; `EIO` may tell of any earlier write.
    fn sync_file(&self, file: &Self::File) -> Result<(), Errno>;

    /// `renameat(dir, from, dir, to)`: gives a file another name, replacing what has that name.
    /// Atomic for others; after a crash the name stands for the old file or the new one.
    ///
    /// # Errors
    ///
    /// `EISDIR` if `to` is a directory and `from` is not.
    fn rename(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno>;

    /// `renameat(dir, from, into, to)`: the same into another directory of the file system.
    ///
    /// # Errors
    ///
    /// As [`Directory::rename`].
    fn rename_into(&self, from: Name<'_>, into: &Self, to: Name<'_>) -> Result<(), Errno>;

    /// `renameat2(dir, from, dir, to, RENAME_NOREPLACE)`: gives a file another name, which nothing
    /// has. Takes no inode. Atomic for others: they see the file under one of the two names, and of
    /// several calls for one new name one succeeds. After a crash it has one of them.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no `from`, otherwise `EEXIST` if anything has the name `to`, the same
    /// file included; `EINVAL` where the file system, `ENOSYS` where the kernel has no such call.
    fn rename_no_replace(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno>;

    /// `linkat(dir, from, dir, to, 0)`: gives a file one more name, which takes no inode. A
    /// symbolic link is not followed, but gets the name itself. A crash may lose the name.
    ///
    /// # Errors
    ///
    /// `EEXIST` if anything has the name `to`, `EPERM` for a directory or where the file system has
    /// no links, `EMLINK` if the file has too many names.
    fn link(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno>;

    /// `unlinkat(dir, name, 0)`: takes a name away. A crash may bring it back.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none, `EISDIR` for a directory.
    fn unlink(&self, name: Name<'_>) -> Result<(), Errno>;

    /// `mkdirat(dir, name, 0700)`: makes a child directory. A crash may lose it.
    ///
    /// # Errors
    ///
    /// `EEXIST` if anything has the name.
    fn make_directory(&self, name: Name<'_>) -> Result<(), Errno>;

    /// `openat(dir, name, O_RDONLY|O_DIRECTORY|O_CLOEXEC|O_NOFOLLOW)`: opens a child directory.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none, `ENOTDIR` if it is something else, a symbolic link included.
    fn open_directory(&self, name: Name<'_>) -> Result<Self, Errno>;

    /// `unlinkat(dir, name, AT_REMOVEDIR)`: removes an empty child directory.
    ///
    /// # Errors
    ///
    /// `ENOTEMPTY` while it holds anything.
    fn remove_directory(&self, name: Name<'_>) -> Result<(), Errno>;

    /// `getdents64` from the start: shows every name but `.` and `..` to `each`, until it breaks. A
    /// name that is made or taken away meanwhile may be shown or not.
    ///
    /// # Errors
    ///
    /// As in `getdents(2)`.
    fn list(&self, each: &mut dyn FnMut(Name<'_>) -> ControlFlow<()>) -> Result<(), Errno>;

    /// `fsync(dir)`: after it the names in the directory survive a crash.
    ///
    /// # Errors
    ///
    /// As in `fsync(2)`.
    fn sync(&self) -> Result<(), Errno>;

    /// `stat(path)`, compared with the directory that is open: whether the path still leads to it.
    /// A directory that was opened without a path of its own, as a child is, answers by
    /// `fstat(dir)` whether it still has a name.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the path leads nowhere, or the directory was removed.
    fn is_at_path(&self) -> Result<bool, Errno>;

    /// `clock_gettime(CLOCK_MONOTONIC)`: time since some fixed point.
    fn now(&self) -> Duration;

    /// `nanosleep`: lets others run for about this long.
    fn pause(&self, span: Duration);

    /// `getrandom(16)`: a number that no other process draws.
    ///
    /// # Errors
    ///
    /// As in `getrandom(2)`.
    fn random(&self) -> Result<u128, Errno>;

    /// `getpid()`: which process this is; a forked child gets another number.
    fn process(&self) -> u32;
}

/// How a file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockMode {
    /// No other open file has a lock on it.
    Exclusive,
    /// Other open files may have shared locks on it.
    Shared,
}

/// What the store asks of a file's `struct stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Which file it is.
    pub identity: Identity,
    /// What it is.
    pub file_type: FileType,
    /// Its size in bytes.
    pub size: u64,
    /// When its content was last written.
    pub modified: SystemTime,
}

/// Which file it is, among those that exist at the same time: file systems reuse inode numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
}
