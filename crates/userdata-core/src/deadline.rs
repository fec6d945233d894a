//! `Deadline`: how long an operation may wait.

use std::time::Duration;

/// How long an operation may wait for others, counted on the store's own clock from the moment it
/// is asked. The core has no clock, so this is a span and not a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Duration);

impl Deadline {
    /// At most this long from the moment the store is asked; zero tries once.
    #[must_use]
    pub const fn within(span: Duration) -> Self {
        Self(span)
    }

    /// The span.
    #[must_use]
    pub const fn span(self) -> Duration {
        self.0
    }
}

impl Default for Deadline {
    /// Ten seconds.
    fn default() -> Self {
        Self(Duration::from_secs(10))
    }
}
