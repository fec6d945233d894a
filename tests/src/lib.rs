//! What the tests and the processes that they start agree on.

mod sealed;

pub use sealed::{is_whole, sealed};
