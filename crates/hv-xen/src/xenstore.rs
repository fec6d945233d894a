//! A small client of xenstore: read, directory, watch, unwatch.
//!
//! xenstore is the tree in which toolstacks keep what they know of domains: names, and whether
//! they have begun to take one apart. It never says who a domain is: its uuid there may be
//! outdated, so identity comes from the hypervisor.
//!
//! Every request has a deadline, every message a limit, and nothing that xenstored sends panics.
//! After a failure other than a refusal a connection is of no use any more and says so: an answer
//! that comes late would be taken for that to the next request.

mod connection;
mod endpoint;
mod error;
mod limit;
pub mod wire;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

pub use connection::Xenstore;
pub use endpoint::Endpoint;
pub use error::{XenstoreError, XenstoreErrorKind};
pub use wire::Event;
