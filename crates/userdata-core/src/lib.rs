//! Names, rules and traits of a per-domain data store for Xen toolstacks.
//!
//! This crate does no I/O, and has no clock, no randomness and no `unsafe`. It makes three
//! promises:
//!
//! * Its types cannot hold invalid values: [`Domid`], [`Userid`] and
//!   [`FileName`](file_name::FileName) are checked once, when they are parsed.
//! * [`FileName`](file_name::FileName) is libxl's naming scheme, exactly: every name that parses
//!   formats back to itself, and two different values never share a name.
//! * [`Hypervisor`] and [`Store`] have what the crate `userdata` needs, and nothing that only files
//!   could provide.
//!
//! It does not open files, ask a hypervisor or interpret values.
//!
//! # Features
//!
//! * `serde`: `Serialize` and `Deserialize` for the types that are written down: numbers for
//!   [`Domid`], the text of `Display` for the others.
//!
//! # Example
//!
//! ```
//! use userdata_core::file_name::{FileName, NameFormat};
//! use userdata_core::{DomainKey, Userid};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let domain: DomainKey = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
//! let name = FileName::data(NameFormat::Libxl, &domain, &Userid::new("xl")?)?;
//! assert_eq!(name.to_string(), "userdata-d.5.11111111-2222-3333-4444-abcdef555555.xl");
//! assert_eq!(FileName::parse(NameFormat::Libxl, name.as_bytes()), Some(name));
//! # Ok(())
//! # }
//! ```

pub mod domain;
pub mod file_name;
#[doc = include_str!("../glossary.md")]
pub mod glossary {}
pub mod hypervisor;
pub mod registry;
pub mod store;
pub mod userid;
pub mod value;

#[cfg(feature = "serde")]
mod serde_text;
mod waited;

pub use domain::{Domain, DomainKey, Domid, Life, Shutdown};
pub use hypervisor::Hypervisor;
pub use store::Store;
pub use userid::{Userid, WritableUserid};
pub use uuid::Uuid;
pub use value::{Value, Version};

/// The cause of an error, of any type.
pub type Source = Box<dyn std::error::Error + Send + Sync + 'static>;
