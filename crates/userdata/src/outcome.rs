//! `Outcome`: what a change did.

use userdata_core::{Done, Durability, FileType};

/// What a change of one value did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The new value is in place.
    Stored {
        /// What it survives.
        durability: Durability,
        /// What stood in its place, if that was something other than a value: a symbolic link, a
        /// named pipe. It was neither followed nor opened.
        displaced: Option<FileType>,
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
            [
                Done::Stored {
                    durability,
                    displaced,
                },
                ..,
            ] => Self::Stored {
                durability: *durability,
                displaced: *displaced,
            },
            [Done::Removed { durability }, ..] => Self::Removed {
                durability: *durability,
            },
            _ => Self::NothingToRemove,
        }
    }
}
