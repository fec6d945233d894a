//! Which lines the committed fuzz corpus reaches: a table, and a page for each file.
//!
//! The compiler counts (`-C instrument-coverage`) while every target replays its corpus; LLVM's
//! tools of Debian read what was counted.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Deserialize;

use crate::child::{self, Child};
use crate::ci::log::Log;
use crate::ci::need::Need;
use crate::fuzz::{self, Target};
use crate::project;

/// The oldest that reads what our compiler writes, and the newest in Debian 12.
const LLVM: Need = Need::of("llvm-cov-19", &["apt-get", "install", "llvm-19"]);
const PROFDATA: &str = "llvm-profdata-19";
const COV: &str = "llvm-cov-19";

const LIMIT: Duration = Duration::from_secs(1800);

/// Options of `cargo xtask coverage`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Count the corpus of these targets only [default: all of them]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let targets = fuzz::chosen(&self.targets)?;
        let folder = project::target().join("coverage");
        let mut log = Log::create(&folder, "build", LIMIT)?;
        LLVM.provide(&mut log)?;
        writeln!(io::stdout(), "building the targets")?;
        let program = build(&mut log, &folder)?;
        let profile = replay(&program, &targets, &folder)?;
        let mut export = cov(&["export", "--summary-only"], &program, &profile);
        let covered = Covered::read(&child::output(&mut export, LIMIT)?)?;
        let html = folder.join("html");
        let mut show = cov(&["show", "--format=html"], &program, &profile);
        show.arg(format!("--output-dir={}", html.display()));
        child::run(&mut show, LIMIT)?;
        let index = html.join("index.html");
        let index = index.strip_prefix(project::root()).unwrap_or(&index);
        write!(io::stdout(), "{covered}")?;
        writeln!(io::stdout(), "every line: {}", index.display())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Builds the program that replays, with counters.
fn build(log: &mut Log, folder: &Path) -> Result<PathBuf> {
    let build = folder.join("build");
    let mut command = child::command(project::cargo());
    command.args([
        "build",
        "--locked",
        "-p",
        "userdata-fuzz",
        "--example",
        "replay",
    ]);
    command.arg("--target-dir").arg(&build);
    command.env("RUSTFLAGS", "-C instrument-coverage");
    // What is counted while it is built is of no use.
    command.env("LLVM_PROFILE_FILE", folder.join("unused.profraw"));
    log.run(&mut command).with_context(|| {
        let text = log.text().unwrap_or_default();
        format!("building the targets:\n{}", child::tail(&text, 15))
    })?;
    Ok(build.join("debug/examples/replay"))
}

/// Replays the corpus of the targets and returns what was counted.
fn replay(program: &Path, targets: &[Target], folder: &Path) -> Result<PathBuf> {
    let profile = folder.join("corpus.profdata");
    let mut merge = child::command(PROFDATA);
    merge.args(["merge", "--sparse", "-o"]).arg(&profile);
    for target in targets {
        let counted = folder.join(format!("{}.profraw", target.name()));
        let mut command = child::command(program);
        command.arg(target.name()).arg(target.committed());
        command.env("LLVM_PROFILE_FILE", &counted);
        command.stdout(Stdio::inherit());
        Child::start(&mut command, LIMIT)?.succeed()?;
        merge.arg(counted);
    }
    child::run(&mut merge, LIMIT)?;
    Ok(profile)
}

/// A command of llvm-cov on our own files.
fn cov(what: &[&str], program: &Path, profile: &Path) -> Command {
    let mut command = child::command(COV);
    command
        .args(what)
        .arg(program)
        .arg(format!("--instr-profile={}", profile.display()));
    command.args(["crates", "sim"].map(|folder| project::root().join(folder)));
    command
}

