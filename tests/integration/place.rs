//! `Place`: the file system of a test, a disk or a tmpfs.

use std::io::Write as _;
use std::path::Path;

use rustix::fs::{FsWord, statfs};
use tempfile::TempDir;

/// `TMPFS_MAGIC` of `linux/magic.h`.
const TMPFS_MAGIC: FsWord = 0x0102_1994;

/// A kind of file system to test on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The system's directory for temporary files.
    Disk,
    /// A tmpfs.
    Memory,
}

impl Place {
    /// Both, or the disk alone, with a message, if there is no tmpfs that this user may write to.
    pub(crate) fn all() -> Vec<Self> {
        match Self::Memory.new_directory() {
            Some(_) => vec![Self::Disk, Self::Memory],
            None => {
                skipped(
                    "tests on a tmpfs",
                    "/dev/shm is none that can be written to",
                );
                vec![Self::Disk]
            }
        }
    }

    pub(crate) fn scratch(self) -> TempDir {
        self.new_directory().expect("a scratch directory")
    }

    fn new_directory(self) -> Option<TempDir> {
        match self {
            Self::Disk => tempfile::tempdir().ok(),
            Self::Memory => {
                let memory = Path::new("/dev/shm");
                let found = statfs(memory).ok()?;
                (found.f_type == TMPFS_MAGIC)
                    .then(|| tempfile::tempdir_in(memory).ok())
                    .flatten()
            }
        }
    }
}

/// Prints that something can't be tested here. It bypasses the harness, which would hide the
/// message.
pub(crate) fn skipped(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {what}: {why}");
}
