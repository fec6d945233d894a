//! `Event`: what can happen on a host, as data.

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
    /// The domain shuts down: the hypervisor still has it, alive.
    Shutdown {
        /// Which domain, running.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
        /// Why.
        reason: ShutdownReason,
    },
    /// A domain that has shut down is resumed, as after a suspend for a checkpoint.
    Resume {
        /// Which domain, shut down.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
    },
    /// The toolstack reboots a domain as `xl` does: destroys it, then creates one with its uuid and
    /// name. To see what is between, use [`Event::Shutdown`], [`Event::Destroy`] and
    /// [`Event::Create`].
    Reboot {
        /// Which domain, running or shut down.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
    },
    /// The toolstack destroys a domain, or goes on with it.
    Destroy {
        /// Which domain, in any phase up to `until`.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
        /// How far. A pinned domain gets no further than [`Until::Dead`].
        until: Until,
    },
    /// The hypervisor begins to take a domain apart although its toolstack never said so: a bare
    /// `xc_domain_destroy`, as xenopsd makes it. Its xenstore directory stays, it is not *leaving*.
    Kill {
        /// Which domain, alive and not leaving.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
    },
    /// A localhost migration begins: a second domain with the uuid of the first, called
    /// `NAME--incoming`.
    MigrateBegin {
        /// Which domain is to be migrated, running or shut down.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
    },
    /// A localhost migration ends: the source is destroyed to the end, the target takes its name.
    MigrateEnd {
        /// The domain that goes, in any phase.
        #[serde(with = "crate::domid_json")]
        source: Domid,
        /// The domain that stays: alive, not leaving, with the uuid of the source.
        #[serde(with = "crate::domid_json")]
        target: Domid,
    },
    /// The domain is reset in place: domid, uuid, name and incarnation stay. A domain that was
    /// leaving is so no more: libxl takes the xenstore directory down for a soft reset, too.
    SoftReset {
        /// Which domain, alive.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
    },
    /// The handle of a domain changes while it lives (`xc_domain_sethandle`). Domain-0's as well.
    SetUuid {
        /// Which domain, in any phase.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
        /// Its handle from now on.
        uuid: Uuid,
    },
    /// The toolstack gives a domain another name.
    Rename {
        /// Which domain, alive and not leaving.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
        /// Its name from now on, 1 to [`NAME_BYTES_MAX`](crate::NAME_BYTES_MAX) bytes.
        name: String,
    },
    /// A security policy hides a domain: lists omit it and asking for it alone is not permitted.
    Hide {
        /// Which domain, Domain-0 included.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
    },
    /// The policy hides the domain no more.
    Show {
        /// Which domain.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
    },
    /// Something takes a reference on the domain's memory: once dead, it stays as a zombie.
    Pin {
        /// Which domain, in any phase.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
    },
    /// The last reference is dropped. A dead domain is gone with it; nothing fires.
    Unpin {
        /// Which domain, in any phase.
        #[serde(with = "crate::domid_json")]
        domid: Domid,
    },
    /// `@releaseDomain` fires for no reason.
    Spurious,
    /// The host reboots: all guests are gone, domids start at 1 again, the boot has another name.
    /// Domain-0 keeps its uuid and is a new incarnation.
    BootHost,
}

/// A domain to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NewDomain {
    /// Its name; none of the others may have it. Without, it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its uuid; others may have it too. Without, one made from the host's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<Uuid>,
    /// Its domid; none of the others may have it. Without, the next free one.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::domid_json::option"
    )]
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

/// How far the destruction of a domain goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Until {
    /// The toolstack has begun: the domain's xenstore directory is gone, the hypervisor does not
    /// know yet.
    Leaving,
    /// The hypervisor takes the domain apart (`DOMDYING_dying`).
    Dying,
    /// Taken apart, still there (`DOMDYING_dead`).
    Dead,
    /// There is no such domain any more.
    Gone,
}
