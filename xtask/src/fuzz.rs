//! Fuzzing: every target of `fuzz/` for as long as asked, and the figures of all of them.
//!
//! cargo-fuzz builds and runs them. What is done with one target or one input are its own commands,
//! `cargo +nightly fuzz run`, `tmin`, `cmin` and `coverage`; see docs/fuzzing.md. What a target
//! learns stays in `target/fuzz/TARGET`, what it fails on in `fuzz/artifacts/TARGET`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Serialize;

use crate::child::{self, Child};
use crate::ci::log::Log;
use crate::ci::need::Need;
use crate::project;

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
    &["cargo", "install", "--locked", "cargo-fuzz"],
)
.probed_by(&["cargo", "fuzz", "--version"]);
/// libFuzzer is compiled from its source.
const CXX: Need = Need::of("g++", &["apt-get", "install", "g++"]);

/// What fuzzing needs beside the Rust toolchain.
pub(crate) const NEEDS: &[Need] = &[NIGHTLY, CARGO_FUZZ, CXX];

/// What a target may take beyond its time: it is built, and runs all inputs that there are.
const GRACE: Duration = Duration::from_secs(1800);

/// Options of `cargo xtask fuzz`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Which targets, one after the other [default: all of them]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long each target runs; parts of a minute are fine
    #[arg(long, value_name = "M", default_value = "1", value_parser = minutes)]
    minutes: Duration,
}

/// How one target did.
#[derive(Debug, Serialize)]
struct Run {
    target: String,
    failed: bool,
    seconds: f64,
    #[serde(flatten)]
    figures: Figures,
}

/// What libFuzzer says at its end.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Figures {
    executions: u64,
    executions_per_second: u64,
    /// Edges of the program that were taken.
    edges: u64,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let targets = chosen(self.targets)?;
        let folder = project::target().join("fuzz");
        let mut log = Log::create(&folder, "install", GRACE)?;
        NEEDS.iter().try_for_each(|need| need.provide(&mut log))?;
        let mut runs = Vec::new();
        for target in targets {
            runs.push(run(&target, &folder, self.minutes)?);
            // So that an interrupted run keeps what was found until then.
            fs::write(folder.join("report.json"), serde_json::to_string(&runs)?)?;
        }
        let failed = runs.iter().filter(|run| run.failed).count();
        let executions: u64 = runs.iter().map(|run| run.figures.executions).sum();
        let summary = format!("{} targets, {executions} runs", runs.len());
        ensure!(failed == 0, "{summary}; {failed} targets failed");
        writeln!(io::stdout(), "{summary}")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Fuzzes one target until its time is over or it fails.
fn run(target: &str, folder: &Path, span: Duration) -> Result<Run> {
    let own = folder.join(target);
    fs::create_dir_all(&own).with_context(|| format!("cannot make {}", own.display()))?;
    let path = folder.join(format!("{target}.log"));
    let log = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    let mut command = cargo_fuzz(target, folder, &own, span);
    command.stdout(log.try_clone()?).stderr(log);
    let started = Instant::now();
    let ended = Child::start(&mut command, span + GRACE)?.wait(|| ())?;
    let told = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
    let run = Run {
        target: target.to_owned(),
        failed: !ended.success(),
        seconds: started.elapsed().as_secs_f64(),
        figures: Figures::of(&told),
    };
    let Figures {
        executions,
        executions_per_second,
        edges,
    } = run.figures;
    let verdict = if run.failed { "FAILED" } else { "fine" };
    let mut out = io::stdout();
    write!(out, "{target:16}{verdict:8}{executions} runs, ")?;
    writeln!(out, "{executions_per_second}/s, {edges} edges")?;
    if run.failed {
        // With the commands that replay and shrink the input.
        writeln!(out, "{}", child::tail(&told, 60))?;
    }
    Ok(run)
}

fn cargo_fuzz(target: &str, folder: &Path, own: &Path, span: Duration) -> Command {
    let mut command = child::command("rustup");
    command.current_dir(project::root());
    command.args(["run", "nightly", "cargo", "fuzz", "run"]);
    // Nothing in the targets is unsafe, and without a sanitizer they run twice as fast.
    command.args(["--features", "libfuzzer", "--sanitizer", "none"]);
    command.arg("--target-dir").arg(folder.join("build"));
    command.arg(target).arg(own);
    command.arg(fuzz_folder().join("corpus").join(target));
    command.args([
        "--",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]);
    command.arg(format!("-max_total_time={}", span.as_secs()));
    let dictionary = fuzz_folder().join(format!("dictionaries/{target}.dict"));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    // They would lead it back to the compiler that built us.
    command.env_remove("CARGO").env_remove("RUSTC");
    command
}

impl Figures {
    fn of(log: &str) -> Self {
        let last = |name: &str| {
            let (_, after) = log.rsplit_once(name)?;
            after.split_whitespace().next()?.parse().ok()
        };
        Self {
            executions: last("stat::number_of_executed_units:").unwrap_or(0),
            executions_per_second: last("stat::average_exec_per_sec:").unwrap_or(0),
            edges: last(" cov: ").unwrap_or(0),
        }
    }
}

fn fuzz_folder() -> PathBuf {
    project::root().join("fuzz")
}

/// The targets of these names; all if none is named.
fn chosen(names: Vec<String>) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(fuzz_folder().join("fuzz_targets"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        all.extend(name.strip_suffix(".rs").map(str::to_owned));
    }
    all.sort();
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        bail!(
            "there is no target {unknown}; the targets are {}",
            all.join(", ")
        );
    }
    Ok(if names.is_empty() { all } else { names })
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
    fn figures_are_the_last_that_libfuzzer_says() {
        let log = "#2\tINITED cov: 5 ft: 6 corp: 1/1b\n#524288\tpulse  cov: 298 ft: 589\n\
                   stat::number_of_executed_units: 524290\nstat::average_exec_per_sec:     61869\n";
        let expected = Figures {
            executions: 524_290,
            executions_per_second: 61_869,
            edges: 298,
        };
        assert_eq!(Figures::of(log), expected);
        assert_eq!(Figures::of("error: it does not build"), Figures::default());
    }

    #[test]
    fn a_wrong_name_shows_the_targets_and_every_dictionary_has_one() {
        let all = chosen(vec![]).unwrap();
        assert!(all.len() > 5);
        let error = chosen(vec!["nonsense".to_owned()]).unwrap_err().to_string();
        assert!(
            error.contains("no target nonsense; the targets are "),
            "{error}"
        );
        for entry in fs::read_dir(fuzz_folder().join("dictionaries")).unwrap() {
            let path = entry.unwrap().path();
            let of = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(all.contains(&of), "{of}");
        }
    }
}
