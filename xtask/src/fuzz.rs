//! Fuzzing: every target of `fuzz/` for as long as asked, and the figures of all of them.
//!
//! cargo-fuzz builds and runs them. For one target or one input use its own commands,
//! `cargo +nightly fuzz run`, `tmin`, `cmin` and `coverage`; see docs/fuzzing.md. The inputs that a
//! target finds are kept in `target/fuzz/TARGET`, those that fail in `fuzz/artifacts/TARGET`.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, value_parser};
use serde::Serialize;

use crate::child::{self, Child};
use crate::ci::log::Log;
use crate::ci::need::Need;
use crate::{project, side_by_side};

const NIGHTLY: Need = Need::of(
    "the nightly compiler",
    &[
        "rustup",
        "toolchain",
        "install",
        "nightly",
        "--profile=minimal",
    ],
)
.probed_by(&["rustup", "run", "nightly", "rustc", "--version"]);
const CARGO_FUZZ: Need = Need::of(
    "cargo-fuzz",
    &["cargo", "install", "--locked", "--debug", "cargo-fuzz"],
)
.probed_by(&["cargo", "fuzz", "--version"]);
/// libFuzzer is compiled from its source.
const CXX: Need = Need::of("g++", &["apt-get", "install", "g++"]);

/// What fuzzing needs beside the Rust toolchain.
pub(crate) const NEEDS: &[Need] = &[NIGHTLY, CARGO_FUZZ, CXX];

/// cargo-fuzz's word for a build without a sanitizer.
const NO_SANITIZER: &str = "none";

/// How much longer than asked a target may take: it is built, and runs all known inputs first.
const GRACE: Duration = Duration::from_secs(1800);

/// Options of `cargo xtask fuzz`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Which targets, one for each processor at a time [default: all of them]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each target runs; parts of a minute are fine
    #[arg(long, value_name = "M", default_value = "1", value_parser = minutes)]
    minutes: Duration,
    /// How many processes fuzz one target side by side
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u8).range(1..))]
    jobs: u8,
    /// The sanitizer that they are built with: `address` finds memory errors, and is slow
    #[arg(long, value_name = "S", default_value = NO_SANITIZER,
        value_parser = [NO_SANITIZER, "address"])]
    sanitizer: String,
}

/// The result of one target.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Run {
    target: String,
    failed: bool,
    executions: u64,
    executions_per_second: u64,
    /// Edges of the program that were taken.
    edges: u64,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let targets = chosen(&self.targets)?;
        let folder = project::target().join("fuzz");
        let mut log = Log::create(&folder, "install", GRACE)?;
        NEEDS.iter().try_for_each(|need| need.provide(&mut log))?;
        // Several processes that fuzz one target have all processors.
        let at_once = match self.jobs {
            1 => thread::available_parallelism().map_or(1, NonZeroUsize::get),
            _ => 1,
        };
        let ended = side_by_side::each(&targets, at_once, |target| self.fuzz(target, &folder));
        // An interrupted run keeps the results that it has.
        let runs: Vec<&Run> = ended.iter().flat_map(|(_, run)| run).collect();
        fs::write(folder.join("report.json"), serde_json::to_string(&runs)?)?;
        let failed = runs.iter().filter(|run| run.failed).count();
        let executions: u64 = runs.iter().map(|run| run.executions).sum();
        let summary = format!("{} targets, {executions} runs", runs.len());
        let mut ended = ended.into_iter();
        ended.try_for_each(|(_, run)| run.map(drop))?;
        ensure!(failed == 0, "{summary}; {failed} targets failed");
        writeln!(io::stdout(), "{summary}")?;
        Ok(ExitCode::SUCCESS)
    }

    /// Fuzzes one target until its time is over or it fails.
    fn fuzz(&self, target: &str, folder: &Path) -> Result<Run> {
        let learnt = folder.join(target);
        fs::create_dir_all(&learnt).with_context(|| format!("cannot make {}", learnt.display()))?;
        let path = folder.join(format!("{target}.log"));
        let log = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        let mut command = self.cargo_fuzz(target, folder);
        command.stdout(log.try_clone()?).stderr(log);
        let ended = Child::start(&mut command, self.minutes + GRACE)?.wait(|| ())?;
        let told = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let run = Run::new(target, !ended.success(), self.minutes, &told);
        writeln!(io::stdout(), "{run}")?;
        if run.failed {
            // The error includes the commands that replay and shrink the input.
            writeln!(io::stdout(), "{}", child::tail(&told, 60))?;
        }
        Ok(run)
    }

    fn cargo_fuzz(&self, target: &str, folder: &Path) -> Command {
        let mut command = child::command("rustup");
        command.current_dir(project::root());
        command.args(["run", "nightly", "cargo", "fuzz", "run"]);
        // Without a sanitizer they run twice as fast. Only two parts of the code are unsafe: the
        // hypercalls, which no target makes, and the pointers of `c_calls`.
        command.args(["--features", "libfuzzer"]);
        command.args(["--sanitizer", &self.sanitizer]);
        command.arg(format!("--jobs={}", self.jobs));
        // With one folder for both, each change of the sanitizer would build everything anew.
        let build = match &*self.sanitizer {
            NO_SANITIZER => "build".to_owned(),
            other => format!("build-{other}"),
        };
        command.arg("--target-dir").arg(folder.join(build));
        command.arg(target).arg(folder.join(target));
        command.arg(fuzz_folder().join("corpus").join(target));
        command.args([
            "--",
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
        ]);
        command.arg(format!("-max_total_time={}", self.minutes.as_secs()));
        let dictionary = fuzz_folder().join(format!("dictionaries/{target}.dict"));
        if dictionary.is_file() {
            command.arg(format!("-dict={}", dictionary.display()));
        }
        // These variables would select the compiler that built this program.
        command.env_remove("CARGO").env_remove("RUSTC");
        command
    }
}

