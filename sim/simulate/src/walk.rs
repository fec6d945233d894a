//! Walks: the real code on a simulated host, stopped or disturbed at every point.

mod action;
mod action_text;
mod carry;
mod crash_walk;
mod damaged;
mod each;
mod expectation;
mod fault_walk;
mod faulted;
mod guarantee;
mod interruption;
mod layout;
mod misled_host;
mod misled_walk;
mod protocols;
mod recovery;
mod report;
mod reported;
mod scene;
mod shortage;
mod swept;
mod waits;

pub use action::{Action, ActionKind, Slot};
pub use crash_walk::{CrashWalk, Cut, Ended, WalkError, Walked};
pub use fault_walk::FaultWalk;
pub(crate) use fault_walk::is_applied;
pub use faulted::Faulted;
pub use guarantee::{Broken, End, Guarantee, Incident};
pub use layout::open_store;
pub(crate) use layout::{boot_directory, boot_name, flat_name, shown, view_in};
pub(crate) use recovery::{Recovered, store_once_more};
pub use report::Report;
pub(crate) use report::is_synced;
pub use scene::{Scene, Setting};
pub use swept::{Seen, Sight, Swept};
pub use waits::Waits;
