//! `Owned` and `Record`: what a domain has in a store, by names alone.

use crate::Userid;
use crate::file_name::{Kind, Owner};

/// What one incarnation of a domain has in a store, by the names of its records alone. The domain
/// need not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Owned {
    /// The incarnation.
    pub owner: Owner,
    /// How many records it has, of any kind. 1 if the store knows only that there are some.
    pub records: u32,
    /// Whether temporary files or closing marks are among them, in use or not. A store that does
    /// not count the records says false, and removes what killed processes left in
    /// [`Store::reclaim`](crate::Store::reclaim).
    pub leftovers: bool,
    /// Whether the record that names the incarnation is damaged, so that `owner` has no domid and
    /// only a person can say whether the data is needed. The read of a value tells the error.
    pub damaged: bool,
}

impl Owned {
    /// An incarnation with one record of this kind.
    #[must_use]
    pub const fn new(owner: Owner, kind: Kind) -> Self {
        Self {
            owner,
            records: 1,
            leftovers: matches!(kind, Kind::Temporary | Kind::New | Kind::Closing),
            damaged: false,
        }
    }

    /// An incarnation whose records are not counted.
    #[must_use]
    pub const fn uncounted(owner: Owner) -> Self {
        Self {
            owner,
            records: 1,
            leftovers: false,
            damaged: false,
        }
    }

    /// These records together with those of `other`, which must have the same owner.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self {
            owner: self.owner,
            records: self.records.saturating_add(other.records),
            leftovers: self.leftovers || other.leftovers,
            damaged: self.damaged || other.damaged,
        }
    }
}

/// One record of a domain, by its name alone: a value, a temporary file, a lock, a mark, or a
/// foreign kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Record {
    /// Its purpose.
    pub kind: Kind,
    /// The last part of its name, which is a userid in the names of values alone.
    pub userid: Userid,
}

impl Record {
    /// A record of this kind and name.
    #[must_use]
    pub const fn new(kind: Kind, userid: Userid) -> Self {
        Self { kind, userid }
    }
}
