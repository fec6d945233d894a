//! Whether responses are honest in themselves: a refusal has its reason, a failure its cause, and
//! the durability that is reported is the one that was asked for.

use userdata::{Outcome, UserdataError, UserdataErrorKind};
use userdata_core::store::{Durability, Expect, Keep, StoreErrorKind, StoredAll};
use userdata_core::{DomainKey, Domid, Life, Version};

use super::complaint::Complaint;
use super::facts::Facts;
use super::operation::Operation;
use crate::history::{Event, Invocation};
use crate::walk::{Action, Guarantee, Report, Sight, Swept};

/// Checks the response of each operation by itself.
pub(crate) fn check(facts: &Facts<'_>) -> Vec<Complaint> {
    (0..facts.operations.len())
        .filter_map(|place| Response::of(facts, place)?.complaint())
        .collect()
}

/// The facade's response to one operation.
struct Response<'a> {
    facts: &'a Facts<'a>,
    place: usize,
    operation: &'a Operation<'a>,
    action: &'a Action,
    report: &'a Report,
    key: DomainKey,
}

impl<'a> Response<'a> {
    fn of(facts: &'a Facts<'a>, place: usize) -> Option<Self> {
        let operation = facts.operations.get(place)?;
        let action = operation.action()?;
        Some(Self {
            facts,
            place,
            operation,
            action,
            report: operation.report()?,
            key: action.domain(),
        })
    }

    fn complaint(&self) -> Option<Complaint> {
        let (guarantee, why) = match self.report {
            Report::StoredEach(results) => {
                let mut results = results.iter();
                results.find_map(|(key, result)| self.of_domain(*key, result))?
            }
            _ => self.wrong()?,
        };
        let destroyer = self.destroyers().next();
        let operations = std::iter::once(self.place).chain(destroyer.filter(|_| {
            // A store that should have been refused is shown with the operation that destroyed.
            guarantee == Guarantee::Lifetime
        }));
        Some(Complaint::new(self.facts, guarantee, None, why, operations))
    }

    /// What is wrong with the result of one of the domains that the operation concerned.
    fn of_domain(
        &self,
        key: DomainKey,
        result: &Result<StoredAll, UserdataError>,
    ) -> Option<(Guarantee, String)> {
        let this = Self { key, ..*self };
        match result {
            Ok(stored) => this.wrong_stored(stored),
            Err(error) => this.wrong_error(error.kind()),
        }
    }

    fn wrong_stored(&self, stored: &StoredAll) -> Option<(Guarantee, String)> {
        match stored.durability == self.action.durability() {
            true => self.late(),
            false => {
                let why = "the reported durability is not the one that was asked for";
                Some((Guarantee::HonestErrors, why.to_owned()))
            }
        }
    }

    fn wrong(&self) -> Option<(Guarantee, String)> {
        let honest = |why: &str| Some((Guarantee::HonestErrors, why.to_owned()));
        match self.report {
            Report::Changed(Outcome::Stored { durability, .. }) => {
                if *durability != self.action.durability() {
                    return honest("the reported durability is not the one that was asked for");
                }
                self.late()
            }
            Report::Changed(Outcome::Removed { durability }) => {
                match *durability == self.action.durability() {
                    true => None,
                    false => honest("the reported durability is not the one that was asked for"),
                }
            }
            Report::Cleared(Some(cleared), _) => {
                let lost =
                    |kind: &StoreErrorKind| matches!(kind, StoreErrorKind::RemovedNotDurable(_));
                let not_durable = cleared.failed.iter().any(|error| lost(error.kind()));
                let reached = match not_durable {
                    true => Durability::Process,
                    false => self.action.durability(),
                };
                if cleared.durability != reached {
                    return honest("the reported durability was not reached");
                }
                if self.clears_living() {
                    let why = "the data of a domain that lives is cleared as if it were destroyed";
                    return Some((Guarantee::Lifetime, why.to_owned()));
                }
                self.takes_what_is_to_be_kept(cleared.removed.iter().any(|u| u.is_libxl_json()))
            }
            Report::StoredAll(stored) => self.wrong_stored(stored),
            Report::Carried(carried) => match carried.durability == self.action.durability() {
                true => self.late(),
                false => honest("the reported durability is not the one that was asked for"),
            },
            Report::Swept(swept) => {
                let mut removed = swept.removed.iter();
                let living = removed.find(|(domain, _)| self.lived(domain, swept));
                living.map(|(domain, userid)| {
                    let why = format!("a sweep removed {userid} of {domain}, which was not gone");
                    (Guarantee::Lifetime, why)
                })
            }
            Report::Failed(error) => self.wrong_error(error.kind()),
            Report::Nonsense(why) => honest(why),
            _ => None,
        }
    }

