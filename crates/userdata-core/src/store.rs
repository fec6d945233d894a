//! `Store`: where userdata is kept.

mod change;
mod durability;
mod error;
mod home;
mod owned;
mod record;
mod refused;
mod root;
mod transfer;
mod tree_owner;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::{DomainKey, Userid, Value};

pub use change::{Clash, Cleared, Done, Expect, Keep, Op, Put, PutEach, Reclaimed, StoredAll};
pub use durability::Durability;
pub use error::{Operation, StoreError, StoreErrorKind};
pub use home::{Attempt, AttemptError, Home, HostName, HostNameError, Stage};
pub use owned::{Owned, Record};
pub use record::{Condition, Entry, FileType, Found};
pub use refused::Refused;
pub use root::RootRefused;
pub use transfer::{Transfer, Transferred};
pub use tree_owner::{TreeOwner, TreeOwnerError};

/// The caller's decision about a change. The store asks for it at a moment from which on no other
/// process can change the domain's data.
///
/// The function may ask a hypervisor; it must not use the store. It may be asked more than once,
/// and the last answer counts: an engine without locks asks again if another process changed the
/// data first, and a directory without space for a lock file also asks before the lock is taken.
pub type Admit<'a> = &'a mut dyn FnMut(&State) -> Result<(), Refused>;

/// The same decision for one of many domains. It returns which data stays, because the caller only
/// finds this out at that moment.
pub type AdmitEach<'a> = &'a mut dyn FnMut(&DomainKey, &State) -> Result<Keep, Refused>;

/// The same decision as [`Admit`] for one of many domains.
pub type AdmitPut<'a> = &'a mut dyn FnMut(&DomainKey, &State) -> Result<(), Refused>;

/// Receives the result for each of many domains that are cleared. If it breaks, the remaining
/// domains are left alone.
pub type EachCleared<'a> =
    &'a mut dyn FnMut(&DomainKey, Result<Cleared, StoreError>) -> ControlFlow<()>;

