//! What the fuzz targets run: ordinary functions from bytes to nothing, which panic when a promise
//! is broken.
//!
//! Errors are fine, panics are bugs. The targets in `fuzz_targets/` are three lines each, and the
//! tests of this crate replay the committed corpus through the same functions on any compiler.

mod decoders;
mod names;
mod operations;

pub use decoders::{privcmd, xenstore};
pub use names::{file_name, selection, userid};
pub use operations::operations;

/// What a fuzzer calls.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also the name of its folder in `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("file_name", file_name),
    ("operations", operations),
    ("privcmd", privcmd),
    ("selection", selection),
    ("userid", userid),
    ("xenstore", xenstore),
];
