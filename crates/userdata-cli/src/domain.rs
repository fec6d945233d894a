//! `DomainArgument`: how a domain is named on the command line.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use userdata::hypervisor::{DomainNames, HypervisorError};
use userdata::{Domain, DomainKey, Domid, Hypervisor, Life, Uuid};
use userdata_core::domain::DomidError;

/// A domid, a uuid, `DOMID.UUID`, or a name: the first of these forms that the text has. So a
/// domain whose name is a number or a uuid cannot be named by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DomainArgument {
    Domid(Domid),
    Key(DomainKey),
    Uuid(Uuid),
    Name(String),
}

/// Why an argument can't name a domain.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum DomainArgumentError {
    #[error("a domain is named by its domid, its uuid, DOMID.UUID, or its name")]
    Empty,
    #[error("no domain can have a domid above {}", Domid::MAX)]
    Reserved,
}

/// Why an argument does not name exactly one domain.
#[derive(Debug, Error)]
pub(crate) enum DomainNotFound {
    #[error("{0} does not exist")]
    NoSuchDomain(DomainArgument),
    #[error("domain {0} is being destroyed")]
    BeingDestroyed(DomainKey),
    #[error("{} domains have the {what}: {}; name one by its domid", .keys.len(), list(.keys))]
    Shared {
        /// What the domains have in common: a uuid or a name.
        what: String,
        keys: Vec<DomainKey>,
    },
    #[error(transparent)]
    Hypervisor(#[from] HypervisorError),
}

fn list(keys: &[DomainKey]) -> String {
    let keys: Vec<_> = keys.iter().map(DomainKey::to_string).collect();
    keys.join(", ")
}

impl FromStr for DomainArgument {
    type Err = DomainArgumentError;

    fn from_str(text: &str) -> Result<Self, DomainArgumentError> {
        let (domid, uuid) = match text.split_once('.') {
            Some((domid, uuid)) if uuid_of(uuid).is_some() => (domid, uuid_of(uuid)),
            _ => (text, None),
        };
        match (domid.parse::<Domid>(), uuid) {
            (Ok(domid), Some(uuid)) => Ok(Self::Key(DomainKey::new(domid, uuid))),
            (Ok(domid), None) => Ok(Self::Domid(domid)),
            (Err(DomidError::Reserved), _) => Err(DomainArgumentError::Reserved),
            _ if text.is_empty() => Err(DomainArgumentError::Empty),
            _ => Ok(uuid_of(text).map_or_else(|| Self::Name(text.to_owned()), Self::Uuid)),
        }
    }
}

/// Only the form with hyphens is a uuid; 32 digits without hyphens may be a name.
fn uuid_of(text: &str) -> Option<Uuid> {
    let hyphenated = text.len() == 36;
    Uuid::try_parse(text).ok().filter(|_| hyphenated)
}

impl fmt::Display for DomainArgument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domid(domid) => write!(f, "domain {domid}"),
            Self::Key(key) => write!(f, "domain {key}"),
            Self::Uuid(uuid) => write!(f, "domain with the uuid {uuid}"),
            Self::Name(name) => write!(f, "domain called {name:?}"),
        }
    }
}

impl DomainArgument {
    /// The incarnation, if it is named as `DOMID.UUID`. It need not exist: each operation decides
    /// whether it must.
    pub(crate) const fn exact(&self) -> Option<DomainKey> {
        match self {
            Self::Key(key) => Some(*key),
            _ => None,
        }
    }

    /// The incarnation that is named. It exists and is not dead, or it is named as `DOMID.UUID`.
    pub(crate) fn key(
        &self,
        host: &(impl Hypervisor + DomainNames),
    ) -> Result<DomainKey, DomainNotFound> {
        match self.exact() {
            Some(key) => Ok(key),
            None => self.find(host, |domain| domain.life != Life::Dead),
        }
    }

    /// The incarnation that is named. It exists, and may be dead.
    pub(crate) fn key_on(
        &self,
        host: &(impl Hypervisor + DomainNames),
    ) -> Result<DomainKey, DomainNotFound> {
        self.find(host, |_| true)
    }

