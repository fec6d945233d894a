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
        /// What the change must survive.
        durability: Durability,
    },
    /// Removes the value under `userid`, or whatever else has its name.
    Delete {
        /// The userid of the value.
        userid: &'a Userid,
        /// The value that the change expects to find.
        expect: Expect,
        /// What the change must survive.
        durability: Durability,
    },
    /// Removes all records of the domain, and continues after a failure.
    Clear {
        /// What stays.
        keep: Keep,
        /// What the change must survive.
        durability: Durability,
    },
}

/// What stays when a domain's data is cleared.
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

/// What one [`Op`] did.
#[derive(Debug)]
#[non_exhaustive]
pub enum Done {
    /// The value is in place.
    Stored {
        /// What it survives.
        durability: Durability,
        /// The type of the file that was replaced, if that was not a regular file.
        displaced: Option<FileType>,
    },
    /// The value was removed.
    Removed {
        /// What the removal survives.
        durability: Durability,
    },
    /// There was no value to remove.
    NothingToRemove,
    /// The domain's records were removed.
    Cleared(Cleared),
}

/// What an [`Op::Clear`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Cleared {
    /// The userids of the values that were removed, in order.
    pub removed: Vec<Userid>,
    /// How many other records were removed: temporary files, locks, closing marks, files of unknown
    /// kinds.
    pub others: usize,
    /// What could not be removed, and why.
    pub failed: Vec<StoreError>,
    /// What the removals survive.
    pub durability: Durability,
}
