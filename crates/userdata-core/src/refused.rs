//! `Refused`: why a change is not admitted.

use thiserror::Error;

use crate::HypervisorError;

/// Why a change to a domain's data is not admitted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is no such domain, or it is dead, or another one has its domid now.
    #[error("no such domain")]
    NoSuchDomain,
    /// The domain is being destroyed: dying, leaving, or marked as closing.
    #[error("the domain is being destroyed")]
    BeingDestroyed,
    /// It is not known whether the domain exists.
    #[error("it is not known whether the domain exists")]
    Unknown(#[source] HypervisorError),
}
