//! `Campaign`: runs cases on several threads until all are done, time is up or the user ends it.

#![expect(
    clippy::disallowed_types,
    reason = "this measures how long the simulation takes"
)]

use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::{Case, Family};
use crate::catalogue::Catalogue;
use crate::findings::{Findings, Tally};
use crate::interrupt;
use crate::progress::Progress;
use crate::queue::Queue;

/// How many failures are kept; more of them would tell nothing new.
const FAILURES_MAX: usize = 20;

/// The cases to run.
#[derive(Clone, Debug)]
pub(crate) struct Campaign {
    pub(crate) families: Vec<Family>,
    pub(crate) seeds: Range<u64>,
    /// The case with which families of numbered cases begin.
    pub(crate) start: u64,
    /// Of the pairs of faults, every case with a number that this divides is run.
    pub(crate) pair_step: NonZeroU64,
    pub(crate) jobs: usize,
    pub(crate) limit: Option<Duration>,
    /// Whether the first failure ends it.
    pub(crate) first: bool,
}

impl Campaign {
    /// Runs, and returns what was found, also when it is ended early.
    pub(crate) fn run(&self, catalogue: &Catalogue, progress: &Progress) -> Findings {
        let started = Instant::now();
        let families = || {
            let counted = |family: &Family| (*family, self.count(*family, catalogue));
            self.families.iter().map(counted)
        };
        let tally = |all| Tally {
            all,
            ..Tally::default()
        };
        let findings = Mutex::new(Findings {
            jobs: self.jobs,
            pair_step: self.pair_step.get(),
            families: families()
                .map(|(family, all)| (family, tally(all)))
                .collect(),
            ..Findings::default()
        });
        let queue = Mutex::new(Queue::new(families(), &self.seeds, self.start));
        let ends = || {
            let found = self.first && !locked(&findings).failures.is_empty();
            let late = self.limit.is_some_and(|limit| started.elapsed() >= limit);
            found || late || interrupt::is_asked()
        };
        let work = || {
            while !ends() {
                let case = locked(&queue).next();
                let Some(case) = case.map(|case| self.stepped(case)) else {
                    break;
                };
                let begun = Instant::now();
                let outcome = catalogue.perform(case);
                let seconds = begun.elapsed().as_secs_f64();
                locked(&queue).took(case.family, seconds);
                let mut findings = locked(&findings);
                let tally = findings.families.entry(case.family).or_default();
                tally.cases += 1;
                tally.busy += seconds;
                tally.counts += outcome.counts;
                findings.coverage.add(outcome.coverage);
                for failure in outcome.failures {
                    progress.failed(&failure);
                    if findings.failures.len() < FAILURES_MAX {
                        findings.failures.push(failure);
                    }
                }
                progress.show(&findings, started.elapsed(), self.limit);
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs {
                scope.spawn(work);
            }
        });
        progress.finish();
        let mut findings = findings
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        findings.seconds = started.elapsed().as_secs_f64();
        findings.interrupted = interrupt::is_asked();
        findings
    }

    /// How many cases of a family are run; `None` if there is one for every seed.
    fn count(&self, family: Family, catalogue: &Catalogue) -> Option<u64> {
        let all = catalogue.count(family)?;
        Some(match family {
            Family::Pair => all.div_ceil(self.pair_step.get()),
            _ => all,
        })
    }

    /// The case that stands at this place among those that are run.
    fn stepped(&self, place: Case) -> Case {
        let step = match place.family {
            Family::Pair => self.pair_step.get(),
            _ => 1,
        };
        let number = place.number * step;
        Case { number, ..place }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
