//! Standard input and output as files, so that no error is hidden.
//!
//! The handles of std hide two errors. They take `EBADF` for the end of the input, or for a write
//! that succeeded. And if a descriptor is closed, std opens `/dev/null` in its place before `main`,
//! so that later files don't get its number. An input would then seem empty, and an output would be
//! lost. A `/dev/null` that the caller chose looks the same, so this module checks the descriptors
//! before std opens any.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::io::{Errno, fcntl_getfd};

/// The descriptors that were closed when the process began, one bit for each. Written once, before
/// `main`.
static CLOSED: AtomicU8 = AtomicU8::new(0);

const INPUT: u8 = 1;
const OUTPUT: u8 = 1 << 1;
const ERROR: u8 = 1 << 2;

/// Runs before std is initialized, so it uses nothing but system calls.
#[ctor::ctor]
fn look_for_closed() {
    for (descriptor, bit) in [
        (rustix::stdio::stdin(), INPUT),
        (rustix::stdio::stdout(), OUTPUT),
        (rustix::stdio::stderr(), ERROR),
    ] {
        if fcntl_getfd(descriptor) == Err(Errno::BADF) {
            CLOSED.fetch_or(bit, Ordering::Relaxed);
        }
    }
}

/// Standard input; `EBADF` if it was closed when the command began.
pub(crate) fn input() -> io::Result<File> {
    file(io::stdin().as_fd(), INPUT)
}

/// Standard output; `EBADF` if it was closed when the command began.
pub(crate) fn output() -> io::Result<File> {
    file(io::stdout().as_fd(), OUTPUT)
}

/// Standard error; `EBADF` if it was closed when the command began.
pub(crate) fn error() -> io::Result<File> {
    file(io::stderr().as_fd(), ERROR)
}

fn file(descriptor: BorrowedFd<'_>, bit: u8) -> io::Result<File> {
    if CLOSED.load(Ordering::Relaxed) & bit != 0 {
        return Err(Errno::BADF.into());
    }
    Ok(File::from(descriptor.try_clone_to_owned()?))
}
