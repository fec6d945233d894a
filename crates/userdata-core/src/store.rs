//! `Store`: where userdata is kept.

mod change;
mod durability;
mod error;
mod owned;
mod record;
mod refused;
mod transfer;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::{DomainKey, Userid, Value};

pub use change::{Clash, Cleared, Done, Expect, Keep, Op, Put, Reclaimed, StoredAll};
pub use durability::Durability;
pub use error::{Operation, StoreError, StoreErrorKind};
pub use owned::{Owned, Record};
pub use record::{Condition, Entry, FileType, Found};
pub use refused::Refused;
pub use transfer::{Transfer, Transferred};

/// The caller's decision about a change, asked for at a point from which on no other process can
/// change the domain's data.
///
/// The function may ask a hypervisor; it must not use the store. An engine without locks asks again
/// when another process changed the data first, and the last answer counts.
pub type Admit<'a> = &'a mut dyn FnMut(&State) -> Result<(), Refused>;

/// The same decision for one of many domains. The answer says what stays of its data, so that it
/// rests on what is found out at this point and not before.
pub type AdmitEach<'a> = &'a mut dyn FnMut(&DomainKey, &State) -> Result<Keep, Refused>;

/// Told what came of clearing each of many domains; the others are left alone if it breaks.
pub type EachCleared<'a> =
    &'a mut dyn FnMut(&DomainKey, Result<Cleared, StoreError>) -> ControlFlow<()>;

/// The same decision for a change of two domains: the states of the first and the second.
pub type AdmitBoth<'a> = &'a mut dyn FnMut(&State, &State) -> Result<(), Refused>;

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

    /// Shows each incarnation of a domain that has any record to `each`, once and in order, until
    /// it breaks. Only names are read. A record that is stored or removed meanwhile may be counted
    /// or not.
    ///
    /// # Errors
    ///
    /// If the records cannot be listed.
    fn owners(&self, each: &mut dyn FnMut(Owned) -> ControlFlow<()>) -> Result<(), StoreError>;

    /// Clears many domains, each as by a change of its own, with a timeout of its own: asks `admit`
    /// at a point from which on no other process can change that domain's data, removes what does
    /// not stay, and tells `each` what came of it, until that breaks. The names of all records are
    /// read once, before the first domain is cleared, so that a value which is stored later may
    /// stay.
    ///
    /// `domains` must be in order, without duplicates.
    ///
    /// # Errors
    ///
    /// If the names cannot be read. What goes wrong with one domain is told to `each`, and is none
    /// of another domain's.
    fn clear_each(
        &self,
        domains: &[DomainKey],
        timeout: Duration,
        durability: Durability,
        admit: AdmitEach<'_>,
        each: EachCleared<'_>,
    ) -> Result<(), StoreError>;

    /// Shows the values of a domain for which `which` returns true to `each`, in order of userid,
    /// until it breaks. They are those of one instant: no other process that takes the domain's
    /// lock changes one meanwhile.
    ///
    /// # Errors
    ///
    /// If one of the values cannot be read, a damaged or empty one included.
    fn snapshot(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        which: &dyn Fn(&Userid) -> bool,
        each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// Gives values of one domain to another. Asks `admit` at a point from which on no other
    /// process can change the data of either, then moves one value after the other, each of which
    /// is at every instant under exactly one of the two. If the process is killed, the same call
    /// completes the transfer.
    ///
    /// The locks of the two are taken in the order of their keys, so that no two transfers wait for
    /// each other.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unsupported`] if the two are the same. If `admit` refuses, or if a value
    /// clashes and the transfer refuses that, nothing is changed. After any other error a part may
    /// be moved; the same call completes it.
    fn transfer(
        &self,
        transfer: &Transfer<'_>,
        timeout: Duration,
        admit: AdmitBoth<'_>,
    ) -> Result<Transferred, StoreError>;

    /// Removes records that no domain can reach, such as those of an earlier boot of the host in a
    /// store that keeps boots apart, for as long as `go_on` returns true. What is left is for the
    /// next call. A store that has no such records does nothing.
    ///
    /// # Errors
    ///
    /// If they cannot be looked for. What could not be removed is in [`Reclaimed::failed`].
    fn reclaim(&self, go_on: &mut dyn FnMut() -> bool) -> Result<Reclaimed, StoreError> {
        let _ = go_on;
        Ok(Reclaimed::default())
    }

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

    /// The store's monotonic clock, by which it counts timeouts: time since some fixed point, the
    /// same one for all processes until the host reboots. A caller with one timeout for several
    /// calls shares it out by this clock.
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
            fn owners(
                &self,
                each: &mut dyn FnMut(Owned) -> ControlFlow<()>,
            ) -> Result<(), StoreError> {
                (**self).owners(each)
            }
            fn clear_each(
                &self,
                domains: &[DomainKey],
                timeout: Duration,
                durability: Durability,
                admit: AdmitEach<'_>,
                each: EachCleared<'_>,
            ) -> Result<(), StoreError> {
                (**self).clear_each(domains, timeout, durability, admit, each)
            }
            fn snapshot(
                &self,
                domain: &DomainKey,
                timeout: Duration,
                which: &dyn Fn(&Userid) -> bool,
                each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
            ) -> Result<(), StoreError> {
                (**self).snapshot(domain, timeout, which, each)
            }
            fn transfer(
                &self,
                transfer: &Transfer<'_>,
                timeout: Duration,
                admit: AdmitBoth<'_>,
            ) -> Result<Transferred, StoreError> {
                (**self).transfer(transfer, timeout, admit)
            }
            fn reclaim(
                &self,
                go_on: &mut dyn FnMut() -> bool,
            ) -> Result<Reclaimed, StoreError> {
                (**self).reclaim(go_on)
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
