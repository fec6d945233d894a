//! `userdata destroy`: runs the caller's command that destroys a domain, and removes its values.

use std::ffi::OsString;
use std::path::Path;

use userdata::follow::{Exported, Limits};
use userdata::store::{Cleared, StoreErrorKind};
use userdata::{
    DestroyError, Destroyed, DomainKey, Source, UserdataError, UserdataErrorKind, Userid, Value,
};
use userdata_archive::Archive;

use super::archive::{archive, contents, write};
use super::child;
use super::clear::{removed_lines, report};
use crate::arguments::Destroy;
use crate::chain::chain;
use crate::document;
use crate::domain::DomainArgument;
use crate::failure::Failure;
use crate::new_file::{Made, NewFile};
use crate::options::{HostData, Options};
use crate::output::Output;
use crate::status::Status;

impl Destroy {
    pub(crate) fn run(&self, options: &Options) -> Result<Status, Failure> {
        let output = options.output();
        let (domain, command) = self.parts()?;
        let which = self.which.selection(options)?;
        let file = self.new_file()?;
        let host = options.host()?;
        let domain = options.key(&domain, &host)?;
        let userdata = options.userdata(&host)?;
        let destroy = |_: &DomainKey| child::run(command, output);
        let mut export: Option<Export> = None;
        let mut inner = |file: Option<NewFile>| match file {
            None => userdata.destroy(domain, destroy),
            Some(file) => {
                let limits = userdata_archive::Limits::new(options.max_size());
                let mut file = Some(file);
                let take_along = |exported: Exported| -> Result<(), Failure> {
                    if let Some(file) = file.take() {
                        let archive = archive(domain, &host, exported.values)?;
                        export = Some(Export::write(archive, file, &limits)?);
                    } else if let Some(export) = &mut export {
                        export.replace(exported.values, &limits)?;
                    }
                    Ok(())
                };
                let limits = Limits::default();
                userdata.destroy_with_export(domain, &which, &limits, take_along, destroy)
            }
        };
        let result = match options.is_pool() {
            false => inner(file),
            true => nested(&options.files(&host)?, domain, || inner(file), output)?,
        };
        let error = match result {
            Ok(destroyed) => return destroyed_with(&destroyed, export.as_ref(), domain, output),
            Err(error) => error,
        };
        match error {
            DestroyError::NotStarted(error) => Err(error.into()),
            DestroyError::DestroyedWithError {
                source,
                cleared,
                problems,
            } => {
                let (cleared, export) = (cleared.as_ref(), export.as_ref());
                destroyed_despite(source, cleared, &problems, export, domain, output)
            }
            DestroyError::StillAlive { problems } => {
                note(&problems, output);
                remove(export, output);
                let command = child::name(command);
                Err(Failure::StillAlive { domain, command })
            }
            source => {
                match &source {
                    DestroyError::Failed { problems, .. } => {
                        note(problems, output);
                        remove(export, output);
                    }
                    DestroyError::Unknown { problems, .. } => {
                        note(problems, output);
                        keep(export.as_ref(), output);
                    }
                    _ => {}
                }
                let source = Box::new(source);
                Err(Failure::NotDestroyed { domain, source })
            }
        }
    }

