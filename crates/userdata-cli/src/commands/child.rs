//! The caller's command, which `destroy` and `pool move` run.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Command, ExitStatus, Stdio};

use thiserror::Error;

use crate::output::Output;
use crate::signals;

/// Why the caller's command did not succeed.
#[derive(Debug, Error)]
pub(super) enum CommandFailed {
    #[error("cannot run '{command}'")]
    NotRun { command: String, source: io::Error },
    #[error("'{command}' ended with {status}")]
    Ended { command: String, status: ExitStatus },
}

/// Runs the command to its end. With `--json` only the document goes to standard output, and the
/// output of the command goes to standard error.
pub(super) fn run(command: &[OsString], output: Output) -> Result<(), CommandFailed> {
    let mut child = Command::new(program(command));
    child.args(command.iter().skip(1));
    if output.is_json() {
        child.stdout(Stdio::from(io::stderr()));
    }
    let command = name(command);
    match signals::run(&mut child) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(CommandFailed::Ended { command, status }),
        Err(source) => Err(CommandFailed::NotRun { command, source }),
    }
}

/// The program, as messages name it.
pub(super) fn name(command: &[OsString]) -> String {
    program(command).to_string_lossy().into_owned()
}

fn program(command: &[OsString]) -> &OsStr {
    command.first().map_or(OsStr::new(""), |program| program)
}
