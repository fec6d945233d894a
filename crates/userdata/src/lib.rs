//! Per-domain data for Xen toolstacks: stored atomically, removed with the domain.
//!
//! [`Userdata`] combines a [`Hypervisor`], which knows the domains that exist, with a [`Store`],
//! which keeps bytes, and decides when the store may be changed. It promises:
//!
//! * Data is stored only for a domain that exists and is not being destroyed. This is checked at a
//!   moment from which on no other process can change the domain's data.
//! * All data of a domain is removed only on an answer of the hypervisor about exactly this
//!   incarnation, asked at such a moment as well. *Unknown* is not *gone*.
//! * No failure is reported as "no data".
//!
//! It uses hypervisors and stores through their traits alone. `hv-xen` and `hv-sim` have
//! hypervisors, `userdata-fs` has a store.
//!
//! It does not interpret values, keeps no state of its own, and starts no thread.
//!
//! # Example
//!
//! ```
//! use hv_sim::{HostOptions, NewDomain, SimHost};
//! use userdata::{Userdata, WritableUserid};
//! use userdata_fs::FileStore;
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let directory = tempfile::tempdir()?; // on a Xen host: /var/lib/xen
//!     let host = SimHost::new(HostOptions::new(1)); // on a Xen host: hv_xen::Xen
//!     let domain = host.create(NewDomain::new().with_name("web"))?;
//!
//!     let userdata = Userdata::new(host.clone(), FileStore::open(directory.path())?);
//!     let userid = WritableUserid::new("backup-agent")?;
//!     userdata.store(domain, &userid, b"last run: 2026-11-22")?;
//!     let value = userdata.retrieve(domain, &userid)?.expect("it was just stored");
//!     assert_eq!(value.as_bytes(), b"last run: 2026-11-22");
//!
//!     userdata.destroy(domain, |key| host.destroy(key.domid))?; // the domain and its data
//!     assert!(userdata.store(domain, &userid, b"too late").is_err());
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! * `serde`: `Serialize` and `Deserialize` for domids, keys, userids and versions.
//! * `tracing`: a span around every operation, with its domain and userid and never a value.
//!
//! The terms are explained in the [glossary](userdata_core::glossary).

mod change;
mod clear;
mod closing;
mod destroy;
mod error;
pub mod follow;
mod options;
mod outcome;
mod protocol;
mod read;
mod retrieve_into;
mod store_all;
mod store_each;
pub mod sweep;
mod target;
mod update;
mod userdata;
mod waiting;

#[cfg(test)]
mod tests;

pub use closing::Closing;
pub use destroy::{DestroyError, Destroyed};
pub use error::{UserdataError, UserdataErrorKind};
pub use options::Options;
pub use outcome::Outcome;
pub use target::Target;
pub use userdata::Userdata;
pub use userdata_core::{
    Domain, DomainKey, Domid, Hypervisor, Life, Source, Store, Userid, Uuid, Value, Version,
    WritableUserid, domain, file_name, hypervisor, registry, store, userid, value,
};

const _: () = {
    const fn send_and_sync<T: Send + Sync>() {}
    send_and_sync::<Userdata<Box<dyn Hypervisor>, Box<dyn Store>>>();
    send_and_sync::<UserdataError>();
    const fn send<T: Send>() {}
    send::<Closing>();
    send_and_sync::<DestroyError>();
    send_and_sync::<Destroyed<()>>();
    send_and_sync::<sweep::SweepError>();
    send_and_sync::<sweep::Sightings>();
};
