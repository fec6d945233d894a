//! How a step ended, and how all steps ended.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Error, Result};

use super::log::Log;
use super::need::{Missing, Unavailable};
use crate::child::Interrupted;

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It passed, with a line about what was seen.
    Passed(String),
    Failed(Error),
    /// It was left out, with the reason why that is not a failure.
    Skipped(Error, &'static str),
}

impl Outcome {
    /// The outcome of a step's result; an error only if the user has interrupted the run.
    pub(crate) fn of(result: Result<String>, optional: Option<&'static str>) -> Result<Self> {
        match (result, optional) {
            (Ok(seen), _) => Ok(Self::Passed(seen)),
            (Err(error), _) if error.is::<Interrupted>() => Err(error),
            (Err(error), Some(why)) if error.is::<Missing>() || error.is::<Unavailable>() => {
                Ok(Self::Skipped(error, why))
            }
            (Err(error), _) => Ok(Self::Failed(error)),
        }
    }

    /// Shows it: a line, and all output of a step that failed.
    pub(crate) fn show(&self, log: &Log) -> Result<()> {
        let time = seconds(log.elapsed());
        let mut out = io::stdout().lock();
        match self {
            Self::Passed(seen) if seen.is_empty() => writeln!(out, "    passed in {time}")?,
            Self::Passed(seen) => writeln!(out, "    passed in {time}: {seen}")?,
            Self::Skipped(error, why) => writeln!(out, "    skipped: {error:#}; {why}")?,
            Self::Failed(error) => {
                out.write_all(log.text()?.as_bytes())?;
                writeln!(out, "    FAILED in {time}: {error:#}")?;
            }
        }
        Ok(())
    }
}

/// How many lines of the log of a step that failed the summary repeats.
const LINES: usize = 12;

/// How all steps ended.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    lines: Vec<String>,
    /// For each step that failed, its error and the end of its log.
    failures: Vec<String>,
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Summary {
    pub(crate) fn add(&mut self, step: &str, outcome: &Outcome, log: &str, time: Duration) {
        let (count, word) = match outcome {
            Outcome::Passed(_) => (&mut self.passed, "passed"),
            Outcome::Failed(_) => (&mut self.failed, "FAILED"),
            Outcome::Skipped(..) => (&mut self.skipped, "skipped"),
        };
        *count += 1;
        if let Outcome::Failed(error) = outcome {
            let mut lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
            let end = lines
                .split_off(lines.len().saturating_sub(LINES))
                .join("\n  ");
            self.failures.push(format!("{step}: {error:#}\n  {end}"));
        }
        self.lines
            .push(format!("{step:14}{word:8}{:>9}", seconds(time)));
    }

    /// Whether at least one step ran, and none failed.
    pub(crate) fn is_good(&self) -> bool {
        self.passed > 0 && self.failed == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn every_failure_is_counted_and_shown() {
        let mut summary = Summary::default();
        summary.add(
            "one",
            &Outcome::Failed(anyhow!("no")),
            "first\n\nlast\n",
            Duration::from_millis(1500),
        );
        summary.add(
            "two",
            &Outcome::Passed(String::new()),
            "fine\n",
            Duration::from_secs(61),
        );
        let long: String = (0..20).map(|line| format!("{line}\n")).collect();
        summary.add(
            "three",
            &Outcome::Failed(anyhow!("not at all")),
            &long,
            Duration::ZERO,
        );
        assert!(!summary.is_good());
        let shown = "one           FAILED      1.5 s\ntwo           passed     61.0 s\n\
                     three         FAILED      0.0 s\none: no\n  first\n  last\n\
                     three: not at all\n  8\n  9\n";
        let summary = summary.to_string();
        assert!(summary.starts_with(shown), "{summary}");
        assert!(summary.ends_with("\n  19\n1 passed, 2 failed"), "{summary}");
    }

    #[test]
    fn a_run_in_which_nothing_passed_is_not_good() {
        assert!(!Summary::default().is_good());
    }

    #[test]
    fn only_an_optional_step_is_skipped_and_only_for_what_is_missing() {
        let (program, install, why) = ("qemu", String::from("apt-get install qemu"), String::new());
        let missing = || {
            Err(Missing {
                program,
                install: install.clone(),
                why: why.clone(),
            }
            .into())
        };
        let reason = Some("it is extra");
        assert!(matches!(
            Outcome::of(missing(), reason).unwrap(),
            Outcome::Skipped(..)
        ));
        assert!(matches!(
            Outcome::of(missing(), None).unwrap(),
            Outcome::Failed(_)
        ));
        assert!(matches!(
            Outcome::of(Err(Unavailable("no root").into()), reason).unwrap(),
            Outcome::Skipped(..)
        ));
        assert!(matches!(
            Outcome::of(Err(anyhow!("no")), reason).unwrap(),
            Outcome::Failed(_)
        ));
        assert!(Outcome::of(Err(Interrupted.into()), reason).is_err());
    }
}
