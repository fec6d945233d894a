//! The closing mark: a key on a lease. It may be lost, so turn and grave protect the data.

use std::fmt;
use std::time::Duration;

use userdata_core::DomainKey;
use userdata_core::store::{
    Admit, Cleared, ClosingMark, Durability, Keep, Operation, Refused, State, StoreError,
    StoreErrorKind,
};

use crate::basis::Basis;
use crate::deadline::Deadline;
use crate::engine::{Lease, Request, Revision, Txn};
use crate::first_graves::first_grave;
use crate::record::MarkRecord;
use crate::standing::Standing;
use crate::store::refused;
use crate::{Engine, EngineError, Identity, PoolStore};

/// How long a dropped mark tries to revoke its lease, which otherwise runs out by itself.
const REVOKE: Duration = Duration::from_secs(2);

pub(crate) fn close<E: Engine + 'static>(
    store: &PoolStore<E>,
    domain: &DomainKey,
    deadline: Deadline,
    admit: Admit<'_>,
) -> Result<Box<dyn ClosingMark>, StoreError> {
    let failed = |error| {
        let kind = store.unanswered(error, deadline);
        StoreError::new(Operation::Mark, domain.to_string(), kind)
    };
    let number = store.engine.number();
    let lease = store.grant(deadline).map_err(failed)?;
    // An error drops it, which revokes the lease: then a mark that arrives late cannot be made.
    let mut mark = Box::new(Mark {
        store: store.clone(),
        domain: *domain,
        lease,
        own: OwnMark { number, seen: None },
        deadline: Some(deadline),
    });
    // There was no space for the mark: it was made all the same, or never is.
    let mut full = None;
    loop {
        let basis = store.basis_within(domain, deadline)?;
        basis.check_turn(&store.keys)?;
        if basis
            .mark
            .as_ref()
            .is_some_and(|mark| mark.number == number)
        {
            break;
        }
        if let Some(error) = full.take() {
            return Err(failed(error));
        }
        if !basis.is_member {
            return Err(refused(domain, Refused::NotAMember));
        }
        let state = State::new(basis.is_closing(&store.me, None));
        admit(&state).map_err(|reason| refused(domain, reason))?;
        if basis.mark.is_some() {
            return Err(refused(domain, Refused::BeingDestroyed));
        }
        match store.send(&mark.making(&basis), deadline) {
            Ok(answer) if answer.made => break,
            Ok(_) | Err(EngineError::Lost(_) | EngineError::NotSent(_))
                if !store.is_past(deadline) => {}
            Err(error @ EngineError::NoSpace(_)) => full = Some(error),
            Ok(_) => {
                let waited = store.waited(deadline);
                let kind = StoreErrorKind::DeadlinePassed { waited };
                return Err(StoreError::new(Operation::Mark, domain.to_string(), kind));
            }
            Err(error) => return Err(failed(error)),
        }
    }
    store.engine.keep_alive(lease);
    mark.deadline = None;
    Ok(mark)
}

/// What a clear knows of the caller's own mark.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnMark {
    pub(crate) number: u64,
    /// What the caller has seen, if it wants nothing newer to be cleared.
    pub(crate) seen: Option<Seen>,
}

/// The revisions of the turn and of the grave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    turn: Revision,
    grave: Revision,
}

impl OwnMark {
    /// Whether the domain has a turn that the caller has not seen. Without a turn, and with the
    /// turn of another home, the domain has no value.
    pub(crate) fn is_outdated(&self, basis: &Basis, me: &Identity) -> bool {
        let is_newer = self
            .seen
            .is_some_and(|seen| seen.turn != basis.turn_revision);
        is_newer && basis.standing(me) == Standing::Mine
    }

