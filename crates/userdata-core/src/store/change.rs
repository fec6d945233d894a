//! `Op` and `Done`: one change to a domain's data, and what it did.

use std::time::Duration;

use crate::store::{
    AdmitPut, Durability, FileType, Operation, Record, State, Store, StoreError, StoreErrorKind,
};
use crate::value::NonEmpty;
use crate::{DomainKey, Userid, Version, WritableUserid};

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
    /// Puts several values, all of them or none: if one can't be put, none is changed. A reader may
    /// see a part of them meanwhile, and a process that is killed may leave a part of them, but
    /// each value is whole. The same change, made again, completes it.
    PutAll {
        /// The values. If two of them have the same userid, the error is [`Unsupported`], and
        /// nothing of the whole change is made.
        ///
        /// [`Unsupported`]: crate::store::StoreErrorKind::Unsupported
        values: &'a [Put<'a>],
        /// What the change does with a value that is already there and differs.
        clash: Clash,
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

/// The values that [`Store::put_each`] puts for one of many domains.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PutEach<'a> {
    /// The domain.
    pub domain: DomainKey,
    /// Its values, each under a userid of its own.
    pub values: &'a [Put<'a>],
}

impl<'a> PutEach<'a> {
    /// These values for this domain.
    #[must_use]
    pub const fn new(domain: DomainKey, values: &'a [Put<'a>]) -> Self {
        Self { domain, values }
    }

    /// Puts the values by a change of their own: one [`Op::PutAll`] that replaces what is there.
    ///
    /// # Errors
    ///
    /// As [`Store::change`].
    pub fn put_alone<S: Store + ?Sized>(
        &self,
        store: &S,
        timeout: Duration,
        durability: Durability,
        admit: AdmitPut<'_>,
    ) -> Result<StoredAll, StoreError> {
        let op = Op::PutAll {
            values: self.values,
            clash: Clash::Replace,
            durability,
        };
        let mut admit = |state: &State| admit(&self.domain, state);
        let done = store.change(&self.domain, timeout, &mut admit, &[op])?;
        match <[Done; 1]>::try_from(done) {
            Ok([Done::StoredAll(stored)]) => Ok(stored),
            _ => {
                let (kind, domain) = (StoreErrorKind::Unsupported, self.domain.to_string());
                Err(StoreError::new(Operation::Admit, domain, kind))
            }
        }
    }
}

/// What a change does with a value that is already there and differs from the one that it puts. An
/// equal value is never a clash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Clash {
    /// The whole change fails with [`PreconditionFailed`], and nothing is changed.
    ///
    /// [`PreconditionFailed`]: crate::store::StoreErrorKind::PreconditionFailed
    #[default]
    Refuse,
    /// The new value replaces the old one.
    Replace,
    /// The old value stays, and the new one is left out.
    Keep,
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
    /// Everything except what killed processes left behind: temporary files of at least this age,
    /// and closing marks that no process holds.
    AllButStale {
        /// How long ago, by the clock of the store's records, a temporary file was last written.
        age: Duration,
    },
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
    /// The values are in place, or were so before.
    StoredAll(StoredAll),
    /// The domain's records were removed.
    Cleared(Cleared),
}

/// The result of an [`Op::PutAll`]: each userid is in one of the lists, in the order of the values.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct StoredAll {
    /// The values that are new or replaced another one.
    pub stored: Vec<Userid>,
    /// The values that were there already, with the same bytes.
    pub unchanged: Vec<Userid>,
    /// The userids under which a different value stays, because of [`Clash::Keep`].
    pub kept: Vec<Userid>,
    /// The durability that the change reached.
    pub durability: Durability,
    /// The temporary files that could not be removed, although all values are in place.
    pub failed: Vec<StoreError>,
}

/// The result of [`Store::reclaim`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Reclaimed {
    /// How many records were removed.
    pub records: u64,
    /// One error for each record that could not be removed.
    pub failed: Vec<StoreError>,
}

/// The result of an [`Op::Clear`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Cleared {
    /// The userids of the values that were removed, in order.
    pub removed: Vec<Userid>,
    /// The other records that were removed, in order: temporary files, locks, closing marks, files
    /// of unknown kinds.
    pub others: Vec<Record>,
    /// One error for each record that could not be removed.
    pub failed: Vec<StoreError>,
    /// The durability that the removals reached.
    pub durability: Durability,
}