/// What `llvm-cov export` writes, as far as it is wanted.
#[derive(Debug, Deserialize)]
struct Export {
    data: Vec<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct File {
    filename: PathBuf,
    summary: Summary,
}

#[derive(Debug, Deserialize)]
struct Summary {
    lines: Lines,
    functions: Lines,
}

/// How many there are, and how many were reached.
#[derive(Debug, Default, Clone, Copy, Deserialize, PartialEq, Eq)]
struct Lines {
    count: u64,
    covered: u64,
}

/// Lines and functions of each crate.
#[derive(Debug, Default, PartialEq, Eq)]
struct Covered(BTreeMap<String, [Lines; 2]>);

impl Covered {
    fn read(export: &str) -> Result<Self> {
        let export: Export = serde_json::from_str(export).context("llvm-cov's answer")?;
        let mut crates = Self::default();
        for file in export.data.iter().flat_map(|data| &data.files) {
            let Some(name) = crate_of(&file.filename) else {
                continue;
            };
            let sums = crates.0.entry(name).or_default();
            for (sum, of_file) in sums
                .iter_mut()
                .zip([file.summary.lines, file.summary.functions])
            {
                sum.count += of_file.count;
                sum.covered += of_file.covered;
            }
        }
        ensure!(!crates.0.is_empty(), "nothing was counted");
        Ok(crates)
    }
}

/// The folder of the crate that a file is part of, from the root of the project.
fn crate_of(file: &Path) -> Option<String> {
    let path = file.strip_prefix(project::root()).ok()?.to_str()?;
    path.split_once("/src/")
        .map(|(folder, _)| folder.to_owned())
}

impl fmt::Display for Covered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:24}{:>20}{:>24}", "crate", "lines", "functions")?;
        let mut all = [Lines::default(); 2];
        let row = |f: &mut fmt::Formatter<'_>, name: &str, [lines, functions]: [Lines; 2]| {
            writeln!(
                f,
                "{name:24}{:>20}{:>24}",
                lines.to_string(),
                functions.to_string()
            )
        };
        for (name, counts) in &self.0 {
            row(f, name, *counts)?;
            for (sum, of_crate) in all.iter_mut().zip(counts) {
                sum.count += of_crate.count;
                sum.covered += of_crate.covered;
            }
        }
        row(f, "all", all)
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, covered } = *self;
        let tenths = (covered * 1000).checked_div(count).unwrap_or(0);
        write!(
            f,
            "{covered} of {count} {:3}.{} %",
            tenths / 10,
            tenths % 10
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(files: &[(&str, u64, u64)]) -> String {
        let root = project::root();
        let files: Vec<_> = files
            .iter()
            .map(|(path, count, covered)| {
                let lines = serde_json::json!({"count": count, "covered": covered, "percent": 0});
                serde_json::json!({
                    "filename": root.join(path),
                    "summary": {"lines": lines, "functions": lines, "regions": lines},
                })
            })
            .collect();
        serde_json::json!({"data": [{"files": files, "totals": {}}], "version": "3"}).to_string()
    }

    #[test]
    fn files_are_added_to_their_crate() {
        let text = export(&[
            ("crates/hv-sim/src/a.rs", 10, 5),
            ("crates/hv-sim/src/b/c.rs", 20, 20),
            ("sim/src/lib.rs", 3, 0),
        ]);
        let covered = Covered::read(&text).unwrap();
        let lines = |count, covered| [Lines { count, covered }; 2];
        let expected = [
            ("crates/hv-sim".to_owned(), lines(30, 25)),
            ("sim".to_owned(), lines(3, 0)),
        ];
        assert_eq!(covered, Covered(BTreeMap::from(expected)));
        let shown = covered.to_string();
        assert!(shown.contains("25 of 30  83.3 %"), "{shown}");
        assert!(
            shown.lines().last().unwrap().contains("25 of 33  75.7 %"),
            "{shown}"
        );
    }

    #[test]
    fn a_report_of_nothing_is_no_success() {
        assert!(Covered::read(&export(&[("other/file.rs", 1, 1)])).is_err());
        assert!(Covered::read("{}").is_err());
    }
}
