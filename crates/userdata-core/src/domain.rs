//! `Domid`, `DomainKey` and `Domain`: how domains are named, and what a host reports about one.

mod domid;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use uuid::Uuid;

pub use domid::{Domid, DomidError};

/// Names one incarnation of a domain: the domid together with the domain uuid.
///
/// The uuid is the hypervisor's *handle*, in the byte order of the handle, as libxl uses it. It
/// never comes from xenstore. Neither part alone is enough: during a localhost migration two domids
/// have one uuid, and Xen reuses domids. A key is written `DOMID.UUID`, with the uuid in lower
/// case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainKey {
    /// The number of the domain.
    pub domid: Domid,
    /// The domain uuid, Xen's `xen_domain_handle_t`.
    pub uuid: Uuid,
}

impl DomainKey {
    /// The key of the domain with this domid and this handle.
    #[must_use]
    pub const fn new(domid: Domid, uuid: Uuid) -> Self {
        Self { domid, uuid }
    }
}

impl fmt::Display for DomainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.domid, self.uuid.hyphenated())
    }
}

impl FromStr for DomainKey {
    type Err = DomainKeyError;

    /// Parses `DOMID.UUID`; the uuid in any form that [`Uuid`] reads, in any case.
    fn from_str(text: &str) -> Result<Self, DomainKeyError> {
        let (domid, uuid) = text.split_once('.').ok_or(DomainKeyError::NoDot)?;
        Ok(Self {
            domid: domid.parse().map_err(DomainKeyError::Domid)?,
            uuid: Uuid::try_parse(uuid).map_err(DomainKeyError::Uuid)?,
        })
    }
}

/// Why a text is not `DOMID.UUID`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DomainKeyError {
    /// There is no dot between a domid and a uuid.
    #[error("the text is not of the form DOMID.UUID")]
    NoDot,
    /// The part before the dot is not a domid.
    #[error("the part before the dot is not a domid")]
    Domid(#[source] DomidError),
    /// The part after the dot is not a uuid.
    #[error("the part after the dot is not a uuid")]
    Uuid(#[source] uuid::Error),
}

/// How far the hypervisor has destroyed a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Life {
    /// It exists: running, paused, shut down or crashed. In each of these states it may run again.
    Alive,
    /// The hypervisor is destroying it and still has its memory (`DOMDYING_dying`).
    Dying,
    /// It is destroyed, but another domain still refers to its memory (`DOMDYING_dead`): a zombie.
    Dead,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Alive => "alive",
            Self::Dying => "dying",
            Self::Dead => "dead",
        })
    }
}

/// The report of a hypervisor about one domain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Domain {
    /// The incarnation.
    pub key: DomainKey,
    /// How far the hypervisor has destroyed it.
    pub life: Life,
    /// A number that no other domain of this boot gets: `unique_id` of
    /// `XEN_DOMCTL_get_domain_state` in Xen 4.21 and later, `None` before.
    pub incarnation: Option<u64>,
    /// Whether its toolstack has paused it (`XEN_DOMINF_paused`).
    pub paused: bool,
    /// Why it has shut down (`XEN_DOMINF_shutdown`), if it has. The domain exists all the same.
    pub shutdown: Option<Shutdown>,
}

/// Why a guest has shut down: Xen's `SHUTDOWN_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Shutdown {
    /// 0: it has switched itself off.
    Poweroff,
    /// 1: it wants to be started again.
    Reboot,
    /// 2: it is suspended, as the source of a migration is when the destination may run already.
    Suspend,
    /// 3: it has crashed.
    Crash,
    /// A reason that this library does not know.
    Other(u8),
}

impl Shutdown {
    /// The reason with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Poweroff,
            1 => Self::Reboot,
            2 => Self::Suspend,
            3 => Self::Crash,
            other => Self::Other(other),
        }
    }
}

impl Domain {
    /// A domain of which only the key and the life are known.
    #[must_use]
    pub const fn new(key: DomainKey, life: Life) -> Self {
        Self {
            key,
            life,
            incarnation: None,
            paused: false,
            shutdown: None,
        }
    }

    /// The same, if its toolstack has, or has not, paused it.
    #[must_use]
    pub const fn with_paused(mut self, paused: bool) -> Self {
        self.paused = paused;
        self
    }

    /// The same, if it has shut down for this reason.
    #[must_use]
    pub const fn with_shutdown(mut self, shutdown: Option<Shutdown>) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Whether its guest runs, or would if it got processor time: it is alive, and neither paused
    /// nor shut down.
    #[must_use]
    pub const fn runs(&self) -> bool {
        matches!(self.life, Life::Alive) && !self.paused && self.shutdown.is_none()
    }

    /// The same with the hypervisor's number for this incarnation.
    #[must_use]
    pub const fn with_incarnation(mut self, incarnation: u64) -> Self {
        self.incarnation = Some(incarnation);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_from_its_own_text_and_any_case() {
        let text = "5.11111111-2222-3333-4444-abcdef555555";
        let key: DomainKey = text.parse().unwrap();
        assert_eq!(key.domid.get(), 5);
        assert_eq!(key.to_string(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(key));
    }

    #[test]
    fn a_key_without_one_of_its_parts_is_refused() {
        assert_eq!("5".parse::<DomainKey>(), Err(DomainKeyError::NoDot));
        assert!(matches!(
            "05.x".parse::<DomainKey>(),
            Err(DomainKeyError::Domid(_))
        ));
        assert!(matches!(
            "5.x".parse::<DomainKey>(),
            Err(DomainKeyError::Uuid(_))
        ));
    }
}