    /// Whether the mark was lost, and the domain's turn was removed since the caller has seen it,
    /// taken by another life, or released to another host, which removes what is not claimed.
    /// Domains share a grave, so the removal of another one counts, too.
    pub(crate) fn is_overtaken(&self, basis: &Basis, me: &Identity) -> bool {
        let mark = basis.mark.as_ref();
        let is_lost = mark.is_none_or(|mark| mark.number != self.number);
        let is_removed = self.seen.is_some_and(|seen| match basis.standing(me) {
            Standing::Vacant => {
                seen.turn != basis.turn_revision || seen.grave != basis.grave_revision
            }
            Standing::OtherLife { .. } => seen.turn != basis.turn_revision,
            Standing::Incoming(_) | Standing::Away(_) => {
                let home = basis.turn.as_ref().map(|turn| &turn.home);
                let own = home.filter(|home| home.is_life(me, basis.domain.domid));
                own.is_some_and(|home| home.released) && seen.turn != basis.turn_revision
            }
            Standing::Mine => false,
        });
        is_lost && is_removed
    }
}

/// A mark that is in force as long as its lease.
struct Mark<E: Engine> {
    store: PoolStore<E>,
    domain: DomainKey,
    lease: Lease,
    own: OwnMark,
    /// The deadline of the `close`, `clear` or `reopen` that runs: it bounds the revocation.
    deadline: Option<Deadline>,
}

impl<E: Engine> Mark<E> {
    fn basis(&self, timeout: Duration) -> Result<Basis, StoreError> {
        let deadline = self.store.within(timeout);
        self.store.basis_within(&self.domain, deadline)
    }

    /// The same, unless the data that the caller has seen was removed meanwhile.
    fn basis_of_own(&self, timeout: Duration) -> Result<Basis, StoreError> {
        let basis = self.basis(timeout)?;
        match self.own.is_overtaken(&basis, &self.store.me) {
            false => Ok(basis),
            true => Err(refused(&self.domain, Refused::RemovedMeanwhile)),
        }
    }

    /// Where turn and grave are absent, a late one may also be made when they are absent again. It
    /// is the caller's mark all the same, and ends with its lease.
    fn making(&self, basis: &Basis) -> Txn {
        let (store, uuid) = (&self.store, self.domain.uuid);
        let mark = MarkRecord {
            host: store.me.name.clone(),
            domid: self.domain.domid,
            number: self.own.number,
        };
        let put = Request::Put {
            key: store.keys.mark(uuid),
            value: mark.format(),
            lease: Some(self.lease),
        };
        // So that the removal of a turn that is made meanwhile shows: it moves the grave on.
        let grave = basis
            .has_no_revision()
            .then(|| first_grave(store.keys.grave(uuid), self.own.number));
        Txn {
            compares: basis.compares(&store.keys, &store.me, false),
            requests: [put].into_iter().chain(grave).collect(),
            ..Txn::default()
        }
    }
}

impl<E: Engine> ClosingMark for Mark<E> {
    fn remember(&mut self, timeout: Duration) -> Result<(), StoreError> {
        let basis = self.basis_of_own(timeout)?;
        self.own.seen = Some(Seen {
            turn: basis.turn_revision,
            grave: basis.grave_revision,
        });
        Ok(())
    }

    fn is_changed(&self, timeout: Duration) -> Result<bool, StoreError> {
        let basis = self.basis_of_own(timeout)?;
        Ok(self.own.is_outdated(&basis, &self.store.me))
    }

    fn clear(
        mut self: Box<Self>,
        timeout: Duration,
        durability: Durability,
        admit: Admit<'_>,
    ) -> Result<Cleared, StoreError> {
        // Whether the lease has run out does not matter: the clear itself moves turn or grave.
        let mut ask = |state: &State| {
            admit(state)?;
            Ok(Keep::Nothing)
        };
        let deadline = self.store.within(timeout);
        self.deadline = Some(deadline);
        let (store, own) = (&self.store, Some(self.own));
        store.clear_one(&self.domain, own, deadline, durability, &mut ask)
    }

    fn reopen(mut self: Box<Self>, timeout: Duration) -> Result<(), StoreError> {
        self.deadline = Some(self.store.within(timeout));
        Ok(())
    }
}

impl<E: Engine> Drop for Mark<E> {
    fn drop(&mut self) {
        let store = &self.store;
        let timeout = self.deadline.map(|deadline| store.attempt(deadline));
        store.engine.revoke(self.lease, timeout.unwrap_or(REVOKE));
    }
}

impl<E: Engine> fmt::Debug for Mark<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mark")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}
