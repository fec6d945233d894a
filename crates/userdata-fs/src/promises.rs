//! `Promises`: what a file system promises beyond POSIX.

use std::os::fd::BorrowedFd;

use rustix::fs::{CWD, Mode, OFlags};

/// What a file system promises beyond POSIX, as far as a store makes use of it. Both are false for
/// a file system of which nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Promises {
    /// A change of a name becomes durable in a commit that first flushes the disk's cache, and
    /// `fsync` of a file makes its names durable as well. So
    /// [`write_back`](crate::Directory::write_back), a rename and
    /// [`sync_file_and_name`](crate::Directory::sync_file_and_name) make a durable value. True for
    /// ext4 with a journal and xfs; docs/power-cuts.md has the measurements. False for btrfs: it
    /// ends the write-back of a file before it records where the bytes are, and a commit between
    /// the two leaves the name with an empty file.
    pub one_barrier: bool,
    /// [`sync_all`](crate::Directory::sync_all) returns only when everything is durable, and
    /// reports the errors of all files. True for ext4, xfs and btrfs on Linux 5.8 and later.
    pub sync_all: bool,
}

/// `f_type` of `fstatfs(2)`; ext2, ext3 and ext4 have the same.
const EXT4: u64 = 0xef53;
const XFS: u64 = 0x5846_5342;
const BTRFS: u64 = 0x9123_683e;

/// The first release of Linux in which `syncfs(2)` reports errors of writes.
const SYNCFS_REPORTS: (u32, u32) = (5, 8);

impl Promises {
    /// No promise at all.
    pub const NONE: Self = Self {
        one_barrier: false,
        sync_all: false,
    };

    /// Every promise.
    pub const ALL: Self = Self {
        one_barrier: true,
        sync_all: true,
    };

    /// The promises of the file system of this directory. Whatever can't be found out is not
    /// promised.
    pub(crate) fn of(directory: BorrowedFd<'_>) -> Self {
        let Ok(found) = rustix::fs::fstatfs(directory) else {
            return Self::NONE;
        };
        let kind = u64::try_from(found.f_type).unwrap_or_default() & 0xffff_ffff;
        Self {
            one_barrier: match kind {
                EXT4 => has_journal(directory),
                XFS => true,
                _ => false,
            },
            sync_all: matches!(kind, EXT4 | XFS | BTRFS) && syncfs_reports(),
        }
    }
}

/// Whether this is ext4 (or ext3, which the same driver serves) with a journal, as sysfs shows it
/// to every user. False if there is no sysfs.
fn has_journal(directory: BorrowedFd<'_>) -> bool {
    let Ok(stat) = rustix::fs::fstat(directory) else {
        return false;
    };
    let (major, minor) = (
        rustix::fs::major(stat.st_dev),
        rustix::fs::minor(stat.st_dev),
    );
    let Ok(device) = rustix::fs::readlink(format!("/sys/dev/block/{major}:{minor}"), Vec::new())
    else {
        return false;
    };
    let device = device.to_string_lossy();
    let name = device.rsplit('/').next().unwrap_or_default();
    let path = format!("/sys/fs/ext4/{name}/journal_task");
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let Ok(file) = rustix::fs::openat(CWD, path, flags, Mode::empty()) else {
        return false;
    };
    // The number of the journal's thread, or `<none>`.
    let mut first = [0];
    matches!(rustix::io::read(&file, &mut first), Ok(1)) && first[0].is_ascii_digit()
}

fn syncfs_reports() -> bool {
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy();
    release_of(&release).is_some_and(|release| release >= SYNCFS_REPORTS)
}

/// The first two numbers of `uname -r`.
fn release_of(text: &str) -> Option<(u32, u32)> {
    let (major, rest) = text.split_once('.')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit());
    let minor = rest.get(..digits.unwrap_or(rest.len()))?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_its_first_two_numbers() {
        assert_eq!(release_of("6.18.44-generic"), Some((6, 18)));
        assert_eq!(release_of("5.8-rc1"), Some((5, 8)));
        assert_eq!(release_of("5"), None);
        assert!(release_of("4.19.0").unwrap() < SYNCFS_REPORTS);
    }

    #[test]
    fn a_file_system_in_memory_promises_nothing() {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = rustix::fs::openat(CWD, "/proc", flags, Mode::empty()).unwrap();
        use std::os::fd::AsFd as _;
        assert_eq!(Promises::of(proc.as_fd()), Promises::NONE);
    }
}
