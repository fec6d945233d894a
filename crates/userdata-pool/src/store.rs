//! `PoolStore`: the userdata of a pool of hosts, as one of its hosts sees it.

mod checks;
mod giving;
mod reading;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use userdata_core::store::{
    Admit, AdmitBoth, AdmitEach, Cleared, ClosingMark, Done, Durability, EachCleared, Entry, Found,
    Home, Keep, Op, Operation, Owned, Refused, State, StoreError, StoreErrorKind, Transfer,
    Transferred,
};
use userdata_core::{DomainKey, Domid, Store, Userid, Value};

use crate::basis::Basis;
use crate::commit::{Next, Plan, Step};
use crate::deadline::Deadline;
use crate::effect::Effect;
use crate::engine::{Request, Span, Txn};
use crate::keys::Keys;
use crate::mark::OwnMark;
use crate::record::HomeRecord;
use crate::standing::Standing;
use crate::{Engine, Identity, PoolOptions, mark};

/// The userdata of a pool of hosts, as this host sees it.
#[derive(Debug)]
pub struct PoolStore<E> {
    pub(crate) engine: Arc<E>,
    pub(crate) keys: Keys,
    pub(crate) me: Identity,
    pub(crate) options: PoolOptions,
}

impl<E> Clone for PoolStore<E> {
    fn clone(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
            keys: self.keys.clone(),
            me: self.me.clone(),
            options: self.options.clone(),
        }
    }
}

/// The result of ops: those that were made, and the error of the one that stopped them.
type Results = (Vec<Done>, Option<StoreError>);

/// The result of a clear that leaves all as it is.
fn nothing_cleared() -> Results {
    let mut cleared = Cleared::default();
    cleared.durability = Durability::Full;
    (vec![Done::Cleared(cleared)], None)
}

impl<E: Engine> PoolStore<E> {
    /// The pool behind this engine, for the host with this identity. Nothing is sent.
    #[must_use]
    pub fn new(engine: Arc<E>, me: Identity, options: PoolOptions) -> Self {
        Self {
            keys: Keys::new(&options.prefix),
            engine,
            me,
            options,
        }
    }

    /// The same with another timeout of the calls that have none of their own.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// The refusal of a domain whose data belongs elsewhere; it tells whether the pool has
    /// forgotten the keeper.
    pub(crate) fn elsewhere(
        &self,
        subject: &DomainKey,
        home: Home,
        deadline: Deadline,
    ) -> StoreError {
        let mut reading = Txn::read([Span::key(self.keys.host(home.keeper()))]);
        reading.stale = self.options.stale;
        let found = self.send(&reading, deadline);
        let gone = found.is_ok_and(|answer| answer.into_pairs().next().is_none());
        let home = if gone { home.freed() } else { home };
        refused(subject, Refused::Elsewhere(home))
    }

    /// Asks for admission, under the caller's own mark if it has one.
    fn ask(
        &self,
        basis: &Basis,
        own: Option<OwnMark>,
        admit: &mut dyn FnMut(&State) -> Result<(), Refused>,
    ) -> Result<(), StoreError> {
        let own = own.map(|own| own.number);
        let displaces = match basis.standing(&self.me) {
            Standing::OtherLife { living } => living,
            _ => None,
        };
        let displaces = displaces.map(|domid| DomainKey::new(domid, basis.domain.uuid));
        let state = State::new(basis.is_closing(&self.me, own)).with_displaced(displaces);
        admit(&state).map_err(|reason| {
            let home = basis.turn.as_ref().map(|turn| turn.home.told());
            match (reason, home) {
                // The other domain lives: it is the home.
                (Refused::UuidShared { .. }, Some(home)) if displaces.is_some() => {
                    refused(&basis.domain, Refused::Elsewhere(home))
                }
                (reason, _) => refused(&basis.domain, reason),
            }
        })
    }

