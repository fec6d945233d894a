//! `Event`: something that can happen on a host, as data.

use serde::{Deserialize, Serialize};
use userdata_core::{Domid, Uuid};

use crate::ShutdownReason;

/// One thing that happens on a host.
///
/// A history is a list of these: the same list on two hosts of the same options gives the same
/// state, byte for byte. As JSON an event is an object whose `event` names it in snake case, with
/// the variant's fields beside it: `{"event":"destroy","domid":3,"until":"gone"}`.
///
/// An event that can't happen is an [`EventError`](crate::EventError) and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The toolstack creates a domain.
    Create(NewDomain),
    /// The domain shuts down. To the hypervisor it is still alive.
    Shutdown {
        /// The domain, which is running.
        domid: Domid,
        /// The reason.
        reason: ShutdownReason,
    },
    /// A domain that has shut down is resumed, as after a suspend for a checkpoint.
    Resume {
        /// The domain, which has shut down.
        domid: Domid,
    },
    /// The toolstack pauses a domain. To the hypervisor it is alive, and its guest does not run.
    Pause {
        /// The domain, which is alive and not leaving.
        domid: Domid,
    },
    /// The toolstack lets a paused domain run.
    Unpause {
        /// The domain, which is alive and not leaving.
        domid: Domid,
    },
    /// The toolstack reboots a domain as `xl` does: destroys it, then creates one with its uuid and
    /// name. To see the steps between, use [`Event::Shutdown`], [`Event::Destroy`] and
    /// [`Event::Create`].
    Reboot {
        /// The domain, which is running or has shut down.
        domid: Domid,
    },
    /// The toolstack destroys a domain, or continues to destroy it.
    Destroy {
        /// The domain, in any phase up to `until`.
        domid: Domid,
        /// The stage at which the destruction stops. For a pinned domain it stops at
        /// [`Until::Dead`].
        until: Until,
    },
    /// The hypervisor begins to destroy a domain before its toolstack has taken any step: a bare
    /// `xc_domain_destroy`, as xenopsd calls it. The domain keeps its xenstore directory and is not
    /// *leaving*.
    Kill {
        /// The domain, which is alive and not leaving.
        domid: Domid,
    },
    /// A localhost migration begins: a second domain with the uuid of the first, called
    /// `NAME--incoming`.
    MigrateBegin {
        /// The domain to migrate, which is running or has shut down.
        domid: Domid,
    },
    /// A localhost migration ends: the source is destroyed until it is gone, and the target gets
    /// its name.
    MigrateEnd {
        /// The domain that is destroyed, in any phase.
        source: Domid,
        /// The domain that stays: alive, not leaving, with the uuid of the source.
        target: Domid,
    },
    /// The domain is reset in place: domid, uuid, name and incarnation stay. A domain that was
    /// leaving is not leaving afterwards: libxl removes the xenstore directory for a soft reset,
    /// too.
    SoftReset {
        /// The domain, which is alive.
        domid: Domid,
    },
    /// The handle of a domain changes while it lives (`xc_domain_sethandle`). The handle of
    /// Domain-0 may change, too.
    SetUuid {
        /// The domain, in any phase.
        domid: Domid,
        /// Its handle from now on.
        uuid: Uuid,
    },
    /// The toolstack gives a domain another name.
    Rename {
        /// The domain, which is alive and not leaving.
        domid: Domid,
        /// Its name from now on, 1 to [`NAME_BYTES_MAX`](crate::NAME_BYTES_MAX) bytes.
        name: String,
    },
    /// A security policy hides a domain: lists omit it, and looking it up is not permitted.
    Hide {
        /// The domain, which may be Domain-0.
        domid: Domid,
    },
    /// The policy no longer hides the domain.
    Show {
        /// The domain.
        domid: Domid,
    },
    /// Another domain takes a reference on the domain's memory. Once the domain is dead, it stays
    /// as a zombie.
    Pin {
        /// The domain, in any phase.
        domid: Domid,
    },
    /// The last reference is dropped. If the domain is dead, it is gone now; no watch fires.
    Unpin {
        /// The domain, in any phase.
        domid: Domid,
    },
    /// `@releaseDomain` fires without a reason.
    Spurious,
    /// The host reboots: all guests are gone, domids start at 1 again, the boot has another id.
    /// Domain-0 keeps its uuid and is a new incarnation.
    BootHost,
}

/// A domain to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NewDomain {
    /// Its name, which no other domain may have; `None` for a domain without a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its uuid, which other domains may have too; `None` for one made from the host's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// Its domid, which no other domain may have; `None` for the next free one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domid: Option<Domid>,
}

impl NewDomain {
    /// A domain without a name, with a uuid from the host's seed and the next domid.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            name: None,
            uuid: None,
            domid: None,
        }
    }

    /// The same with a name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same with this uuid.
    #[must_use]
    pub const fn with_uuid(mut self, uuid: Uuid) -> Self {
        self.uuid = Some(uuid);
        self
    }

    /// The same with this domid.
    #[must_use]
    pub const fn with_domid(mut self, domid: Domid) -> Self {
        self.domid = Some(domid);
        self
    }
}

/// The stage at which the destruction of a domain stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Until {
    /// The toolstack has begun: it has removed the domain's xenstore directory, and has not called
    /// the hypervisor yet.
    Leaving,
    /// The hypervisor is destroying the domain (`DOMDYING_dying`).
    Dying,
    /// The domain is destroyed, but the hypervisor still has it (`DOMDYING_dead`).
    Dead,
    /// The domain no longer exists.
    Gone,
}
