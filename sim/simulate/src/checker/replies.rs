//! Whether replies are honest in themselves: a refusal has its reason, a failure its cause, and
//! what is said to be reached is what was asked.

use userdata::{Outcome, UserdataErrorKind};
use userdata_core::store::{Durability, Expect, Keep, StoreErrorKind};
use userdata_core::{DomainKey, Life, Version};

use super::complaint::Complaint;
use super::deed::Deed;
use super::facts::Facts;
use crate::history::{Event, Operation};
use crate::walk::{Action, Guarantee, Report};

/// Checks the reply of each operation by itself.
pub(crate) fn check(facts: &Facts<'_>) -> Vec<Complaint> {
    (0..facts.deeds.len())
        .filter_map(|place| Reply::of(facts, place)?.complaint())
        .collect()
}

/// What the facade said of one operation.
struct Reply<'a> {
    facts: &'a Facts<'a>,
    place: usize,
    deed: &'a Deed<'a>,
    action: &'a Action,
    report: &'a Report,
    key: DomainKey,
}

impl<'a> Reply<'a> {
    fn of(facts: &'a Facts<'a>, place: usize) -> Option<Self> {
        let deed = facts.deeds.get(place)?;
        let action = deed.action()?;
        Some(Self {
            facts,
            place,
            deed,
            action,
            report: deed.report()?,
            key: action.domain(),
        })
    }

    fn complaint(&self) -> Option<Complaint> {
        let (guarantee, why) = self.wrong()?;
        let destroyer = self.destroyers().next();
        let deeds = std::iter::once(self.place).chain(destroyer.filter(|_| {
            // A store that should have been refused is told together with who destroyed.
            guarantee == Guarantee::Lifetime
        }));
        Some(Complaint::new(self.facts, guarantee, None, why, deeds))
    }

    fn wrong(&self) -> Option<(Guarantee, String)> {
        let honest = |why: &str| Some((Guarantee::HonestErrors, why.to_owned()));
        match self.report {
            Report::Changed(Outcome::Stored { durability, .. }) => {
                if *durability != self.action.durability() {
                    return honest("another durability is reached than was asked");
                }
                self.is_late().then(|| {
                    let why = "a value was stored although the domain was gone, or on its way out";
                    (Guarantee::Lifetime, why.to_owned())
                })
            }
            Report::Changed(Outcome::Removed { durability }) => {
                match *durability == self.action.durability() {
                    true => None,
                    false => honest("another durability is reached than was asked"),
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
                    return honest("another durability is reached than is true");
                }
                if self.clears_living() {
                    let why = "the data of a domain that lives is cleared as if it were destroyed";
                    return Some((Guarantee::Lifetime, why.to_owned()));
                }
                self.takes_what_is_to_be_spared(cleared.removed.iter().any(|u| u.is_libxl_json()))
            }
            Report::Failed(error) => self.wrong_error(error.kind()),
            Report::Nonsense(why) if !self.deed.hypervisor_failed && !self.is_contended() => {
                Some((Guarantee::HonestErrors, why.clone()))
            }
            _ => None,
        }
    }

    /// Whether data was cleared because the domain was destroyed, and it lived all the time.
    fn clears_living(&self) -> bool {
        let destroys = matches!(
            self.action,
            Action::Destroy { .. } | Action::DestroyWithError { .. } | Action::DestroyInVain { .. }
        );
        let span = self.deed.span();
        destroys
            && !self.deed.hypervisor_lied
            && self.facts.lives.always(&self.key, span, Life::Alive)
    }

    /// Whether the domain takes no data any more, in all the time of the operation.
    fn is_late(&self) -> bool {
        let life = &self.facts.lives;
        !self.deed.hypervisor_failed
            && self.action.slot().is_some()
            && !life.ever_takes_data(&self.key, self.deed.span())
    }

    fn takes_what_is_to_be_spared(&self, libxl_json: bool) -> Option<(Guarantee, String)> {
        let spares = matches!(
            self.action,
            Action::Clear {
                keep: Keep::Essential,
                ..
            }
        );
        let lived = !self.facts.lives.ever_gone(&self.key, self.deed.span());
        // Unknown is not dead: only a lie is an excuse.
        let wrong = spares && libxl_json && lived && !self.deed.hypervisor_lied;
        wrong.then(|| {
            let why = "libxl-json of a living domain was removed although it was to be spared";
            (Guarantee::Lifetime, why.to_owned())
        })
    }