    /// Works out what ops do to a domain of this standing.
    fn work_out(
        &self,
        basis: &Basis,
        ops: &[Op<'_>],
        deadline: Deadline,
    ) -> Result<Step<Results>, StoreError> {
        let (standing, today) = (basis.standing(&self.me), self.engine.today());
        let clears = |op: &Op<'_>| {
            matches!(
                op,
                Op::Clear {
                    keep: Keep::Nothing,
                    ..
                }
            )
        };
        let turn_home = basis.turn.as_ref().map(|turn| &turn.home);
        let moving = turn_home.is_some_and(|home| home.to.is_some());
        let mut effect = match &standing {
            Standing::Vacant | Standing::Mine => Effect::new(&basis.metas, today),
            Standing::OtherLife { .. } => Effect::anew(&basis.metas, today),
            Standing::Incoming(home) | Standing::Away(home) => {
                return Err(self.elsewhere(&basis.domain, home.clone(), deadline));
            }
        };
        let (mut done, mut failed) = (Vec::new(), None);
        for op in ops {
            if clears(op) && moving && standing == Standing::Mine {
                // The values go along with the domain.
                let home = turn_home.map(HomeRecord::told);
                failed = home.map(|home| refused(&basis.domain, Refused::Elsewhere(home)));
                break;
            }
            match effect.apply(op, self.options.value_max) {
                Ok(one) => done.push(one),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let cleared = ops.iter().take(done.len()).any(clears);
        let mut requests = effect.requests(&self.keys, basis.domain.uuid);
        let next = match standing {
            Standing::Mine
                if effect.leaves_nothing() && !moving && (effect.changes() || cleared) =>
            {
                Next::Removed
            }
            Standing::Mine if effect.changes() => Next::MovedOn,
            Standing::Vacant | Standing::OtherLife { .. } if effect.puts() => {
                Next::Home(HomeRecord::life(&self.me, basis.domain.domid))
            }
            // A store that was admitted before this clear must not be made behind it.
            Standing::Vacant | Standing::OtherLife { .. } if cleared => {
                requests.clear();
                Next::MovedOn
            }
            _ => return Ok(Step::Done((done, failed))),
        };
        Ok(Step::Commit(Plan {
            next: vec![next],
            compares: Vec::new(),
            writes: requests,
            value: (done, failed),
        }))
    }

    /// Works out the clear of a domain that is proven gone, or of a living one.
    fn work_out_clear(
        &self,
        basis: &Basis,
        keep: Keep,
        durability: Durability,
        deadline: Deadline,
    ) -> Result<Step<Results>, StoreError> {
        let home = basis.turn.as_ref().map(|turn| &turn.home);
        let home = home.filter(|home| {
            home.host == self.me.name && !home.released && home.domid == basis.domain.domid
        });
        let rebooted = home.is_some_and(|home| home.boot != self.me.boot);
        // The domain is gone by the hypervisor's answer, or by the boot.
        let gone = rebooted || matches!(keep, Keep::Nothing);
        let Some(home) = home.filter(|_| gone) else {
            if let Standing::Incoming(_) | Standing::Away(_) = basis.standing(&self.me) {
                // What belongs to another host is left alone.
                return Ok(Step::Done(nothing_cleared()));
            }
            return self.work_out(basis, &[Op::Clear { keep, durability }], deadline);
        };
        let ends_with_boot = rebooted && home.to.as_ref() == Some(&self.me.name);
        if home.to.is_some() && !ends_with_boot {
            let released = HomeRecord {
                released: true,
                ..home.clone()
            };
            let next = Next::Home(released);
            return Ok(Step::Commit(Plan::new(next, nothing_cleared())));
        }
        self.work_out_end(basis, durability)
    }

    /// Works out the removal of a domain's turn and of all its values.
    fn work_out_end(
        &self,
        basis: &Basis,
        durability: Durability,
    ) -> Result<Step<Results>, StoreError> {
        let mut effect = Effect::new(&basis.metas, self.engine.today());
        let keep = Keep::Nothing;
        let done = effect.apply(&Op::Clear { keep, durability }, 0)?;
        Ok(Step::Commit(Plan {
            next: vec![Next::Removed],
            compares: Vec::new(),
            writes: effect.requests(&self.keys, basis.domain.uuid),
            value: (vec![done], None),
        }))
    }

    /// Clears one domain, under the caller's own mark if it has one.
    pub(crate) fn clear_one(
        &self,
        domain: &DomainKey,
        own: Option<OwnMark>,
        deadline: Deadline,
        durability: Durability,
        admit: &mut dyn FnMut(&State) -> Result<Keep, Refused>,
    ) -> Result<Cleared, StoreError> {
        let (done, failed) = self.commit(&[*domain], deadline, Operation::Remove, |bases| {
            let basis = only(bases, domain)?;
            let mut keep = Keep::Essential;
            self.ask(basis, own, &mut |state| {
                keep = admit(state)?;
                Ok(())
            })?;
            if own.is_some_and(|own| own.is_outdated(basis, &self.me)) {
                return Err(refused(domain, Refused::Changed));
            }
            if own.is_some_and(|own| own.is_overtaken(basis, &self.me)) {
                return Err(refused(domain, Refused::RemovedMeanwhile));
            }
            let mut step = self.work_out_clear(basis, keep, durability, deadline)?;
            let mark = basis.mark.as_ref().map(|mark| mark.number);
            if let (Step::Commit(plan), Some(own)) = (&mut step, own)
                && mark == Some(own.number)
            {
                let span = Span::key(self.keys.mark(domain.uuid));
                plan.writes.push(Request::Delete { span });
            }
            Ok(step)
        })?;
        match (done.into_iter().next(), failed) {
            (Some(Done::Cleared(cleared)), None) => Ok(cleared),
            (_, Some(error)) => Err(error),
            _ => Err(StoreError::new(
                Operation::Remove,
                domain.to_string(),
                StoreErrorKind::NoOutcome,
            )),
        }
    }
}

impl<E: Engine + 'static> Store for PoolStore<E> {
    fn get(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Value>, StoreError> {
        self.read_value(domain, userid, self.within_options())
    }

    fn get_within(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        userid: &Userid,
    ) -> Result<Option<Value>, StoreError> {
        self.read_value(domain, userid, self.within(timeout))
    }

    fn stat(&self, domain: &DomainKey, userid: &Userid) -> Result<Option<Entry>, StoreError> {
        self.read_entry(domain, userid)
    }

    fn list(&self, domain: &DomainKey) -> Result<Vec<Entry>, StoreError> {
        self.read_list(domain)
    }

    fn scan(&self, each: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Result<(), StoreError> {
        self.read_all(each)
    }

    fn change(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
        ops: &[Op<'_>],
    ) -> Result<Vec<Done>, StoreError> {
        Self::check_domain(domain)?;
        self.check_ops(ops)?;
        let deadline = self.within(timeout);
        let (done, failed) =
            self.commit_any(&[*domain], deadline, Operation::Replace, |bases| {
                let basis = only(bases, domain)?;
                let clears_damage = basis.is_damaged.then(|| clear_of_present(ops)).flatten();
                if clears_damage.is_none() {
                    basis.check_turn(&self.keys)?;
                }
                self.ask(basis, None, admit)?;
                match clears_damage {
                    Some(durability) => self.work_out_end(basis, durability),
                    None => self.work_out(basis, ops, deadline),
                }
            })?;
        match failed {
            None => Ok(done),
            // Those before it stay applied.
            Some(error) => Err(error),
        }
    }

    fn owners(&self, each: &mut dyn FnMut(Owned) -> ControlFlow<()>) -> Result<(), StoreError> {
        self.read_owners(each)
    }

    fn clear_each(
        &self,
        domains: &[DomainKey],
        timeout: Duration,
        durability: Durability,
        admit: AdmitEach<'_>,
        each: EachCleared<'_>,
    ) -> Result<(), StoreError> {
        let _ = domains.iter().try_for_each(|domain| {
            let mut ask = |state: &State| admit(domain, state);
            let deadline = self.within(timeout);
            each(
                domain,
                self.clear_one(domain, None, deadline, durability, &mut ask),
            )
        });
        Ok(())
    }

    fn snapshot(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        which: &dyn Fn(&Userid) -> bool,
        each: &mut dyn FnMut(Userid, Value) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read_snapshot(domain, self.within(timeout), which, each)
    }

    fn transfer(
        &self,
        transfer: &Transfer<'_>,
        timeout: Duration,
        admit: AdmitBoth<'_>,
    ) -> Result<Transferred, StoreError> {
        let domains = [transfer.from(), transfer.to()];
        if transfer.from().uuid == transfer.to().uuid {
            let (name, kind) = (transfer.from().to_string(), StoreErrorKind::Unsupported);
            return Err(StoreError::new(Operation::Admit, name, kind));
        }
        Self::check_domain(&transfer.from())?;
        Self::check_domain(&transfer.to())?;
        let deadline = self.within(timeout);
        self.commit(&domains, deadline, Operation::Replace, |bases| {
            if let [from, to] = bases {
                // `admit` decides on both states together, so the first one waits for the second.
                let mut first = State::default();
                self.ask(from, None, &mut |state| {
                    first = *state;
                    Ok(())
                })?;
                self.ask(to, None, &mut |second| admit(&first, second))?;
            }
            self.give(transfer, bases, deadline)
        })
    }

    fn close(
        &self,
        domain: &DomainKey,
        timeout: Duration,
        admit: Admit<'_>,
    ) -> Result<Box<dyn ClosingMark>, StoreError> {
        Self::check_domain(domain)?;
        mark::close(self, domain, self.within(timeout), admit)
    }

    fn now(&self) -> Duration {
        self.engine.now()
    }
}

/// The durability of ops that are a single clear of a domain that exists; `None` for all others.
///
/// This clear removes a damaged turn. One that keeps nothing does not: it may be the end of a copy
/// whose migration has failed, and the turn that of the source, which lives.
fn clear_of_present(ops: &[Op<'_>]) -> Option<Durability> {
    match ops {
        &[
            Op::Clear {
                keep: Keep::Essential,
                durability,
            },
        ] => Some(durability),
        _ => None,
    }
}

/// The records of the one domain.
pub(crate) fn only<'a>(bases: &'a [Basis], domain: &DomainKey) -> Result<&'a Basis, StoreError> {
    bases.first().ok_or_else(|| {
        StoreError::new(
            Operation::Read,
            domain.to_string(),
            StoreErrorKind::NoOutcome,
        )
    })
}

pub(crate) fn refused(domain: &DomainKey, reason: Refused) -> StoreError {
    let kind = StoreErrorKind::Refused(reason);
    StoreError::new(Operation::Admit, named(domain), kind)
}

/// How an error names a domain. Calls for a uuid alone have 0 in place of the domid, since a pool
/// has no data of Domain-0.
pub(crate) fn named(domain: &DomainKey) -> String {
    match domain.domid {
        Domid::ZERO => domain.uuid.to_string(),
        _ => domain.to_string(),
    }
}
