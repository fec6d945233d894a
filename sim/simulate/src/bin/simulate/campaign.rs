//! `Campaign`: runs cases on several threads until all are done, time is up or the user ends it.

#![expect(
    clippy::disallowed_types,
    reason = "this measures how long the simulation takes"
)]

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::Family;
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
            let counted = |family: &Family| (*family, catalogue.count(*family));
            self.families.iter().map(counted)
        };
        let tally = |all| Tally {
            all,
            ..Tally::default()
        };
        let findings = Mutex::new(Findings {
            jobs: self.jobs,
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
                let Some(case) = case else { break };
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
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
