//! `Standing`: what the home of a uuid means to one domain of one host.

use userdata_core::store::{Home, Stage};
use userdata_core::{DomainKey, Domid};

use crate::Identity;
use crate::record::HomeRecord;

/// What the home means to a domain of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There is no home.
    Vacant,
    /// The domain is the home.
    Mine,
    /// Another life of this host is the home: its data is none of the domain's.
    OtherLife {
        /// Its domid, if it is of the boot that runs now, so that the hypervisor must be asked.
        living: Option<Domid>,
    },
    /// The data is on its way to this host, and unclaimed.
    Incoming(Home),
    /// The data belongs to another host.
    Away(Home),
}

impl Standing {
    pub(crate) fn of(home: Option<&HomeRecord>, me: &Identity, domain: &DomainKey) -> Self {
        let Some(home) = home else {
            return Self::Vacant;
        };
        let here = home.host == me.name;
        let this_boot = home.boot == me.boot;
        let to_me = home.to.as_ref() == Some(&me.name);
        if home.is_life(me, domain.domid) && !home.released {
            Self::Mine
        } else if here && !home.released && (home.to.is_none() || to_me && !this_boot) {
            // A move to oneself ends with the boot.
            let living = this_boot.then_some(home.domid);
            Self::OtherLife { living }
        } else if to_me {
            Self::Incoming(home.told())
        } else {
            Self::Away(home.told())
        }
    }
}

impl HomeRecord {
    /// The life of a domain of this host.
    pub(crate) fn life(me: &Identity, domid: Domid) -> Self {
        Self {
            host: me.name.clone(),
            boot: me.boot.clone(),
            domid,
            to: None,
            released: false,
        }
    }

    /// Whether this is the life of the domain with this domid on this host, now.
    pub(crate) fn is_life(&self, me: &Identity, domid: Domid) -> bool {
        self.host == me.name && self.boot == me.boot && self.domid == domid
    }

    /// As it is told to a caller.
    pub(crate) fn told(&self) -> Home {
        let stage = match (&self.to, self.released) {
            (None, _) => Stage::Settled,
            (Some(to), false) => Stage::Moving(to.clone()),
            (Some(to), true) => Stage::Released(to.clone()),
        };
        Home::new(self.host.clone(), self.domid, stage)
    }
}
