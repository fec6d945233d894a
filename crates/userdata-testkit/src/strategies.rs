//! Strategies for [proptest](https://docs.rs/proptest): userids, domains, values and changes, drawn
//! from small sets, so that what collides on a host collides here.

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
