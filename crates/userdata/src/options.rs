//! `Options`: how changes are made.

use std::time::Duration;

use userdata_core::store::Durability;

/// How changes are made unless a call says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long one call may wait for other processes, all its waits together. Default: ten
    /// seconds.
    pub timeout: Duration,
    /// The durability that a change must reach. Default: [`Durability::Full`].
    pub durability: Durability,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            durability: Durability::default(),
        }
    }
}
