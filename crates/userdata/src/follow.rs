//! Data follows its domain: values are exported, imported, and carried to another domain.
//!
//! A domain that is rebooted, saved and restored, or migrated by libxl is another one afterwards,
//! and the data of the first is gone before the second exists. [`Userdata::destroy_with_export`]
//! takes the values along before, and [`Userdata::import`] gives them to the new domain. A
//! toolstack that makes the new domain first uses [`Userdata::carry`].

mod carry;
mod export;
mod import;
mod selection;

#[cfg(doc)]
use crate::Userdata;

pub use export::{Counted, Exported, Limits};
pub use selection::Selection;
