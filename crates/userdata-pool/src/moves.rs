//! A move of a domain from one host to another: begin, claim, cancel, finish.
//!
//! Each is one change of the turn, so of claim, cancel and finish one comes first, and the others
//! see it. No data is copied.

use userdata_core::store::{HostName, Operation, Refused, StoreError, StoreErrorKind};
use userdata_core::{Domain, DomainKey, Hypervisor, Life};

use crate::basis::Basis;
use crate::commit::{Next, Plan, Step};
use crate::deadline::Deadline;
use crate::record::HomeRecord;
use crate::standing::Standing;
use crate::store::{only, refused};
use crate::{Engine, PoolStore};

/// What [`PoolStore::finish`] found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finished {
    /// The domain is gone from this host, and the destination may claim its data.
    Released,
    /// The destination has claimed the data.
    Claimed,
    /// The domain is still here, so the move stays open. It runs, and `cancel` ends the move; or it
    /// is suspended, so that the destination may run; or its domid has another uuid, which
    /// toolstacks give a living domain during a migration.
    StillHere {
        /// Whether it runs under its own uuid.
        runs: bool,
    },
}

impl<E: Engine> PoolStore<E> {
    /// Begins a move of this host's domain to the host `to`, which may be this host: a localhost
    /// migration, or a reboot that keeps the data. This host stores until the other claims. To be
    /// called before the source is paused; also where nothing is stored yet.
    ///
    /// # Errors
    ///
    /// If the domain does not live here ([`Refused::NoSuchDomain`]), its data belongs elsewhere or
    /// moves to another host, or `to` is not a member.
    pub fn begin(
        &self,
        hypervisor: &impl Hypervisor,
        domain: &DomainKey,
        to: &HostName,
    ) -> Result<(), StoreError> {
        Self::check_domain(domain)?;
        let deadline = self.within_options();
        self.step(domain, deadline, |basis| {
            let found = asked(hypervisor, domain)?;
            match found.map(|domain| domain.life) {
                Some(Life::Alive) => {}
                Some(Life::Dying) => return Err(refused(domain, Refused::BeingDestroyed)),
                _ => return Err(refused(domain, Refused::NoSuchDomain)),
            }
            let home = basis.turn.as_ref().map(|turn| turn.home.clone());
            let home = match basis.standing(&self.me) {
                Standing::Vacant => HomeRecord::life(&self.me, domain.domid),
                Standing::Mine => home.unwrap_or_else(|| HomeRecord::life(&self.me, domain.domid)),
                Standing::Incoming(home) | Standing::Away(home) => {
                    return Err(self.elsewhere(domain, home, deadline));
                }
                // Its first store takes over, if the other is proven gone. No data can move yet.
                Standing::OtherLife { .. } => return Err(self.of_another(basis)),
            };
            match &home.to {
                // A cancel that arrives late must not end the move that is begun again here.
                Some(already) if already == to => {
                    return Ok(Step::Commit(Plan::new(Next::MovedOn, ())));
                }
                Some(_) => return Err(refused(domain, Refused::Elsewhere(home.told()))),
                None => {}
            }
            let (compare, member) = self.host_compare(to, deadline)?;
            if member.is_none() {
                return Err(refused(domain, Refused::NoSuchMember(to.clone())));
            }
            let home = HomeRecord {
                to: Some(to.clone()),
                ..home
            };
            let mut plan = Plan::new(Next::Home(home), ());
            if *to != self.me.name {
                plan.compares.push(compare);
            }
            Ok(Step::Commit(plan))
        })
    }

    /// Makes this host the home of a domain that was sent here. This is the commit point of a move:
    /// each store of the source is before it and kept, or after it and refused. From then on the
    /// source must never be resumed.
    ///
    /// # Errors
    ///
    /// [`Refused::NotRunning`] while the domain is paused or suspended here;
    /// [`Refused::NotMoving`] if nothing is sent; [`Refused::Elsewhere`] if it is sent to another
    /// host, or is the one that is to move.
    pub fn claim(
        &self,
        hypervisor: &impl Hypervisor,
        domain: &DomainKey,
    ) -> Result<(), StoreError> {
        Self::check_domain(domain)?;
        let deadline = self.within_options();
        self.step(domain, deadline, |basis| {
            runs(hypervisor, domain)?;
            let home = basis.turn.as_ref().map(|turn| &turn.home);
            match (basis.standing(&self.me), home) {
                (Standing::Incoming(_), _) => {}
                (Standing::Mine, Some(home)) if home.to.is_none() => {
                    return Ok(Step::Done(()));
                }
                // It is the source.
                (Standing::Mine, Some(home)) => {
                    return Err(refused(domain, Refused::Elsewhere(home.told())));
                }
                (Standing::Vacant | Standing::Mine, _) => {
                    return Err(refused(domain, Refused::NotMoving));
                }
                (Standing::OtherLife { .. }, _) => return Err(self.of_another(basis)),
                (Standing::Away(home), _) => return Err(self.elsewhere(domain, home, deadline)),
            }
            let claimed = HomeRecord::life(&self.me, domain.domid);
            Ok(Step::Commit(Plan::new(Next::Home(claimed), ())))
        })
    }

