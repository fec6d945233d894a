//! One step of continuous integration.

use std::time::Duration;

use anyhow::Result;

use super::log::Log;
use super::need::Need;
use super::workspace;
use crate::child::{self, Interrupted};
use crate::project;

/// The work of a step. It returns a line about what was seen.
type Check = fn(&mut Log) -> Result<String>;

/// A named step.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// What is true if it passes.
    pub(crate) about: &'static str,
    work: Work,
    needs: &'static [Need],
    env: Option<(&'static str, &'static str)>,
    pub(crate) limit: Duration,
    /// Why the step may be left out where its needs can't be met. Without a reason it fails there.
    pub(crate) optional: Option<&'static str>,
}

#[derive(Debug)]
enum Work {
    Check(Check),
    Cargo(Commands),
}

/// The words of some commands of cargo, without `cargo`.
type Commands = &'static [&'static [&'static str]];

impl Step {
    /// A step that is a function here.
    pub(crate) const fn check(name: &'static str, about: &'static str, check: Check) -> Self {
        Self::new(name, about, Work::Check(check))
    }

    /// A step of commands of cargo, `xtask` ones among them. All run, also after a failure. The
    /// last line tells what was seen.
    pub(crate) const fn cargo(name: &'static str, about: &'static str, all: Commands) -> Self {
        Self::new(name, about, Work::Cargo(all))
    }

    const fn new(name: &'static str, about: &'static str, work: Work) -> Self {
        let limit = Duration::from_secs(20 * 60);
        Self {
            name,
            about,
            work,
            needs: &[],
            env: None,
            limit,
            optional: None,
        }
    }

    /// With programs that it needs.
    pub(crate) const fn needs(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }

    /// With this variable in the environment of its commands.
    pub(crate) const fn with_env(self, name: &'static str, value: &'static str) -> Self {
        Self {
            env: Some((name, value)),
            ..self
        }
    }

    /// To be left out, for this reason, where its needs can't be met.
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

    /// Runs the step; the output of its commands goes to `log`.
    pub(crate) fn run(&self, log: &mut Log) -> Result<String> {
        for need in self.needs {
            need.provide(log)?;
        }
        match self.work {
            Work::Check(check) => check(log),
            Work::Cargo(commands) => self.run_each(commands, log),
        }
    }

    fn run_each(&self, commands: Commands, log: &mut Log) -> Result<String> {
        let mut failed = Vec::new();
        for args in commands {
            let mut command = child::command(project::cargo());
            command.args(*args).envs(self.env);
            match log.run(&mut command) {
                Err(error) if error.is::<Interrupted>() => return Err(error),
                Err(error) => failed.push(format!("{error:#}")),
                Ok(()) => {}
            }
        }
        workspace::refuse(&failed)?;
        Ok(log.last_line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_a_step_runs_and_each_failure_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(folder.path(), "step", Duration::from_secs(60)).unwrap();
        let step = Step::cargo(
            "step",
            "it fails",
            &[&["no-such"], &["--version"], &["none"]],
        );
        let error = step.run(&mut log).unwrap_err().to_string();
        assert_eq!(error.lines().count(), 2, "{error}");
        let good = Step::cargo("step", "it passes", &[&["--version"]]);
        assert!(good.run(&mut log).unwrap().starts_with("cargo "));
    }
}
