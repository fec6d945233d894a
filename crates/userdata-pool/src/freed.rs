//! Free data: that of a forgotten host, and what was released to one.

use userdata_core::store::{Operation, Refused, StoreError};
use userdata_core::{DomainKey, Domid, Hypervisor, Uuid};

use crate::basis::Basis;
use crate::commit::{Next, Plan, Step};
use crate::deadline::Deadline;
use crate::effect::Effect;
use crate::engine::Compare;
use crate::moves::runs;
use crate::record::HomeRecord;
use crate::store::{only, refused};
use crate::{Engine, PoolStore};

impl<E: Engine> PoolStore<E> {
    /// Makes this host the home of data whose home the pool has forgotten, or, if it was released,
    /// the host that it was released to. A domain of the uuid must run here; it keeps the values.
    ///
    /// # Errors
    ///
    /// [`Refused::Elsewhere`] if that host is a member; [`Refused::NoData`] if the uuid has no
    /// data; [`Refused::NoSuchDomain`], [`Refused::NotRunning`] or [`Refused::BeingDestroyed`] if
    /// the domain does not run here; [`Refused::NotAMember`] if this host is not a member.
    pub fn adopt(
        &self,
        hypervisor: &impl Hypervisor,
        domain: &DomainKey,
    ) -> Result<(), StoreError> {
        Self::check_domain(domain)?;
        let deadline = self.within_options();
        self.step(domain, deadline, |basis| {
            runs(hypervisor, domain)?;
            let compare = self.forgotten(basis, deadline)?;
            let adopted = HomeRecord::life(&self.me, domain.domid);
            let mut plan = Plan::new(Next::Home(adopted), ());
            plan.compares.push(compare);
            Ok(Step::Commit(plan))
        })
    }

    /// Removes data that [`PoolStore::adopt`] would take, or whose home is not known: its turn is
    /// damaged, or values are left without one. Returns how many values there were.
    ///
    /// A damaged turn may be that of a living domain on any host, and no host can prove that it is
    /// not. So no sweep removes it: only a person knows that no host needs the data.
    ///
    /// # Errors
    ///
    /// As [`PoolStore::adopt`]. [`StoreErrorKind::Failed`](userdata_core::store::StoreErrorKind)
    /// if a newer release wrote the turn.
    pub fn discard(&self, uuid: Uuid) -> Result<usize, StoreError> {
        Self::check_uuid(uuid)?;
        let domain = DomainKey::new(Domid::ZERO, uuid);
        let deadline = self.within_options();
        self.commit_any(&[domain], deadline, Operation::Remove, |bases| {
            let basis = only(bases, &domain)?;
            let is_homeless = basis.turn.is_none() && !basis.metas.is_empty();
            let mut plan = self.removal(basis);
            if !basis.is_damaged && !is_homeless {
                plan.compares.push(self.forgotten(basis, deadline)?);
            }
            Ok(Step::Commit(plan))
        })
    }

    /// The removal of all data of a uuid, with its home.
    pub(crate) fn removal(&self, basis: &Basis) -> Plan<usize> {
        let effect = Effect::anew(&basis.metas, self.engine.today());
        let mut plan = Plan::new(Next::Removed, basis.metas.len());
        plan.writes = effect.requests(&self.keys, basis.domain.uuid);
        plan
    }

    /// The condition that the keeper is not a member, or the refusal.
    fn forgotten(&self, basis: &Basis, deadline: Deadline) -> Result<Compare, StoreError> {
        let domain = &basis.domain;
        let Some(told) = basis.turn.as_ref().map(|turn| turn.home.told()) else {
            return Err(refused(domain, Refused::NoData));
        };
        let (compare, member) = self.host_compare(told.keeper(), deadline)?;
        match member {
            None => Ok(compare),
            Some(_) => Err(refused(domain, Refused::Elsewhere(told))),
        }
    }
}