/// The same decision for a change of two domains: the states of the first and the second.
pub type AdmitBoth<'a> = &'a mut dyn FnMut(&State, &State) -> Result<(), Refused>;

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

    /// The same, by a call that is a part of a longer one and may wait at most this long. A store
    /// whose reads wait for nothing need not have this method.
    ///
    /// # Errors
    ///
    /// As [`Store::get`].
    fn get_within(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        userid: &Userid,
    ) -> Result<Option<Value>, StoreError> {
        let _ = timeout;
        self.get(domain, userid)
    }

    /// Reads the value under `userid` into `buffer`, and returns its size; `None` if there is none.
    /// As [`Store::get`], for a caller that wants no allocation; an engine that can't avoid it need
    /// not have this method.
    ///
    /// # Errors
    ///
    /// As [`Store::get`], and [`StoreErrorKind::BufferTooSmall`] if the value does not fit; then
    /// the buffer is as it was.
    fn get_into(
        &self,
        domain: &DomainKey,
        userid: &Userid,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, StoreError> {
        let Some(value) = self.get(domain, userid)? else {
            return Ok(None);
        };
        value
            .copy_to(buffer)
            .map(Some)
            .map_err(|kind| StoreError::new(Operation::Read, userid.as_bytes(), kind))
    }

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

    /// Puts values for many domains, and replaces what is there: for each domain as by a change of
    /// its own with one [`Op::PutAll`], with a timeout of its own. Returns the result for each
    /// domain, in order. If a domain is named twice, the later values are put later.
    ///
    /// An engine in which several durable changes cost less together has a method of its own. It
    /// may keep one domain locked while it changes others, but waits for none meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Store::change`]. An error with one domain does not affect the others.
    fn put_each(
        &self,
        puts: &[PutEach<'_>],
        timeout: Duration,
        durability: Durability,
        admit: AdmitPut<'_>,
    ) -> Vec<Result<StoredAll, StoreError>> {
        let alone = |put: &PutEach<'_>| put.put_alone(self, timeout, durability, admit);
        puts.iter().map(alone).collect()
    }

    /// Passes each incarnation of a domain that has any record to `each`, once and in order, until
    /// it breaks. Only names are read. A record that is stored or removed meanwhile may or may not
    /// be counted.
    ///
    /// # Errors
    ///
    /// If the records cannot be listed.
    fn owners(&self, each: &mut dyn FnMut(Owned) -> ControlFlow<()>) -> Result<(), StoreError>;

    /// Clears many domains, each as by a change of its own, with a timeout of its own: asks `admit`
    /// at a moment from which on no other process can change that domain's data, removes the data
    /// that does not stay, and passes the result to `each`, in order, until that breaks. The names
    /// of all records are read once, before the first domain is cleared, so a value that is stored
    /// later may stay. Names that do not fit into a bounded memory are read when it is free again.
    ///
    /// `domains` must be in order, without duplicates.
    ///
    /// # Errors
    ///
    /// If the names cannot be read. An error with one domain is passed to `each`, and does not
    /// affect the other domains. A refusal by `admit` is an error, too, unless the store removed a
    /// record all the same: a lock file that a killed process left.
    fn clear_each(
        &self,
        domains: &[DomainKey],
        timeout: Duration,
        durability: Durability,
        admit: AdmitEach<'_>,
        each: EachCleared<'_>,
    ) -> Result<(), StoreError>;

    /// Passes the values of a domain for which `which` returns true to `each`, in order of userid,
    /// until it breaks. They are the values of one moment: no other process that takes the domain's
    /// lock changes one meanwhile.
    ///
    /// `each` must not wait for a change of this domain, which may wait for the snapshot.
    ///
    /// # Errors
    ///
    /// If one of the values cannot be read, also if it is damaged or empty.
    fn snapshot(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        which: &dyn Fn(&Userid) -> bool,
        each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;

    /// Moves values from one domain to another. Asks `admit` at a moment from which on no other
    /// process can change the data of either, then moves one value after the other. Each value is
    /// at every moment under exactly one of the two. If the process is killed, the same call
    /// completes the transfer.
    ///
    /// The locks of the two are taken in the order of their keys, so that no two transfers wait for
    /// each other.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unsupported`] if the two are the same, or share their data. If `admit`
    /// refuses, or if a value clashes and the transfer refuses that, nothing is changed. After any
    /// other error some values may have been moved; the same call completes the transfer.
    fn transfer(
        &self,
        transfer: &Transfer<'_>,
        timeout: Duration,
        admit: AdmitBoth<'_>,
    ) -> Result<Transferred, StoreError>;

    /// Removes records that no domain can reach, such as those of an earlier boot of the host in a
    /// store that keeps boots apart, for as long as `go_on` returns true. The next call removes the
    /// rest. A store that has no such records does nothing.
    ///
    /// # Errors
    ///
    /// If the search for such records fails. A record that could not be removed is in
    /// [`Reclaimed::failed`].
    fn reclaim(&self, go_on: &mut dyn FnMut() -> bool) -> Result<Reclaimed, StoreError> {
        let _ = go_on;
        Ok(Reclaimed::default())
    }

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
    /// moment, which is the same for all processes until the host reboots. A caller with one
    /// timeout for several calls needs it to compute the time that is left.
    fn now(&self) -> Duration;
}

/// A domain marked as closing. Dropping it voids the mark and leaves all data as it is.
pub trait ClosingMark: Send + fmt::Debug {
    /// Remembers the domain's data as it is now, for [`ClosingMark::is_changed`], and has
    /// [`ClosingMark::clear`] refuse with [`Refused::Changed`] what would remove newer values, and
    /// with [`Refused::RemovedMeanwhile`] if another program may have removed such values.
    ///
    /// A store whose mark ends with the process that holds it, and not before, does nothing: no
    /// value is stored under such a mark.
    ///
    /// # Errors
    ///
    /// If the data cannot be read, and [`Refused::RemovedMeanwhile`] if another program may have
    /// removed a value that was stored since the last call. What was remembered before still is.
    fn remember(&mut self, timeout: Duration) -> Result<(), StoreError> {
        let _ = timeout;
        Ok(())
    }

    /// Whether a value may have been stored for the domain since [`ClosingMark::remember`], because
    /// the mark was lost. If it was not called, the answer is false, and also if what is stored is
    /// not this domain's any more.
    ///
    /// # Errors
    ///
    /// If the data cannot be read, and [`Refused::RemovedMeanwhile`] if another program may have
    /// removed a value that was stored since [`ClosingMark::remember`].
    fn is_changed(&self, timeout: Duration) -> Result<bool, StoreError> {
        let _ = timeout;
        Ok(false)
    }

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
    /// Another incarnation of this host, of the same uuid, that holds the data, in a store with one
    /// home for each uuid. A change that is admitted removes its data, so it is admitted only if
    /// the hypervisor, asked now, says that this incarnation is absent or dead.
    pub displaces: Option<DomainKey>,
}

impl State {
    /// The state of a domain that is, or is not, marked as closing.
    #[must_use]
    pub const fn new(closing: bool) -> Self {
        Self {
            closing,
            shared_by_uuid: false,
            displaces: None,
        }
    }

    /// The same state, if the change would remove the data of this incarnation.
    #[must_use]
    pub const fn with_displaced(mut self, displaces: Option<DomainKey>) -> Self {
        self.displaces = displaces;
        self
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
            fn get_within(
                &self,
                domain: &DomainKey,
                timeout: Duration,
                userid: &Userid,
            ) -> Result<Option<Value>, StoreError> {
                (**self).get_within(domain, timeout, userid)
            }
            fn get_into(
                &self,
                domain: &DomainKey,
                userid: &Userid,
                buffer: &mut [u8],
            ) -> Result<Option<usize>, StoreError> {
                (**self).get_into(domain, userid, buffer)
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
            fn put_each(
                &self,
                puts: &[PutEach<'_>],
                timeout: Duration,
                durability: Durability,
                admit: AdmitPut<'_>,
            ) -> Vec<Result<StoredAll, StoreError>> {
                (**self).put_each(puts, timeout, durability, admit)
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
