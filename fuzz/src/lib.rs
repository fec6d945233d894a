//! The functions that the fuzz targets run. They take bytes, return nothing, and panic when a
//! promise is broken.
//!
//! Errors are fine, panics are bugs. The targets in `fuzz_targets/` are three lines each, and the
//! tests of this crate replay the committed corpus through the same functions on any compiler.

mod archive;
mod c_calls;
mod crashes;
mod decoders;
mod events;
mod faults;
mod host_file;
mod model;
mod names;
mod operations;
mod schedules;
mod sightings;
mod walks;

pub use archive::archive;
pub use c_calls::c_calls;
pub use crashes::crashes;
pub use decoders::{privcmd, xenstore};
pub use events::events;
pub use faults::faults;
pub use host_file::host_file;
pub use names::{file_name, selection, userid};
pub use operations::{operations, operations_os};
pub use schedules::schedules;
pub use sightings::sightings;

/// A function that a fuzzer calls.
pub type Target = fn(&[u8]);

/// Every target with its name, which is also the name of its directory in `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("archive", archive),
    ("c_calls", c_calls),
    ("crashes", crashes),
    ("events", events),
    ("faults", faults),
    ("file_name", file_name),
    ("host_file", host_file),
    ("operations", operations),
    ("operations_os", operations_os),
    ("privcmd", privcmd),
    ("schedules", schedules),
    ("selection", selection),
    ("sightings", sightings),
    ("userid", userid),
    ("xenstore", xenstore),
];
