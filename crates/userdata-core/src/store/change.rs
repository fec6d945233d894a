//! `Op` and `Done`: one change to a domain's data, and what it did.

use crate::store::{Durability, FileType, StoreError};
use crate::value::NonEmpty;
use crate::{Userid, Version, WritableUserid};

/// One change to a domain's data.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Op<'a> {
    /// Replaces the value under `userid`, or creates it.
    Put {
        /// The userid of the value.
        userid: &'a WritableUserid,
        /// The bytes. A value has at least one; [`Op::Delete`] removes a value.
        data: NonEmpty<'a>,
        /// The value that the change expects to find.
        expect: Expect,
        /// The durability that the change must reach.
        durability: Durability,
    },
    /// Removes the value under `userid`, or whatever else has its name.
    Delete {
        /// The userid of the value.
        userid: &'a Userid,
        /// The value that the change expects to find.
        expect: Expect,
        /// The durability that the change must reach.
        durability: Durability,
    },
    /// Removes all records of the domain, and continues after a failure.
    Clear {
        /// The data that stays.
        keep: Keep,
        /// The durability that the change must reach.
        durability: Durability,
    },
}

/// The data that stays when a domain's data is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keep {
    /// The data that a living domain needs: `libxl-json`, lock files, and a closing mark that is
    /// held.
    Essential,
    /// Nothing, as in `libxl__userdata_destroyall`. A lock file of another program stays while
    /// that program holds the lock.
    Nothing,
}

/// The value that a change expects to find. If it finds another one, nothing is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expect {
    /// Anything, including a damaged record and no value.
    #[default]
    Any,
    /// No value.
    Absent,
    /// A value of this version.
    Version(Version),
}

/// The result of one [`Op`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Done {
    /// The value is in place.
    Stored {
        /// The durability that the change reached.
        durability: Durability,
        /// The type of the file that was replaced, if that was not a regular file.
        displaced: Option<FileType>,
    },
    /// The value was removed.
    Removed {
        /// The durability that the removal reached.
        durability: Durability,
    },
    /// There was no value to remove.
    NothingToRemove,
    /// The domain's records were removed.
    Cleared(Cleared),
}

/// The result of an [`Op::Clear`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Cleared {
    /// The userids of the values that were removed, in order.
    pub removed: Vec<Userid>,
    /// How many other records were removed: temporary files, locks, closing marks, files of unknown
    /// kinds.
    pub others: usize,
    /// One error for each record that could not be removed.
    pub failed: Vec<StoreError>,
    /// The durability that the removals reached.
    pub durability: Durability,
}
