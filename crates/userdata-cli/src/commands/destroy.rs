//! `userdata destroy`: a domain, by a command of the caller's, and its data with it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Command, ExitStatus, Stdio};

use thiserror::Error;
use userdata::{DestroyError, Destroyed, UserdataError};

use super::destroy_all::report;
use crate::arguments::Destroy;
use crate::document;
use crate::failure::{Failure, chain};
use crate::options::Options;
use crate::output::Output;
use crate::status::Status;

/// Why the caller's command did not destroy the domain.
#[derive(Debug, Error)]
pub(crate) enum CommandFailed {
    #[error("cannot run '{command}'")]
    NotRun { command: String, source: io::Error },
    #[error("'{command}' ended with {status}")]
    Ended { command: String, status: ExitStatus },
}

impl Destroy {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let host = options.host()?;
        let userdata = options.userdata(&host)?;
        let domain = self.domain.key(&host)?;
        match userdata.destroy(domain, |_| execute(&self.command, output)) {
            Ok(destroyed) => tell(&destroyed, domain.into(), output),
            Err(DestroyError::NotStarted(error)) => Err(error.into()),
            Err(source) => {
                let problems = match &source {
                    DestroyError::Failed { problems, .. }
                    | DestroyError::StillAlive { problems }
                    | DestroyError::DestroyedWithError { problems, .. }
                    | DestroyError::Unknown { problems, .. } => problems.as_slice(),
                    _ => &[],
                };
                note(problems, output);
                Err(Failure::NotDestroyed { domain, source })
            }
        }
    }
}

fn tell(
    destroyed: &Destroyed<()>,
    domain: document::Domain,
    output: Output,
) -> Result<Status, Failure> {
    let document = document::Destroyed {
        domain,
        cleared: destroyed.cleared.as_ref().map(document::Removed::from),
        trouble: destroyed
            .problems
            .iter()
            .map(|error| chain(error))
            .collect(),
    };
    output.show(&document, String::new)?;
    if let [first, ..] = destroyed.problems.as_slice() {
        note(&destroyed.problems, output);
        output.note("the domain is destroyed all the same");
        return Ok(first.kind().into());
    }
    Ok(destroyed
        .cleared
        .as_ref()
        .map_or(Status::Done, |cleared| report(cleared, output)))
}

fn note(trouble: &[UserdataError], output: Output) {
    for error in trouble {
        output.note(chain(error));
    }
}

/// Runs the command to its end. With `--json` standard output is for the document alone, and the
/// command writes to standard error.
fn execute(command: &[OsString], output: Output) -> Result<(), CommandFailed> {
    let (program, arguments) = command
        .split_first()
        .map_or((OsStr::new(""), &[][..]), |(first, rest)| (first, rest));
    let name = || program.to_string_lossy().into_owned();
    let mut child = Command::new(program);
    child.args(arguments);
    if output.is_json() {
        child.stdout(Stdio::from(io::stderr()));
    }
    match child.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(CommandFailed::Ended {
            command: name(),
            status,
        }),
        Err(source) => Err(CommandFailed::NotRun {
            command: name(),
            source,
        }),
    }
}
