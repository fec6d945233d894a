//! `OsDirectory`: a real directory, through rustix.

use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RawDir, Stat};
use rustix::rand::GetRandomFlags;
use rustix::thread::{ClockId, NanosleepRelativeResult};
use userdata_core::store::FileType;

use crate::{Directory, Errno, Identity, LockMode, Metadata, Name};

/// How many bytes of names one `getdents64` fetches: about four hundred of ours. More would be fewer
/// calls, but names that have left the processor's first cache when they are compared.
const NAMES_LEN: usize = 32 * 1024;

/// What every open has in common: never a descriptor in a child of somebody's fork and exec, never
/// through a link, never a wait for the other end of a pipe, never a terminal of our own.
const SAFELY: OFlags = OFlags::CLOEXEC
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A directory of the operating system, held by a descriptor: what happens to its path after it was
/// opened does not matter.
#[derive(Debug)]
pub struct OsDirectory(OwnedFd);

/// A file of the operating system that is open.
#[derive(Debug)]
pub struct OsFile(OwnedFd);

impl OsDirectory {
    /// `open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC)`: opens a directory. The path is the
    /// administrator's, so links in it are followed, this once.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `ENOTDIR`, `EACCES` as in `open(2)`.
    pub fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    fn openat(&self, name: Name<'_>, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        Ok(rustix::fs::openat(&self.0, name.as_bytes(), flags, mode)?)
    }
}

impl Directory for OsDirectory {
    type File = OsFile;

    fn create(&self, name: Name<'_>) -> Result<OsFile, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | SAFELY;
        self.openat(name, flags, PRIVATE_FILE).map(OsFile)
    }

    fn open_lock(&self, name: Name<'_>) -> Result<OsFile, Errno> {
        self.openat(name, OFlags::RDWR | OFlags::CREATE | SAFELY, PRIVATE_FILE)
            .map(OsFile)
    }

    fn open(&self, name: Name<'_>) -> Result<OsFile, Errno> {
        self.openat(name, OFlags::RDONLY | SAFELY, Mode::empty())
            .map(OsFile)
    }

    fn close(&self, file: OsFile) {
        drop(file);
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
        let stat = rustix::fs::statat(&self.0, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(metadata_of(&stat))
    }

    fn lock(&self, file: &OsFile, mode: LockMode) -> Result<(), Errno> {
        let operation = match mode {
            LockMode::Exclusive => FlockOperation::NonBlockingLockExclusive,
            LockMode::Shared => FlockOperation::NonBlockingLockShared,
        };
        Ok(rustix::fs::flock(&file.0, operation)?)
    }

    fn unlock(&self, file: &OsFile) -> Result<(), Errno> {
        Ok(rustix::fs::flock(&file.0, FlockOperation::Unlock)?)
    }

    fn sync_file(&self, file: &OsFile) -> Result<(), Errno> {
        Ok(rustix::fs::fdatasync(&file.0)?)
    }

    fn rename(&self, from: Name<'_>, to: Name<'_>) -> Result<(), Errno> {
        self.rename_into(from, self, to)
    }

    fn rename_into(&self, from: Name<'_>, into: &Self, to: Name<'_>) -> Result<(), Errno> {
        Ok(rustix::fs::renameat(
            &self.0,
            from.as_bytes(),
            &into.0,
            to.as_bytes(),
        )?)
    }

    fn unlink(&self, name: Name<'_>) -> Result<(), Errno> {
        Ok(rustix::fs::unlinkat(
            &self.0,
            name.as_bytes(),
            AtFlags::empty(),
        )?)
    }

    fn make_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        Ok(rustix::fs::mkdirat(&self.0, name.as_bytes(), Mode::RWXU)?)
    }

    fn open_directory(&self, name: Name<'_>) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFELY;
        self.openat(name, flags, Mode::empty()).map(Self)
    }

    fn remove_directory(&self, name: Name<'_>) -> Result<(), Errno> {
        Ok(rustix::fs::unlinkat(
            &self.0,
            name.as_bytes(),
            AtFlags::REMOVEDIR,
        )?)
    }

    fn list(&self, each: &mut dyn FnMut(Name<'_>) -> ControlFlow<()>) -> Result<(), Errno> {
        // A descriptor of its own, because the position in a listing belongs to the descriptor.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let listing = rustix::fs::openat(&self.0, c".", flags, Mode::empty())?;
        let mut buffer = Vec::with_capacity(NAMES_LEN);
        let mut entries = RawDir::new(listing, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            // `.` and `..` are no names.
            if let Some(name) = Name::of_entry(entry?.file_name())
                && each(name).is_break()
            {
                break;
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Errno> {
        Ok(rustix::fs::fsync(&self.0)?)
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
            tv_nsec: span.subsec_nanos().into(),
        };
        // A signal may cut the pause short, which is as good as any other wake-up.
        let (NanosleepRelativeResult::Ok
        | NanosleepRelativeResult::Interrupted(_)
        | NanosleepRelativeResult::Err(_)) = rustix::thread::nanosleep(&request);
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
    let nanoseconds = Duration::from_nanos(stat.st_mtime_nsec);
    let seconds = Duration::from_secs(stat.st_mtime.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let whole = if stat.st_mtime < 0 {
        epoch.checked_sub(seconds)
    } else {
        epoch.checked_add(seconds)
    };
    Metadata {
        identity: Identity {
            device: stat.st_dev,
            inode: stat.st_ino,
        },
        file_type,
        size: u64::try_from(stat.st_size).unwrap_or_default(),
        modified: whole
            .and_then(|time| time.checked_add(nanoseconds))
            .unwrap_or(epoch),
    }
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
            directory.open_lock(name(b"lock")).unwrap(),
            directory.open(name(b"file")).unwrap(),
        ];
        directory.make_directory(name(b"child")).unwrap();
        let child = directory.open_directory(name(b"child")).unwrap();
        let descriptors = files.iter().map(|file| &file.0);
        for descriptor in descriptors.chain([&directory.0, &child.0]) {
            assert_eq!(fcntl_getfd(descriptor).unwrap(), FdFlags::CLOEXEC);
        }
    }
}
