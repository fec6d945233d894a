//! `later`: an instant behind another by a time of any length.

use std::time::Duration;

use tokio::time::Instant;

/// More than any call waits, and less than what clocks can count: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

pub(crate) fn later(instant: Instant, time: Duration) -> Instant {
    instant + time.min(LONGEST)
}
