//! `Outcome`: what a change did.

use userdata_core::{Done, Durability};

/// What a change of one value did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The new value is in place.
    Stored {
        /// What it survives.
        durability: Durability,
    },
    /// The value was removed.
    Removed {
        /// What the removal survives.
        durability: Durability,
    },
    /// There was no value to remove.
    NothingToRemove,
}

impl Outcome {
    /// What a store said of the one op it was given.
    pub(crate) fn of(done: &[Done]) -> Self {
        match done {
            [Done::Stored { durability }, ..] => Self::Stored {
                durability: *durability,
            },
            [Done::Removed { durability }, ..] => Self::Removed {
                durability: *durability,
            },
            _ => Self::NothingToRemove,
        }
    }
}
