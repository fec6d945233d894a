//! `Transfer`: values that go from one domain to another in the same store.

use std::fmt;

use crate::store::{Clash, Durability};
use crate::{DomainKey, Userid};

/// The values that are to move from one domain to another, and how.
#[derive(Clone, Copy)]
pub struct Transfer<'a> {
    from: DomainKey,
    to: DomainKey,
    which: &'a dyn Fn(&Userid) -> bool,
    clash: Clash,
    durability: Durability,
}

impl<'a> Transfer<'a> {
    /// The values of `from` for which `which` returns true go to `to`. If `to` already has one of
    /// them with other bytes, the transfer is refused. The durability is `Full`.
    #[must_use]
    pub const fn new(from: DomainKey, to: DomainKey, which: &'a dyn Fn(&Userid) -> bool) -> Self {
        Self {
            from,
            to,
            which,
            clash: Clash::Refuse,
            durability: Durability::Full,
        }
    }

    /// The same with another decision about values that are there already and differ.
    #[must_use]
    pub const fn with_clash(mut self, clash: Clash) -> Self {
        self.clash = clash;
        self
    }

    /// The same with another durability. A value that was stored with less is synced before it is
    /// moved.
    #[must_use]
    pub const fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The domain that gives the values.
    #[must_use]
    pub const fn from(&self) -> DomainKey {
        self.from
    }

    /// The domain that gets them.
    #[must_use]
    pub const fn to(&self) -> DomainKey {
        self.to
    }

    /// Whether the value of this userid goes along.
    #[must_use]
    pub fn has(&self, userid: &Userid) -> bool {
        (self.which)(userid)
    }

    /// What the transfer does with a value that is already there and differs.
    #[must_use]
    pub const fn clash(&self) -> Clash {
        self.clash
    }

    /// The durability that the transfer must reach.
    #[must_use]
    pub const fn durability(&self) -> Durability {
        self.durability
    }
}

impl fmt::Debug for Transfer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer")
            .field("from", &self.from)
            .field("to", &self.to)
            .field("clash", &self.clash)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

/// What a transfer of values from one domain to another did: each userid is in one of the lists,
/// in order of userid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transferred {
    /// The values that were moved: the other domain has them, and the first one does not.
    pub moved: Vec<Userid>,
    /// The userids under which a different value stays with each of the two, as [`Clash::Keep`]
    /// says.
    pub kept: Vec<Userid>,
    /// The durability that the transfer reached.
    pub durability: Durability,
}
