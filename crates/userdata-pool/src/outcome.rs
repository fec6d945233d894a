//! `Settled`: the outcome of an attempt, by the numbers that turn and grave keep.

use userdata_core::DomainKey;
use userdata_core::store::{Attempt, Operation, StoreError, StoreErrorKind};

use crate::basis::Basis;
use crate::commit::{Next, Plan, Step};
use crate::store::named;
use crate::{Engine, PoolStore};

/// The outcome of an attempt, as [`PoolStore::settle`] tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settled {
    /// The change was made.
    Made,
    /// The change was not made, and never will be.
    NotMade,
    /// Too many changes, or a clear, came after it. Behind the first store of a domain, the removal
    /// of another one with the same grave: its uuid ends with the same byte.
    Unknown,
}

/// What is known of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Made,
    /// Not made, and never will be.
    NotMade,
    /// Not made until now.
    Open,
    Unknown,
}

impl Basis {
    /// The number of the last change: that of the turn, or else of the grave; 0 if there is none.
    pub(crate) fn last(&self) -> u64 {
        let numbers = self
            .turn
            .as_ref()
            .map_or(self.grave_numbers(), |turn| &turn.numbers);
        numbers.last().copied().unwrap_or(0)
    }

    /// What turn and grave tell of an attempt.
    pub(crate) fn know(&self, attempt: Attempt) -> Known {
        let Attempt { number, after, .. } = attempt;
        let grave = self.grave_numbers();
        let turn = self.turn.as_ref().map(|turn| &turn.numbers);
        if grave.contains(&number) || turn.is_some_and(|turn| turn.contains(&number)) {
            return Known::Made;
        }
        // A damaged record tells nothing of the changes that it had the numbers of.
        if self.is_damaged || turn.is_none() && self.grave.is_none() {
            return Known::Unknown;
        }
        if self.last() == after {
            return Known::Open;
        }
        // The turn has the number of the change before the attempt, and of another one after it.
        let moved_on = turn.is_some_and(|turn| turn.contains(&after));
        // The turn is newer than the attempt, still has all its numbers; the grave is unchanged.
        let grave_stands = self.grave.is_some() && grave.last().copied().unwrap_or(0) == after;
        let whole = turn.is_some_and(|turn| turn.len() < crate::record::NUMBERS_MAX);
        if moved_on || whole && grave_stands {
            Known::NotMade
        } else {
            Known::Unknown
        }
    }
}

impl<E: Engine> PoolStore<E> {
    /// Tells the outcome of a change that ended with [`StoreErrorKind::OutcomeUnknown`]. If the
    /// change is open still, the turn is moved on first, so that it is never made.
    ///
    /// # Errors
    ///
    /// If the engine does not answer, or this host is not a member. If the outcome stays unknown,
    /// the error names this attempt, to be asked about again.
    pub fn settle(&self, domain: &DomainKey, attempt: Attempt) -> Result<Settled, StoreError> {
        let settled = self.commit(
            &[*domain],
            self.within_options(),
            Operation::Inspect,
            |bases| {
                let [basis] = bases else {
                    let kind = StoreErrorKind::NoOutcome;
                    return Err(StoreError::new(
                        Operation::Inspect,
                        domain.to_string(),
                        kind,
                    ));
                };
                Ok(match basis.know(attempt) {
                    Known::Made => Step::Done(Settled::Made),
                    Known::NotMade => Step::Done(Settled::NotMade),
                    Known::Unknown => Step::Done(Settled::Unknown),
                    Known::Open => Step::Commit(Plan::new(Next::MovedOn, Settled::NotMade)),
                })
            },
        );
        settled.map_err(|error| match error.kind() {
            // That of the change that moves the turn on, which no caller knows.
            StoreErrorKind::OutcomeUnknown { .. } => {
                let kind = StoreErrorKind::OutcomeUnknown { attempt };
                StoreError::new(Operation::Inspect, named(domain), kind)
            }
            _ => error,
        })
    }
}
