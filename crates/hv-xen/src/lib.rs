//! Domain identity and life cycle read from a real Xen host.

pub mod abi;
