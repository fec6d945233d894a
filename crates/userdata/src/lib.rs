//! Per-domain data for Xen toolstacks: stored atomically, collected with the domain.
//!
//! [`Userdata`] joins a [`Hypervisor`], which says who exists, and a [`Store`], which keeps bytes,
//! and owns the protocols between the two. It promises that data is stored only for a domain that
//! exists and is not being destroyed, that this is checked at a point from which on nobody else can
//! change the domain's data, and that no failure reads as "no data".
//!
//! It meets hypervisors and stores through their traits alone: the crates `hv-xen` and `hv-sim`
//! have the former, `userdata-fs` has the latter.
//!
//! What it does not do: it interprets no value, keeps no state of its own, and starts no thread.

mod destroy;
mod error;
mod outcome;
mod protocol;
mod target;
mod userdata;

/// The README's example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

#[cfg(test)]
mod tests;

pub use destroy::{DestroyError, Destroyed};
pub use error::{UserdataError, UserdataErrorKind};
pub use outcome::Outcome;
pub use target::Target;
pub use userdata::{Options, Userdata};
pub use userdata_core::{
    BootId, Clear, Cleared, ClosingMark, Condition, Deadline, Domain, DomainKey, DomainNames,
    Domid, Durability, Entry, Expect, FileType, Found, Hypervisor, HypervisorError,
    HypervisorErrorKind, Kind, Life, NameFormat, Owner, Refused, Store, StoreError, StoreErrorKind,
    Userid, UseridError, Uuid, Value, Version, WritableUserid, registry,
};
