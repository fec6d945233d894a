//! Conformance suites and strategies for stores of Xen userdata, for your own CI.
//!
//! * [`store`], [`directory`] and [`hypervisor`] each hold the contract of one trait, as one public
//!   function per statement. Each function takes a fresh implementation and panics with a reason if
//!   its statement is not true. `run_all` checks all of them and names every one that failed. All
//!   implementations in this project, real, simulated and decorated ones, pass the same lists.
//! * [`strategies`] draw userids, domains, values, changes and histories of hosts, with hostile
//!   ones among them.
//! * [`hostile`] plants, in a real directory, files that a store must neither follow nor wait for,
//!   and [`Snapshot`] shows whether anything has changed them.
//!
//! The functions are for tests: they panic, and use threads. They are not benchmarks, need neither
//! root nor a network, and never use the machine's clock to decide whether something is right.
//!
//! # Versions
//!
//! A minor release may add statements to a suite. An implementation that breaks one of them then
//! fails in your CI although it has not changed. To choose the time of that, pin the version. Or
//! run the list that [`store::statements`] (or the function of that name for another trait)
//! returns, without the statements that may fail.

mod snapshot;
mod suite;

pub mod directory;
pub mod hostile;
pub mod hypervisor;
pub mod store;
pub mod strategies;

pub use snapshot::{Node, Snapshot};
pub use suite::Statement;

// The crates whose types are in public signatures.
pub use {hv_sim, proptest, userdata_core, userdata_fs};
