//! `XenstoreError`: a request to xenstore that failed.

use std::io;
use std::time::Duration;

use thiserror::Error;
use userdata_core::hypervisor::HypervisorErrorKind;

use super::wire::Malformed;

/// A request that xenstored refused, or that failed on the way to it or back.
#[derive(Debug, Error)]
#[error("xenstore: cannot {operation} {path}")]
pub struct XenstoreError {
    operation: &'static str,
    path: Box<str>,
    #[source]
    kind: XenstoreErrorKind,
}

impl XenstoreError {
    pub(super) fn new(operation: &'static str, path: &str, kind: XenstoreErrorKind) -> Self {
        Self {
            operation,
            path: path.into(),
            kind,
        }
    }

    /// The request: `connect to`, `read`, `list`, `watch`, `stop watching` or `wait for`.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// The path of the node; when connecting, the paths of the sockets and devices.
    #[must_use]
    pub const fn path(&self) -> &str {
        &self.path
    }

    /// Why the request failed.
    #[must_use]
    pub const fn kind(&self) -> &XenstoreErrorKind {
        &self.kind
    }
}

/// Why a request to xenstore failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum XenstoreErrorKind {
    /// xenstored is not running: none of its sockets and devices exists and answers.
    #[error("xenstored is not running")]
    Unavailable,
    /// This user may not open the socket or device.
    #[error("only root may open the socket or device")]
    NotPermitted(#[source] io::Error),
    /// xenstored refused the request with the error of this name, such as `EACCES`.
    #[error("xenstored answered {0}")]
    Refused(Box<str>),
    /// No answer came in time.
    #[error("no answer within {waited:?}")]
    DeadlinePassed {
        /// How long the client waited.
        waited: Duration,
    },
    /// xenstored closed the connection, or the client did after an earlier failure.
    #[error("the connection is closed")]
    Closed,
    /// The answer is not of xenstore's protocol.
    #[error("the answer is malformed")]
    Malformed(#[source] Malformed),
    /// The path or token is too long, or contains a NUL. Nothing was sent.
    #[error("the path or token is too long or contains a NUL")]
    InvalidPath,
    /// A system call failed in another way.
    #[error("a system call failed")]
    Failed(#[source] io::Error),
}

impl From<XenstoreError> for HypervisorErrorKind {
    fn from(error: XenstoreError) -> Self {
        let node = |error: &XenstoreError| format!("xenstore's {}", error.path);
        match error.kind {
            XenstoreErrorKind::Unavailable => Self::Unavailable {
                what: format!("xenstore ({})", error.path),
                source: None,
            },
            XenstoreErrorKind::NotPermitted(source) => Self::NotPermitted {
                what: format!("{} must be opened, which takes root", error.path),
                source: Some(Box::new(source)),
            },
            XenstoreErrorKind::Refused(ref name) if matches!(name.as_ref(), "EACCES" | "EPERM") => {
                Self::NotPermitted {
                    what: node(&error),
                    source: Some(Box::new(error)),
                }
            }
            XenstoreErrorKind::DeadlinePassed { waited } => Self::DeadlinePassed { waited },
            XenstoreErrorKind::Malformed(ref malformed) => Self::Malformed {
                what: format!("{}: {malformed}", node(&error)),
            },
            _ => Self::Failed {
                source: Box::new(error),
            },
        }
    }
}
