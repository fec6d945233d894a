//! `CommandError`: why the command could not run.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use userdata_simulate::walk::WalkError;

/// Why the command could not run.
#[derive(Debug, Error)]
pub(crate) enum CommandError {
    #[error("cannot catch Ctrl-C: {0}")]
    Interrupt(#[from] ctrlc::Error),
    #[error("the simulated host does not start: {0}")]
    Walk(#[from] WalkError),
    #[error("the case does not run: {0}")]
    Replay(String),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    #[error("{}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    #[error("{} is not a file of findings: {source}", file.display())]
    Format {
        file: PathBuf,
        source: serde_json::Error,
    },
}

impl CommandError {
    pub(crate) fn of_file(file: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::File {
            file: file.to_owned(),
            source,
        }
    }

    pub(crate) fn of_format(file: &Path) -> impl FnOnce(serde_json::Error) -> Self {
        |source| Self::Format {
            file: file.to_owned(),
            source,
        }
    }
}
