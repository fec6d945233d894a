//! `Failure`: why a call failed, and its code.

use std::error::Error;
use std::ffi::c_int;
use std::io;

use thiserror::Error;
use userdata::domain::DomidError;
use userdata::hypervisor::{HypervisorError, HypervisorErrorKind};
use userdata::store::{Refused, StoreError, StoreErrorKind};
use userdata::sweep::{SweepError, SweepErrorKind};
use userdata::userid::UseridError;
use userdata::{DestroyError, UserdataError, UserdataErrorKind};
use userdata_archive::{ContentsError, ReadError, WriteError};

use crate::code::Code;

/// Why a call failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("the {0} is NULL")]
    Null(&'static str),
    #[error("the {0} is not one, or was freed")]
    NotOne(&'static str),
    #[error("the {0} is misaligned")]
    Misaligned(&'static str),
    #[error("the size of the {0} is not set")]
    NoSize(&'static str),
    #[error("the {0} has no such value")]
    Unknown(&'static str),
    #[error(
        "interface {asked} is unknown to this library, which has {}",
        crate::options::API
    )]
    Api { asked: u32 },
    #[error("the {0} has members that this library does not know")]
    Newer(&'static str),
    #[error("the hypervisor must be auto, xen or sim:FILE")]
    Hypervisor,
    #[error("domain {domid}")]
    Domid {
        domid: u32,
        #[source]
        source: DomidError,
    },
    #[error("the userid is refused")]
    Userid(#[source] UseridError),
    #[error("a value of {0} bytes is larger than memory can be")]
    TooLarge(usize),
    #[error("another sweep uses the sightings")]
    SightingsInUse,
    #[error("out of memory for a value of {0} bytes")]
    NoMemory(usize),
    #[error(transparent)]
    Host(HypervisorError),
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Userdata(UserdataError),
    #[error(transparent)]
    Destroy(DestroyError),
    #[error(transparent)]
    Sweep(SweepError),
    #[error("{0} files could not be removed")]
    NotSwept(u64),
    #[error(transparent)]
    Contents(ContentsError),
    #[error(transparent)]
    Read(ReadError),
    #[error(transparent)]
    Write(WriteError),
    #[error("cannot {operation}")]
    Io {
        operation: &'static str,
        source: io::Error,
    },
    /// A bug of this library.
    #[error("internal error at {place}: {text}")]
    Panic { place: String, text: String },
}

/// The caller's function, or the caller, says that the domain was not destroyed.
#[derive(Debug, Error)]
#[error("the function that destroys the domain returned {0}")]
pub(crate) struct NotDestroyed(pub(crate) c_int);

impl From<UserdataError> for Failure {
    fn from(error: UserdataError) -> Self {
        Self::Userdata(error)
    }
}

impl Failure {
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Null(_)
            | Self::NotOne(_)
            | Self::Misaligned(_)
            | Self::NoSize(_)
            | Self::Unknown(_)
            | Self::Hypervisor
            | Self::Userid(_)
            | Self::SightingsInUse => Code::Inval,
            Self::Api { .. } | Self::Newer(_) => Code::Version,
            Self::Domid { .. } => Code::NoDomain,
            Self::TooLarge(_) => Code::Limit,
            Self::NoMemory(_) => Code::NoMemory,
            Self::Host(error) => of_hypervisor(error.kind()),
            Self::Store(error) => of_store(error.kind()),
            Self::Userdata(error) => of_userdata(error.kind()),
            Self::Destroy(error) => of_destroy(error),
            Self::Sweep(error) => match error.kind() {
                SweepErrorKind::Store(error) => of_store(error.kind()),
                SweepErrorKind::Hypervisor(error) => of_hypervisor(error.kind()),
                _ => Code::Fail,
            },
            Self::NotSwept(_) => Code::Fail,
            Self::Contents(error) => match error {
                ContentsError::Userid { .. } => Code::Inval,
                ContentsError::Empty { .. } => Code::Damaged,
                _ => Code::Fail,
            },
            Self::Read(error) => match error {
                ReadError::Damaged { .. } => Code::Damaged,
                ReadError::Limit(_) => Code::Limit,
                ReadError::Userid { .. } => Code::Inval,
                ReadError::OutOfMemory { .. } => Code::NoMemory,
                ReadError::Io { source, .. } => of_io(source),
                _ => Code::Fail,
            },
            Self::Write(error) => match error {
                WriteError::Limit(_) => Code::Limit,
                WriteError::Io { source, .. } => of_io(source),
                _ => Code::Fail,
            },
            Self::Io { source, .. } => of_io(source),
            Self::Panic { .. } => Code::Internal,
        }
    }

    /// The error and its causes, on one line.
    pub(crate) fn line(&self) -> String {
        line(self)
    }
}

/// An error and its causes.
pub(crate) fn line(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        line.push_str(": ");
        line.push_str(&source.to_string());
        next = source.source();
    }
    line
}

pub(crate) fn of_userdata(kind: &UserdataErrorKind) -> Code {
    match kind {
        UserdataErrorKind::NoSuchDomain => Code::NoDomain,
        UserdataErrorKind::BeingDestroyed => Code::Destroying,
        UserdataErrorKind::Userid(_) | UserdataErrorKind::SameDomain => Code::Inval,
        UserdataErrorKind::LimitExceeded { .. } => Code::Limit,
        UserdataErrorKind::Hypervisor(error) => of_hypervisor(error.kind()),
        UserdataErrorKind::NotHere(_) => Code::Elsewhere,
        UserdataErrorKind::Store(error) => of_store(error.kind()),
        UserdataErrorKind::GaveUp { .. } => Code::Precondition,
        UserdataErrorKind::ClosureFailed(_) => Code::Callback,
        _ => Code::Fail,
    }
}

pub(crate) fn of_store(kind: &StoreErrorKind) -> Code {
    match kind {
        StoreErrorKind::Refused(Refused::NoSuchDomain) => Code::NoDomain,
        StoreErrorKind::Refused(Refused::BeingDestroyed) => Code::Destroying,
        StoreErrorKind::Refused(Refused::Unknown(error)) => of_hypervisor(error.kind()),
        StoreErrorKind::Refused(
            Refused::Elsewhere(_)
            | Refused::NotAMember
            | Refused::NoSuchMember(_)
            | Refused::NotRunning
            | Refused::NotMoving
            | Refused::NoData,
        ) => Code::Elsewhere,
        StoreErrorKind::OutcomeUnknown { .. } | StoreErrorKind::AnswerLost(_) => {
            Code::OutcomeUnknown
        }
        StoreErrorKind::Empty
        | StoreErrorKind::NotRegular(_)
        | StoreErrorKind::Damaged(_)
        | StoreErrorKind::ChangedWhileRead => Code::Damaged,
        StoreErrorKind::LimitExceeded { .. } | StoreErrorKind::ChangeTooLarge { .. } => Code::Limit,
        StoreErrorKind::PreconditionFailed { .. } => Code::Precondition,
        StoreErrorKind::DeadlinePassed { .. }
        | StoreErrorKind::Unreachable { .. }
        | StoreErrorKind::Held => Code::Deadline,
        StoreErrorKind::NotPermitted(_) | StoreErrorKind::ReadOnly(_) => Code::Permission,
        StoreErrorKind::NoSpace(_) => Code::NoSpace,
        StoreErrorKind::LockLost { .. } => Code::LockLost,
        StoreErrorKind::ReplacedNotDurable(_) | StoreErrorKind::RemovedNotDurable(_) => {
            Code::NotDurable
        }
        StoreErrorKind::OutOfMemory { .. } => Code::NoMemory,
        StoreErrorKind::NameTooLong(_) | StoreErrorKind::StaysInFiles => Code::Inval,
        _ => Code::Fail,
    }
}

fn of_hypervisor(kind: &HypervisorErrorKind) -> Code {
    match kind {
        HypervisorErrorKind::Unavailable { .. } | HypervisorErrorKind::Unsupported { .. } => {
            Code::Unavailable
        }
        HypervisorErrorKind::NotPermitted { .. } => Code::Permission,
        HypervisorErrorKind::DeadlinePassed { .. } => Code::Deadline,
        _ => Code::Fail,
    }
}

fn of_destroy(error: &DestroyError) -> Code {
    match error {
        DestroyError::NotStarted(error) => of_userdata(error.kind()),
        DestroyError::Failed { .. }
        | DestroyError::StillAlive { .. }
        | DestroyError::DestroyedWithError { .. }
        | DestroyError::Unknown {
            source: Some(_), ..
        } => Code::Callback,
        DestroyError::Unknown { problems, .. } => problems
            .iter()
            .map(UserdataError::kind)
            .find(|kind| matches!(kind, UserdataErrorKind::Hypervisor(_)))
            .map_or(Code::Fail, of_userdata),
        _ => Code::Fail,
    }
}

fn of_io(error: &io::Error) -> Code {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Code::Permission,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::NoSpace,
        _ => Code::Fail,
    }
}
