//! The commit of a change: read, work out, commit on the condition that nothing has changed since.

use userdata_core::DomainKey;
use userdata_core::store::{Attempt, Operation, Refused, StoreError, StoreErrorKind};

use crate::basis::{Basis, all_of, spans_of_all};
use crate::deadline::Deadline;
use crate::engine::{Compare, Request, Revision, Span, Txn};
use crate::outcome::Known;
use crate::pages::Purpose;
use crate::record::{Grave, HomeRecord, Turn, with_number};
use crate::store::named;
use crate::{Answer, Engine, EngineError, PoolStore};

/// What becomes of a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The same home. If there is none, the grave is moved on.
    MovedOn,
    /// This home.
    Home(HomeRecord),
    /// There is none any more.
    Removed,
}

/// A change that is worked out.
#[derive(Debug)]
pub(crate) struct Plan<T> {
    /// For each domain.
    pub(crate) next: Vec<Next>,
    pub(crate) compares: Vec<Compare>,
    pub(crate) writes: Vec<Request>,
    /// The result of the call if the change is made.
    pub(crate) value: T,
}

impl<T> Plan<T> {
    /// A change of the turn of one domain alone.
    pub(crate) fn new(next: Next, value: T) -> Self {
        Self {
            next: vec![next],
            compares: Vec::new(),
            writes: Vec::new(),
            value,
        }
    }
}

/// What follows from the records that were read.
#[derive(Debug)]
pub(crate) enum Step<T> {
    /// There is nothing to change.
    Done(T),
    Commit(Plan<T>),
}

/// An attempt whose answer was lost.
struct Open<T> {
    attempt: Attempt,
    /// The revision of the first domain's turn that it compares.
    turn_revision: Revision,
    value: T,
}

impl<E: Engine> PoolStore<E> {
    /// Reads the records of the domains, has the change worked out, and commits it, until no other
    /// change comes between. An attempt without an answer is looked for by its number, and repeated
    /// with the same number while it is open.
    pub(crate) fn commit<T>(
        &self,
        domains: &[DomainKey],
        deadline: Deadline,
        operation: Operation,
        mut work_out: impl FnMut(&[Basis]) -> Result<Step<T>, StoreError>,
    ) -> Result<T, StoreError> {
        self.commit_any(domains, deadline, operation, |bases| {
            let mut bases_in_turn = bases.iter();
            bases_in_turn.try_for_each(|basis| basis.check_turn(&self.keys))?;
            work_out(bases)
        })
    }

