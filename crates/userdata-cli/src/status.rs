//! `Status`: the exit status.

use std::io;
use std::process::ExitCode;

use hv_sim::{EventError, HostFileErrorKind};
use userdata::hypervisor::HypervisorErrorKind;
use userdata::store::{Refused, StoreErrorKind};
use userdata::sweep::SweepErrorKind;
use userdata::{DestroyError, UserdataErrorKind};
use userdata_archive::{ContentsError, ReadError, WriteError};

use crate::domain::DomainNotFound;
use crate::failure::Failure;

/// The exit status. The numbers and their words are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    Done = 0,
    Failure = 1,
    Usage = 2,
    NoSuchDomain = 3,
    NoData = 4,
    Damaged = 5,
    PreconditionFailed = 6,
    DeadlinePassed = 7,
    LimitExceeded = 8,
    NotPermitted = 9,
    BeingDestroyed = 10,
    OutcomeUnknown = 11,
    Elsewhere = 12,
}

impl Status {
    /// Every status, in order of number.
    pub(crate) const ALL: &[Self] = &[
        Self::Done,
        Self::Failure,
        Self::Usage,
        Self::NoSuchDomain,
        Self::NoData,
        Self::Damaged,
        Self::PreconditionFailed,
        Self::DeadlinePassed,
        Self::LimitExceeded,
        Self::NotPermitted,
        Self::BeingDestroyed,
        Self::OutcomeUnknown,
        Self::Elsewhere,
    ];

    /// The number.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    /// Its word in JSON.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failure => "failure",
            Self::Usage => "usage",
            Self::NoSuchDomain => "no_such_domain",
            Self::NoData => "no_data",
            Self::Damaged => "damaged",
            Self::PreconditionFailed => "precondition_failed",
            Self::DeadlinePassed => "deadline_passed",
            Self::LimitExceeded => "limit_exceeded",
            Self::NotPermitted => "not_permitted",
            Self::BeingDestroyed => "being_destroyed",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Elsewhere => "elsewhere",
        }
    }

    /// Its meaning, for the help.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failure => "any other failure",
            Self::Usage => "wrong usage, a userid that is refused, or empty input to store",
            Self::NoSuchDomain => "the domain does not exist, or is dead",
            Self::NoData => "the domain has no value under this userid",
            Self::Damaged => "the value is empty or damaged, or an archive is",
            Self::PreconditionFailed => {
                "the value that is there is not the expected one, or an archive has another"
            }
            Self::DeadlinePassed => "the deadline passed",
            Self::LimitExceeded => "a value, a change of a pool, or an archive is too large",
            Self::NotPermitted => "not permitted",
            Self::BeingDestroyed => "the domain is being destroyed",
            Self::OutcomeUnknown => "it is not known whether the change was made",
            Self::Elsewhere => "the data belongs to another host, or this one is not a member",
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.number())
    }
}

/// The exit status of each failure.
impl From<&Failure> for Status {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Userdata(error) => error.kind().into(),
            Failure::Store(error) => error.kind().into(),
            Failure::Hypervisor(error) => error.kind().into(),
            Failure::Simulated(error) => error.kind().into(),
            Failure::Domain(error) => error.into(),
            Failure::NoData { .. } => Self::NoData,
            Failure::InputTooLarge { .. } => Self::LimitExceeded,
            Failure::Archive { source, .. } => source.into(),
            Failure::Contents { source, .. } => source.into(),
            Failure::Io { source, .. } | Failure::Output(source) => source.into(),
            Failure::Userid(_)
            | Failure::DomainArgument(_)
            | Failure::InputEmpty { .. }
            | Failure::NotSimulated
            | Failure::BootOfSimulated
            | Failure::NothingToDestroy
            | Failure::Terminal(_)
            | Failure::ExportNotToFile
            | Failure::NotInAPool(_)
            | Failure::NoJson(_) => Self::Usage,
            #[cfg(not(feature = "pool"))]
            Failure::NoPools => Self::Usage,
            #[cfg(feature = "pool")]
            Failure::Pool(failure) => failure.into(),
            Failure::NotDestroyed { source, .. } => (&**source).into(),
            Failure::Sweep(error) => match error.kind() {
                SweepErrorKind::Store(error) => error.kind().into(),
                _ => Self::Failure,
            },
            Failure::NoHost(_)
            | Failure::NoBoot(_)
            | Failure::StillAlive { .. }
            | Failure::SweepOfSeed
            | Failure::SweepOfOthers { .. }
            | Failure::SweepWithoutHost { .. }
            | Failure::Demo(_) => Self::Failure,
        }
    }
}

impl From<&DomainNotFound> for Status {
    fn from(error: &DomainNotFound) -> Self {
        match error {
            DomainNotFound::NoSuchDomain(_) => Self::NoSuchDomain,
            DomainNotFound::BeingDestroyed(_) => Self::BeingDestroyed,
            DomainNotFound::Shared { .. } => Self::Usage,
            DomainNotFound::Hypervisor(error) => error.kind().into(),
        }
    }
}

