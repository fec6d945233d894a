//! `CommandError`: why the command could not run.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use userdata_simulate::walk::WalkError;

/// Why the command could not run. Each text has its cause, so none has a source.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error("cannot catch Ctrl-C: {0}")]
    Interrupt(ctrlc::Error),
    #[error("the simulated host does not start: {0}")]
    Walk(WalkError),
    #[error("the case does not run: {0}")]
    Replay(String),
    #[error("cannot write: {0}")]
    Output(io::Error),
    #[error("{}: {error}", file.display())]
    File { file: PathBuf, error: io::Error },
    #[error("{} is not a file of findings: {error}", file.display())]
    Format {
        file: PathBuf,
        error: serde_json::Error,
    },
}

impl CommandError {
    pub(crate) fn of_file(file: &Path) -> impl FnOnce(io::Error) -> Self {
        |error| Self::File {
            file: file.to_owned(),
            error,
        }
    }

    pub(crate) fn of_format(file: &Path) -> impl FnOnce(serde_json::Error) -> Self {
        |error| Self::Format {
            file: file.to_owned(),
            error,
        }
    }
}
