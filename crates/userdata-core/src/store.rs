//! `Store`: where userdata is kept.

use std::fmt;
use std::sync::Arc;

use crate::{
    Deadline, DomainKey, Durability, Entry, FileType, Found, Refused, StoreError, Userid, Value,
    Version, WritableUserid,
};

/// The caller's last word before a change, spoken while nobody else can change the domain's data.
/// It may ask a hypervisor; it must not use the store. An engine without locks asks again when
/// others were faster, and the last answer counts.
pub type Admit<'a> = &'a mut dyn FnMut(&State) -> Result<(), Refused>;

/// Where userdata is kept: one implementation per persistence engine.
///
/// A store knows nothing of hypervisors and keeps data for whatever [`DomainKey`] it is told. Every
/// method may be called from many threads and processes at once. Nothing here assumes files: an
/// engine with compare-and-put transactions reads the state, asks `admit`, and commits on the
/// condition that the state is still the one it read, instead of holding a lock.
pub trait Store: Send + Sync {
    /// The value under `userid`, or `None` if there is none. Replaces `libxl_userdata_retrieve`.
    ///
    /// Takes no lock, changes nothing, and gives one whole value that was stored.
    ///
    /// # Errors
    ///
    /// A damaged or empty record is an error, never `None`.
    fn get(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Value>, StoreError>;

    /// What a listing shows of the value under `userid`, without reading it.
    ///
    /// # Errors
    ///
    /// When that can't be told. A damaged or empty record is no error here; the entry's condition
    /// says so.
    fn stat(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Entry>, StoreError>;

    /// Every value of one domain, in order of userid. Records other than values are left out.
    ///
    /// # Errors
    ///
    /// When the list can't be had whole.
    fn list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError>;

    /// Shows every record of every domain to `each`, in no order, until it breaks. What is stored
    /// or removed meanwhile may be shown or not.
    ///
    /// # Errors
    ///
    /// When the records can't be listed.
    fn scan(
        &self,
        each: &mut dyn FnMut(Found) -> std::ops::ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// Asks `admit` at a point from which on nobody else can change this domain's data, then
    /// applies `ops` in order; one [`Done`] for each.
    ///
    /// Replaces `libxl_userdata_store` and `libxl_userdata_unlink`. Each op is atomic by itself.
    /// When one fails, those before it stay applied and those behind it are not tried.
    ///
    /// # Errors
    ///
    /// If `admit` refuses, nothing is changed. An op that fails leaves the old value, except where
    /// [`StoreErrorKind`](crate::StoreErrorKind) says otherwise.
    fn change(
        &self,
        domain: &DomainKey,
        deadline: Deadline,
        admit: Admit<'_>,
        ops: &[Op<'_>],
    ) -> Result<Vec<Done>, StoreError>;

    /// Marks a domain as closing for as long as the mark lives: from now on [`State::closing`] is
    /// true for every change that anybody asks for.
    ///
    /// The mark ends with the process that holds it, at once or when its lease runs out, and not
    /// with the store it was made by. It must outlive libxl's own clean-up of the domain.
    ///
    /// # Errors
    ///
    /// If `admit` refuses, nothing is changed; it is told of a mark that somebody else holds, and
    /// if it admits that, the answer is [`Refused::BeingDestroyed`] all the same.
    fn close(
        &self,
        domain: &DomainKey,
        deadline: Deadline,
        admit: Admit<'_>,
    ) -> Result<Box<dyn ClosingMark>, StoreError>;
}

/// A domain marked as closing. Dropping it voids the mark and leaves all data as it is.
pub trait ClosingMark: Send + fmt::Debug {
    /// The domain is gone: removes everything that is stored for it, then the mark.
    ///
    /// # Errors
    ///
    /// When nothing could be removed; what could not be removed is in [`Cleared::failed`].
    fn clear(
        self: Box<Self>,
        deadline: Deadline,
        durability: Durability,
    ) -> Result<Cleared, StoreError>;

    /// The domain lives on: removes the mark and nothing else.
    ///
    /// # Errors
    ///
    /// When the mark could not be removed. It is void all the same.
    fn reopen(self: Box<Self>, deadline: Deadline) -> Result<(), StoreError>;
}

/// What a store knows of a domain at the point of admission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// Somebody holds a closing mark on the domain.
    pub closing: bool,
}

impl State {
    /// The state of a domain that is, or is not, marked as closing.
    #[must_use]
    pub const fn new(closing: bool) -> Self {
        Self { closing }
    }
}

/// One change to a domain's data.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Op<'a> {
    /// Replaces the value under `userid`, or makes a first one. Zero bytes delete.
    Put {
        /// Under which userid.
        userid: &'a WritableUserid,
        /// The bytes.
        data: &'a [u8],
        /// What must be there.
        expect: Expect,
        /// What the change must survive.
        durability: Durability,
    },
    /// Removes the value under `userid`, whatever stands there.
    Delete {
        /// Under which userid.
        userid: &'a Userid,
        /// What must be there.
        expect: Expect,
        /// What the change must survive.
        durability: Durability,
    },
    /// Removes many records at once, going on after a failure.
    Clear {
        /// Which ones.
        what: Clear,
        /// What the change must survive.
        durability: Durability,
    },
}

/// Which records a [`Op::Clear`] removes. Replaces `libxl__userdata_destroyall`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Clear {
    /// What a living domain can spare: all but `libxl-json`, lock files and a mark that is held.
    Spare,
    /// Everything. Lock files of other programs only if nobody holds them.
    Everything,
}

/// What must be there for a change to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expect {
    /// Anything, damaged records included.
    #[default]
    Any,
    /// Nothing.
    Absent,
    /// A value of this version.
    Version(Version),
}

