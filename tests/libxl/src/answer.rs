//! `Answer`: the result of a call, in terms that fit both real libxl and this library.

use std::fmt;

use userdata::{DestroyError, Destroyed, Outcome, UserdataError, UserdataErrorKind};
use userdata_core::Value;
use userdata_core::store::Operation;

use crate::libxl::Returned;
use crate::step::Call;

/// The result of a call.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The call succeeded.
    Done,
    /// The call succeeded, with problems.
    DoneWithProblems,
    /// There was nothing to remove.
    NothingToRemove,
    /// There is no value.
    NoValue,
    /// The value.
    Value(Vec<u8>),
    /// There is no such domain.
    NoSuchDomain,
    /// The domain is being destroyed.
    BeingDestroyed,
    /// The lock could not be taken. libxl also says this if there is no such domain.
    LockFailed,
    /// The call does not take this userid.
    Refused,
    /// The call waits for an event that may never happen.
    Waits,
    /// Any other failure.
    Failed,
    /// Any other code of libxl.
    Code(i32),
    /// The call can't be expressed in Rust.
    Inexpressible,
}

/// `ERROR_FAIL`, `ERROR_INVAL`, `ERROR_LOCK_FAIL` and `ERROR_DOMAIN_NOTFOUND` of `libxl.h`.
const FAIL: i32 = -3;
const INVAL: i32 = -6;
const LOCK_FAIL: i32 = -15;
const DOMAIN_NOTFOUND: i32 = -21;

impl From<Returned> for Answer {
    fn from(returned: Returned) -> Self {
        match returned {
            Returned::Value(bytes) => Self::Value(bytes),
            Returned::NoValue => Self::NoValue,
            Returned::Code(0) => Self::Done,
            Returned::Code(FAIL) => Self::Failed,
            Returned::Code(LOCK_FAIL) => Self::LockFailed,
            Returned::Code(DOMAIN_NOTFOUND) => Self::NoSuchDomain,
            Returned::Code(code) => Self::Code(code),
        }
    }
}

impl From<Result<Outcome, UserdataError>> for Answer {
    fn from(changed: Result<Outcome, UserdataError>) -> Self {
        match changed {
            Ok(Outcome::NothingToRemove) => Self::NothingToRemove,
            Ok(_) => Self::Done,
            Err(error) => Self::failure(error.kind()),
        }
    }
}

impl From<Result<Option<Value>, UserdataError>> for Answer {
    fn from(read: Result<Option<Value>, UserdataError>) -> Self {
        match read {
            Ok(Some(value)) => Self::Value(value.as_bytes().to_vec()),
            Ok(None) => Self::NoValue,
            Err(error) => Self::failure(error.kind()),
        }
    }
}

impl<R> From<Result<Destroyed<R>, DestroyError>> for Answer {
    fn from(destroyed: Result<Destroyed<R>, DestroyError>) -> Self {
        match destroyed {
            Ok(done) => {
                let unremoved = done
                    .cleared
                    .is_none_or(|cleared| !cleared.failed.is_empty());
                if unremoved || !done.problems.is_empty() {
                    Self::DoneWithProblems
                } else {
                    Self::Done
                }
            }
            Err(DestroyError::NotStarted(error)) => Self::failure(error.kind()),
            Err(_) => Self::Failed,
        }
    }
}

impl Answer {
    /// This library's answer as the code that the drop-in returns for it.
    pub(crate) fn into_code(self, call: &Call) -> Self {
        match self {
            Self::NoSuchDomain | Self::BeingDestroyed => Self::LockFailed,
            Self::Refused => Self::Failed,
            Self::Inexpressible => Self::Code(INVAL),
            // Of a store of no bytes that is a success, and of an unlink a failure, as by libxl.
            Self::NothingToRemove if matches!(call, Call::Store { .. }) => Self::Done,
            Self::NothingToRemove => Self::Failed,
            other => other,
        }
    }

    fn failure(kind: &UserdataErrorKind) -> Self {
        match kind {
            UserdataErrorKind::NoSuchDomain => Self::NoSuchDomain,
            UserdataErrorKind::BeingDestroyed => Self::BeingDestroyed,
            UserdataErrorKind::Userid(_) => Self::Refused,
            UserdataErrorKind::Store(error) if error.operation() == Operation::Lock => {
                Self::LockFailed
            }
            _ => Self::Failed,
        }
    }
}

impl fmt::Debug for Answer {
    /// Shows the beginning of long values only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::DoneWithProblems => "done, with problems",
            Self::NothingToRemove => "nothing to remove",
            Self::NoValue => "no value",
            Self::Value(bytes) => return write!(f, "the value {}", shown(bytes)),
            Self::NoSuchDomain => "no such domain",
            Self::BeingDestroyed => "the domain is being destroyed",
            Self::LockFailed => "not locked",
            Self::Refused => "the userid is refused",
            Self::Waits => "waits for ever",
            Self::Failed => "failed",
            Self::Code(code) => return write!(f, "code {code}"),
            Self::Inexpressible => "cannot be asked for",
        })
    }
}

/// The first bytes, on one line, and the length.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let beginning = bytes.get(..24).unwrap_or(bytes);
    let more = if beginning.len() < bytes.len() {
        "..."
    } else {
        ""
    };
    format!(
        "'{}'{more} ({} bytes)",
        beginning.escape_ascii(),
        bytes.len()
    )
}