    /// The file of `--export`, which must not exist yet.
    fn new_file(&self) -> Result<Option<NewFile>, Failure> {
        let Some(path) = &self.export else {
            return Ok(None);
        };
        if path == Path::new("-") {
            return Err(Failure::ExportNotToFile);
        }
        let failed = Failure::io(format!("create {}", path.display()));
        NewFile::at(path).map(Some).map_err(failed)
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

/// The destruction of a domain whose data is in two places: the values in the host's files are
/// removed around `inner`, which runs the command and removes those in the pool. The result is that
/// of `inner`, with what was removed from both.
fn nested(
    files: &HostData<'_>,
    domain: DomainKey,
    inner: impl FnOnce() -> Result<Destroyed<()>, DestroyError>,
    output: Output,
) -> Result<Result<Destroyed<()>, DestroyError>, Failure> {
    let mut result = None;
    let outer = files.destroy(domain, |_| -> Result<(), Failure> {
        result = Some(inner());
        Ok(())
    });
    let Some(mut result) = result else {
        return match outer {
            Err(DestroyError::NotStarted(error)) => Err(error.into()),
            Err(source) => Err(Failure::NotDestroyed {
                domain,
                source: Box::new(source),
            }),
            // The files are not left without a call of the function.
            Ok(_) => Err(Failure::NothingToDestroy),
        };
    };
    match outer {
        Ok(Destroyed {
            cleared: of_files,
            problems: more,
            ..
        }) => match &mut result {
            Ok(Destroyed {
                cleared, problems, ..
            })
            | Err(DestroyError::DestroyedWithError {
                cleared, problems, ..
            }) => {
                add(cleared, of_files);
                problems.extend(more);
            }
            _ => note(&more, output),
        },
        // The hypervisor was asked by both; `inner` tells what it answered.
        Err(DestroyError::StillAlive { problems }) => note(&problems, output),
        Err(error) => output.note(chain(&error)),
    }
    Ok(result)
}

/// Adds what was removed from the files.
fn add(cleared: &mut Option<Cleared>, of_files: Option<Cleared>) {
    match (cleared, of_files) {
        (Some(cleared), Some(more)) => {
            cleared.removed.extend(more.removed);
            cleared.others.extend(more.others);
            cleared.failed.extend(more.failed);
        }
        (cleared @ None, more) => *cleared = more,
        (Some(_), None) => {}
    }
}

/// The command succeeded, and the domain is destroyed.
fn destroyed_with(
    destroyed: &Destroyed<()>,
    export: Option<&Export>,
    domain: DomainKey,
    output: Output,
) -> Result<Status, Failure> {
    let (cleared, problems) = (destroyed.cleared.as_ref(), &destroyed.problems);
    show(cleared, problems, None, export, domain, output)?;
    note(problems, output);
    note_outdated(problems, export, domain, output);
    if let Some(first) = problems.first() {
        output.note("the domain is destroyed all the same");
        // Only the closing mark needs space. The values were removed without it.
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
    export: Option<&Export>,
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
    if !note_outdated(problems, export, domain, output) {
        keep(export, output);
    }
    show(
        cleared,
        problems,
        Some(command_error),
        export,
        domain,
        output,
    )?;
    Ok(Status::Failure)
}

/// Writes the JSON document, if one is wanted.
fn show(
    cleared: Option<&Cleared>,
    problems: &[UserdataError],
    command_error: Option<String>,
    export: Option<&Export>,
    domain: DomainKey,
    output: Output,
) -> Result<(), Failure> {
    let document = || document::Destroyed {
        domain: domain.into(),
        cleared: cleared.map(document::Removed::from),
        problems: problems.iter().map(|error| chain(error)).collect(),
        command_error,
        export: export.map(|export| contents(&export.archive, export.file())),
    };
    output.show_either(document, String::new)
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

/// The archive with the domain's values, and its file.
struct Export {
    archive: Archive,
    made: Made,
}

impl Export {
    fn write(
        archive: Archive,
        file: NewFile,
        limits: &userdata_archive::Limits,
    ) -> Result<Self, Failure> {
        let failed = Failure::io(format!("write {}", file.path().display()));
        let made = file.complete(&|file| write(&archive, file, limits));
        made.map(|made| Self { archive, made }).map_err(failed)
    }

    /// Writes the archive anew, with values that were stored meanwhile. The domain is gone, so its
    /// name is that of the first archive.
    fn replace(
        &mut self,
        values: Vec<(Userid, Value)>,
        limits: &userdata_archive::Limits,
    ) -> Result<(), Failure> {
        let domain = self.archive.domain();
        let name = self.archive.name().map(str::to_owned);
        let archive = Archive::new(domain, name, values)
            .map_err(|source| Failure::Contents { domain, source })?;
        let failed = Failure::io(format!("write {} again", self.file()));
        let replaced = self.made.replace(&|file| write(&archive, file, limits));
        replaced.map_err(failed)?;
        self.archive = archive;
        Ok(())
    }

    fn file(&self) -> String {
        self.made.path().display().to_string()
    }
}

/// Tells if the archive does not have all values, and how to get the rest.
fn note_outdated(
    problems: &[UserdataError],
    export: Option<&Export>,
    domain: DomainKey,
    output: Output,
) -> bool {
    let is_outdated =
        |error: &UserdataError| matches!(error.kind(), UserdataErrorKind::ExportOutdated { .. });
    let Some(export) = export.filter(|_| problems.iter().any(is_outdated)) else {
        return false;
    };
    let file = export.file();
    output.note(format_args!(
        "{file} is older than the data: `userdata export {domain}` still gets all of it"
    ));
    true
}

/// Removes the archive, because the domain lives and has its values.
fn remove(export: Option<Export>, output: Output) {
    let Some(export) = export else { return };
    let file = export.file();
    match export.made.remove() {
        Ok(()) => output.note(format_args!("{file} is removed, since the domain lives")),
        Err(error) => output.note(format_args!(
            "cannot remove {file}, although the domain lives: {error}"
        )),
    }
}

/// Keeps the archive, because the domain is or may be gone, and its values with it.
fn keep(export: Option<&Export>, output: Output) {
    if let Some(export) = export {
        let file = export.file();
        output.note(format_args!(
            "{file} stays: it has the values as they were when they were exported"
        ));
    }
}