    /// The incarnation that is named, which is alive and which no toolstack has begun to destroy.
    pub(crate) fn living(
        &self,
        host: &(impl Hypervisor + DomainNames),
    ) -> Result<DomainKey, DomainNotFound> {
        match self.find(host, |domain| domain.life == Life::Alive) {
            // A domain that is dying is one that is being destroyed.
            Err(DomainNotFound::NoSuchDomain(_)) => {
                let dying = self.find(host, |domain| domain.life != Life::Dead)?;
                Err(DomainNotFound::BeingDestroyed(dying))
            }
            Ok(key) if host.leaving(&key)? => Err(DomainNotFound::BeingDestroyed(key)),
            found => found,
        }
    }

    fn shareable(&self) -> String {
        match self {
            Self::Uuid(uuid) => format!("uuid {uuid}"),
            Self::Name(name) => format!("name {name:?}"),
            Self::Domid(domid) => format!("domid {domid}"),
            Self::Key(key) => format!("key {key}"),
        }
    }

    fn find(
        &self,
        host: &(impl Hypervisor + DomainNames),
        counts: impl Fn(&Domain) -> bool,
    ) -> Result<DomainKey, DomainNotFound> {
        let candidates = match self {
            // Looked up alone: a list may omit domains.
            Self::Domid(domid) => host.domain(*domid)?.into_iter().collect(),
            Self::Key(key) => host.domain(key.domid)?.into_iter().collect(),
            _ => host.domains()?,
        };
        let mut keys = Vec::new();
        for domain in candidates.iter().filter(|domain| counts(domain)) {
            let is_named = match self {
                Self::Domid(_) => true,
                Self::Key(key) => domain.key == *key,
                Self::Uuid(uuid) => domain.key.uuid == *uuid,
                Self::Name(name) => host.name(domain.key.domid)?.as_ref() == Some(name),
            };
            if is_named {
                keys.push(domain.key);
            }
        }
        match keys[..] {
            [] => Err(DomainNotFound::NoSuchDomain(self.clone())),
            [key] => Ok(key),
            _ => Err(DomainNotFound::Shared {
                what: self.shareable(),
                keys,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use hv_sim::{HostOptions, NewDomain, SimHost, Until};

    use super::*;

    const UUID: &str = "dd0432cd-1e00-4034-a9f8-262cf3743e99";

    fn parse(text: &str) -> DomainArgument {
        text.parse().unwrap()
    }

    #[test]
    fn each_form_is_distinguished() {
        let uuid = Uuid::try_parse(UUID).unwrap();
        let five = Domid::new(5).unwrap();
        assert_eq!(parse("5"), DomainArgument::Domid(five));
        assert_eq!(parse(UUID), DomainArgument::Uuid(uuid));
        assert_eq!(parse(&UUID.to_uppercase()), DomainArgument::Uuid(uuid));
        let key = DomainArgument::Key(DomainKey::new(five, uuid));
        assert_eq!(parse(&format!("5.{UUID}")), key);
        assert_eq!(parse(&format!("5.{}", UUID.to_uppercase())), key);
        let simple = UUID.replace('-', "");
        for name in [
            "web",
            "007",
            "5.web",
            "-5",
            " 5",
            &simple,
            &format!("007.{UUID}"),
        ] {
            assert_eq!(parse(name), DomainArgument::Name(name.to_owned()));
        }
    }

    #[test]
    fn a_text_that_names_no_domain_is_refused() {
        let parse = |text: &str| text.parse::<DomainArgument>();
        assert_eq!(parse(""), Err(DomainArgumentError::Empty));
        assert_eq!(parse("32752"), Err(DomainArgumentError::Reserved));
        assert_eq!(
            parse(&format!("99999.{UUID}")),
            Err(DomainArgumentError::Reserved)
        );
    }

    #[test]
    fn a_zombie_is_found_only_where_dead_domains_count() {
        let host = SimHost::new(HostOptions::new(1));
        let key = host.create(NewDomain::new().with_name("web")).unwrap();
        host.destroy_until(key.domid, Until::Dead).unwrap();
        for text in [key.domid.to_string(), key.uuid.to_string()] {
            assert!(matches!(
                parse(&text).key(&host),
                Err(DomainNotFound::NoSuchDomain(_))
            ));
            assert_eq!(parse(&text).key_on(&host).unwrap(), key);
        }
        assert_eq!(parse(&key.to_string()).key(&host).unwrap(), key);
    }
}
