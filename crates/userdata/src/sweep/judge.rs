//! `Judge`: the questions about one incarnation, and the verdict.

use std::cell::Cell;
use std::time::Duration;

use userdata_core::store::State;
use userdata_core::{DomainKey, Domid, Hypervisor, Life};

use super::sightings::Sight;
use super::{Kept, Orphan, Sightings, SweepOptions, Verdict};

/// Judges incarnations by the hypervisor's answer at this moment, and by what earlier sweeps saw.
pub(super) struct Judge<'a, H> {
    pub(super) hypervisor: &'a H,
    pub(super) options: &'a SweepOptions,
    /// The time of this sweep, by the store's clock.
    pub(super) now: Duration,
    /// Whether the hypervisor has failed to answer whether a domain is leaving. If so, it is not
    /// asked again: on Xen each such question waits for xenstored, which may not run yet.
    pub(super) leaving_fails: Cell<bool>,
}

impl<H: Hypervisor> Judge<'_, H> {
    /// Judges an incarnation, asking about exactly its domid.
    pub(super) fn judge(
        &self,
        domain: &DomainKey,
        state: &State,
        sightings: &mut Sightings,
    ) -> Verdict {
        if domain.domid == Domid::ZERO {
            return Verdict::Kept(Kept::Domain0);
        }
        if state.closing {
            sightings.forget(domain);
            return Verdict::Kept(Kept::Closing);
        }
        match self.hypervisor.domain(domain.domid) {
            // Unknown is not gone. What was seen before still holds.
            Err(error) => Verdict::Kept(Kept::Unknown(Box::new(error))),
            Ok(None) => self.gone(domain, Orphan::Absent, sightings),
            Ok(Some(found)) if found.key == *domain => match found.life {
                Life::Dead => self.gone(domain, Orphan::Dead, sightings),
                life => {
                    sightings.forget(domain);
                    Verdict::Kept(match life {
                        Life::Dying => Kept::Dying,
                        _ => self.judge_living(domain),
                    })
                }
            },
            Ok(Some(found)) if found.life == Life::Dead => {
                self.gone(domain, Orphan::Absent, sightings)
            }
            Ok(Some(found)) => {
                let uuid = found.key.uuid;
                let seen = sightings.see(domain, Sight::OtherUuid(uuid), self.now);
                if seen >= self.options.grace.max(self.options.settle) {
                    Verdict::Orphan(Orphan::OtherUuid { uuid, seen })
                } else {
                    Verdict::Kept(Kept::OtherUuid { uuid, seen })
                }
            }
        }
    }

    /// The verdict on a domain that lives. That it is leaving is only reported, so a question that
    /// fails counts as "no".
    pub(super) fn judge_living(&self, domain: &DomainKey) -> Kept {
        if self.leaving_fails.get() {
            return Kept::Alive { interrupted: false };
        }
        let leaving = self.hypervisor.leaving(domain);
        self.leaving_fails.set(leaving.is_err());
        Kept::Alive {
            interrupted: leaving.unwrap_or_default(),
        }
    }

    fn gone(&self, domain: &DomainKey, orphan: Orphan, sightings: &mut Sightings) -> Verdict {
        if self.options.settle.is_zero() {
            // The data is removed at once, so a sighting would only take memory.
            sightings.forget(domain);
            return Verdict::Orphan(orphan);
        }
        let seen = sightings.see(domain, Sight::Gone, self.now);
        if seen >= self.options.settle {
            Verdict::Orphan(orphan)
        } else {
            Verdict::Kept(Kept::Settling { seen })
        }
    }
}

#[cfg(test)]
mod tests {
    use hv_sim::{Call, Failure, HostOptions, NewDomain, SimHost, When};

    use super::*;

    #[test]
    fn after_a_question_that_fails_no_domain_is_asked_about_leaving() {
        let host = SimHost::new(HostOptions::new(1));
        let domains = [(); 3].map(|()| host.create(NewDomain::new()).unwrap());
        host.fail(Call::Leaving, When::Always, Failure::Unavailable);
        let judge = Judge {
            hypervisor: &host,
            options: &SweepOptions::default(),
            now: Duration::ZERO,
            leaving_fails: Cell::new(false),
        };
        for domain in &domains {
            let kept = judge.judge_living(domain);
            assert!(matches!(kept, Kept::Alive { interrupted: false }));
        }
        assert_eq!(host.asked(Call::Leaving), 1);
    }
}
