//! Fuzzing: every target of `fuzz/`, for as long as asked, and what is done with what it finds.
//!
//! cargo-fuzz builds the targets with the nightly compiler; they are run by us, so that they end at
//! their deadline and on Ctrl-C. What a target learns stays in `target/fuzz/TARGET/corpus`, what it
//! finds in `target/fuzz/TARGET/artifacts`. Findings are replayed on any compiler.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, value_parser};

use engine::{Engine, Sanitizer};
use report::Report;

mod corpus;
mod crash;
mod engine;
mod progress;
mod report;
mod run;
mod status;
mod target;

pub(crate) use engine::NEEDS;
pub(crate) use target::{Target, chosen};

/// Options of `cargo xtask fuzz`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Which targets, one after the other [default: all of them]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each target runs; parts of a minute are fine
    #[arg(long, value_name = "M", default_value = "1", value_parser = minutes)]
    minutes: Duration,
    /// How many processes fuzz one target side by side
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u8).range(1..))]
    jobs: u8,
    /// What watches memory meanwhile; it halves the speed, and finds nothing in safe code
    #[arg(long, value_enum, default_value_t)]
    sanitizer: Sanitizer,
    /// Show the targets and how many inputs of each are committed, and run none
    #[arg(long)]
    list: bool,
    /// Run the target on these inputs and end, on the compiler that there is
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "list")]
    replay: Vec<PathBuf>,
    /// Make an input that the target fails on as small as can be
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "replay"])]
    shrink: Option<PathBuf>,
    /// Keep in fuzz/corpus only what adds to what a target reaches, taking in what it has learnt
    #[arg(long, conflicts_with_all = ["list", "replay", "shrink"])]
    minimise: bool,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let targets = chosen(&self.targets)?;
        if self.list {
            let mut out = io::stdout().lock();
            for target in &targets {
                writeln!(out, "{:16}{:>5} inputs", target.name(), target.inputs()?)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        if !self.replay.is_empty() {
            return crash::replay(one(&targets)?, &self.replay).map(|()| ExitCode::SUCCESS);
        }
        if let Some(file) = &self.shrink {
            let target = one(&targets)?;
            return crash::shrink(&Engine::build(self.sanitizer)?, target, file, self.minutes)
                .map(|()| ExitCode::SUCCESS);
        }
        let engine = Engine::build(self.sanitizer)?;
        if self.minimise {
            for target in &targets {
                corpus::minimise(&engine, target)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        self.fuzz(&engine, &targets)
    }

    /// Runs the targets in turn. What was found until then is kept also if the user ends it.
    fn fuzz(&self, engine: &Engine, targets: &[Target]) -> Result<ExitCode> {
        let mut report = Report::default();
        for target in targets {
            let run = run::run(engine, target, self.minutes, usize::from(self.jobs));
            match run {
                Ok(run) => report.add(run),
                Err(error) => {
                    report.write()?;
                    return Err(error);
                }
            }
        }
        report.write()?;
        let crashed = report.crashed();
        if crashed == 0 {
            writeln!(io::stdout(), "{report}")?;
            Ok(ExitCode::SUCCESS)
        } else {
            bail!("{report}; {crashed} targets failed");
        }
    }
}

fn one(targets: &[Target]) -> Result<&Target> {
    match targets {
        [target] => Ok(target),
        _ => bail!("name the one target that the file is for"),
    }
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text.parse().map_err(|_| "no number".to_owned())?;
    Duration::try_from_secs_f64(minutes * 60.0)
        .ok()
        .filter(|span| *span >= Duration::from_secs(1))
        .ok_or_else(|| "less than a second, or more than there is".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_have_parts_and_are_at_least_a_second() {
        assert_eq!(minutes("0.15"), Ok(Duration::from_secs(9)));
        assert_eq!(minutes("60"), Ok(Duration::from_secs(3600)));
        for wrong in ["0", "-1", "nan", "inf", "one", "0.001"] {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
    }
}
