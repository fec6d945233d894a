//! `Outcome`: the result of a change.

use userdata_core::DomainKey;
use userdata_core::store::{Done, Durability, FileType};

use crate::UserdataErrorKind;
use crate::clear::no_outcome;

/// The result of a change of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The new value is in place.
    Stored {
        /// The durability that the change reached.
        durability: Durability,
        /// The type of the file that the new value replaced, if that was not a regular file: a
        /// symbolic link or a named pipe, for example. It was neither followed nor opened.
        displaced: Option<FileType>,
    },
    /// The value was removed.
    Removed {
        /// The durability that the removal reached.
        durability: Durability,
    },
    /// There was no value to remove.
    NothingToRemove,
    /// The caller of [`Userdata::update`](crate::Userdata::update) left the value as it was.
    Unchanged,
}

impl Outcome {
    /// The outcome of the one op that the store was given. Any other answer of the store is an
    /// error: it must not look like success.
    pub(crate) fn of(key: &DomainKey, done: &[Done]) -> Result<Self, UserdataErrorKind> {
        match done {
            [
                Done::Stored {
                    durability,
                    displaced,
                },
            ] => Ok(Self::Stored {
                durability: *durability,
                displaced: *displaced,
            }),
            [Done::Removed { durability }] => Ok(Self::Removed {
                durability: *durability,
            }),
            [Done::NothingToRemove] => Ok(Self::NothingToRemove),
            _ => Err(no_outcome(key)),
        }
    }
}
