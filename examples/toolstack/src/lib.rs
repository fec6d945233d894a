//! A small toolstack that stores, for each domain, the recipe that it was made from, and removes the
//! recipes of domains that are gone.
//!
//! It is an example of testing against a host that misbehaves, and it has a planted bug:
//! [`Toolstack::tidy_up`] leaves the data of a domain if another domain has got its domid. To see that
//! takes a host on which domids are used again, which is rarely a host for tests.
//! `tests/misbehaving_host.rs` finds the bug in ten lines, and shows that
//! [`Toolstack::tidy_up_with_care`] does not have it.

mod toolstack;

pub use toolstack::{Toolstack, ToolstackError};
