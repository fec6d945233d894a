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

/// The caller's decision about a change, asked for at a point from which on no other process can
/// change the domain's data.
///
/// The function may ask a hypervisor; it must not use the store. It may be asked more than once,
/// and the last answer counts: an engine without locks asks again when another process changed the
/// data first, and a directory without space for a lock file asks before it takes the lock, too.
pub type Admit<'a> = &'a mut dyn FnMut(&State) -> Result<(), Refused>;

/// Where userdata is kept: one implementation per persistence engine.
///
/// A store knows nothing of hypervisors and keeps data for any [`DomainKey`] that it is given.
/// Every method may be called from many threads and processes at once. Nothing here assumes files:
/// an engine with compare-and-put transactions reads the state, asks `admit`, and commits on the
/// condition that the state is still the one it read, instead of holding a lock.
///
/// A `timeout` is counted on the store's own clock from the moment of the call. It bounds all waits
/// of the call together; zero tries once.
pub trait Store: Send + Sync {
    /// The value under `userid`, or `None` if there is none. Replaces `libxl_userdata_retrieve`.
    ///
    /// Takes no lock, changes nothing, and returns one whole value that was stored.
    ///
    /// # Errors
    ///
    /// A damaged or empty record is an error, never `None`.
    fn get(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Value>, StoreError>;

    /// What a listing shows of the value under `userid`, without reading it.
    ///
    /// # Errors
    ///
    /// If the record cannot be inspected. A damaged or empty record is not an error here; the
    /// entry's condition tells.
    fn stat(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Entry>, StoreError>;

    /// Every value of one domain, in order of userid. Records other than values are left out.
    ///
    /// # Errors
    ///
    /// If the list would be incomplete.
    fn list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError>;

    /// Shows every record of every domain to `each`, in no order, until it breaks. A record that is
    /// stored or removed meanwhile may be shown or not.
    ///
    /// # Errors
    ///
    /// If the records cannot be listed.
    fn scan(&self, each: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), StoreError>;

    /// Asks `admit` at a point from which on no other process can change this domain's data, then
    /// applies `ops` in order and returns one [`Done`] for each.
    ///
    /// Replaces `libxl_userdata_store` and `libxl_userdata_unlink`. Each op is atomic by itself.
    /// If one fails, those before it stay applied and those after it are not tried.
    ///
    /// # Errors
    ///
    /// If `admit` refuses, nothing is changed. An op that fails leaves the old value unless
    /// [`StoreError::is_applied`].
    fn change(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
        ops: &[Op<'_>],
    ) -> Result<Vec<Done>, StoreError>;

    /// Marks a domain as closing for as long as the mark lives: until then [`State::closing`] is
    /// true for every change of the domain, by any process.
    ///
    /// The mark ends with the process that holds it, at once or when its lease runs out, and not
    /// with the store that made it. It must outlive libxl's own clean-up of the domain.
    ///
    /// # Errors
    ///
    /// If `admit` refuses, nothing is changed. If another process holds a mark on the domain and
    /// `admit` accepts that, the error is [`Refused::BeingDestroyed`] all the same.
    fn close(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
    ) -> Result<Box<dyn ClosingMark>, StoreError>;

    /// The store's monotonic clock, by which it counts timeouts: time since some fixed point. A
    /// caller with one timeout for several calls shares it out by this clock.
    fn now(&self) -> Duration;
}

/// A domain marked as closing. Dropping it voids the mark and leaves all data as it is.
pub trait ClosingMark: Send + fmt::Debug {
    /// The domain is gone: asks `admit` at a point from which on no other process can change the
    /// domain's data, then removes everything that is stored for it, and the mark.
    ///
    /// # Errors
    ///
    /// If `admit` refuses, the mark is removed and nothing else. If nothing could be removed. What
    /// could not be removed after others were is in [`Cleared::failed`].
    fn clear(
        self: Box<Self>,
        timeout: Duration,
        durability: Durability,
        admit: Admit<'_>,
    ) -> Result<Cleared, StoreError>;

    /// The domain lives on: removes the mark and nothing else.
    ///
    /// # Errors
    ///
    /// If the mark could not be removed. It is void all the same.
    fn reopen(self: Box<Self>, timeout: Duration) -> Result<(), StoreError>;
}

/// What a store knows of a domain when it asks for admission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// Another holder has a closing mark on the domain.
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

    /// The same in a store that does, or does not, keep data by uuid alone.
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
