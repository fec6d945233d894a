//! The commit of a change: read, work out, commit on the condition that nothing has changed since.

use userdata_core::store::{Attempt, Operation, Refused, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Source};

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

    /// The result of the call, and the change itself.
    fn split(self) -> (T, Plan<()>) {
        let plan = Plan {
            next: self.next,
            compares: self.compares,
            writes: self.writes,
            value: (),
        };
        (self.value, plan)
    }
}

impl Plan<()> {
    /// The change that moves the turns on and nothing else: no attempt before it is made any more.
    fn fence(domains: usize) -> Self {
        Self {
            next: vec![Next::MovedOn; domains],
            compares: Vec::new(),
            writes: Vec::new(),
            value: (),
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

/// An attempt that may have been made.
struct Open<T> {
    attempt: Attempt,
    /// The revision of the first domain's turn that it compares.
    turn_revision: Revision,
    value: T,
    /// Whether it may still be made: its answer was lost. One without space was made or never is.
    may_arrive: bool,
}

/// What the engine had no space for.
struct Full {
    source: Source,
    /// Not even for a removal.
    takes_nothing: bool,
}

impl<E: Engine> PoolStore<E> {
    /// Reads the records of the domains, has the change worked out, and commits it, until no other
    /// change comes between. An attempt without an answer is looked for by its number, and repeated
    /// with the same number while it is open. One without space is looked for, too; if it was not
    /// made, removals alone are sent.
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
        let unknown = |open: &Open<T>| {
            let attempt = open.attempt;
            failed(StoreErrorKind::OutcomeUnknown { attempt })
        };
        // The end of the call where no attempt is open; else its outcome is not known.
        let ended = |open: &Option<Open<T>>, kind| match open {
            Some(open) => unknown(open),
            None => failed(kind),
        };
        let passed = || {
            let waited = self.waited(deadline);
            StoreErrorKind::DeadlinePassed { waited }
        };
        let mut open: Option<Open<T>> = None;
        let mut full: Option<Full> = None;
        loop {
            let is_last = self.is_past(deadline);
            let spans = spans_of_all(&self.keys, &self.me, domains);
            let bases = match self.read_spans(spans, Purpose::Decide, deadline) {
                Ok(answer) => match all_of(&self.keys, &self.me, domains, &answer) {
                    Ok(bases) => bases,
                    Err(error) => return Err(open.as_ref().map_or(error, unknown)),
                },
                Err(
                    EngineError::NotSent(_) | EngineError::Lost(_) | EngineError::NoRevision(_),
                ) if !is_last => continue,
                Err(error) => return Err(ended(&open, self.unanswered(error, deadline))),
            };
            let member = bases.iter().all(|basis| basis.is_member);
            if let Some(attempt) = open.take() {
                match know(&bases, &attempt) {
                    Known::Made => return Ok(attempt.value),
                    Known::Unknown => return Err(unknown(&attempt)),
                    // One of an ended membership compares a host record that never comes back.
                    Known::Open if attempt.may_arrive && member => open = Some(attempt),
                    Known::Open | Known::NotMade => {}
                }
            }
            let step = match member {
                true => work_out(&bases),
                false => Err(failed(StoreErrorKind::Refused(Refused::NotAMember))),
            };
            // The result of the call once this change is made; without one, it is the result now.
            let (result, change) = match step {
                Ok(Step::Commit(plan)) => {
                    let (value, plan) = plan.split();
                    (Ok(value), Some(plan))
                }
                Ok(Step::Done(value)) => (Ok(value), None),
                // It is worked out again, of newer records.
                Err(error) if is_compacted(&error) && !is_last => continue,
                Err(error) => (Err(error), None),
            };
            if change.is_none() && open.is_none() {
                return result;
            }
            if is_last && let Some(open) = &open {
                return Err(unknown(open));
            }
            if let (Some(change), None) = (&change, &full)
                && let Some(graves) = self.first_graves(&bases, &change.next)
            {
                match self.send(&graves, deadline) {
                    Ok(_) => continue,
                    Err(EngineError::NotSent(_) | EngineError::Lost(_))
                        if !self.is_past(deadline) =>
                    {
                        continue;
                    }
                    // Without space the graves may be there: no value and no turn is.
                    Err(error) => return Err(ended(&open, self.unanswered(error, deadline))),
                }
            }
            // The result is true only if the open attempt can never be made: the turn moves first.
            let is_fence = change.is_none();
            let change = change.unwrap_or_else(|| Plan::fence(bases.len()));
            let repeated = open.as_ref().filter(|_| !is_fence);
            let number = repeated.map(|open| open.attempt.number);
            let number = number.unwrap_or_else(|| self.engine.number());
            let mut txn = self.transaction(&bases, &change, number);
            if let Err(kind) = self.check_size(&txn) {
                return Err(ended(&open, kind));
            }
            if let Some(found) = full.take() {
                match deletes_alone(&txn).filter(|_| !found.takes_nothing) {
                    Some(removal) => txn = removal,
                    None => return Err(ended(&open, StoreErrorKind::NoSpace(found.source))),
                }
                full = Some(found);
            }
            let is_lost = match self.send(&txn, deadline) {
                Ok(Answer { made: true, .. }) => return result,
                // Perhaps an open attempt was made meanwhile: the next pass looks for its number.
                Ok(_) if self.is_past(deadline) && open.is_none() => return Err(failed(passed())),
                Ok(_) => continue,
                Err(EngineError::NotSent(_)) if !self.is_past(deadline) => continue,
                Err(EngineError::Lost(_)) => true,
                Err(EngineError::NoSpace(source)) => {
                    let takes_nothing = full.is_some();
                    full = Some(Full {
                        source,
                        takes_nothing,
                    });
                    false
                }
                Err(error) => return Err(ended(&open, self.unanswered(error, deadline))),
            };
            if let (Ok(value), false) = (result, is_fence) {
                let first = bases.first();
                open = Some(Open {
                    attempt: Attempt::new(number, first.map_or(0, Basis::last)),
                    turn_revision: first.map_or(0, |basis| basis.turn_revision),
                    value,
                    may_arrive: is_lost || open.is_some(),
                });
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
    fn transaction(&self, bases: &[Basis], plan: &Plan<()>, number: u64) -> Txn {
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
                    // Unless the plan removes it, a damaged turn is left as it is.
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

/// Whether the records were read at a revision that is compacted away.
fn is_compacted(error: &StoreError) -> bool {
    let source = match error.kind() {
        StoreErrorKind::Failed(source) => source.downcast_ref(),
        _ => None,
    };
    matches!(source, Some(EngineError::NoRevision(_)))
}

/// What the records of all domains of an attempt tell of it.
fn know<T>(bases: &[Basis], open: &Open<T>) -> Known {
    let attempt = open.attempt;
    // `after` of an attempt is the number of a change of the first domain.
    let first = bases
        .first()
        .map_or(Known::Unknown, |basis| basis.know(attempt));
    let made = bases.iter().any(|basis| basis.know(attempt) == Known::Made);
    // The attempt removes a damaged turn, and this turn is still there.
    let stands = |basis: &Basis| basis.is_damaged && basis.turn_revision == open.turn_revision;
    match bases.first() {
        _ if made => Known::Made,
        Some(basis) if stands(basis) => Known::Open,
        _ => first,
    }
}

/// The removal of a turn, or of a host record, without a write: an engine without space takes it.
/// The last compare is that of the grave. The removal of the
/// grave moves it on: no change that makes a turn compares both an absent turn and an absent grave.
/// A fence, a clear and a mark may. Late, where both are absent again, they do no harm: the first
/// two write a grave and remove nothing that has a home; the mark ends with its caller's lease.
pub(crate) fn deletes_alone(txn: &Txn) -> Option<Txn> {
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
