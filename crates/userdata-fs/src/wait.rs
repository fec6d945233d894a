//! `Timeout` and `Retries`: how long a call waits for other processes.

use std::time::Duration;

use userdata_core::store::StoreErrorKind;

use crate::{Directory, Errno, FileStore};

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_millis(5);
const PAUSE_MIN: Duration = Duration::from_micros(50);

/// The time that one call may wait, all its waits together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeout {
    started: Duration,
    length: Duration,
}

impl Timeout {
    /// A timeout that runs from now on.
    pub(crate) fn start<D: Directory>(directory: &D, length: Duration) -> Self {
        let started = directory.now();
        Self { started, length }
    }

    /// The time that is left, if there is any.
    pub(crate) fn remaining<D: Directory>(
        &self,
        directory: &D,
    ) -> Result<Duration, StoreErrorKind> {
        let waited = self.waited(directory);
        self.length
            .checked_sub(waited)
            .filter(|remaining| !remaining.is_zero())
            .ok_or(StoreErrorKind::DeadlinePassed { waited })
    }

    /// The error when the time is over.
    pub(crate) fn passed<D: Directory>(&self, directory: &D) -> StoreErrorKind {
        let waited = self.waited(directory);
        StoreErrorKind::DeadlinePassed { waited }
    }

    fn waited<D: Directory>(&self, directory: &D) -> Duration {
        directory.now().saturating_sub(self.started)
    }
}

/// Tries with pauses in between, until a timeout ends.
pub(crate) struct Retries<'a, D> {
    directory: &'a D,
    timeout: Timeout,
    pause: Duration,
}

impl<'a, D: Directory> Retries<'a, D> {
    pub(crate) const fn new(directory: &'a D, timeout: Timeout) -> Self {
        Self {
            directory,
            timeout,
            pause: PAUSE_MIN,
        }
    }

    /// Pauses before the next try, unless the timeout has ended.
    pub(crate) fn pause(&mut self) -> Result<(), StoreErrorKind> {
        let remaining = self.timeout.remaining(self.directory)?;
        self.directory.pause(self.pause.min(remaining));
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

impl<D: Directory> FileStore<D> {
    /// Opens a file, and waits while another process has a lease on it (`F_SETLEASE` of `fcntl(2)`,
    /// which Samba and the kernel's NFS server use). The inner result is the result of the last
    /// try.
    ///
    /// If the caller has no timeout, the store's read timeout is used, and begins with the first
    /// try that meets a lease.
    pub(crate) fn open_leased(
        &self,
        timeout: Option<Timeout>,
        open: impl Fn() -> Result<D::File, Errno>,
    ) -> Result<Result<D::File, Errno>, StoreErrorKind> {
        let directory = &*self.directory;
        let mut retries = None;
        loop {
            match open() {
                Err(Errno::AGAIN) => retries
                    .get_or_insert_with(|| {
                        let own = || Timeout::start(directory, self.read_timeout);
                        Retries::new(directory, timeout.unwrap_or_else(own))
                    })
                    .pause()?,
                opened => return Ok(opened),
            }
        }
    }
}
