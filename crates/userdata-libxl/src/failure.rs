//! `Failure`: why a call failed, libxl's code for it, and `errno`.

use std::error::Error;
use std::ffi::c_int;
use std::io;

use thiserror::Error;
use userdata::UserdataError;
use userdata::UserdataErrorKind;
use userdata::domain::DomidError;
use userdata::hypervisor::HypervisorError;
use userdata::store::{Operation, StoreError, StoreErrorKind};
use userdata::userid::UseridError;

/// `ERROR_FAIL` of `libxl.h`.
const FAIL: c_int = -3;
/// `ERROR_NOMEM`.
const NOMEM: c_int = -5;
/// `ERROR_INVAL`.
const INVAL: c_int = -6;
/// `ERROR_LOCK_FAIL`, which libxl returns if there is no such domain, too.
const LOCK_FAIL: c_int = -15;

/// Why a call failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// A pointer that the call needs is null.
    #[error("the {0} is NULL")]
    Null(&'static str),
    /// The length of the data is negative.
    #[error("the length of the data is negative")]
    NegativeLength,
    /// No domain has this domid.
    #[error("domain {domid}")]
    Domid {
        /// The domid.
        domid: u32,
        /// Why.
        #[source]
        source: DomidError,
    },
    /// The userid is refused.
    #[error("the userid is refused")]
    Userid(#[source] UseridError),
    /// There is no value to remove.
    #[error("the domain has no value under this userid")]
    NothingToRemove,
    /// There is no memory for the value that was read.
    #[error("out of memory for a value of {0} bytes")]
    NoMemory(usize),
    /// The hypervisor could not be opened.
    #[error(transparent)]
    Hypervisor(HypervisorError),
    /// The directory could not be opened.
    #[error(transparent)]
    Store(StoreError),
    /// The operation failed.
    #[error(transparent)]
    Userdata(UserdataError),
    /// A bug of this library.
    #[error("internal error: {0}")]
    Panic(String),
}

impl From<UserdataError> for Failure {
    fn from(error: UserdataError) -> Self {
        Self::Userdata(error)
    }
}

impl Failure {
    /// The code of libxl.
    pub(crate) fn code(&self) -> c_int {
        match self {
            Self::Null(_) | Self::NegativeLength => INVAL,
            Self::Domid { .. } | Self::Hypervisor(_) => LOCK_FAIL,
            Self::NoMemory(_) => NOMEM,
            Self::Store(error) => of_store(error),
            Self::Userdata(error) => match error.kind() {
                UserdataErrorKind::NoSuchDomain
                | UserdataErrorKind::BeingDestroyed
                | UserdataErrorKind::Hypervisor(_) => LOCK_FAIL,
                UserdataErrorKind::Store(error) => of_store(error),
                _ => FAIL,
            },
            Self::Userid(_) | Self::NothingToRemove | Self::Panic(_) => FAIL,
        }
    }

    /// The value of `errno`: that of the system call that failed, if one did.
    pub(crate) fn errno(&self) -> c_int {
        match self {
            Self::Null(_) | Self::NegativeLength => libc::EINVAL,
            Self::Userid(UseridError::TooLong { .. }) => libc::ENAMETOOLONG,
            Self::Userid(_) => libc::EINVAL,
            Self::Domid { .. } => libc::ESRCH,
            Self::NothingToRemove => libc::ENOENT,
            Self::NoMemory(_) => libc::ENOMEM,
            Self::Hypervisor(error) => of_system(error).unwrap_or(libc::EIO),
            Self::Store(error) => errno_of_store(error, of_system(error)),
            Self::Userdata(error) => match error.kind() {
                UserdataErrorKind::NoSuchDomain | UserdataErrorKind::BeingDestroyed => libc::ESRCH,
                UserdataErrorKind::Store(store) => errno_of_store(store, of_system(store)),
                kind => of_system(kind).unwrap_or(libc::EIO),
            },
            Self::Panic(_) => libc::EIO,
        }
    }

    /// Whether the caller's logger is told. It is not told that there was nothing to remove: xl
    /// removes a value after each reboot without looking whether there is one.
    pub(crate) const fn is_logged(&self) -> bool {
        !matches!(self, Self::NothingToRemove)
    }

    /// The error and its causes, on one line.
    pub(crate) fn line(&self) -> String {
        let mut line = self.to_string();
        let mut next = self.source();
        while let Some(source) = next {
            line.push_str(": ");
            line.push_str(&source.to_string());
            next = source.source();
        }
        line
    }
}

/// libxl returns the same code whatever keeps it from taking the lock, a missing directory
/// included.
fn of_store(error: &StoreError) -> c_int {
    match (error.operation(), error.kind()) {
        (_, StoreErrorKind::OutOfMemory { .. }) => NOMEM,
        (Operation::OpenStore | Operation::Lock, _)
        | (_, StoreErrorKind::LockLost { applied: false }) => LOCK_FAIL,
        _ => FAIL,
    }
}

/// The error of the system call at the end of a chain of errors, if a system call failed.
fn of_system(error: &(dyn Error + 'static)) -> Option<c_int> {
    let mut next = Some(error);
    while let Some(error) = next {
        let of_xen = || error.downcast_ref::<io::Error>()?.raw_os_error();
        let of_store = || Some(error.downcast_ref::<userdata_fs::Errno>()?.raw());
        if let Some(errno) = of_store().or_else(of_xen) {
            return Some(errno);
        }
        next = error.source();
    }
    None
}

fn errno_of_store(error: &StoreError, of_system: Option<c_int>) -> c_int {
    match error.kind() {
        StoreErrorKind::DeadlinePassed { .. } | StoreErrorKind::Held => libc::ETIMEDOUT,
        StoreErrorKind::OutOfMemory { .. } => libc::ENOMEM,
        StoreErrorKind::LimitExceeded { .. } => libc::EFBIG,
        StoreErrorKind::NameTooLong(_) => libc::ENAMETOOLONG,
        _ => of_system.unwrap_or(libc::EIO),
    }
}
