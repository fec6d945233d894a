//! A small toolstack that keeps, with each domain, the recipe it was made from, and tidies up after
//! domains that are gone.
//!
//! It is an example of testing against a host that misbehaves, and it has a planted bug:
//! [`Toolstack::tidy_up`] leaves the data of a domain whose domid another one has got. That takes a
//! host on which domids come back, which is no host that one tries things on.
//! `tests/misbehaving_host.rs` finds it in ten lines, and shows that
//! [`Toolstack::tidy_up_with_care`] does not have it.

mod toolstack;

pub use toolstack::{Toolstack, ToolstackError};