impl From<&UserdataErrorKind> for Status {
    fn from(kind: &UserdataErrorKind) -> Self {
        match kind {
            UserdataErrorKind::NoSuchDomain => Self::NoSuchDomain,
            UserdataErrorKind::BeingDestroyed => Self::BeingDestroyed,
            UserdataErrorKind::Userid(_) | UserdataErrorKind::SameDomain => Self::Usage,
            UserdataErrorKind::LimitExceeded { .. } => Self::LimitExceeded,
            UserdataErrorKind::Hypervisor(error) => error.kind().into(),
            UserdataErrorKind::NotHere(_) => Self::Elsewhere,
            UserdataErrorKind::Store(error) => error.kind().into(),
            UserdataErrorKind::GaveUp { .. } => Self::PreconditionFailed,
            _ => Self::Failure,
        }
    }
}

impl From<&DestroyError> for Status {
    fn from(error: &DestroyError) -> Self {
        match error {
            // The command did not run. The status is that of the failure that prevented the export.
            DestroyError::NotExported(source) => source
                .downcast_ref::<Failure>()
                .map_or(Self::Failure, Self::from),
            _ => Self::Failure,
        }
    }
}

impl From<&StoreErrorKind> for Status {
    fn from(kind: &StoreErrorKind) -> Self {
        match kind {
            StoreErrorKind::Refused(Refused::NoSuchDomain) => Self::NoSuchDomain,
            StoreErrorKind::Refused(Refused::BeingDestroyed) => Self::BeingDestroyed,
            StoreErrorKind::Refused(Refused::Unknown(error)) => error.kind().into(),
            StoreErrorKind::Refused(
                Refused::Elsewhere(_)
                | Refused::NotAMember
                | Refused::NotRunning
                | Refused::NotMoving
                | Refused::NoData,
            ) => Self::Elsewhere,
            StoreErrorKind::OutcomeUnknown { .. } | StoreErrorKind::AnswerLost(_) => {
                Self::OutcomeUnknown
            }
            StoreErrorKind::Empty
            | StoreErrorKind::NotRegular(_)
            | StoreErrorKind::Damaged(_)
            | StoreErrorKind::ChangedWhileRead => Self::Damaged,
            StoreErrorKind::LimitExceeded { .. } | StoreErrorKind::ChangeTooLarge { .. } => {
                Self::LimitExceeded
            }
            StoreErrorKind::PreconditionFailed { .. } => Self::PreconditionFailed,
            StoreErrorKind::DeadlinePassed { .. } | StoreErrorKind::Unreachable { .. } => {
                Self::DeadlinePassed
            }
            StoreErrorKind::NotPermitted(_) => Self::NotPermitted,
            StoreErrorKind::NameTooLong(_)
            | StoreErrorKind::StaysInFiles
            | StoreErrorKind::Refused(Refused::NoSuchMember(_)) => Self::Usage,
            _ => Self::Failure,
        }
    }
}

impl From<&HypervisorErrorKind> for Status {
    fn from(kind: &HypervisorErrorKind) -> Self {
        match kind {
            HypervisorErrorKind::NotPermitted { .. } => Self::NotPermitted,
            HypervisorErrorKind::DeadlinePassed { .. } => Self::DeadlinePassed,
            _ => Self::Failure,
        }
    }
}

impl From<&HostFileErrorKind> for Status {
    fn from(kind: &HostFileErrorKind) -> Self {
        match kind {
            HostFileErrorKind::Event(EventError::NoSuchDomain { .. }) => Self::NoSuchDomain,
            HostFileErrorKind::Locked { .. } => Self::DeadlinePassed,
            HostFileErrorKind::Io { source, .. } => source.into(),
            _ => Self::Failure,
        }
    }
}

impl From<&ReadError> for Status {
    fn from(error: &ReadError) -> Self {
        match error {
            ReadError::Damaged { .. } => Self::Damaged,
            ReadError::Limit(_) => Self::LimitExceeded,
            ReadError::Userid { .. } => Self::Usage,
            ReadError::Io { source, .. } => source.into(),
            _ => Self::Failure,
        }
    }
}

impl From<&ContentsError> for Status {
    fn from(error: &ContentsError) -> Self {
        match error {
            ContentsError::Userid { .. } => Self::Usage,
            ContentsError::Empty { .. } => Self::Damaged,
            _ => Self::Failure,
        }
    }
}

impl From<&io::Error> for Status {
    fn from(error: &io::Error) -> Self {
        let archive = error.get_ref().and_then(|error| error.downcast_ref());
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::NotPermitted,
            _ if matches!(archive, Some(WriteError::Limit(_))) => Self::LimitExceeded,
            _ => Self::Failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_interface() {
        let words: Vec<_> = Status::ALL.iter().map(|s| (s.number(), s.word())).collect();
        assert_eq!(
            words,
            [
                (0, "done"),
                (1, "failure"),
                (2, "usage"),
                (3, "no_such_domain"),
                (4, "no_data"),
                (5, "damaged"),
                (6, "precondition_failed"),
                (7, "deadline_passed"),
                (8, "limit_exceeded"),
                (9, "not_permitted"),
                (10, "being_destroyed"),
                (11, "outcome_unknown"),
                (12, "elsewhere"),
            ]
        );
    }
}