    /// The same for a change that is worked out of damaged turns, too.
    pub(crate) fn commit_any<T>(
        &self,
        domains: &[DomainKey],
        deadline: Deadline,
        operation: Operation,
        mut work_out: impl FnMut(&[Basis]) -> Result<Step<T>, StoreError>,
    ) -> Result<T, StoreError> {
        let subject = domains.first().map(named).unwrap_or_default();
        let failed = |kind| StoreError::new(operation, &subject, kind);
        let mut open: Option<Open<T>> = None;
        loop {
            let is_last = self.is_past(deadline);
            let unknown = |open: &Open<T>| {
                let attempt = open.attempt;
                failed(StoreErrorKind::OutcomeUnknown { attempt })
            };
            let spans = spans_of_all(&self.keys, &self.me, domains);
            let read = self.read_spans(spans, Purpose::Decide, deadline);
            let bases = match (read, &open) {
                (Ok(answer), _) => all_of(&self.keys, &self.me, domains, &answer)?,
                (
                    Err(
                        EngineError::NotSent(_) | EngineError::Lost(_) | EngineError::NoRevision(_),
                    ),
                    _,
                ) if !is_last => continue,
                (Err(_), Some(open)) => return Err(unknown(open)),
                (Err(error), None) => return Err(failed(self.unanswered(error, deadline))),
            };
            if let Some(attempt) = open.take() {
                match know(&bases, &attempt) {
                    Known::Made => return Ok(attempt.value),
                    Known::NotMade => {}
                    Known::Open => open = Some(attempt),
                    Known::Unknown => return Err(unknown(&attempt)),
                }
            }
            let member = bases.iter().all(|basis| basis.is_member);
            let step = match member {
                true => work_out(&bases),
                false => Err(failed(StoreErrorKind::Refused(Refused::NotAMember))),
            };
            let (plan, is_refusal) = match step {
                Ok(Step::Done(value)) => return Ok(value),
                Ok(Step::Commit(plan)) => (Ok(plan), false),
                Err(error) if open.is_none() => return Err(error),
                Err(error) => (Err(error), true),
            };
            if is_last && let Some(open) = &open {
                return Err(unknown(open));
            }
            if let Ok(plan) = &plan
                && let Some(graves) = self.first_graves(&bases, &plan.next)
            {
                match (self.send(&graves, deadline), &open) {
                    (Ok(_), _) => continue,
                    (Err(EngineError::NotSent(_) | EngineError::Lost(_)), _)
                        if !self.is_past(deadline) =>
                    {
                        continue;
                    }
                    (Err(_), Some(open)) => return Err(unknown(open)),
                    (Err(error), None) => return Err(failed(self.unanswered(error, deadline))),
                }
            }
            // A refusal is true only if the open attempt can never be made: the turn moves first.
            let turn_revision = bases.first().map_or(0, |basis| basis.turn_revision);
            let (value, txn, attempt) = match plan {
                Ok(plan) => {
                    let number = open.as_ref().map(|open| open.attempt.number);
                    let number = number.unwrap_or_else(|| self.engine.number());
                    let after = bases.first().map_or(0, Basis::last);
                    let txn = self.transaction(&bases, &plan, number);
                    self.check_size(&txn).map_err(&failed)?;
                    (Ok(plan.value), txn, Attempt::new(number, after))
                }
                Err(error) => {
                    let attempt = open
                        .as_ref()
                        .map_or(Attempt::new(0, 0), |open| open.attempt);
                    let next = bases.iter().map(|_| Next::MovedOn).collect();
                    let (compares, writes) = (Vec::new(), Vec::new());
                    let plan = Plan {
                        next,
                        compares,
                        writes,
                        value: (),
                    };
                    let txn = self.transaction(&bases, &plan, self.engine.number());
                    (Err(error), txn, attempt)
                }
            };
            let mut answer = self.send(&txn, deadline);
            if let (Err(EngineError::NoSpace(_)), Some(removal)) = (&answer, deletes_alone(&txn)) {
                answer = self.send(&removal, deadline);
            }
            match (answer, value) {
                (Ok(Answer { made: true, .. }), value) => return value,
                // With an earlier attempt open this tells nothing: its number is looked for.
                (Ok(_), _) => {}
                (Err(EngineError::Lost(_)), Ok(value)) => {
                    open = Some(Open {
                        attempt,
                        turn_revision,
                        value,
                    });
                }
                (Err(EngineError::Lost(_)), Err(_)) => {}
                (Err(EngineError::NotSent(_)), _) if !self.is_past(deadline) => continue,
                (Err(error), _) => {
                    return Err(match &open {
                        Some(open) => unknown(open),
                        None => failed(self.unanswered(error, deadline)),
                    });
                }
            }
            if self.is_past(deadline) && open.is_none() && !is_refusal {
                let waited = self.waited(deadline);
                return Err(failed(StoreErrorKind::DeadlinePassed { waited }));
            }
        }
    }

    /// The error of a call without an open attempt.
    pub(crate) fn unanswered(&self, error: EngineError, deadline: Deadline) -> StoreErrorKind {
        match error {
            EngineError::NotSent(source) | EngineError::Lost(source) => {
                let waited = self.waited(deadline);
                StoreErrorKind::Unreachable { waited, source }
            }
            EngineError::NoSpace(source) => StoreErrorKind::NoSpace(source),
            EngineError::NotPermitted(source) => StoreErrorKind::NotPermitted(source),
            EngineError::Failed(source) => StoreErrorKind::Failed(source),
            error @ EngineError::NoRevision(_) => StoreErrorKind::Failed(error.into()),
        }
    }

