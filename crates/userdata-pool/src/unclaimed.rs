//! The sweep of unclaimed data: it was released to this host, and no domain here has claimed it.

use std::time::Duration;

use userdata_core::hypervisor::HypervisorError;
use userdata_core::store::{HostName, Operation, StoreError};
use userdata_core::{DomainKey, Domid, Hypervisor, Userid, Uuid};

use crate::basis::Basis;
use crate::commit::Step;
use crate::engine::Revision;
use crate::pages::{Purpose, Range};
use crate::record::{HomeRecord, Turn};
use crate::{Engine, PoolStore};

/// Data that was released to this host and not claimed, and what a sweep does with it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unclaimed {
    /// The domain that had the data, on its own host.
    pub domain: DomainKey,
    /// That host.
    pub source: HostName,
    /// The userids of its values, in order.
    pub values: Vec<Userid>,
    /// What the sweep does with them.
    pub fate: Fate,
}

/// What a sweep does with unclaimed data, and why.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fate {
    /// It is removed; in a dry run it would be.
    Goes {
        /// How long sweeps have seen that it is unclaimed.
        seen: Duration,
    },
    /// It stays: sweeps have not seen for long enough that it is unclaimed.
    Waits {
        /// How long they have.
        seen: Duration,
    },
    /// It stays: a domain with its uuid is on this host, and may claim it.
    MayBeClaimed,
    /// It stays: the hypervisor does not say which domains are on this host.
    Unknown(HypervisorError),
    /// It stays: the hypervisor knows no Domain-0, so it answers for only a part of the host.
    NoDomain0,
    /// It could not be read or removed. The error says if the outcome is unknown.
    Failed(StoreError),
}

impl<E: Engine> PoolStore<E> {
    /// Removes data that was released to this host and never claimed, if no domain of its uuid is
    /// on this host, and earlier sweeps have seen that for `grace`. Data that moves and is not
    /// released, and data of other hosts, is left alone.
    ///
    /// `seen_for` is told the uuid, and the revision of the release, which is another one after
    /// each release. It returns for how long sweeps have seen this release without a domain; zero
    /// if this is the first sweep that does, and then the data stays whatever `grace` is. A caller
    /// that lost what it saw returns zero, so the data stays longer.
    ///
    /// `each` is told of all unclaimed data, in the order of the uuids. A dry run removes nothing.
    /// A sweep that is killed leaves each domain's data whole or removed. The data of each uuid has
    /// the whole timeout.
    ///
    /// # Errors
    ///
    /// If the engine does not tell which data was released to this host. An error about the data
    /// of one uuid is told to `each`, and the sweep goes on.
    pub fn sweep_unclaimed(
        &self,
        hypervisor: &impl Hypervisor,
        grace: Duration,
        dry_run: bool,
        seen_for: &mut dyn FnMut(Uuid, Revision) -> Duration,
        each: &mut dyn FnMut(&Unclaimed),
    ) -> Result<(), StoreError> {
        for (uuid, home) in self.released_to_me()? {
            let domain = DomainKey::new(home.domid, uuid);
            let mut found = Some(Unclaimed::new(domain, home, Vec::new()));
            let deadline = self.within_options();
            let swept = self.step(&DomainKey::new(Domid::ZERO, uuid), deadline, |basis| {
                found = self.unclaimed(basis);
                let Some(unclaimed) = &mut found else {
                    return Ok(Step::Done(0));
                };
                let seen = &mut || seen_for(uuid, basis.turn_revision);
                unclaimed.fate = judge(hypervisor, uuid, grace, seen);
                match unclaimed.fate {
                    Fate::Goes { .. } if !dry_run => Ok(Step::Commit(self.removal(basis))),
                    _ => Ok(Step::Done(0)),
                }
            });
            // None: it was claimed or taken back meanwhile.
            let Some(mut unclaimed) = found else {
                continue;
            };
            if let Err(error) = swept {
                unclaimed.fate = Fate::Failed(error);
            }
            each(&unclaimed);
        }
        Ok(())
    }

    /// What these records tell of data that was released to this host; `None` if it was not.
    fn unclaimed(&self, basis: &Basis) -> Option<Unclaimed> {
        let home = &basis.turn.as_ref()?.home;
        if !self.is_released_here(home) {
            return None;
        }
        let domain = DomainKey::new(home.domid, basis.domain.uuid);
        let values = basis.metas.keys().cloned().collect();
        Some(Unclaimed::new(domain, home.clone(), values))
    }

    fn is_released_here(&self, home: &HomeRecord) -> bool {
        home.released && home.to.as_ref() == Some(&self.me.name)
    }

    fn released_to_me(&self) -> Result<Vec<(Uuid, HomeRecord)>, StoreError> {
        let turns = [Range::of(self.keys.turns())];
        let all = (Operation::List, "all domains");
        self.gather(
            &turns,
            Purpose::Decide,
            all,
            |found: &mut Vec<_>, _, pair| {
                // `list` and `pool status` tell of a turn that cannot be read.
                if let Some((uuid, b"")) = self.keys.parse("turn", &pair.key)
                    && let Ok(turn) = Turn::parse(&pair.value)
                    && self.is_released_here(&turn.home)
                {
                    found.push((uuid, turn.home));
                }
            },
        )
    }
}

impl Unclaimed {
    fn new(domain: DomainKey, home: HomeRecord, values: Vec<Userid>) -> Self {
        Self {
            domain,
            source: home.host,
            values,
            fate: Fate::Waits {
                seen: Duration::ZERO,
            },
        }
    }
}

fn judge(
    hypervisor: &impl Hypervisor,
    uuid: Uuid,
    grace: Duration,
    seen: &mut dyn FnMut() -> Duration,
) -> Fate {
    let here = match hypervisor.domains() {
        Ok(here) => here,
        Err(error) => return Fate::Unknown(error),
    };
    if !here.iter().any(|found| found.key.domid == Domid::ZERO) {
        return Fate::NoDomain0;
    }
    if here.iter().any(|found| found.key.uuid == uuid) {
        return Fate::MayBeClaimed;
    }
    let seen = seen();
    if seen.is_zero() || seen < grace {
        Fate::Waits { seen }
    } else {
        Fate::Goes { seen }
    }
}
