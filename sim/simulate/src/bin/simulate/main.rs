//! The command `simulate`.

use std::fs;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Command, Replay, Report, Run, Shrink};
use catalogue::Catalogue;
use error::CommandError;
use findings::Findings;
use progress::Progress;
use replay::Replayed;
use report::{Canary, Page};
use targets::Target;

mod arguments;
mod campaign;
mod case;
mod catalogue;
mod coverage;
mod error;
mod film;
mod findings;
mod interrupt;
mod perform;
mod picture;
mod progress;
mod queue;
mod replay;
mod report;
mod runs;
mod small;
mod stage;
mod targets;
mod totals;

/// A guarantee was broken.
const BROKEN: u8 = 1;
/// The command could not run. Wrong arguments end with this status, too.
const FAILED: u8 = 2;
/// The user ended it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Run(run) => start(&run),
        Command::Replay(arguments) => replay(&arguments),
        Command::Shrink(arguments) => shrink(&arguments),
        Command::Report(report) => draw(&report),
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "simulate: {error}");
        ExitCode::from(FAILED)
    })
}

fn start(run: &Run) -> Result<ExitCode, CommandError> {
    interrupt::catch().map_err(CommandError::Interrupt)?;
    if let Some(file) = &run.out {
        findings::make_room(file)?;
    }
    let findings = run.campaign().run(
        &Catalogue::new(run.mix.clone()).map_err(CommandError::Walk)?,
        &Progress::new(),
    );
    // Shown before it is written, so that it is not lost on a full disk.
    writeln!(io::stdout(), "{findings}").map_err(CommandError::Output)?;
    if let Some(file) = &run.out {
        findings.keep(file)?;
    }
    Ok(match (findings.failures.is_empty(), findings.interrupted) {
        (false, _) => ExitCode::from(BROKEN),
        (true, true) => ExitCode::from(INTERRUPTED),
        (true, false) => ExitCode::SUCCESS,
    })
}

fn replay(replay: &Replay) -> Result<ExitCode, CommandError> {
    let catalogue = Catalogue::new(replay.mix.clone()).map_err(CommandError::Walk)?;
    show(
        &catalogue
            .replay(replay.case)
            .map_err(CommandError::Replay)?,
    )
}

fn shrink(shrink: &Shrink) -> Result<ExitCode, CommandError> {
    let catalogue = Catalogue::new(shrink.mix.clone()).map_err(CommandError::Walk)?;
    show(
        &catalogue
            .shrink(shrink.seed)
            .map_err(CommandError::Replay)?,
    )
}

fn show(replayed: &Replayed) -> Result<ExitCode, CommandError> {
    let mut out = io::stdout().lock();
    write!(out, "{}", replayed.text).map_err(CommandError::Output)?;
    if replayed.held {
        writeln!(out, "every guarantee held").map_err(CommandError::Output)?;
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::from(BROKEN))
    }
}

fn draw(report: &Report) -> Result<ExitCode, CommandError> {
    let findings: Findings = findings::read(&report.findings)?;
    let canaries: Option<Vec<Canary>> =
        report.canaries.as_deref().map(findings::read).transpose()?;
    let targets = Target::all(&findings, canaries.as_deref());
    let canaries = canaries.unwrap_or_default();
    let page = Page {
        findings: &findings,
        canaries: &canaries,
        targets: &targets,
    };
    let file = report.page();
    fs::write(&file, page.to_string()).map_err(CommandError::of_file(&file))?;
    let mut out = io::stdout();
    for target in &targets {
        writeln!(out, "{target}").map_err(CommandError::Output)?;
    }
    writeln!(out, "{}", file.display()).map_err(CommandError::Output)?;
    let missed = |target: &Target| !target.is_met && report.holds(target);
    Ok(if targets.iter().any(missed) {
        ExitCode::from(BROKEN)
    } else {
        ExitCode::SUCCESS
    })
}
