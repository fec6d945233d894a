//! Data follows its domain: values are exported, imported, and carried to another domain.
//!
//! libxl reboots, restores or migrates a domain by destroying it and creating another one, and the
//! data of the first is removed before the second exists. [`Userdata::destroy_with_export`] reads
//! the values before that, and [`Userdata::import`] stores them for the new domain. A toolstack
//! that creates the new domain first uses [`Userdata::carry`].

mod carry;
mod export;
mod import;
mod selection;

#[cfg(doc)]
use crate::Userdata;

pub use export::{Counted, Exported, Limits};
pub use selection::Selection;
