//! `Refused`: why a change is not admitted.

use thiserror::Error;

use crate::Domid;
use crate::hypervisor::HypervisorError;
use crate::store::{Home, HostName};

/// Why a change to a domain's data is not admitted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is no such domain, or it is dead, or another domain has its domid now.
    #[error("no such domain")]
    NoSuchDomain,
    /// The domain is being destroyed: dying, leaving, or marked as closing.
    #[error("the domain is being destroyed")]
    BeingDestroyed,
    /// The domain was gone, so its data was to be removed. Now a domain with the same domid and
    /// uuid exists again.
    #[error("the domain exists again, so its data stays")]
    ExistsAgain,
    /// The domain is gone, and its closing mark was lost before that: a value may have been stored
    /// after the data was last looked at.
    #[error("the data was changed after it was last looked at, so it stays")]
    Changed,
    /// The domain is gone, its closing mark was lost, and another program may have removed the
    /// data: a value may have been stored after the data was last looked at.
    #[error("the closing mark was lost, and another program may have removed the data")]
    RemovedMeanwhile,
    /// The store keeps data by uuid alone, and another living domain has this uuid.
    #[error(
        "domain {other} has the same uuid, and this store keeps the data of both under that uuid"
    )]
    UuidShared {
        /// The other domain.
        other: Domid,
    },
    /// In a pool of hosts, the data belongs to another host or another incarnation.
    #[error("the data belongs to {0}")]
    Elsewhere(Home),
    /// The pool does not know this host, or knows it by an earlier boot.
    #[error("this host is not a member of the pool: 'pool join' makes it one")]
    NotAMember,
    /// The pool does not know the host that a domain is to move to.
    #[error("the host {0} is not a member of the pool: 'pool status' shows the members")]
    NoSuchMember(HostName),
    /// The domain is paused or suspended, so that another host may run it.
    #[error("the domain does not run here: it is paused, suspended or shut down")]
    NotRunning,
    /// No host sends the data of this domain.
    #[error("no move of this domain has begun")]
    NotMoving,
    /// The pool has no data of this domain.
    #[error("the pool has no data of this domain")]
    NoData,
    /// Whether the domain exists is unknown.
    #[error("it is not known whether the domain exists")]
    Unknown(#[source] HypervisorError),
}
