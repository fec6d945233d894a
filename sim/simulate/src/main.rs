//! The command `simulate`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Command, Replay, Run};
use catalogue::Catalogue;
use error::CommandError;
use progress::Progress;

mod arguments;
mod campaign;
mod case;
mod catalogue;
mod coverage;
mod error;
mod findings;
mod interrupt;
mod perform;
mod picture;
mod progress;
mod replay;
mod stage;
mod totals;

/// A guarantee was broken.
const BROKEN: u8 = 1;
/// The user ended it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Run(run) => start(&run),
        Command::Replay(replay) => show(&replay),
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "simulate: {error}");
        ExitCode::from(BROKEN)
    })
}

fn start(run: &Run) -> Result<ExitCode, CommandError> {
    interrupt::catch()?;
    let findings = run.campaign().run(&Catalogue::new()?, &Progress::new());
    if let Some(file) = &run.out {
        findings.keep(file)?;
    }
    writeln!(io::stdout(), "{findings}")?;
    Ok(match (findings.failures.is_empty(), findings.interrupted) {
        (false, _) => ExitCode::from(BROKEN),
        (true, true) => ExitCode::from(INTERRUPTED),
        (true, false) => ExitCode::SUCCESS,
    })
}

fn show(replay: &Replay) -> Result<ExitCode, CommandError> {
    let outcome = Catalogue::new()?.perform(replay.case);
    let is_fine = outcome.failures.is_empty();
    writeln!(io::stdout(), "{}", replay::Replayed(outcome))?;
    Ok(if is_fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(BROKEN)
    })
}
