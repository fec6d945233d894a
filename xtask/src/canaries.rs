//! Bugs that are planted in a copy of the source, and the campaign that has to find each.
//!
//! They are not in the product: a canary replaces one text by another in a copy of the workspace,
//! from which the command `simulate` is built. Each names the family of cases that has to find it.
//! Those of a pool of hosts have to be found by the tests of `userdata-pool`. If a canary is not
//! found, the checks have failed; if it no longer fits the source, it has to be written anew.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, fs};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::child::{self, Child};
use crate::project;
use canary::Canary;
use copy::Copy;

pub(crate) mod canary;
mod copy;
mod families;
mod pool;

/// How long each is hunted at most, unless told otherwise.
const MINUTES: f64 = 4.0;

/// The seeds of the run without a bug.
const SEEDS: &str = "0..400";

/// How long the run without a bug takes at most. A campaign runs all cases without one.
const SOUND_MINUTES: f64 = 0.4;

/// Options of `cargo xtask canaries`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Only canaries whose name contains this
    name: Option<String>,
    /// How long each is hunted at most; parts of a minute are fine
    #[arg(long, value_name = "MINUTES", default_value_t = MINUTES)]
    minutes: f64,
    /// Only those of a pool of hosts
    #[arg(long, conflicts_with = "families")]
    pool: bool,
    /// Hunt each with every family of cases alone, and show which finds it and how fast; not those
    /// of a pool of hosts
    #[arg(long)]
    families: bool,
}

/// How one hunt ended.
#[derive(Debug, Serialize)]
struct Hunted {
    name: String,
    bug: String,
    /// The first failure, for the report; `None` if there was none.
    failure: Option<Value>,
    /// How many cases were run until it was found, or how many tests.
    cases: u64,
    /// How long they ran.
    seconds: f64,
    /// How long the build took.
    build_seconds: f64,
}

/// The part of the file of `simulate run --out` that is needed here.
#[derive(Debug, Deserialize)]
struct Findings {
    families: BTreeMap<String, Tally>,
    failures: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Tally {
    cases: u64,
}

/// The folder in which the canaries are built and kept.
fn folder() -> PathBuf {
    project::target().join("canaries")
}

/// The result of the last hunt, for `simulate report`.
pub(crate) fn found() -> PathBuf {
    folder().join("canaries.json")
}

impl Default for Task {
    /// All of them.
    fn default() -> Self {
        Self {
            name: None,
            minutes: MINUTES,
            pool: false,
            families: false,
        }
    }
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let folder = folder();
        let mut canaries = Canary::all(project::root())?;
        canaries.retain(|canary| {
            self.name
                .as_ref()
                .is_none_or(|name| canary.name.contains(name.as_str()))
                && (canary.of_pool || !self.pool)
                && !(canary.of_pool && self.families)
        });
        if canaries.is_empty() {
            bail!("the canary does not exist");
        }
        let copy = Copy::make(&folder)?;
        for of_pool in [false, true] {
            if canaries.iter().any(|canary| canary.of_pool == of_pool) {
                let sound = self.hunt(&copy, None, of_pool)?;
                writeln!(io::stdout(), "{sound}")?;
                if sound.failure.is_some() {
                    bail!("the code without a bug fails");
                }
            }
        }
        if self.families {
            return families::measure(&copy, &canaries, self.minutes);
        }
        let mut all = Vec::new();
        for canary in &canaries {
            let hunted = self
                .hunt(&copy, Some(canary), canary.of_pool)
                .with_context(|| canary.name.clone())?;
            writeln!(io::stdout(), "{hunted}")?;
            all.push(hunted);
            fs::write(found(), serde_json::to_string(&all)?)?;
        }
        let missed = all.iter().filter(|hunted| hunted.failure.is_none());
        let missed: Vec<&str> = missed.map(|hunted| hunted.name.as_str()).collect();
        if !missed.is_empty() {
            bail!("not found: {}", missed.join(", "));
        }
        let cases: u64 = all.iter().map(|hunted| hunted.cases).sum();
        writeln!(
            io::stdout(),
            "{} canaries found in {cases} cases",
            all.len()
        )?;
        Ok(ExitCode::SUCCESS)
    }

    /// Builds with the bug, or without one, and runs until a failure is found.
    fn hunt(&self, copy: &Copy, canary: Option<&Canary>, of_pool: bool) -> Result<Hunted> {
        let began = Instant::now();
        let program = match of_pool {
            true => copy.pool_tests(canary)?,
            false => copy.simulate(canary)?,
        };
        let started = Instant::now();
        let (cases, failure) = match of_pool {
            true => {
                let test = canary.and_then(|canary| canary.test.as_deref());
                pool::run(&program, test, self.minutes)?
            }
            false => self.simulate(&program, canary)?,
        };
        Ok(Hunted {
            name: canary.map_or("(no bug)", |canary| &canary.name).to_owned(),
            bug: canary.map(|canary| canary.bug.clone()).unwrap_or_default(),
            failure,
            cases,
            seconds: started.elapsed().as_secs_f64(),
            build_seconds: (started - began).as_secs_f64(),
        })
    }

    /// How many cases were run, and the first failure.
    fn simulate(&self, program: &Path, canary: Option<&Canary>) -> Result<(u64, Option<Value>)> {
        // A bug has to be found by its family. Without a bug, all families must be silent.
        let start = canary.map_or(0, |canary| canary.start).to_string();
        let cases = match canary {
            None => vec!["--seeds", SEEDS],
            Some(canary) => vec!["--only", &canary.family, "--start", &start],
        };
        let minutes = match canary {
            None => self.minutes.min(SOUND_MINUTES),
            Some(_) => self.minutes,
        };
        let findings = simulate_run(program, minutes, &cases)?;
        Ok((findings.cases(), findings.failures.into_iter().next()))
    }
}

/// Runs cases until a failure is found, for this long at most.
fn simulate_run(simulate: &Path, minutes: f64, options: &[&str]) -> Result<Findings> {
    let out = folder().join("hunt.json");
    let mut command = child::command(simulate);
    command.args(["run", "--first", "--minutes", &minutes.to_string()]);
    command.args(options).arg("--out").arg(&out);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let limit = Duration::try_from_secs_f64(60.0 * (minutes + 5.0))?;
    let status = Child::start(&mut command, limit)?.wait(|| ())?;
    let findings: Findings = serde_json::from_str(&fs::read_to_string(&out)?)?;
    let told = if findings.failures.is_empty() { 0 } else { 1 };
    if status.code() != Some(told) {
        bail!(
            "simulate ended with {status} and {} failures",
            findings.failures.len()
        );
    }
    Ok(findings)
}

impl Findings {
    fn cases(&self) -> u64 {
        self.families.values().map(|tally| tally.cases).sum()
    }
}

impl fmt::Display for Hunted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            cases,
            seconds,
            build_seconds,
            failure,
            ..
        } = self;
        let told = |key: &str| failure.as_ref()?.get(key)?.as_str();
        let found = told("guarantee").unwrap_or("nothing found");
        // What finds it again: a case of `simulate`, or the test.
        let (found, replay) = match told("replay") {
            Some("") => ("a test failed", found),
            replay => (found, replay.unwrap_or_default()),
        };
        write!(
            f,
            "{name:32} {found:18} {cases:6} cases {seconds:6.1} s, \
             built in {build_seconds:.0} s  {replay}"
        )
    }
}
