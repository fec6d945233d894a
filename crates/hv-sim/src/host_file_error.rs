//! `HostFileError`: why a host's file could not be used.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use userdata_core::hypervisor::{HypervisorError, HypervisorErrorKind};

use crate::{EventError, MalformedHost};

/// A simulated host's file that could not be read or changed. [`HostFileError::kind`] says why. The
/// kind is also the error's source, so that a printed chain of errors shows each fact once.
#[derive(Debug, Error)]
#[error("cannot {operation} the simulated host {}", path.display())]
pub struct HostFileError {
    operation: &'static str,
    path: PathBuf,
    #[source]
    kind: HostFileErrorKind,
}

impl HostFileError {
    pub(crate) fn new(operation: &'static str, path: &Path, kind: HostFileErrorKind) -> Self {
        Self {
            operation,
            path: path.to_owned(),
            kind,
        }
    }

    /// `read` or `change`.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// The host's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The reason.
    #[must_use]
    pub const fn kind(&self) -> &HostFileErrorKind {
        &self.kind
    }

    /// The same error as the error of a question: the question, and why it has no answer.
    pub(crate) fn into_hypervisor_error(self, asked: impl Into<Box<str>>) -> HypervisorError {
        let kind = match self.kind {
            HostFileErrorKind::Io { call, source }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                HypervisorErrorKind::NotPermitted {
                    what: format!("{call}: {}", self.path.display()),
                    source: Some(source.into()),
                }
            }
            kind => HypervisorErrorKind::Failed {
                source: Self { kind, ..self }.into(),
            },
        };
        HypervisorError::new(asked, kind)
    }
}

/// Why a simulated host's file could not be read or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostFileErrorKind {
    /// The event can't happen on this host. The file is as it was.
    #[error(transparent)]
    Event(EventError),
    /// The file is not a host, or is damaged. It is left as it is.
    #[error(transparent)]
    Malformed(MalformedHost),
    /// The file or its lock file is a directory, a device or the like.
    #[error("{} is not a regular file", path.display())]
    NotRegular {
        /// The path of that file.
        path: PathBuf,
    },
    /// The file is longer than any host can be.
    #[error("it is larger than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: u64,
    },
    /// Another process held the lock until the timeout.
    #[error("{} is locked by another process; waited {waited:?}", lock.display())]
    Locked {
        /// The lock file.
        lock: PathBuf,
        /// How long the event waited.
        waited: Duration,
    },
    /// The operating system refused a call.
    #[error("can't {call}")]
    Io {
        /// The call, such as `open it` or `rename the new file over the old`.
        call: &'static str,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_missing_permission_has_a_kind_of_its_own() {
        let error = |kind: io::ErrorKind| {
            let (call, source) = ("open it", kind.into());
            let kind = HostFileErrorKind::Io { call, source };
            HostFileError::new("read", Path::new("/h.json"), kind).into_hypervisor_error("list")
        };
        let denied = error(io::ErrorKind::PermissionDenied);
        let HypervisorErrorKind::NotPermitted { what, source } = denied.kind() else {
            panic!("{denied:?}");
        };
        assert_eq!(what, "open it: /h.json");
        assert!(source.is_some());
        let other = error(io::ErrorKind::StorageFull);
        assert!(matches!(other.kind(), HypervisorErrorKind::Failed { .. }));
        let kind = other.source().and_then(|kind| kind.source()).unwrap();
        assert_eq!(kind.to_string(), "cannot read the simulated host /h.json");
        assert_eq!(kind.source().unwrap().to_string(), "can't open it");
    }
}
