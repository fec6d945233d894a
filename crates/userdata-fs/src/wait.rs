//! `Timeout` and `Retries`: how long a call waits for other processes.

use std::time::Duration;

use userdata_core::store::StoreErrorKind;

use crate::{Directory, Errno, FileStore};

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_millis(5);
const PAUSE_MIN: Duration = Duration::from_micros(50);

/// A pause is at most this part of the time that is left.
const NEAR: u32 = 8;

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

    /// The time at which this much of the timeout remains.
    const fn moment(&self, remaining: Duration) -> Duration {
        self.started
            .saturating_add(self.length.saturating_sub(remaining))
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

    /// Pauses before the next try, unless the timeout has ended. The longest pause doubles from try
    /// to try up to 5 ms, and shrinks again as the timeout comes near, so that a waiting process
    /// tries most often when it is about to give up. The pause itself is between half of the
    /// longest one and all of it, so that processes that began to wait together do not try
    /// together.
    pub(crate) fn pause(&mut self) -> Result<(), StoreErrorKind> {
        let remaining = self.timeout.remaining(self.directory)?;
        let near = (remaining / NEAR).max(PAUSE_MIN);
        let longest = self.pause.min(near);
        let span = jittered(longest, self.timeout.moment(remaining));
        self.directory.pause(span.min(remaining));
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

/// A span between half of the longest one and all of it. The nanoseconds of the clock decide: they
/// differ from process to process, cost no further call, and leave a simulation deterministic.
fn jittered(longest: Duration, now: Duration) -> Duration {
    let half = longest / 2;
    let most = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
    let drawn = mixed(u64::from(now.subsec_nanos()) ^ now.as_secs()) % most.saturating_add(1);
    half + Duration::from_nanos(drawn)
}

/// The output function of SplitMix64: nearby numbers become unrelated ones.
const fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_between_half_of_the_longest_and_all_of_it() {
        let longest = Duration::from_millis(4);
        let spans = (0..1000).map(|n| jittered(longest, Duration::from_nanos(n)));
        let spans: Vec<_> = spans.collect();
        let (least, most) = (spans.iter().min().unwrap(), spans.iter().max().unwrap());
        assert!(*least >= longest / 2 && *most <= longest);
        // They are spread over the whole range.
        assert!(*least < longest * 6 / 10 && *most > longest * 9 / 10);
        assert_eq!(jittered(Duration::ZERO, Duration::ZERO), Duration::ZERO);
    }
}
