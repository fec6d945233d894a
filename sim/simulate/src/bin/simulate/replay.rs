//! Shows one case, step by step: the same to the byte on every machine.

use std::fmt::Write as _;

use userdata_simulate::scenario::{Run, Scenario, Tracing};
use userdata_simulate::schedule::Seeded;

use crate::case::{Case, Family};
use crate::catalogue::Catalogue;
use crate::findings::Failure;
use crate::perform::Outcome;
use crate::runs::Verdict;

/// A case that was run again.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) text: String,
    /// Whether every guarantee held.
    pub(crate) held: bool,
}

impl Catalogue {
    /// Runs a case again, and shows each step.
    pub(crate) fn replay(&self, case: Case) -> Result<Replayed, String> {
        match case.family {
            Family::History => self.replay_history(case.number),
            family => match self.count(family) {
                Some(all) if case.number >= all => {
                    Err(format!("the cases of {} end before {all}", family.name()))
                }
                _ => Ok(reported(&self.perform(case))),
            },
        }
    }

    fn replay_history(&self, seed: u64) -> Result<Replayed, String> {
        self.tell(&self.drawn(seed), seed)
    }

    /// The same of the smallest scenario that breaks the same guarantee.
    pub(crate) fn shrink(&self, seed: u64) -> Result<Replayed, String> {
        let Some(shrunk) = self.shrunk(seed, u64::MAX)? else {
            return Ok(Replayed {
                text: "nothing is broken that could be made smaller\n".to_owned(),
                held: true,
            });
        };
        let mut replayed = self.tell(&shrunk.smallest, seed)?;
        let _ = writeln!(replayed.text, "after {} tries", shrunk.tries);
        Ok(replayed)
    }

    fn tell(&self, scenario: &Scenario, seed: u64) -> Result<Replayed, String> {
        let run = scenario
            .run(&mut Seeded::new(seed), Tracing::On)
            .map_err(|error| error.to_string())?;
        let mut text = scenario.to_string();
        let mut held = true;
        for (scenario, run) in run.parts(scenario) {
            write_run(&mut text, run);
            for complaint in Verdict::of(scenario, run)?.complaints() {
                held = false;
                let _ = writeln!(text, "\n{complaint}");
            }
        }
        Ok(Replayed { text, held })
    }
}

/// What happened, in order: calls with their time and process, events with their number.
fn write_run(text: &mut String, run: &Run) {
    if run.began.host.boots() > 1 {
        let (boots, tree) = (run.began.host.boots(), &run.began.tree);
        let _ = write!(text, "\nboot {boots}; the directory holds\n{tree}\n");
    }
    let mut lines = run.trace.iter().peekable();
    for (place, event) in run.history.events.iter().enumerate() {
        while let Some(line) = lines.next_if(|line| line.events <= place) {
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(text, "{place} {event}");
    }
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    let (end, tree) = (run.end, run.storage.tree());
    let _ = write!(text, "\nthe end is {end:?}; the directory holds\n{tree}");
}

/// The result of a case of a walk.
fn reported(outcome: &Outcome) -> Replayed {
    let mut text = format!("{:#?}\n", outcome.counts);
    for failure in &outcome.failures {
        write_failure(&mut text, failure);
    }
    Replayed {
        text,
        held: outcome.failures.is_empty(),
    }
}

fn write_failure(text: &mut String, failure: &Failure) {
    let moments = failure.picture.iter().flat_map(|picture| &picture.moments);
    for moment in moments {
        let _ = writeln!(text, "{moment}");
    }
    let Failure {
        guarantee,
        why,
        after,
        tree,
        ..
    } = failure;
    let _ = writeln!(text, "\n{guarantee}: {why}\nafter {after}\n{tree}");
}
