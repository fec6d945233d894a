//! `Census`: whether the domains of a listing exist, and their names.

use std::collections::BTreeMap;
use std::error::Error;

use userdata::file_name::Owner;
use userdata::hypervisor::{DomainNames, HypervisorError};
use userdata::{Domain, Domid, Hypervisor, Life};

use crate::chain::chain;

/// A host's answers about domains; each question is asked once. If the host does not answer, the
/// listing is shown all the same, with the state `unknown` for its domains, and the problem is
/// reported.
pub(crate) struct Census<H> {
    /// `None` if the host could not be read.
    host: Option<H>,
    /// The inner option is `None` if there is no such domain, the outer one if that is unknown.
    domains: BTreeMap<Domid, Option<Option<Domain>>>,
    names: BTreeMap<Domid, Option<String>>,
    /// The list of domains, for owners of which only the uuid is known.
    list: Option<Vec<Domain>>,
    names_fail: bool,
    problem: Option<String>,
}

/// An owner's domain, as far as the host answers.
enum Seen {
    Exists(Domain),
    Gone,
    Unknown,
}

impl<H: Hypervisor + DomainNames> Census<H> {
    pub(crate) fn new<E: Error>(host: Result<H, E>) -> Self {
        let problem = host.as_ref().err().map(|error| chain(error));
        Self {
            host: host.ok(),
            domains: BTreeMap::new(),
            names: BTreeMap::new(),
            list: None,
            names_fail: false,
            problem,
        }
    }

    /// Whether the domain exists that owns a value.
    pub(crate) fn existence(&mut self, owner: &Owner) -> &'static str {
        match self.see(owner) {
            Seen::Gone => "gone",
            Seen::Exists(domain) => match domain.life {
                Life::Alive => "alive",
                Life::Dying => "dying",
                Life::Dead => "dead",
                _ => "unknown",
            },
            Seen::Unknown => "unknown",
        }
    }

    /// The name of the domain that owns a value, if it exists and has one.
    pub(crate) fn name(&mut self, owner: &Owner) -> Option<String> {
        let Seen::Exists(domain) = self.see(owner) else {
            return None;
        };
        let domid = domain.key.domid;
        if let Some(name) = self.names.get(&domid) {
            return name.clone();
        }
        // On Xen, names come from xenstore, and each name that fails may take a whole timeout.
        if self.names_fail {
            return None;
        }
        let answer = self.host.as_ref()?.name(domid);
        self.names_fail = answer.is_err();
        let name = self.note(answer).flatten();
        self.names.insert(domid, name.clone());
        name
    }

    /// The reason, if something is unknown.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    fn see(&mut self, owner: &Owner) -> Seen {
        let Some(domid) = owner.domid else {
            let there = self.listed(|domain| domain.key.uuid == owner.uuid);
            // A list may omit domains.
            return there.map_or(Seen::Unknown, Seen::Exists);
        };
        match self.domain(domid) {
            None => Seen::Unknown,
            Some(Some(domain)) if domain.key.uuid == owner.uuid => Seen::Exists(domain),
            Some(_) => Seen::Gone,
        }
    }

    fn domain(&mut self, domid: Domid) -> Option<Option<Domain>> {
        if let Some(known) = self.domains.get(&domid) {
            return known.clone();
        }
        let answer = self.host.as_ref()?.domain(domid);
        let domain = self.note(answer);
        self.domains.insert(domid, domain.clone());
        domain
    }

    fn listed(&mut self, wanted: impl Fn(&Domain) -> bool) -> Option<Domain> {
        if self.list.is_none() {
            let answer = self.host.as_ref()?.domains();
            self.list = Some(self.note(answer).unwrap_or_default());
        }
        let list = self.list.as_deref().unwrap_or_default();
        list.iter().find(|domain| wanted(domain)).cloned()
    }

    fn note<T>(&mut self, answer: Result<T, HypervisorError>) -> Option<T> {
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                self.problem.get_or_insert_with(|| chain(&error));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hv_sim::{Call, Failure, HostOptions, NewDomain, SimHost, When};

    use super::*;

    fn census(host: &SimHost) -> Census<&SimHost> {
        Census::new(Ok::<_, HypervisorError>(host))
    }

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
    fn each_domain_is_looked_up_once() {
        let (host, owner) = host();
        let mut census = census(&host);
        for _ in 0..3 {
            assert_eq!(census.existence(&owner), "alive");
            assert_eq!(census.name(&owner).as_deref(), Some("web"));
        }
        assert_eq!((host.asked(Call::Domain), host.asked(Call::Name)), (1, 1));
        assert_eq!(census.problem(), None);
    }

    #[test]
    fn without_an_answer_no_domain_is_gone() {
        let (host, owner) = host();
        host.fail(Call::Domain, When::Always, Failure::Unavailable);
        let mut census = census(&host);
        assert_eq!(census.existence(&owner), "unknown");
        assert_eq!(census.name(&owner), None);
        assert!(census.problem().unwrap().contains("cannot look up domain"));
    }

    #[test]
    fn after_a_name_that_fails_no_other_is_asked_for() {
        let (host, owner) = host();
        let other = host.create(NewDomain::new().with_name("db")).unwrap();
        let other = Owner {
            domid: Some(other.domid),
            uuid: other.uuid,
        };
        host.fail(Call::Name, When::Always, Failure::Unavailable);
        let mut census = census(&host);
        assert_eq!((census.name(&owner), census.name(&other)), (None, None));
        assert_eq!(host.asked(Call::Name), 1);
        assert_eq!(census.existence(&other), "alive");
    }

    #[test]
    fn an_owner_without_domid_is_never_gone() {
        let (host, owner) = host();
        let mut census = census(&host);
        let seed = |uuid| Owner { domid: None, uuid };
        assert_eq!(census.existence(&seed(owner.uuid)), "alive");
        assert_eq!(census.name(&seed(owner.uuid)).as_deref(), Some("web"));
        assert_eq!(
            census.existence(&seed(userdata::Uuid::from_u128(7))),
            "unknown"
        );
    }
}