    /// Whether data was cleared because the domain was destroyed, and it lived all the time.
    fn clears_living(&self) -> bool {
        let destroys = matches!(
            self.action,
            Action::Destroy { .. }
                | Action::DestroyWithError { .. }
                | Action::DestroyWithExport { .. }
                | Action::DestroyInVain { .. }
        );
        let span = self.operation.span();
        destroys
            && !self.operation.hypervisor_lied
            && self.facts.lifetimes.always(&self.key, span, Life::Alive)
    }

    /// The complaint about a value that was stored although no store was allowed for the domain
    /// during the whole operation.
    fn late(&self) -> Option<(Guarantee, String)> {
        let life = &self.facts.lifetimes;
        let is_late = !self.operation.hypervisor_failed
            && !life.ever_takes_data(&self.key, self.operation.span());
        is_late.then(|| {
            let why = "a value was stored although the domain was gone, dying or leaving";
            (Guarantee::Lifetime, why.to_owned())
        })
    }

    /// Whether a sweep had no reason to take this incarnation for gone. That its domid belongs to
    /// another uuid is a reason only without a wait, or after one.
    fn lived(&self, domain: &DomainKey, swept: &Swept) -> bool {
        let (life, span) = (&self.facts.lifetimes, self.operation.span());
        let is_displaced = swept
            .orphans
            .iter()
            .any(|(orphan, sight)| orphan == domain && *sight != Sight::Gone);
        let is_gone = match self.action {
            Action::Sweep { waits, .. } if !waits.of_other_uuid().is_zero() && !is_displaced => {
                life.ever_vacant(domain.domid, span)
            }
            _ => life.ever_gone(domain, span),
        };
        !self.operation.hypervisor_lied && (domain.domid == Domid::ZERO || !is_gone)
    }

    fn takes_what_is_to_be_kept(&self, libxl_json: bool) -> Option<(Guarantee, String)> {
        let keeps = matches!(
            self.action,
            Action::Clear {
                keep: Keep::Essential,
                ..
            }
        );
        let lived = !self
            .facts
            .lifetimes
            .ever_gone(&self.key, self.operation.span());
        // Unknown is not dead: only a lie is an excuse.
        let wrong = keeps && libxl_json && lived && !self.operation.hypervisor_lied;
        wrong.then(|| {
            let why = "libxl-json of a living domain was removed although it was to be kept";
            (Guarantee::Lifetime, why.to_owned())
        })
    }

