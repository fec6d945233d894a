//! `Waits`: for how long sweeps must have seen that a domain is gone.

use std::fmt;
use std::time::Duration;

use userdata::sweep::SweepOptions;

/// For how long sweeps must have seen that a domain is gone before one of them removes its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waits {
    /// For how long they must have seen another uuid.
    pub grace: Duration,
    /// For how long they must have seen any reason to remove its data.
    pub settle: Duration,
}

impl Waits {
    /// Only another uuid must have been seen for some time.
    #[must_use]
    pub const fn grace(grace: Duration) -> Self {
        Self {
            grace,
            settle: Duration::ZERO,
        }
    }

    /// The same, and all orphans must have been seen for this time.
    #[must_use]
    pub const fn and_settle(self, settle: Duration) -> Self {
        let grace = self.grace;
        Self { grace, settle }
    }

    /// For how long another uuid must have been seen: the longer of the two.
    #[must_use]
    pub fn of_other_uuid(&self) -> Duration {
        self.grace.max(self.settle)
    }

    pub(crate) fn options(&self) -> SweepOptions {
        let mut options = SweepOptions::default();
        (options.grace, options.settle) = (self.grace, self.settle);
        options
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a grace of {:?}", self.grace)?;
        if !self.settle.is_zero() {
            write!(f, " and a settle time of {:?}", self.settle)?;
        }
        Ok(())
    }
}
