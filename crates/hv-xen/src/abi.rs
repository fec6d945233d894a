//! Xen's toolstack interface as bytes: requests about domains, and decoders of the answers.
//!
//! Pure functions over byte buffers, for the layouts of every release from 4.10 to 4.22 on x86_64
//! and arm64. Nothing here makes a call, and no input causes a panic.
//!
//! This module is public for fuzzing only. It is not part of the crate's stable interface.
//!
//! Two of the three interfaces carry a version number that each release may raise, and a release
//! refuses every number but its own; [`RELEASES`] lists the numbers. The layouts change less often
//! than the numbers: the part of the domain record that is read here, its first 96 bytes, is the
//! same in all of these releases and on both architectures. Only the length of a record, and with
//! it the [stride](sysctl::Layout::stride) of a list, differs.

pub mod domctl;
pub mod sysctl;

mod domain_info;
mod field;
#[cfg(test)]
mod fixtures;
mod release;
mod version;

pub use domain_info::{DomainInfo, RECORD_READ, in_order};
pub use release::{Arch, RELEASES, Release, domctl_versions_to_try, sysctl_versions_to_try};
pub use version::{XenVersion, XenVersionError};

/// An answer that is not of the documented form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The answer is shorter than the fields that have to be read.
    #[error("{got} bytes instead of at least {needed}")]
    Short {
        /// The number of bytes up to the end of the last field.
        needed: usize,
        /// The number of bytes in the answer.
        got: usize,
    },
    /// The answer claims more records than fit into the buffer.
    #[error("{got} records in a buffer for {room}")]
    TooMany {
        /// The number of records that fit.
        room: usize,
        /// The number of records that the answer claims.
        got: usize,
    },
    /// A domid is lower than the first one asked for, or not higher than the one before it.
    #[error("domain {domid} out of order")]
    Order {
        /// The domid that is out of order.
        domid: u16,
    },
    /// A domid is one of the reserved numbers.
    #[error("a domain with the reserved domid {domid:#x}")]
    Reserved {
        /// The number.
        domid: u16,
    },
}
