//! `EventError`: why something can't happen on a host.

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
    #[error("there is no domain {domid}")]
    NoSuchDomain {
        /// The domid.
        domid: Domid,
    },
    /// It can't happen to Domain-0, which lives as long as the host.
    #[error("Domain-0 lives as long as the host")]
    DomainZero,
    /// The domain is too far in its life, or not far enough.
    #[error("domain {domid} is {phase}")]
    WrongPhase {
        /// The domain.
        domid: Domid,
        /// Where it is.
        phase: Phase,
    },
    /// The chosen domid has a domain, a zombie perhaps (`EEXIST`).
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
        /// Who has it.
        domid: Domid,
    },
    /// The name is empty or too long.
    #[error("a name has 1 to {NAME_BYTES_MAX} bytes, not {bytes}")]
    NameLength {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The two domains of a migration have not one uuid, or are one domain.
    #[error("domain {target} is not domain {source_domid} migrated")]
    NotMigrated {
        /// The one that was to go.
        source_domid: Domid,
        /// The one that was to stay.
        target: Domid,
    },
    /// The host has counted its boots or domains up to the end of 64 bits.
    #[error("the host has no number left to count with")]
    Exhausted,
}
