//! `OsDirectory`: a real directory, through rustix.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RawDir, RenameFlags, ResolveFlags, Stat};
use rustix::rand::GetRandomFlags;
use rustix::thread::{ClockId, NanosleepRelativeResult};
use userdata_core::store::FileType;

use crate::write_back::write_back;
use crate::{Directory, Errno, Identity, LockMode, Metadata, Name, Promises, Turn};

/// How many bytes of names one `getdents64` fetches: about four hundred names of userdata. A larger
/// buffer would take fewer calls, but would not fit into the processor's first cache.
const NAMES_LEN: usize = 32 * 1024;

/// Two names with a slash between them.
const PAIR_MAX: usize = 2 * 255 + 1;

/// The flags of every open: exec closes the descriptor, no link is followed, the open does not wait
/// for the other end of a pipe, and a terminal does not become that of the process.
const SAFELY: OFlags = OFlags::CLOEXEC
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A directory of the operating system, held by a descriptor. If it was opened by its path, it can
/// tell whether the path leads to another directory now, see [`Directory::is_at_path`].
#[derive(Debug)]
pub struct OsDirectory {
    descriptor: OwnedFd,
    /// The path by which it, or the directory that it is in, was opened. Absolute, so that it stays
    /// the same when the process changes its own directory.
    path: Option<PathBuf>,
    /// The directory at the path when it was opened; unknown for a child.
    identity: Option<Identity>,
    promises: OnceLock<Promises>,
}

/// A file of the operating system that is open.
#[derive(Debug)]
pub struct OsFile(OwnedFd);

impl OsDirectory {
    /// `open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC)`: opens a directory. The administrator chose the
    /// path, so symbolic links in it are followed.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `ENOTDIR`, `EACCES` as in `open(2)`.
    pub fn open(path: &Path) -> Result<Self, Errno> {
        let path = std::path::absolute(path)
            .map_err(|error| error.raw_os_error().map_or(Errno::NOENT, Errno::from_raw))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(&path, flags, Mode::empty())?;
        let identity = metadata_of(&rustix::fs::fstat(&descriptor)?).identity;
        Ok(Self {
            descriptor,
            path: Some(path),
            identity: Some(identity),
            promises: OnceLock::new(),
        })
    }

    /// `mkdir(path, 0700)`: makes a directory, unless another process has made it meanwhile, and
    /// opens it. Its name is not synced; see [`sync_parent`](Self::sync_parent).
    ///
    /// # Errors
    ///
    /// `ENOENT`, `EACCES` and `ENOSPC` as in `mkdir(2)`.
    pub(crate) fn make(path: &Path) -> Result<Self, Errno> {
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        Self::open(path)
    }

    /// `fsync` of the directory that this one is in by its path.
    ///
    /// # Errors
    ///
    /// As in `open(2)` and `fsync(2)`.
    pub(crate) fn sync_parent(&self) -> Result<(), Errno> {
        match self.path.as_deref().and_then(Path::parent) {
            Some(parent) => Self::open(parent)?.sync(),
            None => Ok(()),
        }
    }

    /// `fstatfs(dir)`: whether the directory is on NFS.
    ///
    /// # Errors
    ///
    /// As in `fstatfs(2)`.
    pub fn is_on_nfs(&self) -> Result<bool, Errno> {
        let found = rustix::fs::fstatfs(&self.descriptor)?;
        Ok(i128::from(found.f_type) == i128::from(rustix::fs::NFS_SUPER_MAGIC))
    }

    fn openat(&self, name: Name<'_>, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let directory = &self.descriptor;
        Ok(rustix::fs::openat(directory, name.as_bytes(), flags, mode)?)
    }
}

impl From<OwnedFd> for OsDirectory {
    /// A directory that the caller has opened. Its path is not known, so the store notices its
    /// removal, and does not notice that the path leads to another directory.
    fn from(descriptor: OwnedFd) -> Self {
        Self {
            descriptor,
            path: None,
            identity: None,
            promises: OnceLock::new(),
        }
    }
}

impl Directory for OsDirectory {
    type File = OsFile;

    fn create(&self, name: Name<'_>) -> Result<OsFile, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | SAFELY;
        self.openat(name, flags, PRIVATE_FILE).map(OsFile)
    }

    fn open_lock(&self, name: Name<'_>) -> Result<OsFile, Errno> {
        self.openat(name, OFlags::RDWR | SAFELY, Mode::empty())
            .map(OsFile)
    }

    fn open(&self, name: Name<'_>) -> Result<OsFile, Errno> {
        self.openat(name, OFlags::RDONLY | SAFELY, Mode::empty())
            .map(OsFile)
    }

    fn open_in(&self, child: Name<'_>, name: Name<'_>) -> Result<OsFile, Errno> {
        let (child, name) = (child.as_bytes(), name.as_bytes());
        let mut path = [0; PAIR_MAX];
        let length = child.len() + 1 + name.len();
        let parts = child.iter().chain(b"/").chain(name);
        path.iter_mut()
            .zip(parts)
            .for_each(|(to, byte)| *to = *byte);
        let path = path.get(..length).ok_or(Errno::NAMETOOLONG)?;
        let resolve = ResolveFlags::BENEATH
            .union(ResolveFlags::NO_SYMLINKS)
            .union(ResolveFlags::NO_MAGICLINKS);
        let flags = OFlags::RDONLY | SAFELY;
        let opened = rustix::fs::openat2(&self.descriptor, path, flags, Mode::empty(), resolve);
        Ok(OsFile(opened?))
    }

