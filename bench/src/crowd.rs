//! `Crowd`: many domains with five files each, of which at least half do not exist any more.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use userdata::hypervisor::{BootId, HypervisorError};
use userdata::{Domain, DomainKey, Domid, Hypervisor, Life, Userid, Uuid};
use userdata_core::file_name::{FileName, NameFormat};

use crate::place::{USERIDS, uuid};

/// Up to this many domains have a domid of their own.
const DOMIDS: u32 = 32_000;

/// Many domains, told apart by a number.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    domains: u32,
}

impl Crowd {
    /// This many domains.
    #[must_use]
    pub const fn of(domains: u32) -> Self {
        Self { domains }
    }

    /// How many domains they are.
    #[must_use]
    pub const fn domains(self) -> u32 {
        self.domains
    }

    /// How many files they have.
    #[must_use]
    pub const fn files(self) -> u32 {
        self.domains * USERIDS.len() as u32
    }

    /// The numbers of those that live. A host has no more domids.
    pub fn living(self) -> impl Iterator<Item = u32> {
        (0..self.domains.min(DOMIDS)).step_by(2)
    }

    /// The numbers of those that do not exist.
    pub fn orphans(self) -> impl Iterator<Item = u32> {
        (0..self.domains).filter(|number| *number >= DOMIDS || number % 2 == 1)
    }

    /// The domain of this number. Where the domids do not suffice, several domains that do not
    /// exist have one.
    ///
    /// # Errors
    ///
    /// Never: all domids are below the largest one.
    pub fn key(number: u32) -> Result<DomainKey> {
        let domid = match number < DOMIDS {
            true => number + 1,
            false => 2 * (number % (DOMIDS / 2)) + 2,
        };
        Ok(DomainKey::new(
            Domid::new(u16::try_from(domid)?)?,
            uuid(number),
        ))
    }

    /// Makes the files of the domains of these numbers, which are empty: only their names make
    /// work.
    ///
    /// # Errors
    ///
    /// When they can't be made.
    pub fn fill(path: &Path, numbers: impl Iterator<Item = u32>) -> Result<()> {
        let userids: Vec<Userid> = USERIDS.iter().map(Userid::new).collect::<Result<_, _>>()?;
        for number in numbers {
            let key = Self::key(number)?;
            for userid in &userids {
                let name = FileName::data(NameFormat::Libxl, &key, userid)?.to_string();
                fs::File::create_new(path.join(&name))
                    .with_context(|| format!("cannot make {name}"))?;
            }
        }
        Ok(())
    }

    /// A host on which those live that live.
    ///
    /// # Errors
    ///
    /// Never: all domids are below the largest one.
    pub fn host(self) -> Result<Host> {
        let living = self.living().map(|number| Ok(alive(Self::key(number)?)));
        let domain0 = alive(DomainKey::new(Domid::ZERO, Uuid::from_u64_pair(0, 0)));
        let domains: Result<Vec<Domain>> = [Ok(domain0)].into_iter().chain(living).collect();
        Ok(Host {
            domains: domains?,
            boot: "11111111-2222-3333-4444-555555555555".parse()?,
        })
    }
}

/// A hypervisor that answers at once.
#[derive(Debug)]
pub struct Host {
    /// In order.
    domains: Vec<Domain>,
    boot: BootId,
}

impl Hypervisor for Host {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        let found = self
            .domains
            .binary_search_by_key(&domid, |domain| domain.key.domid);
        Ok(found.ok().and_then(|at| self.domains.get(at).cloned()))
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        Ok(self.domains.clone())
    }

    fn leaving(&self, _: &DomainKey) -> Result<bool, HypervisorError> {
        Ok(false)
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        Ok(self.boot.clone())
    }
}

fn alive(key: DomainKey) -> Domain {
    Domain::new(key, Life::Alive)
}
