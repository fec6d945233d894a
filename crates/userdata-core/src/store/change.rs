//! `Op` and `Done`: one change to a domain's data, and what it did.

use std::time::Duration;

use crate::store::{Durability, FileType, Record, StoreError};
use crate::value::NonEmpty;
use crate::{Userid, Version, WritableUserid};

/// One change to a domain's data.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Op<'a> {
    /// Replaces the value under `userid`, or makes a first one.
    Put {
        /// The userid of the value.
        userid: &'a WritableUserid,
        /// The bytes. A value has at least one; to store none is to delete.
        data: NonEmpty<'a>,
        /// What must be there before the change.
        expect: Expect,
        /// What the change must survive.
        durability: Durability,
    },
    /// Removes the value under `userid`, or anything else that has its name.
    Delete {
        /// The userid of the value.
        userid: &'a Userid,
        /// What must be there before the change.
        expect: Expect,
        /// What the change must survive.
        durability: Durability,
    },
    /// Puts several values, all of them or none: if one can't be put, none is changed. A reader
    /// that comes in between, or a process that is killed, may see a part of them, each of them
    /// whole; to put them again completes it.
    PutAll {
        /// The values, of which no two have the same userid.
        values: &'a [Put<'a>],
        /// What becomes of a value that is already there and differs.
        clash: Clash,
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

/// One value of an [`Op::PutAll`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Put<'a> {
    /// The userid of the value.
    pub userid: &'a WritableUserid,
    /// The bytes.
    pub data: NonEmpty<'a>,
}

impl<'a> Put<'a> {
    /// These bytes under this userid.
    #[must_use]
    pub const fn new(userid: &'a WritableUserid, data: NonEmpty<'a>) -> Self {
        Self { userid, data }
    }
}

/// What becomes of a value that is already there, where another one is to be put. An equal value is
/// never a clash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Clash {
    /// The whole change fails with [`PreconditionFailed`], and nothing is changed.
    ///
    /// [`PreconditionFailed`]: crate::store::StoreErrorKind::PreconditionFailed
    #[default]
    Refuse,
    /// The new value replaces it.
    Replace,
    /// It stays, and the new value is left out.
    Keep,
}

/// What stays when a domain's data is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keep {
    /// What a living domain needs: `libxl-json`, lock files, and a closing mark that is held.
    Essential,
    /// Nothing, as in `libxl__userdata_destroyall`. A lock file of another program stays while
    /// that program holds the lock.
    Nothing,
    /// Everything but what writers and closers left behind: temporary files of at least this age,
    /// and closing marks that no process holds.
    AllButStale {
        /// How long ago, by the clock of the store's records, a temporary file was last written.
        age: Duration,
    },
}

/// What must be there for a change to be made.
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
        /// The type of what it replaced, if that was not a regular file.
        displaced: Option<FileType>,
    },
    /// The value was removed.
    Removed {
        /// What the removal survives.
        durability: Durability,
    },
    /// There was no value to remove.
    NothingToRemove,
    /// The values are in place, or were so before.
    StoredAll(StoredAll),
    /// The domain's records were removed.
    Cleared(Cleared),
}

/// What an [`Op::PutAll`] did: each userid is in one of the lists, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredAll {
    /// The values that are new or replaced another one.
    pub stored: Vec<Userid>,
    /// The values that were there already, with the same bytes.
    pub unchanged: Vec<Userid>,
    /// The userids under which a different value stays, as [`Clash::Keep`] says.
    pub kept: Vec<Userid>,
    /// What the change survives.
    pub durability: Durability,
}

/// What was reclaimed of the records that no domain can reach.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Reclaimed {
    /// How many records were removed.
    pub records: u64,
    /// What could not be removed, and why.
    pub failed: Vec<StoreError>,
}

/// What an [`Op::Clear`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Cleared {
    /// The userids of the values that were removed, in order.
    pub removed: Vec<Userid>,
    /// The other records that were removed, in order: temporary files, locks, marks, foreign kinds.
    pub others: Vec<Record>,
    /// What could not be removed, and why.
    pub failed: Vec<StoreError>,
    /// What the removals survive.
    pub durability: Durability,
}
