//! `Verdict`: what a sweep finds out about one incarnation, and what follows from it.

use std::fmt;
use std::time::Duration;

use userdata_core::Uuid;
use userdata_core::hypervisor::HypervisorError;
use userdata_core::store::StoreError;

/// The decision about the data of one incarnation, and the reason.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// The domain does not exist: all its data is removed.
    Orphan(Orphan),
    /// The data stays.
    Kept(Kept),
}

/// Why an incarnation is known not to exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Orphan {
    /// No domain has the domid, or only a dead one with another uuid.
    Absent,
    /// The hypervisor has destroyed it, although something still refers to it.
    Dead,
    /// It is of another boot of the host, or was already taken away: no domain can reach it.
    Unreachable,
    /// The domain of this domid has had another uuid for at least the grace and settle times.
    OtherUuid {
        /// The uuid that the domain has now.
        uuid: Uuid,
        /// How long sweeps have seen it with that uuid.
        seen: Duration,
    },
}

/// Why the data of an incarnation stays.
#[derive(Debug)]
#[non_exhaustive]
pub enum Kept {
    /// The domain lives. Temporary files that are older than the grace, and void closing marks,
    /// are removed.
    Alive {
        /// Its toolstack has begun to destroy it and has not finished. Destroying it again
        /// completes that.
        interrupted: bool,
    },
    /// The hypervisor is destroying it.
    Dying,
    /// Another process is destroying it together with its data, or has only just marked it.
    Closing,
    /// It is Domain-0, whose data is never removed.
    Domain0,
    /// The domain of this domid has another uuid, and sweeps have not seen that for long enough:
    /// toolstacks change the uuid of a living domain during a migration, and change it back.
    OtherUuid {
        /// The uuid that the domain has now.
        uuid: Uuid,
        /// How long sweeps have seen it with that uuid.
        seen: Duration,
    },
    /// The domain does not exist, and sweeps have not seen that for the settle time yet.
    Settling {
        /// How long sweeps have seen it gone.
        seen: Duration,
    },
    /// The hypervisor does not answer whether it exists.
    Unknown(Box<HypervisorError>),
    /// Another process had the lock of its data for too long.
    Busy,
    /// The store failed before the hypervisor could be asked, for example because it could not make
    /// a lock file.
    Failed(Box<StoreError>),
}

impl Verdict {
    /// Whether the data goes.
    #[must_use]
    pub const fn is_orphan(&self) -> bool {
        matches!(self, Self::Orphan(_))
    }

    /// One word for it, the same in every release: `absent`, `dead`, `unreachable`, `other-uuid`,
    /// `alive`, `interrupted`, `dying`, `closing`, `domain-0`, `settling`, `unknown`, `busy` or
    /// `failed`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Orphan(Orphan::Absent) => "absent",
            Self::Orphan(Orphan::Dead) => "dead",
            Self::Orphan(Orphan::Unreachable) => "unreachable",
            Self::Orphan(Orphan::OtherUuid { .. }) | Self::Kept(Kept::OtherUuid { .. }) => {
                "other-uuid"
            }
            Self::Kept(Kept::Alive { interrupted: false }) => "alive",
            Self::Kept(Kept::Alive { interrupted: true }) => "interrupted",
            Self::Kept(Kept::Dying) => "dying",
            Self::Kept(Kept::Closing) => "closing",
            Self::Kept(Kept::Domain0) => "domain-0",
            Self::Kept(Kept::Settling { .. }) => "settling",
            Self::Kept(Kept::Unknown(_)) => "unknown",
            Self::Kept(Kept::Busy) => "busy",
            Self::Kept(Kept::Failed(_)) => "failed",
        }
    }
}

impl fmt::Display for Verdict {
    /// The reason, without the errors that caused it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Orphan(Orphan::Absent) => f.write_str("the domain does not exist"),
            Self::Orphan(Orphan::Dead) => f.write_str("the domain is dead"),
            Self::Orphan(Orphan::Unreachable) => f.write_str("no domain can reach it"),
            Self::Orphan(Orphan::OtherUuid { uuid, seen })
            | Self::Kept(Kept::OtherUuid { uuid, seen }) => {
                let seconds = seen.as_secs();
                write!(f, "the domid belongs to {uuid}, seen for {seconds} s")
            }
            Self::Kept(Kept::Alive { interrupted: false }) => f.write_str("the domain lives"),
            Self::Kept(Kept::Alive { interrupted: true }) => f.write_str(
                "the domain lives, but its destruction was begun and interrupted: destroy it again",
            ),
            Self::Kept(Kept::Dying) => f.write_str("the hypervisor is destroying the domain"),
            Self::Kept(Kept::Closing) => {
                f.write_str("another process is destroying the domain with its data")
            }
            Self::Kept(Kept::Domain0) => f.write_str("Domain-0 keeps its data"),
            Self::Kept(Kept::Settling { seen }) => {
                let seconds = seen.as_secs();
                write!(f, "the domain does not exist, seen for {seconds} s only")
            }
            Self::Kept(Kept::Unknown(_)) => {
                f.write_str("the hypervisor does not say whether the domain exists")
            }
            Self::Kept(Kept::Busy) => f.write_str("another process uses its data"),
            Self::Kept(Kept::Failed(_)) => f.write_str("its data cannot be locked"),
        }
    }
}