    fn close(&self, file: OsFile) -> Result<(), Errno> {
        // Dropping it would hide the error.
        nix::unistd::close(file.0).map_err(|errno| Errno::from_raw(errno as i32))
    }

    fn read(&self, file: &OsFile, buffer: &mut [u8]) -> Result<usize, Errno> {
        Ok(rustix::io::read(&file.0, buffer)?)
    }

    fn write(&self, file: &OsFile, bytes: &[u8]) -> Result<usize, Errno> {
        Ok(rustix::io::write(&file.0, bytes)?)
    }

    fn metadata(&self, file: &OsFile) -> Result<Metadata, Errno> {
        Ok(metadata_of(&rustix::fs::fstat(&file.0)?))
    }

    fn metadata_at(&self, name: Name<'_>) -> Result<Metadata, Errno> {
        let directory = &self.descriptor;
        let stat = rustix::fs::statat(directory, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(metadata_of(&stat))
    }

    fn metadata_by_path(&self, name: Name<'_>) -> Result<Metadata, Errno> {
        let Some(path) = &self.path else {
            return self.metadata_at(name);
        };
        Ok(metadata_of(&rustix::fs::lstat(below(path, name))?))
    }

    fn own_metadata(&self) -> Result<Metadata, Errno> {
        Ok(metadata_of(&rustix::fs::fstat(&self.descriptor)?))
    }

    fn lock(&self, file: &OsFile, mode: LockMode) -> Result<(), Errno> {
        Ok(rustix::fs::flock(&file.0, locking(mode))?)
    }

    fn unlock(&self, file: &OsFile) -> Result<(), Errno> {
        Ok(rustix::fs::flock(&file.0, FlockOperation::Unlock)?)
    }

    fn lock_itself(&self, mode: LockMode) -> Result<(), Errno> {
        Ok(rustix::fs::flock(&self.descriptor, locking(mode))?)
    }

    fn unlock_itself(&self) -> Result<(), Errno> {
        Ok(rustix::fs::flock(&self.descriptor, FlockOperation::Unlock)?)
    }

    fn sync_file(&self, file: &OsFile) -> Result<(), Errno> {
        Ok(rustix::fs::fdatasync(&file.0)?)
    }

    fn write_back(&self, file: &OsFile) -> Result<(), Errno> {
        write_back(file.0.as_fd())
    }

    fn sync_file_and_name(&self, file: &OsFile) -> Result<(), Errno> {
        Ok(rustix::fs::fsync(&file.0)?)
    }

    fn sync_all(&self, file: &OsFile) -> Result<(), Errno> {
        Ok(rustix::fs::syncfs(&file.0)?)
    }

    fn promises(&self) -> Promises {
        *self
            .promises
            .get_or_init(|| Promises::of(self.descriptor.as_fd()))
    }

    fn rename(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        self.rename_into(from, self, to)
    }

    fn rename_into(&self, from: Name<'_>, into: &Self, to: Name<'_>) -> Result<(), Errno> {
        Ok(rustix::fs::renameat(
            &self.descriptor,
            from.as_bytes(),
            &into.descriptor,
            to.as_bytes(),
        )?)
    }

    fn rename_no_replace(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        Ok(rustix::fs::renameat_with(
            &self.descriptor,
            from.as_bytes(),
            &self.descriptor,
            to.as_bytes(),
            RenameFlags::NOREPLACE,
        )?)
    }

    fn link(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        Ok(rustix::fs::linkat(
            &self.descriptor,
            from.as_bytes(),
            &self.descriptor,
            to.as_bytes(),
            AtFlags::empty(),
        )?)
    }

    fn unlink(&self, name: Name<'_>) -> Result<(), Errno> {
        Ok(rustix::fs::unlinkat(
            &self.descriptor,
            name.as_bytes(),
            AtFlags::empty(),
        )?)
    }

    fn make_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        let directory = &self.descriptor;
        Ok(rustix::fs::mkdirat(directory, name.as_bytes(), Mode::RWXU)?)
    }

    fn open_directory(&self, name: Name<'_>) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFELY;
        let descriptor = self.openat(name, flags, Mode::empty())?;
        let path = self.path.as_ref();
        Ok(Self {
            descriptor,
            path: path.map(|path| below(path, name)),
            identity: None,
            promises: self.promises.clone(),
        })
    }