    /// The transaction of a plan, with the number of its change.
    fn transaction<T>(&self, bases: &[Basis], plan: &Plan<T>, number: u64) -> Txn {
        let mut txn = Txn {
            compares: plan.compares.clone(),
            ..Txn::default()
        };
        for (basis, next) in bases.iter().zip(&plan.next) {
            let uuid = basis.domain.uuid;
            let old = basis.turn.as_ref();
            let home = match next {
                Next::Home(home) => Some(home),
                Next::MovedOn => old.map(|turn| &turn.home),
                Next::Removed => None,
            };
            let compares = basis.compares(&self.keys, &self.me, home.is_none());
            txn.compares.extend(compares);
            let (key, value) = match home {
                Some(home) => {
                    let numbers = old.map_or(&[][..], |turn| &turn.numbers);
                    let turn = Turn {
                        home: home.clone(),
                        numbers: with_number(numbers, number),
                    };
                    (self.keys.turn(uuid), turn.format())
                }
                None => {
                    // A damaged turn stays, unless it is removed.
                    if *next == Next::Removed && basis.turn_revision != 0 {
                        let span = Span::key(self.keys.turn(uuid));
                        txn.requests.push(Request::Delete { span });
                    }
                    let stray_mark = basis.stray_mark(&self.keys);
                    if let (Next::Removed, Some(mark)) = (next, stray_mark) {
                        let span = Span::key(mark);
                        txn.requests.push(Request::Delete { span });
                    }
                    let grave = Grave {
                        numbers: with_number(basis.grave_numbers(), number),
                    };
                    (self.keys.grave(uuid), grave.format())
                }
            };
            let lease = None;
            txn.requests.push(Request::Put { key, value, lease });
        }
        txn.requests.extend_from_slice(&plan.writes);
        txn
    }

    fn check_size(&self, txn: &Txn) -> Result<(), StoreErrorKind> {
        let bytes: usize = txn.requests.iter().map(size).sum();
        let amounts = [
            ("operations", txn.requests.len(), self.options.max_ops),
            ("bytes", bytes, self.options.max_bytes),
        ];
        for (what, found, limit) in amounts {
            if found > limit {
                let (found, limit) = (found as u64, limit as u64);
                return Err(StoreErrorKind::ChangeTooLarge { what, limit, found });
            }
        }
        Ok(())
    }
}

/// What the records of all domains of an attempt tell of it.
fn know<T>(bases: &[Basis], open: &Open<T>) -> Known {
    let attempt = open.attempt;
    // The attempt is behind a change of the first domain.
    let first = bases
        .first()
        .map_or(Known::Unknown, |basis| basis.know(attempt));
    let made = bases.iter().any(|basis| basis.know(attempt) == Known::Made);
    // The removal of a damaged turn, which still is there.
    let stands = |basis: &Basis| basis.is_damaged && basis.turn_revision == open.turn_revision;
    match bases.first() {
        _ if made => Known::Made,
        Some(basis) if stands(basis) => Known::Open,
        _ => first,
    }
}

/// The removal of a turn without a write, which an engine without space takes. The removal of the
/// grave moves it on: no change compares both an absent turn and an absent grave.
fn deletes_alone(txn: &Txn) -> Option<Txn> {
    let mut removal = txn.clone();
    let grave = txn.compares.last()?;
    let is_grave = |key: &[u8]| key == grave.key;
    let mut puts = 0;
    for request in &mut removal.requests {
        match request {
            Request::Put { key, .. } if is_grave(key) => {
                let span = Span::key(key.clone());
                *request = Request::Delete { span };
            }
            Request::Put { .. } => puts += 1,
            _ => {}
        }
    }
    (puts == 0).then_some(removal)
}

fn size(request: &Request) -> usize {
    match request {
        Request::Put { key, value, .. } => key.len() + value.len(),
        Request::Delete { span } | Request::Range { span, .. } => span.from.len(),
    }
}
