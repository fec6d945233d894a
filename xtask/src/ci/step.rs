//! One step of continuous integration.

use std::time::Duration;

use anyhow::Result;

use super::log::Log;
use super::need::Need;

/// What a step does. It returns a line about what was seen.
type Check = fn(&mut Log) -> Result<String>;

/// A named step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// What holds when it passes.
    pub(crate) about: &'static str,
    work: Work,
    needs: &'static [Need],
    pub(crate) limit: Duration,
    /// Why the step may be left out where its needs cannot be had. Without a reason that fails.
    pub(crate) optional: Option<&'static str>,
}

#[derive(Debug)]
enum Work {
    Check(Check),
    Cargo(&'static [&'static str]),
}

impl Step {
    /// A step that is a function here.
    pub(crate) const fn check(name: &'static str, about: &'static str, check: Check) -> Self {
        Self::new(name, about, Work::Check(check))
    }

    /// A step that is a command of cargo, `xtask` ones among them. Its last line tells what was
    /// seen.
    pub(crate) const fn cargo(
        name: &'static str,
        about: &'static str,
        args: &'static [&'static str],
    ) -> Self {
        Self::new(name, about, Work::Cargo(args))
    }

    const fn new(name: &'static str, about: &'static str, work: Work) -> Self {
        let limit = Duration::from_secs(20 * 60);
        Self {
            name,
            about,
            work,
            needs: &[],
            limit,
            optional: None,
        }
    }

    /// With programs that must be there.
    pub(crate) const fn needs(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }

    /// To be left out, for this reason, where its needs cannot be had.
    pub(crate) const fn or_left_out(self, reason: &'static str) -> Self {
        Self {
            optional: Some(reason),
            ..self
        }
    }

    /// With another limit than 20 minutes.
    pub(crate) const fn within(self, minutes: u64) -> Self {
        Self {
            limit: Duration::from_secs(minutes * 60),
            ..self
        }
    }

    /// Runs the step; all that its commands write goes to `log`.
    pub(crate) fn run(&self, log: &mut Log) -> Result<String> {
        for need in self.needs {
            need.provide(log)?;
        }
        match self.work {
            Work::Check(check) => check(log),
            Work::Cargo(args) => {
                log.cargo(args)?;
                Ok(log.last_line())
            }
        }
    }
}
