//! A small client of xenstore: read, directory, watch, unwatch.
//!
//! xenstore is the tree in which toolstacks keep what they know about domains: names, and whether a
//! toolstack has begun to destroy a domain. A domain's uuid in xenstore may be outdated, so the
//! identity comes from the hypervisor.
//!
//! Every request has a deadline, every message a size limit, and no bytes of xenstored cause a
//! panic. If a request fails and xenstored did not refuse it, the connection is closed: a late
//! answer would otherwise be taken for the answer to the next request.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use hv_xen::xenstore::{Endpoint, Xenstore};
//!
//! let mut xenstore = Xenstore::open(&Endpoint::usual(), Duration::from_secs(2))?;
//! for domid in xenstore.directory("/local/domain")?.unwrap_or_default() {
//!     println!("domain {}", String::from_utf8_lossy(&domid));
//! }
//! # Ok::<(), hv_xen::xenstore::XenstoreError>(())
//! ```

mod connection;
mod endpoint;
mod error;
mod limit;
// Public for fuzzing only: any release may change it.
#[doc(hidden)]
pub mod wire;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

pub use connection::Xenstore;
pub use endpoint::Endpoint;
pub use error::{XenstoreError, XenstoreErrorKind};
pub use wire::{Event, Malformed, MessageKind};
