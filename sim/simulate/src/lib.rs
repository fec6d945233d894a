//! The laboratory of the store: its real code on simulated hosts that crash, fail and compete.
//!
//! `userdata-sim` is the host's disk, its faults and what a power cut leaves of it. This library
//! runs the store on it, and checks the results against the guarantees:
//!
//! * [`walk::CrashWalk`] and [`walk::FaultWalk`] stop or disturb one process at every point and
//!   recover with the real code.
//! * A [`scenario::Scenario`] is several processes on one host, real libxl and its defects among
//!   them. [`schedule::Choices`], from a seed or exhaustive, decide which of them runs next. The
//!   result is a [`scenario::Run`].
//! * A [`checker::Checker`] checks a [`history::History`] of several processes against the
//!   guarantees, and says why it is wrong; [`checker::CrashCheck`] does so with what a power cut
//!   leaves of it.
//! * [`shrink::shrink()`] makes a failing scenario as small as it can.
//!
//! # What is walked, and what is not
//!
//! One process of a flat layout meets every crash state, every fault and every wrong answer of the
//! hypervisor, the latter two in pairs; several are scheduled as [`scenario::Scenario`] says. Bits
//! that rot, sectors torn within a block, and disks that lie about a flush are not simulated;
//! neither are permissions, since a process here may do anything.

pub mod actor;
pub mod checker;
pub mod history;
mod history_text;
pub mod misanswer;
mod root;
pub mod scenario;
pub mod schedule;
pub mod shrink;
pub mod walk;

pub use root::{Root, root_behind};
