//! `userdata destroy`: runs the caller's command that destroys a domain, and removes its values.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Command, ExitStatus, Stdio};

use thiserror::Error;
use userdata::store::{Cleared, StoreErrorKind};
use userdata::{DestroyError, Destroyed, DomainKey, Source, UserdataError, UserdataErrorKind};

use super::clear::{removed_lines, report};
use crate::arguments::Destroy;
use crate::chain::chain;
use crate::document;
use crate::domain::DomainArgument;
use crate::failure::Failure;
use crate::options::Options;
use crate::output::Output;
use crate::signals;
use crate::status::Status;

/// Why the caller's command did not succeed.
#[derive(Debug, Error)]
enum CommandFailed {
    #[error("cannot run '{command}'")]
    NotRun { command: String, source: io::Error },
    #[error("'{command}' ended with {status}")]
    Ended { command: String, status: ExitStatus },
}

impl Destroy {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let (domain, command) = self.parts()?;
        let host = options.host()?;
        let domain = options.key(&domain, &host)?;
        let userdata = options.userdata(&host)?;
        let error = match userdata.destroy(domain, |_| execute(command, output)) {
            Ok(destroyed) => return destroyed_with(&destroyed, domain, output),
            Err(error) => error,
        };
        match error {
            DestroyError::NotStarted(error) => Err(error.into()),
            DestroyError::DestroyedWithError {
                source,
                cleared,
                problems,
            } => destroyed_despite(source, cleared.as_ref(), &problems, domain, output),
            DestroyError::StillAlive { problems } => {
                note(&problems, output);
                let command = name(command);
                Err(Failure::StillAlive { domain, command })
            }
            source => {
                if let DestroyError::Failed { problems, .. }
                | DestroyError::Unknown { problems, .. } = &source
                {
                    note(problems, output);
                }
                let source = Box::new(source);
                Err(Failure::NotDestroyed { domain, source })
            }
        }
    }

    /// The domain and the command. A domain whose name begins with a dash follows a first `--`, and
    /// the command follows a second one.
    fn parts(&self) -> Result<(DomainArgument, &[OsString]), Failure> {
        match (&self.domain, self.command.as_slice()) {
            (Some(domain), command) => Ok((domain.clone(), command)),
            (None, [domain, dashes, command @ ..]) if dashes == "--" && !command.is_empty() => {
                let domain = domain.to_str().ok_or(Failure::NothingToDestroy)?;
                Ok((domain.parse()?, command))
            }
            _ => Err(Failure::NothingToDestroy),
        }
    }
}

/// The command succeeded, and the domain is destroyed.
fn destroyed_with(
    destroyed: &Destroyed<()>,
    domain: DomainKey,
    output: Output,
) -> Result<Status, Failure> {
    let (cleared, problems) = (destroyed.cleared.as_ref(), &destroyed.problems);
    show(cleared, problems, None, domain, output)?;
    note(problems, output);
    if let Some(first) = problems.first() {
        output.note("the domain is destroyed all the same");
        // The closing mark alone needs space. What was to be removed is removed without it.
        if cleared.is_none() || !is_no_space(first) {
            return Ok(first.kind().into());
        }
    }
    Ok(cleared.map_or(Status::Done, |cleared| report(cleared, output)))
}

/// The command failed, and the domain is destroyed all the same.
fn destroyed_despite(
    source: Source,
    cleared: Option<&Cleared>,
    problems: &[UserdataError],
    domain: DomainKey,
    output: Output,
) -> Result<Status, Failure> {
    let command_error = chain(&*source);
    output.note(format_args!(
        "domain {domain} is destroyed, although the command failed: {command_error}"
    ));
    if let Some(cleared) = cleared {
        for line in removed_lines(cleared).lines() {
            output.note(line);
        }
        report(cleared, output);
    }
    note(problems, output);
    show(cleared, problems, Some(command_error), domain, output)?;
    Ok(Status::Failure)
}

/// Writes the JSON document, if one is wanted.
fn show(
    cleared: Option<&Cleared>,
    problems: &[UserdataError],
    command_error: Option<String>,
    domain: DomainKey,
    output: Output,
) -> Result<(), Failure> {
    let document = document::Destroyed {
        domain: domain.into(),
        cleared: cleared.map(document::Removed::from),
        problems: problems.iter().map(|error| chain(error)).collect(),
        command_error,
    };
    output.show(&document, String::new)
}

fn is_no_space(error: &UserdataError) -> bool {
    match error.kind() {
        UserdataErrorKind::Store(error) => matches!(error.kind(), StoreErrorKind::NoSpace(_)),
        _ => false,
    }
}

fn note(problems: &[UserdataError], output: Output) {
    for error in problems {
        output.note(chain(error));
    }
}

fn name(command: &[OsString]) -> String {
    let program = command.first().map_or(OsStr::new(""), |program| program);
    program.to_string_lossy().into_owned()
}

/// Runs the command to its end. With `--json` only the document goes to standard output, and the
/// output of the command goes to standard error.
fn execute(command: &[OsString], output: Output) -> Result<(), CommandFailed> {
    let mut child = Command::new(command.first().map_or(OsStr::new(""), |program| program));
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