    fn wrong_error(&self, kind: &UserdataErrorKind) -> Option<(Guarantee, String)> {
        let honest = |why: &str| Some((Guarantee::HonestErrors, why.to_owned()));
        let (lives, span) = (&self.facts.lives, self.deed.span());
        match kind {
            _ if self.deed.hypervisor_failed => None,
            UserdataErrorKind::NoSuchDomain => match lives.ever_gone(&self.key, span) {
                true => None,
                false => honest("the domain was there, alive or dying, all the time"),
            },
            UserdataErrorKind::BeingDestroyed if !self.is_refused_while_closing() => {
                honest("it is allowed while the domain is being destroyed")
            }
            UserdataErrorKind::BeingDestroyed => {
                // A lock that fails as if somebody held it tells that somebody destroys.
                let destroyed = lives.ever_leaves(&self.key, span)
                    || self.is_contended()
                    || self.deed.directory_failed;
                match destroyed {
                    true => None,
                    false => honest("nobody was destroying the domain"),
                }
            }
            UserdataErrorKind::Hypervisor(_) => match lives.ever_hidden(self.key.domid, span) {
                true => None,
                false => honest("the hypervisor answered every question"),
            },
            UserdataErrorKind::Store(error) => self.wrong_failure(error.kind()),
            _ => None,
        }
    }

    /// Whether somebody who destroys the domain stops this operation: it adds data, or destroys.
    fn is_refused_while_closing(&self) -> bool {
        matches!(
            self.action,
            Action::Store { .. }
                | Action::StoreIf { .. }
                | Action::Update { .. }
                | Action::Destroy { .. }
                | Action::DestroyWithError { .. }
                | Action::DestroyInVain { .. }
        )
    }

    fn wrong_failure(&self, kind: &StoreErrorKind) -> Option<(Guarantee, String)> {
        let broken = self.facts.breaks.touch(self.deed);
        let excused = match kind {
            StoreErrorKind::LockLost { .. } => broken,
            // Who waits for whom is not in the history; what is read is for the registers.
            StoreErrorKind::DeadlinePassed { .. }
            | StoreErrorKind::GaveUp { .. }
            | StoreErrorKind::Empty
            | StoreErrorKind::LimitExceeded { .. }
            | StoreErrorKind::NotRegular(_)
            | StoreErrorKind::NameTooLong(_) => true,
            StoreErrorKind::ChangedWhileRead => broken,
            StoreErrorKind::PreconditionFailed { found } => return self.wrong_precondition(*found),
            // Who broke the lock may have cleared our temporary file away.
            _ => broken || self.deed.directory_failed || self.anything_planted(),
        };
        match excused {
            true => None,
            false => Some((
                Guarantee::HonestErrors,
                "it fails, and nothing in the history is a reason for it".to_owned(),
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
            } => found.is_none(),
            _ => true,
        };
        met.then(|| {
            let why = "a precondition is said to have failed that was met, or that nobody made";
            (Guarantee::HonestErrors, why.to_owned())
        })
    }

    fn anything_planted(&self) -> bool {
        let events = self.facts.history.events.iter().take(self.facts.until);
        events
            .into_iter()
            .any(|e| matches!(e, Event::Planted { .. }))
    }

    /// Other operations that destroy this domain at the same time, by our mark or by libxl.
    fn destroyers(&self) -> impl Iterator<Item = usize> {
        let deeds = self.facts.deeds.iter().enumerate();
        deeds
            .filter(|(place, deed)| *place != self.place && deed.overlaps(self.deed.span()))
            .filter(|(_, deed)| match deed.operation {
                Operation::Userdata(
                    Action::Destroy { domain, .. }
                    | Action::DestroyWithError { domain, .. }
                    | Action::DestroyInVain { domain },
                ) => *domain == self.key,
                Operation::Libxl(crate::history::LibxlCall::Destroy { domid }) => {
                    *domid == self.key.domid
                }
                _ => false,
            })
            .map(|(place, _)| place)
    }

    fn is_contended(&self) -> bool {
        self.destroyers().next().is_some()
            || !self
                .facts
                .lives
                .always(&self.key, self.deed.span(), Life::Alive)
    }
}
