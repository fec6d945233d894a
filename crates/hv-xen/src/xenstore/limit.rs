//! `Limit`: the deadline of a request.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::XenstoreErrorKind;

/// The point in time at which a wait ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    start: Instant,
    span: Duration,
}

impl Limit {
    /// A deadline `span` from now. A span of zero is taken as one millisecond, so that bytes which
    /// have already arrived are read.
    pub(super) fn within(span: Duration) -> Self {
        let span = span.max(Duration::from_millis(1));
        Self {
            start: Instant::now(),
            span,
        }
    }

    fn left(self) -> Result<Duration, XenstoreErrorKind> {
        self.span
            .checked_sub(self.start.elapsed())
            .ok_or(XenstoreErrorKind::DeadlinePassed { waited: self.span })
    }

    /// Waits until the descriptor can be read from or written to.
    pub(super) fn ready(
        self,
        fd: BorrowedFd<'_>,
        events: PollFlags,
    ) -> Result<(), XenstoreErrorKind> {
        loop {
            let left = Timespec::try_from(self.left()?).ok();
            match poll(&mut [PollFd::from_borrowed_fd(fd, events)], left.as_ref()) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(XenstoreErrorKind::Failed(io::Error::from(errno))),
            }
        }
    }

    /// Waits a moment, for a condition that can't be polled for.
    pub(super) fn pause(self) -> Result<(), XenstoreErrorKind> {
        std::thread::sleep(self.left()?.min(Duration::from_millis(5)));
        Ok(())
    }
}
