//! `EventError`: why an event can't happen on a host.

use thiserror::Error;
use userdata_core::Domid;

use crate::Phase;

/// The longest name of a domain, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// Why an event can't happen. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventError {
    /// There is no domain with this domid.
    #[error("domain {domid} does not exist")]
    NoSuchDomain {
        /// The domid.
        domid: Domid,
    },
    /// The event can't happen to Domain-0, which lives as long as the host.
    #[error("Domain-0 lives as long as the host")]
    DomainZero,
    /// The domain is in a phase in which the event can't happen.
    #[error("domain {domid} is {phase}")]
    WrongPhase {
        /// The domain.
        domid: Domid,
        /// Its phase.
        phase: Phase,
    },
    /// Another domain, perhaps a zombie, has the chosen domid (`EEXIST`).
    #[error("domid {domid} is taken")]
    DomidTaken {
        /// The domid.
        domid: Domid,
    },
    /// Every domid has a domain (`ENOMEM`).
    #[error("every domid is taken")]
    NoFreeDomid,
    /// Another domain has the name; `xl` refuses such a domain.
    #[error("domain {domid} has the name {name:?}")]
    NameTaken {
        /// The name.
        name: String,
        /// The domain that has it.
        domid: Domid,
    },
    /// The name is empty or too long.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes, not {bytes}")]
    NameLength {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The two domains of a migration have different uuids, or are one domain.
    #[error("domain {target} is not the target of a migration of domain {source_domid}")]
    NotMigrated {
        /// The source that was named.
        source_domid: Domid,
        /// The target that was named.
        target: Domid,
    },
    /// The host's count of boots or domains has reached the end of its 64 bits.
    #[error("the host has counted to the end of 64 bits")]
    Exhausted,
}
