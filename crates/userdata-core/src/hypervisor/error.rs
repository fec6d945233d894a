//! `HypervisorError`: why the hypervisor did not answer.

use std::time::Duration;

use thiserror::Error;

use crate::Source;
use crate::waited::Waited;

/// A question that the hypervisor did not answer. [`HypervisorError::kind`] says why. The kind is
/// also the error's source, so that a printed chain of errors shows each fact once.
#[derive(Debug, Error)]
#[error("cannot {operation}")]
pub struct HypervisorError {
    operation: Box<str>,
    #[source]
    kind: HypervisorErrorKind,
}

impl HypervisorError {
    /// An error with this operation, a verb phrase that completes "cannot ...", such as `look up
    /// domain 5`.
    #[must_use]
    pub fn new(operation: impl Into<Box<str>>, kind: HypervisorErrorKind) -> Self {
        Self {
            operation: operation.into(),
            kind,
        }
    }

    /// The operation, as a verb phrase.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// Why there was no answer.
    #[must_use]
    pub const fn kind(&self) -> &HypervisorErrorKind {
        &self.kind
    }
}

/// Why there was no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HypervisorErrorKind {
    /// There is no hypervisor to ask, or a part of it is missing; `what` names the device, socket
    /// or file that was tried.
    #[error("{what} is not there")]
    Unavailable {
        /// The device, socket or file.
        what: String,
        /// The error of the system.
        #[source]
        source: Option<Source>,
    },
    /// The caller lacks a right; `what` names the device or call and the right.
    #[error("not permitted: {what}")]
    NotPermitted {
        /// The device or call, and the right that is missing.
        what: String,
        /// The error of the system.
        #[source]
        source: Option<Source>,
    },
    /// The hypervisor has a version of the interface that this library does not know, or this build
    /// cannot ask a hypervisor at all.
    #[error("not supported: {what}")]
    Unsupported {
        /// The call or version that is not supported.
        what: String,
    },
    /// The hypervisor did not answer within the timeout.
    #[error("no answer within {}", Waited(*.waited))]
    DeadlinePassed {
        /// How long the caller waited.
        waited: Duration,
    },
    /// The answer does not fit the question.
    #[error("the answer is malformed: {what}")]
    Malformed {
        /// The defect of the answer.
        what: String,
    },
    /// Any other failure.
    #[error("the call failed")]
    Failed {
        /// The error of the system.
        #[source]
        source: Source,
    },
}
