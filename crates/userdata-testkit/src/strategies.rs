//! Strategies for [proptest](https://docs.rs/proptest): userids, domains, values, changes and
//! histories. They draw from small sets, so that domids and uuids collide as they do on a host.
//!
//! ```
//! use userdata_testkit::proptest::prelude::*;
//! use userdata_testkit::strategies;
//!
//! proptest!(|(domain in strategies::domain_keys(), value in strategies::values())| {
//!     prop_assert!(domain.to_string().contains('.') && !value.is_empty());
//! });
//! ```

mod change;
mod domains;
mod histories;
mod hostile_directories;
mod userids;
mod values;

pub use change::{Change, What, change};
pub use domains::{HOT_DOMAINS, domain_key, domain_keys};
pub use histories::{event, histories};
pub use hostile_directories::{
    foreign_names, hostile, hostile_directories, names_of_ours, near_miss_names,
};
pub use userids::{userids, writable_userids};
pub use values::values;
