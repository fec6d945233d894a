//! Runs of several processes: by seed, and of small scenarios in every schedule.

use std::fmt;

use userdata_simulate::checker::{Checked, Complaint, CrashChecked};
use userdata_simulate::scenario::{Run, Scenario, Tracing};
use userdata_simulate::schedule::{Choices, Ending, Exhaustive, Seeded};
use userdata_simulate::shrink::{Shrunk, shrink};

use crate::case::Case;
use crate::catalogue::{Catalogue, MODELS};
use crate::coverage::Coverage;
use crate::findings::{Counts, Failure};
use crate::perform::Outcome;
use crate::picture::Picture;

/// How many states of one power cut and model are checked.
const STATES_MAX: u128 = 64;

/// How many smaller scenarios are tried before a failure is shown.
const TRIES_MAX: u64 = 1_000;

/// The result of one run.
#[derive(Debug)]
pub(crate) struct Verdict {
    checked: Checked,
    crashed: CrashChecked,
}

/// Why a case did not run.
fn reported(error: impl fmt::Display) -> String {
    error.to_string()
}

impl Verdict {
    /// Checks a run against the guarantees, and cuts the power at its end.
    pub(crate) fn of(scenario: &Scenario, run: &Run) -> Result<Self, String> {
        let crashed = match run.end {
            // The last model includes the others; the first is that of file systems with a journal.
            Ending::PowerCut => run
                .check_crashes(scenario, &MODELS, STATES_MAX)
                .map_err(reported)?,
            _ => CrashChecked::default(),
        };
        Ok(Self {
            checked: run.check(scenario).map_err(reported)?,
            crashed,
        })
    }

    /// Everything that is wrong.
    pub(crate) fn complaints(&self) -> impl Iterator<Item = &Complaint> {
        self.checked
            .complaints
            .iter()
            .chain(&self.crashed.complaints)
    }
}

impl Catalogue {
    /// The history of a seed.
    pub(crate) fn history(&self, case: Case) -> Result<Outcome, String> {
        let mut outcome = Outcome::default();
        let mut choices = Seeded::new(case.number);
        self.run(case, &self.drawn(case.number), &mut choices, &mut outcome)?;
        outcome.counts.histories = 1;
        if !outcome.failures.is_empty()
            && let Some(shrunk) = self.shrunk(case.number, TRIES_MAX)?
        {
            let mut smallest = Outcome::default();
            let mut choices = Seeded::new(case.number);
            self.run(case, &shrunk.smallest, &mut choices, &mut smallest)?;
            outcome.failures = smallest.failures;
        }
        Ok(outcome)
    }

    /// The scenario of a seed.
    pub(crate) fn drawn(&self, seed: u64) -> Scenario {
        Scenario::draw(seed, &self.mix.mix)
    }

    /// The smallest scenario, within this many tries, that breaks the same guarantee as the
    /// scenario of a seed; `None` if that one breaks none.
    pub(crate) fn shrunk(
        &self,
        seed: u64,
        tries_max: u64,
    ) -> Result<Option<Shrunk<Scenario>>, String> {
        let scenario = self.drawn(seed);
        let broken = |scenario: &Scenario| {
            let run = scenario.run(&mut Seeded::new(seed), Tracing::Off).ok()?;
            run.parts(scenario).find_map(|(scenario, run)| {
                let verdict = Verdict::of(scenario, run).ok()?;
                let mut complaints = verdict.complaints();
                complaints.next().map(|complaint| complaint.guarantee)
            })
        };
        let Some(guarantee) = broken(&scenario) else {
            return Ok(None);
        };
        let fails = |smaller: &Scenario| broken(smaller) == Some(guarantee);
        Ok(Some(shrink(scenario, tries_max, fails)))
    }

    /// Every schedule of a small scenario, up to the first that breaks a guarantee.
    pub(crate) fn schedules(&self, case: Case) -> Result<Outcome, String> {
        let Some(small) = self.small(case.number) else {
            return Ok(Outcome::default());
        };
        let mut outcome = Outcome::default();
        let mut schedules = Exhaustive::new(small.bounds);
        while outcome.failures.is_empty() && schedules.begin() {
            self.run(case, &small.scenario, &mut schedules, &mut outcome)?;
        }
        outcome.counts.schedules = schedules.walked();
        Ok(outcome)
    }

    /// Runs, checks, and runs once more if there is something to be seen.
    fn run<C: Choices + Clone>(
        &self,
        case: Case,
        scenario: &Scenario,
        choices: &mut C,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let mut again = choices.clone();
        let run = scenario.run(choices, Tracing::Off).map_err(reported)?;
        let mut broken = None;
        for (part, (scenario, run)) in run.parts(scenario).enumerate() {
            let verdict = Verdict::of(scenario, run)?;
            outcome.counts += counts(run, &verdict);
            outcome.coverage.add(Coverage::of_history(&run.history));
            if broken.is_none() {
                broken = verdict
                    .complaints()
                    .next()
                    .cloned()
                    .map(|first| (part, first));
            }
        }
        if let Some((part, complaint)) = broken {
            let traced = scenario.run(&mut again, Tracing::On).map_err(reported)?;
            if let Some((scenario, run)) = traced.parts(scenario).nth(part) {
                let replay = self.words(case);
                outcome
                    .failures
                    .push(Failure::of_run(replay, scenario, run, &complaint));
            }
        }
        Ok(())
    }
}

impl Failure {
    /// The part of a traced run that shows a complaint.
    pub(crate) fn of_run(
        replay: String,
        scenario: &Scenario,
        run: &Run,
        complaint: &Complaint,
    ) -> Self {
        let file = complaint.file.as_ref();
        let file = file.map_or_else(String::new, |file| format!("{file}: "));
        let kept = complaint.kept.as_deref().unwrap_or_default();
        Self {
            replay,
            guarantee: complaint.guarantee.to_string(),
            after: format!("{scenario}\n{}{kept}", run.history),
            why: format!("{file}{}", complaint.why),
            tree: run.storage.tree().to_string(),
            picture: Some(Picture::of_run(scenario, run, complaint)),
        }
    }
}

fn counts(run: &Run, verdict: &Verdict) -> Counts {
    let Verdict { checked, crashed } = verdict;
    Counts {
        operations: run.counts.operations,
        steps: run.counts.steps,
        kills: run.counts.kills,
        faults: run.counts.faults,
        preemptions: run.counts.preemptions,
        unchecked: checked.tally.too_many_at_once,
        states: u64::try_from(crashed.states).unwrap_or(u64::MAX),
        recovered: crashed.checked,
        ..Counts::default()
    }
}
