//! Domain identity and life cycle read from a real Xen host.

pub mod abi;

mod privcmd;

pub use privcmd::Privcmd;
