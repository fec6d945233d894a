//! Xen's tool-stack interface as bytes: what is asked about domains, and how answers read.
//!
//! Pure functions over byte buffers, for every release from 4.10 to 4.22 on x86_64 and arm64.
//! Nothing here makes a call, and no input panics.
//!
//! Two of the three interfaces carry a version number that each release may raise, and a release
//! refuses every number but its own; [`RELEASES`] has them all. What the numbers stand for is
//! steadier than they are: the part of the domain record that is read here, its first 96 bytes,
//! is the same in all of these releases and on both architectures. Only the length of a record,
//! and with it the [stride](sysctl::Layout::stride) of a list, differs.

pub mod domctl;
pub mod sysctl;

mod domain_info;
mod field;
#[cfg(test)]
mod fixtures;
mod release;

pub use domain_info::{DomainInfo, RECORD_READ, in_order};
pub use release::{
    Arch, RELEASES, Release, XenVersion, domctl_versions_to_try, sysctl_versions_to_try,
};

/// An answer that is not of the documented form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Fewer bytes than the fields that have to be read.
    #[error("{got} bytes where at least {needed} are needed")]
    Short {
        /// How many bytes the fields reach over.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// More records than there was room for.
    #[error("{got} records where there is room for {room}")]
    TooMany {
        /// How many records fit.
        room: usize,
        /// How many the answer claims.
        got: usize,
    },
    /// A domain before the one that was asked for, or not in rising order of domid.
    #[error("domain {domid} out of order")]
    Order {
        /// The domid that is out of order.
        domid: u16,
    },
    /// A domain whose number is reserved.
    #[error("a domain with the reserved domid {domid:#x}")]
    Reserved {
        /// The number.
        domid: u16,
    },
}
