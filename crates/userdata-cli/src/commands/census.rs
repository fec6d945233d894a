//! `Census`: whether the domains of a listing exist, and what they are called.

use std::collections::BTreeMap;

use userdata::file_name::Owner;
use userdata::hypervisor::{DomainNames, HypervisorError};
use userdata::{Domain, Domid, Hypervisor, Life};

use crate::failure::chain;

/// What a host says of domains, asked once for each. A listing is shown also if the host does not
/// answer: then it is not known whether its domains exist, and the trouble is told.
pub(crate) struct Census<'host, H> {
    host: &'host H,
    /// `None` if it is not known whether there is one.
    domains: BTreeMap<Domid, Option<Option<Domain>>>,
    names: BTreeMap<Domid, Option<String>>,
    /// For owners of whom only the uuid is known.
    list: Option<Vec<Domain>>,
    names_fail: bool,
    trouble: Option<HypervisorError>,
}

/// An owner's domain, as far as the host tells.
enum Seen {
    There(Domain),
    Gone,
    Unknown,
}

impl<'host, H: Hypervisor + DomainNames> Census<'host, H> {
    pub(crate) const fn new(host: &'host H) -> Self {
        Self {
            host,
            domains: BTreeMap::new(),
            names: BTreeMap::new(),
            list: None,
            names_fail: false,
            trouble: None,
        }
    }

    /// Whether the domain exists that owns a value.
    pub(crate) fn existence(&mut self, owner: &Owner) -> &'static str {
        match self.see(owner) {
            Seen::Gone => "gone",
            Seen::There(domain) => match domain.life {
                Life::Alive => "alive",
                Life::Dying => "dying",
                Life::Dead => "dead",
                _ => "unknown",
            },
            Seen::Unknown => "unknown",
        }
    }

    /// What the domain is called that owns a value, if it exists and has a name.
    pub(crate) fn name(&mut self, owner: &Owner) -> Option<String> {
        let Seen::There(domain) = self.see(owner) else {
            return None;
        };
        let domid = domain.key.domid;
        if let Some(name) = self.names.get(&domid) {
            return name.clone();
        }
        // Names come from another place than domains, and each may take a time-out to fail.
        if self.names_fail {
            return None;
        }
        let answer = self.host.name(domid);
        self.names_fail = answer.is_err();
        let name = self.note(answer).flatten();
        self.names.insert(domid, name.clone());
        name
    }

    /// Why not all is known, if it is not.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.as_ref().map(|error| chain(error))
    }

    fn see(&mut self, owner: &Owner) -> Seen {
        let Some(domid) = owner.domid else {
            let there = self.listed(|domain| domain.key.uuid == owner.uuid);
            // A list may omit domains.
            return there.map_or(Seen::Unknown, Seen::There);
        };
        match self.domain(domid) {
            None => Seen::Unknown,
            Some(Some(domain)) if domain.key.uuid == owner.uuid => Seen::There(domain),
            Some(_) => Seen::Gone,
        }
    }

    fn domain(&mut self, domid: Domid) -> Option<Option<Domain>> {
        if let Some(known) = self.domains.get(&domid) {
            return known.clone();
        }
        let answer = self.host.domain(domid);
        let domain = self.note(answer);
        self.domains.insert(domid, domain.clone());
        domain
    }

    fn listed(&mut self, wanted: impl Fn(&Domain) -> bool) -> Option<Domain> {
        if self.list.is_none() {
            let answer = self.host.domains();
            self.list = Some(self.note(answer).unwrap_or_default());
        }
        let list = self.list.as_deref().unwrap_or_default();
        list.iter().find(|domain| wanted(domain)).cloned()
    }

    fn note<T>(&mut self, answer: Result<T, HypervisorError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.trouble.get_or_insert(error);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hv_sim::{Call, Failure, HostOptions, NewDomain, SimHost, When};

    use super::*;

    fn host() -> (SimHost, Owner) {
        let host = SimHost::new(HostOptions::new(1));
        let key = host.create(NewDomain::new().with_name("web")).unwrap();
        let owner = Owner {
            domid: Some(key.domid),
            uuid: key.uuid,
        };
        (host, owner)
    }

    #[test]
    fn a_domain_is_asked_for_once() {
        let (host, owner) = host();
        let mut census = Census::new(&host);
        for _ in 0..3 {
            assert_eq!(census.existence(&owner), "alive");
            assert_eq!(census.name(&owner).as_deref(), Some("web"));
        }
        assert_eq!((host.asked(Call::Domain), host.asked(Call::Name)), (1, 1));
        assert_eq!(census.trouble(), None);
    }

    #[test]
    fn a_host_that_does_not_answer_makes_nobody_gone() {
        let (host, owner) = host();
        host.fail(Call::Domain, When::Always, Failure::Unavailable);
        let mut census = Census::new(&host);
        assert_eq!(census.existence(&owner), "unknown");
        assert_eq!(census.name(&owner), None);
        assert!(census.trouble().unwrap().contains("cannot look up domain"));
    }

    #[test]
    fn names_are_given_up_after_the_first_that_fails() {
        let (host, owner) = host();
        let other = host.create(NewDomain::new().with_name("db")).unwrap();
        let other = Owner {
            domid: Some(other.domid),
            uuid: other.uuid,
        };
        host.fail(Call::Name, When::Always, Failure::Unavailable);
        let mut census = Census::new(&host);
        assert_eq!((census.name(&owner), census.name(&other)), (None, None));
        assert_eq!(host.asked(Call::Name), 1);
        assert_eq!(census.existence(&other), "alive");
    }

    #[test]
    fn an_owner_without_domid_is_seen_by_its_uuid_and_never_gone() {
        let (host, owner) = host();
        let mut census = Census::new(&host);
        let seed = |uuid| Owner { domid: None, uuid };
        assert_eq!(census.existence(&seed(owner.uuid)), "alive");
        assert_eq!(census.name(&seed(owner.uuid)).as_deref(), Some("web"));
        assert_eq!(
            census.existence(&seed(userdata::Uuid::from_u128(7))),
            "unknown"
        );
    }
}
