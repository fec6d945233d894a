//! Names, rules and traits of a per-domain data store for Xen toolstacks.
//!
//! This crate is pure: no I/O, no clock, no randomness, no `unsafe`. It promises three things to
//! everything that is built on it:
//!
//! * a value of one of its types is valid: [`Domid`], [`Userid`] and [`FileName`] are parsed once,
//!   at the edge, and never checked again;
//! * [`FileName`] is libxl's naming scheme and an exact bijection: a name is ours only if it parses
//!   and formats back to itself, and two different values never share one;
//! * [`Hypervisor`] and [`Store`] say what the protocols of the crate `userdata` need, and nothing
//!   that only files could give.
//!
//! What it does not do: it opens no file, asks no hypervisor, and has no opinion on what a value
//! means.

mod boot;
mod deadline;
mod domain;
mod domid;
mod durability;
mod file_name;
mod hypervisor;
mod hypervisor_error;
mod record;
mod refused;
pub mod registry;
mod selection;
mod store;
mod store_error;
mod userid;
mod value;

pub use boot::{BootId, BootIdError};
pub use deadline::Deadline;
pub use domain::{Domain, DomainKey, DomainKeyError, Life};
pub use domid::{Domid, DomidError};
pub use durability::Durability;
pub use file_name::{FileName, Kind, NameFormat, NameTooLong, Owner};
pub use hypervisor::{DomainNames, Hypervisor};
pub use hypervisor_error::{HypervisorError, HypervisorErrorKind};
pub use record::{Condition, Entry, FileType, Found};
pub use refused::Refused;
pub use selection::DomainSelection;
pub use store::{Admit, Clear, Cleared, ClosingMark, Done, Expect, Op, State, Store};
pub use store_error::{Operation, StoreError, StoreErrorKind};
pub use userid::{Userid, UseridError, WritableUserid};
pub use uuid::Uuid;
pub use value::{Value, Version, VersionError};

/// What an error may carry as its cause, of whatever engine or system it came from.
pub type Source = Box<dyn std::error::Error + Send + Sync + 'static>;