    fn wrong_error(&self, kind: &UserdataErrorKind) -> Option<(Guarantee, String)> {
        let honest = |why: &str| Some((Guarantee::HonestErrors, why.to_owned()));
        let (lifetimes, span) = (&self.facts.lifetimes, self.operation.span());
        match kind {
            _ if self.operation.hypervisor_failed => None,
            UserdataErrorKind::NoSuchDomain => match lifetimes.ever_gone(&self.key, span) {
                true => None,
                false => honest("the domain was there, alive or dying, all the time"),
            },
            UserdataErrorKind::BeingDestroyed if !self.is_refused_while_closing() => {
                honest("it is allowed while the domain is being destroyed")
            }
            UserdataErrorKind::BeingDestroyed => {
                // If the lock of a closing mark fails as if it were held, the store takes this for
                // a process that is destroying the domain.
                let destroyed = lifetimes.ever_leaves(&self.key, span)
                    || self.destroyers().next().is_some()
                    || self.operation.directory_failed;
                match destroyed {
                    true => None,
                    false => honest("no process was destroying the domain"),
                }
            }
            UserdataErrorKind::Hypervisor(_) => match lifetimes.ever_hidden(self.key.domid, span) {
                true => None,
                false => honest("the hypervisor answered every question"),
            },
            UserdataErrorKind::Store(error) => self.wrong_failure(error.kind()),
            _ => None,
        }
    }

    /// Whether this operation is refused while another process destroys the domain: it adds data,
    /// or destroys.
    fn is_refused_while_closing(&self) -> bool {
        matches!(
            self.action,
            Action::Store { .. }
                | Action::StoreIf { .. }
                | Action::Update { .. }
                | Action::Import { .. }
                | Action::StoreEach { .. }
                | Action::Carry { .. }
                | Action::Destroy { .. }
                | Action::DestroyWithExport { .. }
                | Action::DestroyWithError { .. }
                | Action::DestroyInVain { .. }
        )
    }

    fn wrong_failure(&self, kind: &StoreErrorKind) -> Option<(Guarantee, String)> {
        let broken = self.facts.broken_locks.touch(self.operation);
        let excused = match kind {
            StoreErrorKind::LockLost { .. } => broken,
            // The history does not show which process waits for which. The registers check the
            // values that are read.
            StoreErrorKind::DeadlinePassed { .. }
            | StoreErrorKind::Empty
            | StoreErrorKind::LimitExceeded { .. }
            | StoreErrorKind::NotRegular(_) => true,
            StoreErrorKind::ChangedWhileRead => broken,
            StoreErrorKind::PreconditionFailed { found } => return self.wrong_precondition(*found),
            // The process that broke the lock may have removed our temporary file.
            _ => broken || self.operation.directory_failed || self.anything_planted(),
        };
        match excused {
            true => None,
            false => Some((
                Guarantee::HonestErrors,
                "it failed, and the history has no reason for it".to_owned(),
            )),
        }
    }

    fn wrong_precondition(&self, found: Option<Version>) -> Option<(Guarantee, String)> {
        let met = match self.action {
            Action::StoreIf {
                expect: Expect::Version(version),
                ..
            } => found == Some(*version),
            Action::StoreIf {
                expect: Expect::Absent,
                ..
            }
            // A carry refuses a value that is there and differs.
            | Action::Carry { .. } => found.is_none(),
            _ => true,
        };
        met.then(|| {
            let why = "a precondition is reported to have failed that was met, or was not asked";
            (Guarantee::HonestErrors, why.to_owned())
        })
    }

    fn anything_planted(&self) -> bool {
        let events = self.facts.history.events.iter().take(self.facts.until);
        events
            .into_iter()
            .any(|e| matches!(e, Event::Planted { .. }))
    }

    /// Other operations that destroy this domain at the same time, by this library or by libxl.
    fn destroyers(&self) -> impl Iterator<Item = usize> {
        let operations = self.facts.operations.iter().enumerate();
        operations
            .filter(|(place, operation)| {
                *place != self.place && operation.overlaps(self.operation.span())
            })
            .filter(|(_, operation)| match operation.invocation {
                Invocation::Userdata(
                    Action::Destroy { domain, .. }
                    | Action::DestroyWithExport { domain, .. }
                    | Action::DestroyWithError { domain, .. }
                    | Action::DestroyInVain { domain },
                ) => *domain == self.key,
                Invocation::Libxl(crate::history::LibxlCall::Destroy { domid }) => {
                    *domid == self.key.domid
                }
                _ => false,
            })
            .map(|(place, _)| place)
    }
}
