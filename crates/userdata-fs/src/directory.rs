//! `Directory`: all calls to the operating system.

use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use userdata_core::store::FileType;

use crate::{Errno, Name, Promises, Turn};

/// A directory that is open, and the calls that a store makes on it.
///
/// Every call is relative to the directory's own descriptor, takes single names, follows no
/// symbolic link, and never waits for a file or the other end of a pipe. Time, pauses and
/// randomness are part of the trait, so that a simulated directory is deterministic to the byte.
///
/// Below, "a crash" is a power cut or a kernel panic, and "a kill" is the end of the process at any
/// point. The effect of a call that returned before a kill stays; the kernel closes the files and
/// releases the locks. After a simulated kill every later call of that process fails and changes
/// nothing, and dropping a file has no effect, since the kernel has closed it already.
pub trait Directory: Send + Sync + Sized + 'static {
    /// A file that is open. Dropping it closes it.
    type File: Send + Sync + 'static;

    /// `openat(dir, name, O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC|O_NOFOLLOW, 0600)`: makes a new file. A
    /// crash may lose the name, or keep the name of an empty file.
    ///
    /// # Errors
    ///
    /// `EEXIST` if anything has the name, a dangling link included.
    fn create(&self, name: Name<'_>) -> Result<Self::File, Errno>;

    /// `openat(dir, name, O_RDWR|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY)`: opens an existing file
    /// to lock it. It is opened for writing as well, because NFS gives an exclusive lock only to
    /// such a file.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none, `ELOOP` for a symbolic link, `EISDIR` for a directory, `ENXIO`
    /// for a socket, `EAGAIN` while another process has a lease on it (`F_SETLEASE`).
    fn open_lock(&self, name: Name<'_>) -> Result<Self::File, Errno>;

    /// `openat(dir, name, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY)`: opens a file to read
    /// it, or a directory to lock it.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is none, `ELOOP` for a symbolic link, `ENXIO` for a socket, `EAGAIN` while
    /// another process has a lease for writing on it (`F_SETLEASE`).
    fn open(&self, name: Name<'_>) -> Result<Self::File, Errno>;

    /// `openat2(dir, child/name, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY,
    /// RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_MAGICLINKS)`: opens a file in a child
    /// directory to read it, in one call.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no such directory or file, `ENOTDIR` if `child` is not a directory,
    /// `ELOOP` for a symbolic link in either place, `ENXIO` for a socket, `EAGAIN` while another
    /// process has a lease for writing on it; `ENOSYS` if the kernel has no such call, `EPERM` if
    /// an old seccomp filter does not know it.
    fn open_in(&self, child: Name<'_>, name: Name<'_>) -> Result<Self::File, Errno>;

    /// `close(fd)`: closes the file, even if the call fails. Releases the file's lock, unless a
    /// forked child still has the file open.
    ///
    /// # Errors
    ///
    /// `EDQUOT`, `ENOSPC` or `EIO` if bytes that `write` accepted are lost: a network file system
    /// sends them to its server when the file is closed. `EINTR` counts as success, since Linux has
    /// closed the file then.
    fn close(&self, file: Self::File) -> Result<(), Errno>;

    /// `read(fd, buffer)`: reads the next bytes, possibly fewer than asked for; none at the end.
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

    /// `fstat(fd)`: the type, size and identity of the file.
    ///
    /// # Errors
    ///
    /// As in `fstat(2)`.
    fn metadata(&self, file: &Self::File) -> Result<Metadata, Errno>;

    /// `fstatat(dir, name, AT_SYMLINK_NOFOLLOW)`: the same for the file of this name.
    ///
    /// # Errors
    ///
    /// `ENOENT` if no file has the name.
    fn metadata_at(&self, name: Name<'_>) -> Result<Metadata, Errno>;

    /// `stat(path/name)`, without following a link of this name: the same for the file that has the
    /// name in the directory at this directory's path. If another directory is at the path by now,
    /// the file is another one, too. The path of a child is that of its parent and its name. For a
    /// directory that was opened without a path this is [`Directory::metadata_at`].
    ///
    /// # Errors
    ///
    /// `ENOENT` if no file has the name, or the path leads nowhere.
    fn metadata_by_path(&self, name: Name<'_>) -> Result<Metadata, Errno>;

    /// `fstat(dir)`: the same for the directory itself.
    ///
    /// # Errors
    ///
    /// As in `fstat(2)`.
    fn own_metadata(&self) -> Result<Metadata, Errno>;

    /// `flock(fd, LOCK_EX|LOCK_NB)` or `LOCK_SH`: locks the file, without waiting.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if a lock of another open file excludes this lock; `EBADF` on NFS for an exclusive
    /// lock of a file that is not open for writing.
    fn lock(&self, file: &Self::File, mode: LockMode) -> Result<(), Errno>;

    /// `flock(fd, LOCK_UN)`: releases the lock, even if forked children still have the file open.
    ///
    /// # Errors
    ///
    /// As in `flock(2)`.
    fn unlock(&self, file: &Self::File) -> Result<(), Errno>;

    /// `flock(dir, LOCK_EX|LOCK_NB)` or `LOCK_SH`: locks the directory itself. A file that
    /// [`Directory::open`] made of the same directory is another open file, whose lock excludes
    /// this one.
    ///
    /// # Errors
    ///
    /// As [`Directory::lock`]. NFS answers `EBADF`, because a directory can't be open for writing.
    fn lock_itself(&self, mode: LockMode) -> Result<(), Errno>;

    /// `flock(dir, LOCK_UN)`: releases the lock of the directory itself. Dropping the directory
    /// does so, too, unless forked children still have it open.
    ///
    /// # Errors
    ///
    /// As in `flock(2)`.
    fn unlock_itself(&self) -> Result<(), Errno>;

    /// `fdatasync(fd)`: once it has returned, the file's bytes survive a crash. The file's name may
    /// not.
    ///
    /// Must not be repeated after a failure: the kernel answers the second call with success
    /// although the bytes are lost.
    ///
    /// # Errors
    ///
    /// As in `fsync(2)`. `EIO` may be the error of any earlier write.
    fn sync_file(&self, file: &Self::File) -> Result<(), Errno>;

    /// `sync_file_range(fd, 0, 0, WAIT_BEFORE|WRITE|WAIT_AFTER)`: writes the file's bytes to the
    /// disk and waits until the disk has them, without a flush of its cache. A crash may still lose
    /// any part of them, until the cache is flushed. On a file system with
    /// [`Promises::one_barrier`], a change of a name that is made after this call survives a crash
    /// only together with the bytes.
    ///
    /// Must not be repeated after a failure, as [`Directory::sync_file`].
    ///
    /// # Errors
    ///
    /// `EIO`, `ENOSPC` or `EDQUOT` if the bytes are lost; `ENOSYS` if the kernel has no such call.
    fn write_back(&self, file: &Self::File) -> Result<(), Errno>;

    /// `fsync(fd)`: once it has returned, the file's bytes and attributes survive a crash. On a
    /// file system with [`Promises::one_barrier`], so do its names.
    ///
    /// Must not be repeated after a failure, as [`Directory::sync_file`].
    ///
    /// # Errors
    ///
    /// As [`Directory::sync_file`].
    fn sync_file_and_name(&self, file: &Self::File) -> Result<(), Errno>;

    /// `syncfs(fd)`: makes everything durable that was written to the file system before, the files
    /// of other programs included. Without [`Promises::sync_all`] it may return success although
    /// bytes are lost.
    ///
    /// # Errors
    ///
    /// `EIO`, `ENOSPC` or `EDQUOT` if bytes of any file were lost since `file` was opened.
    fn sync_all(&self, file: &Self::File) -> Result<(), Errno>;

    /// `fstatfs(dir)`: what the file system promises. It is asked once, and then remembered.
    fn promises(&self) -> Promises;

    /// `renameat(dir, from, dir, to)`: renames a file, and replaces the file that has the new name.
    /// Atomic for other processes. After a crash the new name belongs to the old file or to the new
    /// one.
    ///
    /// # Errors
    ///
    /// `EISDIR` if `to` is a directory and `from` is not.
    fn rename(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno>;

    /// `renameat(dir, from, into, to)`: the same, into another directory of the same file system.
    ///
    /// # Errors
    ///
    /// As [`Directory::rename`].
    fn rename_into(&self, from: Name<'_>, into: &Self, to: Name<'_>) -> Result<(), Errno>;

    /// `renameat2(dir, from, dir, to, RENAME_NOREPLACE)`: gives a file another name, which no file
    /// has. This needs no inode. Atomic for other processes: they see the file under one of the two
    /// names, and of several calls for one new name one succeeds. After a crash the file has one of
    /// them.
    ///
    /// # Errors
    ///
    /// `ENOENT` if `from` does not exist, otherwise `EEXIST` if anything has the name `to`, even
    /// the same file; `EINVAL` if the file system has no such call, `ENOSYS` if the kernel has no
    /// such call.
    fn rename_no_replace(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno>;

    /// `linkat(dir, from, dir, to, 0)`: gives a file one more name, which needs no inode. A
    /// symbolic link is not followed: the link itself gets the name. A crash may lose the name.
    ///
    /// # Errors
    ///
    /// `EEXIST` if anything has the name `to`, `EPERM` for a directory or where the file system has
    /// no links, `EMLINK` if the file has too many names.
    fn link(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno>;

    /// `unlinkat(dir, name, 0)`: removes a name. A crash may bring it back.
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
    /// `ENOENT` if no file has the name, `ENOTDIR` if the file is not a directory; a symbolic link
    /// is not.
    fn open_directory(&self, name: Name<'_>) -> Result<Self, Errno>;

    /// `unlinkat(dir, name, AT_REMOVEDIR)`: removes an empty child directory.
    ///
    /// # Errors
    ///
    /// `ENOTEMPTY` while it holds anything.
    fn remove_directory(&self, name: Name<'_>) -> Result<(), Errno>;

    /// `getdents64` from the start: calls `each` with every name but `.` and `..`, until `each`
    /// breaks. A name that is added or removed meanwhile may be shown or not.
    ///
    /// # Errors
    ///
    /// As in `getdents(2)`.
    fn list(&self, each: &mut dyn FnMut(Name<'_>) -> ControlFlow<()>) -> Result<(), Errno>;

    /// `fsync(dir)`: once it has returned, the names in the directory survive a crash.
    ///
    /// # Errors
    ///
    /// As in `fsync(2)`.
    fn sync(&self) -> Result<(), Errno>;

    /// Compares `stat(path)` with the directory that is open: whether the path still leads to it.
    /// For a directory that was opened without a path, as a child is, `fstat(dir)` shows whether it
    /// still has a name.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the path leads nowhere, or the directory was removed.
    fn is_at_path(&self) -> Result<bool, Errno>;

    /// `clock_gettime(CLOCK_MONOTONIC)`: the time since some fixed moment.
    fn now(&self) -> Duration;

    /// `nanosleep`: sleeps for about this long.
    fn pause(&self, span: Duration);

    /// `pthread_cond_timedwait`: sleeps until another thread of this process gives the turn, at
    /// most for this long. The threads of one process that change one domain wait here, and `lock`
    /// is the name of the lock that they want.
    ///
    /// [`Turn::wait`] does it. If the turn is not given when this returns, the time is over. A
    /// simulated directory lets the other threads run meanwhile.
    fn await_turn(&self, lock: Name<'_>, turn: &Turn, span: Duration);

    /// `pthread_cond_signal`: gives the turn to the thread that waits for it. [`Turn::give`] does
    /// it.
    fn give_turn(&self, lock: Name<'_>, turn: &Turn);

    /// `getrandom(16)`: a random number, which no other process gets.
    ///
    /// # Errors
    ///
    /// As in `getrandom(2)`.
    fn random(&self) -> Result<u128, Errno>;

    /// `getpid()`: the number of this process; a forked child has another one.
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

/// The fields of `struct stat` that the store needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The identity of the file.
    pub identity: Identity,
    /// The type of the file.
    pub file_type: FileType,
    /// Its size in bytes.
    pub size: u64,
    /// When its content was last written.
    pub modified: SystemTime,
}

/// The identity of a file. It distinguishes the files that exist at one time only, since file
/// systems reuse inode numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
}
