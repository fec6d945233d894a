//! Code that the tests and the processes that they start share.

mod sealed;

pub use sealed::{is_whole, sealed};
