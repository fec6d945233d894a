//! `SweepError`: why a sweep could not begin, or not go on.

use thiserror::Error;
use userdata_core::hypervisor::HypervisorError;
use userdata_core::store::StoreError;

use super::SweepTotals;

/// A sweep that could not begin, or not go on. The kind says why; it is the error's source.
#[derive(Debug, Error)]
#[error("cannot sweep the userdata of all domains")]
pub struct SweepError {
    pub(super) totals: SweepTotals,
    #[source]
    pub(super) kind: Box<SweepErrorKind>,
}

impl SweepError {
    /// What the sweep did before it ended.
    #[must_use]
    pub const fn totals(&self) -> SweepTotals {
        self.totals
    }

    /// Why it ended.
    #[must_use]
    pub fn kind(&self) -> &SweepErrorKind {
        &self.kind
    }
}

/// Why a sweep ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SweepErrorKind {
    /// The records cannot be listed.
    #[error(transparent)]
    Store(StoreError),
    /// The hypervisor does not answer.
    #[error(transparent)]
    Hypervisor(HypervisorError),
    /// The hypervisor knows no Domain-0. Every host has one, so this hypervisor answers for only a
    /// part of the host.
    #[error("the hypervisor does not know Domain-0, so its answers prove nothing")]
    NoDomain0,
    /// The file names of this layout contain no domids, so the hypervisor cannot be asked about a
    /// domain.
    #[error("the file names of this layout have no domids, so the sweep cannot look up a domain")]
    NoDomids,
}