    /// Ends a move whose domain stays here.
    ///
    /// # Errors
    ///
    /// [`Refused::NotRunning`] while the source is suspended: the destination may already run, and
    /// its guest would lose its data. [`Refused::NotMoving`] if no move is open;
    /// [`Refused::Elsewhere`] if the destination has claimed the data.
    pub fn cancel(
        &self,
        hypervisor: &impl Hypervisor,
        domain: &DomainKey,
    ) -> Result<(), StoreError> {
        Self::check_domain(domain)?;
        let deadline = self.within_options();
        self.step(domain, deadline, |basis| {
            runs(hypervisor, domain)?;
            let home = basis.turn.as_ref().map(|turn| &turn.home);
            match (basis.standing(&self.me), home) {
                (Standing::Mine, Some(home)) if home.to.is_some() => {}
                (Standing::Incoming(home) | Standing::Away(home), _) => {
                    return Err(self.elsewhere(domain, home, deadline));
                }
                _ => return Err(refused(domain, Refused::NotMoving)),
            }
            let stays = HomeRecord::life(&self.me, domain.domid);
            Ok(Step::Commit(Plan::new(Next::Home(stays), ())))
        })
    }

    /// Ends a move at its source, whatever the migration's command returned: if the domain is gone
    /// from here, its data is released to the destination.
    ///
    /// # Errors
    ///
    /// If the hypervisor does not answer, or no move of this domain has begun.
    pub fn finish(
        &self,
        hypervisor: &impl Hypervisor,
        domain: &DomainKey,
    ) -> Result<Finished, StoreError> {
        Self::check_domain(domain)?;
        let deadline = self.within_options();
        self.step(domain, deadline, |basis| {
            let home = basis.turn.as_ref().map(|turn| turn.home.clone());
            let Some(home) = home.filter(|home| home.to.is_some()) else {
                return match basis.standing(&self.me) {
                    Standing::Away(_) => Ok(Step::Done(Finished::Claimed)),
                    Standing::OtherLife { .. } => Ok(Step::Done(Finished::Claimed)),
                    _ => Err(refused(domain, Refused::NotMoving)),
                };
            };
            if home.host != self.me.name || home.domid != domain.domid {
                return Err(self.elsewhere(domain, home.told(), deadline));
            }
            if home.released {
                return Ok(Step::Done(Finished::Released));
            }
            if home.boot == self.me.boot
                && let Some(found) = any_with_domid(hypervisor, domain)?
                && found.life != Life::Dead
            {
                let runs = found.key == *domain && found.runs();
                return Ok(Step::Done(Finished::StillHere { runs }));
            }
            let released = HomeRecord {
                released: true,
                ..home
            };
            let plan = Plan::new(Next::Home(released), Finished::Released);
            Ok(Step::Commit(plan))
        })
    }

    /// One change of the turn of one domain.
    pub(crate) fn step<T>(
        &self,
        domain: &DomainKey,
        deadline: Deadline,
        mut work_out: impl FnMut(&Basis) -> Result<Step<T>, StoreError>,
    ) -> Result<T, StoreError> {
        self.commit(&[*domain], deadline, Operation::Admit, |bases| {
            work_out(only(bases, domain)?)
        })
    }

    /// The refusal of a domain while another life of this host has the data.
    fn of_another(&self, basis: &Basis) -> StoreError {
        let home = basis.turn.as_ref().map(|turn| turn.home.told());
        match home {
            Some(home) => refused(&basis.domain, Refused::Elsewhere(home)),
            None => refused(&basis.domain, Refused::NotMoving),
        }
    }
}

/// The hypervisor's answer about exactly this domain, now.
fn asked(hypervisor: &impl Hypervisor, domain: &DomainKey) -> Result<Option<Domain>, StoreError> {
    let found = any_with_domid(hypervisor, domain)?;
    Ok(found.filter(|found| found.key == *domain))
}

/// The hypervisor's answer about its domid, whatever the uuid is now.
fn any_with_domid(
    hypervisor: &impl Hypervisor,
    domain: &DomainKey,
) -> Result<Option<Domain>, StoreError> {
    hypervisor.domain(domain.domid).map_err(|error| {
        let kind = StoreErrorKind::Refused(Refused::Unknown(error));
        StoreError::new(Operation::Admit, domain.to_string(), kind)
    })
}

/// Refuses unless the domain's guest runs here, now.
pub(crate) fn runs(hypervisor: &impl Hypervisor, domain: &DomainKey) -> Result<(), StoreError> {
    match asked(hypervisor, domain)? {
        Some(found) if found.runs() => Ok(()),
        Some(found) if found.life == Life::Alive => Err(refused(domain, Refused::NotRunning)),
        Some(found) if found.life == Life::Dying => Err(refused(domain, Refused::BeingDestroyed)),
        _ => Err(refused(domain, Refused::NoSuchDomain)),
    }
}
