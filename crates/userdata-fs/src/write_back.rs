//! The call `sync_file_range(2)`, which neither the standard library nor rustix nor nix has.

#![expect(
    unsafe_code,
    reason = "no safe library has this call; it takes a descriptor and no pointer"
)]

use std::os::fd::{AsRawFd as _, BorrowedFd};

use libc::{
    SYNC_FILE_RANGE_WAIT_AFTER, SYNC_FILE_RANGE_WAIT_BEFORE, SYNC_FILE_RANGE_WRITE, off64_t,
};

use crate::Errno;

/// Up to the end of the file.
const ALL: off64_t = 0;

/// Writes the bytes of a file to the disk and waits until the disk has them, in its cache.
pub(crate) fn write_back(file: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    // SAFETY: the descriptor is open, since it is borrowed, and the call reads and writes no memory
    // of this process.
    let answer = unsafe { libc::sync_file_range(file.as_raw_fd(), 0, ALL, flags) };
    match answer {
        0 => Ok(()),
        _ => Err(Errno::from_raw(nix::errno::Errno::last_raw())),
    }
}
