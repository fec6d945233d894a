//! The command `userdata`, run as its users run it: the real binary on real files.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod archives;
mod arguments;
mod carrying;
mod choosing;
mod demo;
mod descriptors;
mod destroying;
mod documents;
mod exit_status;
mod exporting;
mod full_tmpfs;
mod hosts;
mod importing;
mod interruption;
mod leases;
mod listing;
mod pipes;
#[cfg(feature = "pool")]
mod pool;
mod removing;
mod retrieving;
mod samples;
mod sandbox;
mod sightings;
mod simulated;
mod storing;
mod sweeping;
mod taking_along;
mod tree;
mod units;
mod waiting;
