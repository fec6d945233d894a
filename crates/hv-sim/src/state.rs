//! `HostState`: a simulated host at one moment.

use std::collections::BTreeMap;
use std::str::FromStr;

use userdata_core::hypervisor::{BootId, DomainNames, HypervisorError, HypervisorErrorKind};
use userdata_core::{Domain, DomainKey, Domid, Hypervisor, Life, Source, Uuid};

use crate::random::{self, Purpose};
use crate::{Guest, HostOptions};

/// A simulated host at one moment, as a value.
///
/// It is a [`Hypervisor`] too: the one of a host on which nothing happens. Two states are equal if
/// and only if their JSON is equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostState {
    pub(crate) options: HostOptions,
    pub(crate) counters: Counters,
    pub(crate) guests: BTreeMap<Domid, Guest>,
}

/// The numbers that a host counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Boots so far; the first is 1.
    pub(crate) boot: u64,
    /// Domains so far, of all boots, with a Domain-0 for each boot.
    pub(crate) incarnations: u64,
    /// Events so far.
    pub(crate) events: u64,
    /// The domid that was given last, in round-robin order; 0 if none was given.
    pub(crate) last_domid: Domid,
}

/// The name of domain 0.
pub(crate) const DOMAIN_ZERO: &str = "Domain-0";

impl HostState {
    /// A host on its first boot, with Domain-0 only: its uuid is nil.
    #[must_use]
    pub fn new(options: HostOptions) -> Self {
        let zero = Guest::new(Uuid::nil(), Some(DOMAIN_ZERO.to_owned()), 1);
        Self {
            options,
            counters: Counters {
                boot: 1,
                incarnations: 1,
                events: 0,
                last_domid: Domid::ZERO,
            },
            guests: BTreeMap::from([(Domid::ZERO, zero)]),
        }
    }

    /// The options that the host was made with.
    #[must_use]
    pub const fn options(&self) -> &HostOptions {
        &self.options
    }

    /// Every domain, in order of domid, hidden ones and Domain-0 included.
    pub fn guests(&self) -> impl Iterator<Item = (Domid, &Guest)> {
        self.guests.iter().map(|(domid, guest)| (*domid, guest))
    }

    /// The domain with this domid, hidden or not.
    #[must_use]
    pub fn guest(&self, domid: Domid) -> Option<&Guest> {
        self.guests.get(&domid)
    }

    /// The name that a domain has, or had before its toolstack began to destroy it; `None` if
    /// another domain has been given that name since.
    #[must_use]
    pub fn last_name(&self, domid: Domid) -> Option<&str> {
        let name = self.guest(domid)?.name.as_deref()?;
        let is_taken = |other: &Guest| other.name() == Some(name);
        let taken = self
            .guests()
            .any(|(other, guest)| other != domid && is_taken(guest));
        (!taken).then_some(name)
    }

    /// [`HostState::last_name`] of every domain that has one.
    #[must_use]
    pub fn last_names(&self) -> BTreeMap<Domid, &str> {
        let now: BTreeMap<&str, Domid> = self
            .guests()
            .filter_map(|(domid, guest)| Some((guest.name()?, domid)))
            .collect();
        self.guests()
            .filter_map(|(domid, guest)| Some((domid, guest.name.as_deref()?)))
            .filter(|(domid, name)| now.get(name).is_none_or(|other| other == domid))
            .collect()
    }

    /// How many boots the host has seen; the first is 1.
    #[must_use]
    pub const fn boots(&self) -> u64 {
        self.counters.boot
    }

    /// How many events have happened.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.counters.events
    }

    /// A host of another boot without any domain. No real host is like that; it is used for wrong
    /// answers.
    pub(crate) fn deserted(&self) -> Self {
        let mut counters = self.counters;
        counters.boot = counters.boot.wrapping_add(1);
        Self {
            options: self.options.clone(),
            counters,
            guests: BTreeMap::new(),
        }
    }

    fn describe(&self, domid: Domid, guest: &Guest) -> Domain {
        let key = DomainKey::new(domid, guest.uuid);
        let life = guest.stage.life();
        let domain = if self.options.reports_dying {
            Domain::new(key, life).with_incarnation(guest.incarnation)
        } else if life == Life::Dying {
            // XEN_DOMINF_dying stays clear until the domain is dead.
            Domain::new(key, Life::Alive)
        } else {
            Domain::new(key, life)
        };
        domain
            .with_paused(guest.paused)
            .with_shutdown(guest.shutdown.map(Into::into))
    }
}

impl Hypervisor for HostState {
    /// # Errors
    ///
    /// [`HypervisorErrorKind::NotPermitted`] for a hidden domain.
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        match self.guests.get(&domid) {
            Some(guest) if guest.hidden => Err(HypervisorError::new(
                format!("look up domain {domid}"),
                HypervisorErrorKind::NotPermitted {
                    what: format!("XEN_DOMCTL_getdomaininfo, the policy hides domain {domid}"),
                    source: None,
                },
            )),
            found => Ok(found.map(|guest| self.describe(domid, guest))),
        }
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        Ok(self
            .guests()
            .filter(|(_, guest)| !guest.hidden)
            .map(|(domid, guest)| self.describe(domid, guest))
            .collect())
    }

    /// The answer comes from xenstore, from which a policy hides nothing; `false` for a domain that
    /// does not exist.
    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        Ok(self
            .guests
            .get(&domain.domid)
            .is_some_and(|guest| guest.uuid == domain.uuid && guest.leaving))
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        let uuid = random::uuid(self.options.seed, Purpose::BootId, self.counters.boot);
        BootId::from_str(&uuid.to_string()).map_err(|error| {
            HypervisorError::new(
                "name this boot",
                HypervisorErrorKind::Failed {
                    source: Source::from(error),
                },
            )
        })
    }
}

impl DomainNames for HostState {
    fn name(&self, domid: Domid) -> Result<Option<String>, HypervisorError> {
        Ok(self
            .guests
            .get(&domid)
            .and_then(|guest| guest.name())
            .map(str::to_owned))
    }
}
