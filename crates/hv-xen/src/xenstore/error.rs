//! `XenstoreError`: why xenstore did not do as asked.

use std::io;
use std::time::Duration;

use thiserror::Error;
use userdata_core::hypervisor::HypervisorErrorKind;

use super::wire::Malformed;

/// A request that xenstore did not grant, or that never reached it.
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

    /// The path in xenstore, or that of the socket or device.
    #[must_use]
    pub const fn path(&self) -> &str {
        &self.path
    }

    /// Why it was not done.
    #[must_use]
    pub const fn kind(&self) -> &XenstoreErrorKind {
        &self.kind
    }
}

/// Why a request was not granted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum XenstoreErrorKind {
    /// There is no xenstore: none of its sockets and devices is there.
    #[error("no xenstore is running here")]
    Unavailable,
    /// This user may not open the socket or device.
    #[error("this user may not open it, which takes root")]
    NotPermitted(#[source] io::Error),
    /// xenstored refused, with this name of an error, such as `EACCES`.
    #[error("xenstored answered {0}")]
    Refused(Box<str>),
    /// No answer within the time allowed.
    #[error("no answer within {waited:?}")]
    DeadlinePassed {
        /// How long it was waited for.
        waited: Duration,
    },
    /// xenstored closed the connection, or an earlier failure made it useless.
    #[error("the connection is closed")]
    Closed,
    /// What came is not of the protocol.
    #[error("the answer is malformed")]
    Malformed(#[source] Malformed),
    /// The path or token is too long, or contains a NUL.
    #[error("no request can hold this path")]
    InvalidPath,
    /// Any other failure.
    #[error("the call failed")]
    Failed(#[source] io::Error),
}

impl From<XenstoreError> for HypervisorErrorKind {
    fn from(error: XenstoreError) -> Self {
        let said = |error: &XenstoreError| format!("xenstore's {}", error.path);
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
                    what: said(&error),
                    source: Some(Box::new(error)),
                }
            }
            XenstoreErrorKind::DeadlinePassed { waited } => Self::DeadlinePassed { waited },
            XenstoreErrorKind::Malformed(ref malformed) => Self::Malformed {
                what: format!("{}: {malformed}", said(&error)),
            },
            _ => Self::Failed {
                source: Box::new(error),
            },
        }
    }
}