impl Run {
    /// Reads the output of libFuzzer, alone or as one of several processes.
    fn new(target: &str, failed: bool, span: Duration, log: &str) -> Self {
        let after = |name: &str| {
            let (_, after) = log.rsplit_once(name)?;
            after.split_whitespace().next()?.parse().ok()
        };
        let status = || {
            let mut lines = log.lines().rev();
            lines.find_map(|line| {
                line.strip_prefix('#')?
                    .split([':', '\t'])
                    .next()?
                    .parse()
                    .ok()
            })
        };
        let executions = after("stat::number_of_executed_units:").or_else(status);
        let executions = executions.unwrap_or(0);
        Self {
            target: target.to_owned(),
            failed,
            executions,
            executions_per_second: executions / span.as_secs().max(1),
            edges: after(" cov: ").unwrap_or(0),
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            target,
            executions,
            executions_per_second,
            edges,
            ..
        } = self;
        let verdict = if self.failed { "FAILED" } else { "fine" };
        write!(f, "{target:16}{verdict:8}{executions} runs, ")?;
        write!(f, "{executions_per_second}/s, {edges} edges")
    }
}

fn fuzz_folder() -> PathBuf {
    project::root().join("fuzz")
}

/// The targets of these names; all if none is named.
fn chosen(names: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(fuzz_folder().join("fuzz_targets"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        all.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    all.sort();
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        bail!(
            "the target {unknown} does not exist; the targets are {}",
            all.join(", ")
        );
    }
    Ok(if names.is_empty() {
        all
    } else {
        names.to_vec()
    })
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
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
        for wrong in ["0", "-1", "nan", "inf", "one", "0.001"] {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn figures_are_the_last_that_libfuzzer_wrote() {
        let run = |log: &str| Run::new("a", false, Duration::from_secs(10), log);
        let alone = "#2\tINITED cov: 5 ft: 6 corp: 1/1b\n#524288\tpulse  cov: 298 ft: 589\n\
                     stat::number_of_executed_units: 524290\n";
        let shown = "a               fine    524290 runs, 52429/s, 298 edges";
        assert_eq!(run(alone).to_string(), shown);
        let several = "#20: cov: 5 ft: 6 corp: 1 exec/s 2\n#70: cov: 6 ft: 9 corp: 3 exec/s 7\n";
        let shown = "a               fine    70 runs, 7/s, 6 edges";
        assert_eq!(run(several).to_string(), shown);
        let none = "a               fine    0 runs, 0/s, 0 edges";
        assert_eq!(run("error: it does not build").to_string(), none);
    }

    #[test]
    fn a_wrong_name_shows_the_targets_and_every_dictionary_has_one() {
        let all = chosen(&[]).unwrap();
        assert!(all.len() > 5);
        let error = chosen(&["nonsense".to_owned()]).unwrap_err().to_string();
        assert!(
            error.contains("the target nonsense does not exist; the targets are "),
            "{error}"
        );
        for entry in fs::read_dir(fuzz_folder().join("dictionaries")).unwrap() {
            let path = entry.unwrap().path();
            let of = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(all.contains(&of), "{of}");
        }
    }
}
