//! The figures of a run, as lines of text.

use std::fmt;

use crate::case::Family;
use crate::findings::{Findings, Tally};

impl Findings {
    /// The progress, in one line.
    pub(crate) fn line(&self) -> String {
        let total = self.total();
        let done = self.families.iter().filter(|(_, tally)| tally.cases > 0);
        let done = done.map(|(family, tally)| format!("{} {}", family.name(), tally.progress()));
        format!(
            "{}; {} crash states, {} failures",
            done.collect::<Vec<_>>().join(", "),
            total.recovered,
            self.failures.len(),
        )
    }
}

impl Tally {
    /// How many cases were run, and of how many.
    pub(crate) fn progress(&self) -> String {
        match self.all {
            Some(all) => format!("{} of {all}", self.cases),
            None => self.cases.to_string(),
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, jobs) = (self.seconds, self.jobs);
        writeln!(f, "{seconds:.0} seconds on {jobs} threads")?;
        for (family, tally) in &self.families {
            let (name, progress) = (family.name(), tally.progress());
            let rate = self.per_minute(*family, |tally| tally.cases);
            let figures = figures(*family, tally);
            writeln!(
                f,
                "{name:9} {progress} cases, {rate:.0} a minute: {figures}"
            )?;
        }
        let total = self.total();
        let failures = self.failures.len();
        write!(
            f,
            "{} crash states checked, {failures} failures",
            total.recovered
        )?;
        for failure in &self.failures {
            let (guarantee, why, replay) = (&failure.guarantee, &failure.why, &failure.replay);
            write!(f, "\n{guarantee}: {why}\n  simulate replay {replay}")?;
        }
        Ok(())
    }
}

fn figures(family: Family, tally: &Tally) -> String {
    let counts = tally.counts;
    match family {
        Family::Crash => format!(
            "{} steps, {} kills, {} states after power cuts, {} of them checked",
            counts.steps, counts.kills, counts.states, counts.recovered
        ),
        Family::Fault => format!(
            "{} faults, {} of them told to the caller, {} crash states checked",
            counts.singles, counts.failed, counts.recovered
        ),
        Family::Schedule => format!(
            "{} schedules, {} operations, {} preemptions, {} kills, {} crash states checked",
            counts.schedules, counts.operations, counts.preemptions, counts.kills, counts.recovered
        ),
        Family::History => format!(
            "{} operations, {} kills, {} faults, {} preemptions, {} crash states checked, {} \
             values not checked",
            counts.operations,
            counts.kills,
            counts.faults,
            counts.preemptions,
            counts.recovered,
            counts.unchecked
        ),
        Family::Pair => format!(
            "{} pairs of faults, {} faults alone, {} told to the caller",
            counts.pairs, counts.singles, counts.failed
        ),
    }
}