/// What one change did.
#[derive(Debug)]
#[non_exhaustive]
pub enum Done {
    /// The value is in place.
    Stored {
        /// What it survives.
        durability: Durability,
        /// What stood in its place, if that was something other than a value.
        displaced: Option<FileType>,
    },
    /// The value was removed.
    Removed {
        /// What the removal survives.
        durability: Durability,
    },
    /// There was nothing to remove.
    NothingToRemove,
    /// Many records were removed.
    Cleared(Cleared),
}

/// What a [`Clear`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Cleared {
    /// The userids of the values that were removed, in order.
    pub removed: Vec<Userid>,
    /// How many other records were removed: temporary files, locks, markers, foreign kinds.
    pub others: usize,
    /// What could not be removed, and why.
    pub failed: Vec<StoreError>,
    /// What the removals survive.
    pub durability: Durability,
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<S: Store + ?Sized> Store for $pointer {
            fn get(
                &self,
                domain: &DomainKey,
                userid: &Userid,
            ) -> Result<Option<Value>, StoreError> {
                (**self).get(domain, userid)
            }
            fn stat(
                &self,
                domain: &DomainKey,
                userid: &Userid,
            ) -> Result<Option<Entry>, StoreError> {
                (**self).stat(domain, userid)
            }
            fn list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError> {
                (**self).list(domain)
            }
            fn scan(
                &self,
                each: &mut dyn FnMut(Found) -> std::ops::ControlFlow<()>,
            ) -> Result<(), StoreError> {
                (**self).scan(each)
            }
            fn change(
                &self,
                domain: &DomainKey,
                deadline: Deadline,
                admit: Admit<'_>,
                ops: &[Op<'_>],
            ) -> Result<Vec<Done>, StoreError> {
                (**self).change(domain, deadline, admit, ops)
            }
            fn close(
                &self,
                domain: &DomainKey,
                deadline: Deadline,
                admit: Admit<'_>,
            ) -> Result<Box<dyn ClosingMark>, StoreError> {
                (**self).close(domain, deadline, admit)
            }
        }
    )*};
}

forward!(&S, Box<S>, Arc<S>);
