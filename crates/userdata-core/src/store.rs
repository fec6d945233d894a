//! `Store`: where userdata is kept.

mod change;
mod durability;
mod error;
mod record;
mod refused;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::{DomainKey, Userid, Value};

pub use change::{Cleared, Done, Expect, Keep, Op};
pub use durability::Durability;
pub use error::{Operation, StoreError, StoreErrorKind};
pub use record::{Condition, Entry, FileType, Found};
pub use refused::Refused;

/// The caller's decision about a change. The store asks for it at a moment from which on no other
/// process can change the domain's data.
///
/// The function may ask a hypervisor; it must not use the store. An engine without locks asks again
/// if another process changed the data first; then the last answer counts.
pub type Admit<'a> = &'a mut dyn FnMut(&State) -> Result<(), Refused>;

/// A place where userdata is kept: one implementation for each storage engine.
///
/// A store knows nothing about hypervisors and keeps data for any [`DomainKey`] that it is given.
/// Every method may be called from many threads and processes at once. A store need not have files
/// or locks: an engine with transactions reads the state, asks `admit`, and commits on the
/// condition that the state has not changed since.
///
/// A `timeout` begins with the call and is measured by the store's own clock. It bounds all waits
/// of the call together. With a timeout of zero, each lock is tried once.
pub trait Store: Send + Sync {
    /// The value under `userid`, or `None` if there is none. Replaces `libxl_userdata_retrieve`.
    ///
    /// Takes no lock, changes nothing, and returns one value as it was stored, whole.
    ///
    /// # Errors
    ///
    /// A damaged or empty record is an error, never `None`.
    fn get(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Value>, StoreError>;

    /// The entry that a listing shows for the value under `userid`; the value is not read.
    ///
    /// # Errors
    ///
    /// If the record cannot be inspected. A damaged or empty record is not an error here:
    /// [`Entry::condition`] reports it.
    fn stat(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Entry>, StoreError>;

    /// Every value of one domain, in order of userid. Records other than values are left out.
    ///
    /// # Errors
    ///
    /// If a complete list cannot be made.
    fn list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError>;

    /// Calls `each` with every record of every domain, in no particular order, until `each` breaks.
    /// A record that is stored or removed meanwhile may be shown or not.
    ///
    /// # Errors
    ///
    /// If the records cannot be listed.
    fn scan(&self, each: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), StoreError>;

    /// Asks `admit` at a moment from which on no other process can change this domain's data. Then
    /// applies `ops` in order, and returns one [`Done`] for each.
    ///
    /// Replaces `libxl_userdata_store` and `libxl_userdata_unlink`. Each op is atomic by itself.
    /// If one fails, those before it stay applied and those after it are not tried.
    ///
    /// # Errors
    ///
    /// If `admit` refuses, nothing is changed. An op that fails leaves the old value, unless
    /// [`StoreError::is_applied`] of the error is true.
    fn change(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
        ops: &[Op<'_>],
    ) -> Result<Vec<Done>, StoreError>;

    /// Marks a domain as closing. While the mark exists, [`State::closing`] is true for every
    /// change of the domain, by any process.
    ///
    /// The mark outlives the store that made it. It ends with the process that holds it, at once
    /// or, in an engine with leases, when its lease runs out. libxl's own clean-up of the domain
    /// must not end it.
    ///
    /// # Errors
    ///
    /// If `admit` refuses, nothing is changed. If another process holds a mark on the domain, the
    /// error is [`Refused::BeingDestroyed`], even if `admit` accepts.
    fn close(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
    ) -> Result<Box<dyn ClosingMark>, StoreError>;

    /// The store's monotonic clock, by which it measures timeouts: the time since some fixed
    /// moment. A caller with one timeout for several calls needs it to compute the time that is
    /// left.
    fn now(&self) -> Duration;
}

/// A domain marked as closing. Dropping it voids the mark and leaves all data as it is.
pub trait ClosingMark: Send + fmt::Debug {
    /// To be called when the domain is gone. Asks `admit` at a moment from which on no other
    /// process can change the domain's data, then removes everything that is stored for the domain,
    /// and the mark.
    ///
    /// # Errors
    ///
    /// If `admit` refuses; then only the mark is removed. If nothing could be removed. If some
    /// records were removed and others could not be, the call succeeds, and the failures are in
    /// [`Cleared::failed`].
    fn clear(
        self: Box<Self>,
        timeout: Duration,
        durability: Durability,
        admit: Admit<'_>,
    ) -> Result<Cleared, StoreError>;

    /// To be called when the domain lives on. Removes the mark and nothing else.
    ///
    /// # Errors
    ///
    /// If the mark could not be removed. It is void all the same.
    fn reopen(self: Box<Self>, timeout: Duration) -> Result<(), StoreError>;
}

/// The facts about a domain that a store passes to `admit`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// Another process, or another mark of this process, marks the domain as closing.
    pub closing: bool,
    /// The store keeps data by uuid alone, so that all domids with this uuid share it.
    pub shared_by_uuid: bool,
}

impl State {
    /// The state of a domain that is, or is not, marked as closing.
    #[must_use]
    pub const fn new(closing: bool) -> Self {
        Self {
            closing,
            shared_by_uuid: false,
        }
    }

    /// The same state, in a store that does, or does not, keep data by uuid alone.
    #[must_use]
    pub const fn with_shared_by_uuid(mut self, shared: bool) -> Self {
        self.shared_by_uuid = shared;
        self
    }
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
                each: &mut dyn FnMut(Found) -> ControlFlow<()>,
            ) -> Result<(), StoreError> {
                (**self).scan(each)
            }
            fn change(
                &self,
                domain: &DomainKey,
                timeout: Duration,
                admit: Admit<'_>,
                ops: &[Op<'_>],
            ) -> Result<Vec<Done>, StoreError> {
                (**self).change(domain, timeout, admit, ops)
            }
            fn close(
                &self,
                domain: &DomainKey,
                timeout: Duration,
                admit: Admit<'_>,
            ) -> Result<Box<dyn ClosingMark>, StoreError> {
                (**self).close(domain, timeout, admit)
            }
            fn now(&self) -> Duration {
                (**self).now()
            }
        }
    )*};
}

forward!(&S, Box<S>, Arc<S>);
