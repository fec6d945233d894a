//! Standard input and output as files, which hide no error.
//!
//! std's own handles hide two. They take `EBADF` for the end of the input, or for a write that
//! succeeded. And before `main` std opens `/dev/null` for reading and writing in place of a
//! descriptor that is closed, so that later files don't get its number; then an input would seem
//! empty, and an output would be lost.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, major, minor};
use rustix::io::Errno;

/// `/dev/null`, major and minor.
const NULL: (u32, u32) = (1, 3);

/// Standard input; `EBADF` if it was closed when the command began.
pub(crate) fn input() -> io::Result<File> {
    file(io::stdin().as_fd())
}

/// Standard output; `EBADF` if it was closed when the command began.
pub(crate) fn output() -> io::Result<File> {
    file(io::stdout().as_fd())
}

/// Standard error; `EBADF` if it was closed when the command began.
pub(crate) fn error() -> io::Result<File> {
    file(io::stderr().as_fd())
}

fn file(descriptor: BorrowedFd<'_>) -> io::Result<File> {
    if is_null_for_both(descriptor)? {
        return Err(Errno::BADF.into());
    }
    Ok(File::from(descriptor.try_clone_to_owned()?))
}

/// Whether it is `/dev/null`, open for reading and writing, as std opens it in place of a closed
/// descriptor. Shells and systemd open it for one of the two.
fn is_null_for_both(descriptor: BorrowedFd<'_>) -> io::Result<bool> {
    let stat = fstat(descriptor)?;
    let null = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && (major(stat.st_rdev), minor(stat.st_rdev)) == NULL;
    let access = fcntl_getfl(descriptor)? & OFlags::ACCMODE;
    Ok(null && access == OFlags::RDWR)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn only_null_for_both_counts_as_closed() {
        let open = |path: &str, read, write| {
            let file = OpenOptions::new().read(read).write(write).open(path);
            is_null_for_both(file.unwrap().as_fd()).unwrap()
        };
        assert!(open("/dev/null", true, true));
        assert!(!open("/dev/null", true, false));
        assert!(!open("/dev/null", false, true));
        assert!(!open("/dev/zero", true, true));
    }
}
