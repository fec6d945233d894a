//! A simulated Xen host: every life-cycle event a host can show, with scripted faults.
//!
//! For authors of toolstacks: run your code on [`SimHost`] through the traits
//! [`Hypervisor`](userdata_core::Hypervisor) and
//! [`DomainNames`](userdata_core::hypervisor::DomainNames), make every event happen that can happen
//! to domains, and make the hypervisor misbehave.
//!
//! The crate promises:
//!
//! * **It behaves as a real host can**, and in no other way: domids are given in round-robin order
//!   as in Xen, a zombie keeps its domid, a domain that is destroyed is *leaving*, *dying*, *dead*
//!   and *gone*, two domains may have one uuid, the handle of a living domain may change. Each
//!   [`Event`] says what it does.
//! * **It is deterministic.** It uses no clock, no entropy and no order of hashing: the same events
//!   with the same [`HostOptions`] give the same state, byte for byte.
//! * **Misuse is a typed error**, [`EventError`], and changes nothing. So any generated history can
//!   be replayed: the events that can't happen are left out.
//!
//! [`HostFile`] is the same host kept in a file, for processes that share it.
//!
//! It does not run guests, and has no memory and no devices. It simulates three things of xenstore:
//! names, whether a domain is *leaving*, and the watch on `@releaseDomain` ([`ReleaseWatch`]).
//!
//! # Example
//!
//! A toolstack of twenty lines that reserves memory for domains, on a host that misbehaves:
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use hv_sim::{Call, Failure, HostOptions, NewDomain, SimHost, Until, When};
//! use userdata_core::hypervisor::HypervisorError;
//! use userdata_core::{DomainKey, Hypervisor, Life};
//!
//! struct Toolstack<H> {
//!     hypervisor: H,
//!     reserved: BTreeMap<DomainKey, u64>,
//! }
//!
//! impl<H: Hypervisor> Toolstack<H> {
//!     /// Gives back the memory of domains that no longer exist, and returns how much it was.
//!     fn reclaim(&mut self) -> Result<u64, HypervisorError> {
//!         let mut freed = 0;
//!         for (key, bytes) in self.reserved.clone() {
//!             // An error means that we don't know, never that the domain is gone.
//!             let domain = self.hypervisor.domain(key.domid)?;
//!             // Its domid alone is not enough: another domain may have it by now.
//!             if !domain.is_some_and(|now| now.key == key && now.life != Life::Dead) {
//!                 self.reserved.remove(&key);
//!                 freed += bytes;
//!             }
//!         }
//!         Ok(freed)
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let host = SimHost::new(HostOptions::new(42));
//! let mut toolstack = Toolstack { hypervisor: host.clone(), reserved: BTreeMap::new() };
//! let watch = host.watch();
//! let web = host.create(NewDomain::new().with_name("web"))?;
//! toolstack.reserved.insert(web, 64 << 20);
//! // A domain that is being destroyed still needs its memory ...
//! host.destroy_until(web.domid, Until::Dying)?;
//! assert!(host.leaving(&web)?);
//! assert_eq!(toolstack.reclaim()?, 0);
//! // ... until it is dead. Then the watch fires.
//! assert!(watch.take(), "a watch fires when it is registered");
//! host.destroy(web.domid)?;
//! assert!(watch.take());
//! // But the hypervisor does not answer the first time, and nothing may be given back yet.
//! host.fail(Call::Domain, When::Next, Failure::NotPermitted);
//! assert!(toolstack.reclaim().is_err());
//! assert_eq!(toolstack.reserved.len(), 1);
//! // And before the second answer, another domain is started with the same domid.
//! let db = NewDomain::new().with_name("db").with_domid(web.domid);
//! host.before_each(move |host, asked| {
//!     if (asked.call, asked.number) == (Call::Domain, 3) {
//!         host.create(db.clone()).expect("the domid is free");
//!     }
//! });
//! assert_eq!(toolstack.reclaim()?, 64 << 20);
//! assert_eq!(host.domains()?.len(), 2, "Domain-0 and db");
//! # Ok(())
//! # }
//! ```
//!
//! Property tests generate histories as [`Event`]s, for [`SimHost::apply`].

mod before;
mod event;
mod event_error;
mod guest;
mod host;
mod host_events;
mod host_file;
mod host_file_error;
mod host_snapshot;
mod json;
mod options;
mod random;
mod script;
mod state;
mod thread_safety;
mod transition;
mod watch;

pub use event::{Event, NewDomain, Until};
pub use event_error::{EventError, NAME_BYTES_MAX};
pub use guest::{Guest, Phase, ShutdownReason};
pub use host::SimHost;
pub use host_file::HostFile;
pub use host_file_error::{HostFileError, HostFileErrorKind};
pub use host_snapshot::HostSnapshot;
pub use json::MalformedHost;
pub use options::HostOptions;
pub use script::{Asked, Call, Failure, Fault, When};
pub use state::HostState;
pub use transition::Applied;
pub use watch::ReleaseWatch;
