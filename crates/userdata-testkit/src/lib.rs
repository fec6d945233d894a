//! Conformance suites and strategies for stores of Xen userdata, for your own CI.
//!
//! * [`store`], [`directory`] and [`hypervisor`] hold the contract of one trait each as public
//!   functions, one per sentence. Each takes a fresh thing of yours and panics with a reason if its
//!   sentence is not true; `run_all` checks all of them and names every one that failed. Every
//!   implementation of this project, real, simulated or decorated, is held to the same lists.
//! * [`strategies`] draw userids, domains, values, changes and the histories of hosts, hostile ones
//!   preferred.
//! * [`hostile`] plants in a real directory what a store must neither follow nor wait for, and a
//!   [`Snapshot`] tells what became of it.
//!
//! These are test functions: they panic, use threads, and take as long as they take. What they do
//! not do: they are no benchmark, need no root and no network, and never look at the clock of the
//! machine to decide whether something is right.

mod snapshot;
mod suite;

pub mod directory;
pub mod hostile;
pub mod hypervisor;
pub mod store;
pub mod strategies;

pub use snapshot::{Snapshot, Thing};
pub use suite::Statement;