    fn remove_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        Ok(rustix::fs::unlinkat(
            &self.descriptor,
            name.as_bytes(),
            AtFlags::REMOVEDIR,
        )?)
    }

    fn list(&self, each: &mut dyn FnMut(Name<'_>) -> ControlFlow<()>) -> Result<(), Errno> {
        // A descriptor of its own, because the position in a listing belongs to the descriptor.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let listing = rustix::fs::openat(&self.descriptor, c".", flags, Mode::empty())?;
        let mut buffer = Vec::with_capacity(NAMES_LEN);
        let mut entries = RawDir::new(listing, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            // `.` and `..` are left out: they are not a `Name`.
            if let Some(name) = Name::of_entry(entry?.file_name())
                && each(name).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Errno> {
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }

    fn is_at_path(&self) -> Result<bool, Errno> {
        match (&self.path, self.identity) {
            (Some(path), Some(identity)) => {
                let found = metadata_of(&rustix::fs::stat(path)?);
                Ok(found.identity == identity)
            }
            _ if rustix::fs::fstat(&self.descriptor)?.st_nlink == 0 => Err(Errno::NOENT),
            _ => Ok(true),
        }
    }

    fn now(&self) -> Duration {
        let now = rustix::time::clock_gettime(ClockId::Monotonic);
        // Invariant: the monotonic clock is never negative, and its nanoseconds stay below 10^9.
        Duration::new(
            now.tv_sec.unsigned_abs(),
            u32::try_from(now.tv_nsec).unwrap_or_default(),
        )
    }

    fn pause(&self, span: Duration) {
        let request = rustix::thread::Timespec {
            tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: fitting(span.subsec_nanos()),
        };
        // A signal may cut the pause short, which does no harm.
        let (NanosleepRelativeResult::Ok
        | NanosleepRelativeResult::Interrupted(_)
        | NanosleepRelativeResult::Err(_)) = rustix::thread::nanosleep(&request);
    }

    fn await_turn(&self, _lock: Name<'_>, turn: &Turn, span: Duration) {
        turn.wait(span);
    }

    fn give_turn(&self, _lock: Name<'_>, turn: &Turn) {
        turn.give();
    }

    fn random(&self) -> Result<u128, Errno> {
        let mut bytes = [0; 16];
        let read = rustix::rand::getrandom(&mut bytes, GetRandomFlags::empty())?;
        if read == bytes.len() {
            Ok(u128::from_ne_bytes(bytes))
        } else {
            Err(Errno::INTR)
        }
    }

    fn process(&self) -> u32 {
        rustix::process::getpid()
            .as_raw_nonzero()
            .get()
            .unsigned_abs()
    }
}

/// The path of a name in the directory at this path. It is only compared with what is open.
#[expect(
    clippy::disallowed_methods,
    reason = "the path shows whether other processes still find the open directory"
)]
fn below(path: &Path, name: Name<'_>) -> PathBuf {
    path.join(OsStr::from_bytes(name.as_bytes()))
}

const fn locking(mode: LockMode) -> FlockOperation {
    match mode {
        LockMode::Exclusive => FlockOperation::NonBlockingLockExclusive,
        LockMode::Shared => FlockOperation::NonBlockingLockShared,
    }
}

fn metadata_of(stat: &Stat) -> Metadata {
    use rustix::fs::FileType as Os;
    let file_type = match Os::from_raw_mode(stat.st_mode) {
        Os::RegularFile => FileType::Regular,
        Os::Directory => FileType::Directory,
        Os::Symlink => FileType::Symlink,
        Os::Fifo => FileType::Fifo,
        Os::Socket => FileType::Socket,
        Os::CharacterDevice | Os::BlockDevice => FileType::Device,
        _ => FileType::Other,
    };
    let nanoseconds = Duration::from_nanos(fitting(stat.st_mtime_nsec));
    let since_epoch: i64 = fitting(stat.st_mtime);
    let seconds = Duration::from_secs(since_epoch.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let whole = if since_epoch < 0 {
        epoch.checked_sub(seconds)
    } else {
        epoch.checked_add(seconds)
    };
    Metadata {
        identity: Identity {
            device: fitting(stat.st_dev),
            inode: fitting(stat.st_ino),
        },
        file_type,
        size: fitting(stat.st_size),
        modified: whole
            .and_then(|time| time.checked_add(nanoseconds))
            .unwrap_or(epoch),
    }
}

/// The same number in another type: the widths in `struct stat` and `struct timespec` differ from
/// machine to machine. A number that does not fit becomes 0; no kernel returns one.
fn fitting<T: TryInto<U>, U: Default>(number: T) -> U {
    number.try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rustix::io::{FdFlags, fcntl_getfd};

    use super::*;

    #[test]
    fn no_descriptor_outlives_an_exec() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = OsDirectory::open(scratch.path()).unwrap();
        let name = |bytes| Name::new(bytes).unwrap();
        let files = [
            directory.create(name(b"file")).unwrap(),
            directory.open_lock(name(b"file")).unwrap(),
            directory.open(name(b"file")).unwrap(),
        ];
        directory.make_directory(name(b"child")).unwrap();
        let child = directory.open_directory(name(b"child")).unwrap();
        let descriptors = files.iter().map(|file| &file.0);
        for descriptor in descriptors.chain([&directory.descriptor, &child.descriptor]) {
            assert_eq!(fcntl_getfd(descriptor).unwrap(), FdFlags::CLOEXEC);
        }
    }
}
