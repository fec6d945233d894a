//! `Guest`: everything that a simulated host knows about one domain.

use std::fmt;

use serde::{Deserialize, Serialize};
use userdata_core::{Life, Shutdown, Uuid};

/// One domain of a simulated host, even if a policy hides it. Domain-0 is a guest, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    pub(crate) uuid: Uuid,
    pub(crate) name: Option<String>,
    pub(crate) incarnation: u64,
    pub(crate) stage: Stage,
    pub(crate) leaving: bool,
    pub(crate) shutdown: Option<ShutdownReason>,
    pub(crate) paused: bool,
    pub(crate) pinned: bool,
    pub(crate) hidden: bool,
}

impl Guest {
    pub(crate) const fn new(uuid: Uuid, name: Option<String>, incarnation: u64) -> Self {
        Self {
            uuid,
            name,
            incarnation,
            stage: Stage::Alive,
            leaving: false,
            shutdown: None,
            paused: false,
            pinned: false,
            hidden: false,
        }
    }

    /// The domain uuid, Xen's handle.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The name that xenstore has for it. `None` if it never had one, and once its toolstack has
    /// begun to destroy it: the domain's xenstore directory is removed first.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| !self.leaving)
    }

    /// The number of this incarnation, which no other domain of this host has in any boot.
    #[must_use]
    pub const fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Its phase, in more detail than the hypervisor reports.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match (self.stage, self.leaving, self.shutdown) {
            (Stage::Dead, ..) => Phase::Dead,
            (Stage::Dying, ..) => Phase::Dying,
            (Stage::Alive, true, _) => Phase::Leaving,
            (Stage::Alive, false, Some(reason)) => Phase::Shutdown(reason),
            (Stage::Alive, false, None) => Phase::Running,
        }
    }

    /// Whether the toolstack has begun to destroy it. A domain that was killed without its
    /// toolstack is dying and not leaving.
    #[must_use]
    pub const fn leaving(&self) -> bool {
        self.leaving
    }

    /// Whether its toolstack has paused it.
    #[must_use]
    pub const fn paused(&self) -> bool {
        self.paused
    }

    /// Whether another domain has a reference on its memory, so that it stays as a zombie once it
    /// is dead.
    #[must_use]
    pub const fn pinned(&self) -> bool {
        self.pinned
    }

    /// Whether a security policy hides it from the callers of the hypervisor.
    #[must_use]
    pub const fn hidden(&self) -> bool {
        self.hidden
    }
}

/// How far the hypervisor has destroyed a domain: `Life` as the JSON of a host spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    Alive,
    Dying,
    Dead,
}

impl Stage {
    pub(crate) const fn life(self) -> Life {
        match self {
            Self::Alive => Life::Alive,
            Self::Dying => Life::Dying,
            Self::Dead => Life::Dead,
        }
    }
}

/// The phase of a domain's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Running, blocked or paused.
    Running,
    /// It has shut down and waits for its toolstack, which may resume it.
    Shutdown(ShutdownReason),
    /// The toolstack has begun to destroy it; to the hypervisor it is still alive.
    Leaving,
    /// The hypervisor is destroying it (`DOMDYING_dying`).
    Dying,
    /// It is destroyed, but the hypervisor still has it (`DOMDYING_dead`): a zombie.
    Dead,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Shutdown(reason) => {
                let reason = reason.name().replace('-', " ");
                return f.pad(&format!("shut down ({reason})"));
            }
            Self::Leaving => "leaving",
            Self::Dying => "dying",
            Self::Dead => "dead",
        })
    }
}

/// Why a domain shut down: Xen's `SHUTDOWN_*` codes. Written in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShutdownReason {
    /// `SHUTDOWN_poweroff`: it has finished; the toolstack may destroy it.
    Poweroff,
    /// `SHUTDOWN_reboot`: the toolstack is to start it anew.
    Reboot,
    /// `SHUTDOWN_suspend`: saved, or about to be resumed or migrated.
    Suspend,
    /// `SHUTDOWN_crash`: it told the hypervisor that it crashed.
    Crash,
    /// `SHUTDOWN_watchdog`: its watchdog was not served.
    Watchdog,
    /// `SHUTDOWN_soft_reset`: it asks to be reset in place.
    SoftReset,
}

impl ShutdownReason {
    /// Every reason, in the order of Xen's numbers.
    pub const ALL: [Self; 6] = [
        Self::Poweroff,
        Self::Reboot,
        Self::Suspend,
        Self::Crash,
        Self::Watchdog,
        Self::SoftReset,
    ];

    /// The name on a command line: Xen's, in small letters and with `-` between words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Poweroff => "poweroff",
            Self::Reboot => "reboot",
            Self::Suspend => "suspend",
            Self::Crash => "crash",
            Self::Watchdog => "watchdog",
            Self::SoftReset => "soft-reset",
        }
    }
}

impl From<ShutdownReason> for Shutdown {
    fn from(reason: ShutdownReason) -> Self {
        Self::from_number(match reason {
            ShutdownReason::Poweroff => 0,
            ShutdownReason::Reboot => 1,
            ShutdownReason::Suspend => 2,
            ShutdownReason::Crash => 3,
            ShutdownReason::Watchdog => 4,
            ShutdownReason::SoftReset => 5,
        })
    }
}
