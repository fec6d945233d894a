//! `UserdataError`: the operation that failed, its domain, and why.

use std::fmt;

use thiserror::Error;
use userdata_core::hypervisor::HypervisorError;
use userdata_core::store::{Refused, StoreError, StoreErrorKind};
use userdata_core::userid::UseridError;
use userdata_core::{Domid, Source, Userid};

use crate::Target;
use crate::follow::Counted;

/// An operation that failed. [`UserdataError::kind`] says why. The kind is also the error's source,
/// so that a printed chain of errors shows each fact once.
#[derive(Debug, Error)]
#[error("cannot {verb}{} {}", Value(.userid), Domains(.target))]
pub struct UserdataError {
    verb: &'static str,
    userid: Option<Userid>,
    target: Option<Target>,
    #[source]
    kind: Box<UserdataErrorKind>,
}

impl UserdataError {
    pub(crate) fn of(
        verb: &'static str,
        userid: Option<&Userid>,
        target: Target,
        kind: UserdataErrorKind,
    ) -> Self {
        Self {
            verb,
            userid: userid.cloned(),
            target: Some(target),
            kind: Box::new(kind),
        }
    }

    /// The error of an operation on all domains.
    pub(crate) fn of_all(verb: &'static str, kind: UserdataErrorKind) -> Self {
        Self {
            verb,
            userid: None,
            target: None,
            kind: Box::new(kind),
        }
    }

    /// The domain of the operation; `None` if it was on all domains.
    #[must_use]
    pub const fn target(&self) -> Option<Target> {
        self.target
    }

    /// The userid of the operation, if it had one.
    #[must_use]
    pub const fn userid(&self) -> Option<&Userid> {
        self.userid.as_ref()
    }

    /// Why it failed.
    #[must_use]
    pub fn kind(&self) -> &UserdataErrorKind {
        &self.kind
    }

    /// Whether the change is in place although the call failed, for example because the new value
    /// could not be synced.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        matches!(&*self.kind, UserdataErrorKind::Store(error) if error.is_applied())
    }

    /// Whether the only failure is that the lock file could not be removed after the change. The
    /// change is in place, and no process waits for the file.
    #[must_use]
    pub fn is_lock_left(&self) -> bool {
        matches!(&*self.kind, UserdataErrorKind::Store(error)
            if matches!(error.kind(), StoreErrorKind::LockLeft(_)))
    }

    /// Whether nothing was changed because another process changed the value first.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind.is_conflict() || matches!(*self.kind, UserdataErrorKind::GaveUp { .. })
    }

    /// Whether the domain does not exist, or is dead, or is another incarnation.
    #[must_use]
    pub fn is_no_such_domain(&self) -> bool {
        matches!(*self.kind, UserdataErrorKind::NoSuchDomain)
    }

    /// Whether another process used the domain's data for as long as the call was allowed to wait.
    /// The same call may succeed later.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(&*self.kind, UserdataErrorKind::Store(error) if error.is_busy())
    }
}

struct Value<'a>(&'a Option<Userid>);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(userid) => write!(f, " '{userid}' of"),
            None => Ok(()),
        }
    }
}

struct Domains<'a>(&'a Option<Target>);

impl fmt::Display for Domains<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(target) => write!(f, "domain {target}"),
            None => f.write_str("all domains"),
        }
    }
}

/// Why an operation failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UserdataErrorKind {
    /// There is no such domain, or it is dead, or another incarnation than the requested one has
    /// the domid now. libxl: `ERROR_DOMAIN_NOTFOUND`.
    #[error("no such domain")]
    NoSuchDomain,
    /// The domain is being destroyed: nothing may be stored for it any more.
    #[error("the domain is being destroyed")]
    BeingDestroyed,
    /// The domain was gone, so its data was to be removed. Under the lock, a domain with the same
    /// domid and uuid exists again. Its data is as it was.
    #[error("the domain exists again, so its data stays")]
    ExistsAgain,
    /// The domain is destroyed, and its data stays: values were stored after the export, because
    /// the closing mark was lost, and the last export does not have them.
    /// [`Userdata::export`](crate::Userdata::export) of the domain's key still gets them.
    #[error("values were stored after they were exported, so the domain's data stays")]
    ExportOutdated {
        /// Why they were not exported again; `None` if each new export was outdated, too.
        source: Option<Source>,
    },
    /// The domain is destroyed. The closing mark was lost, and another program, such as a sweep,
    /// may have removed the data, or released it to another host: it is not known whether the last
    /// export has all values.
    #[error(
        "the closing mark was lost, and another program may have removed the domain's data, so the \
         export may lack values"
    )]
    ExportUncertain,
    /// The layout of the file names keeps data by uuid alone. Another living domain has this uuid,
    /// so that its data would be removed as well.
    #[error(
        "domain {other} has the same uuid, and this store keeps the data of both under that uuid"
    )]
    UuidShared {
        /// The other domain.
        other: Domid,
    },
    /// In a pool of hosts, the data belongs to another host or another incarnation, or this host
    /// may not have it now. Nothing was changed.
    #[error(transparent)]
    NotHere(Refused),
    /// The value under this userid can be read, but this call may not change it.
    #[error(transparent)]
    Userid(UseridError),
    /// The hypervisor did not answer whether the domain exists.
    #[error(transparent)]
    Hypervisor(HypervisorError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// There is more than an export may have.
    #[error("there are {found} {what} and the limit is {limit}")]
    LimitExceeded {
        /// What was counted.
        what: Counted,
        /// The limit.
        limit: u64,
        /// What was found, as far as it was counted.
        found: u64,
    },
    /// The values of a domain cannot be carried to itself.
    #[error("a domain's userdata cannot be carried to itself")]
    SameDomain,
    /// The caller's own function failed, and nothing was changed.
    #[error("the caller's function failed")]
    ClosureFailed(#[source] Source),
    /// At each try another process changed the value first.
    #[error("other processes changed the value first, {tries} times in a row")]
    GaveUp {
        /// The number of tries.
        tries: u32,
    },
}

impl UserdataErrorKind {
    /// Whether the value was not the expected one.
    pub(crate) const fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

impl From<StoreError> for UserdataErrorKind {
    /// A change that was not admitted is not a failure of the store.
    fn from(error: StoreError) -> Self {
        match error.into_refused() {
            Ok(refused) => refused.into(),
            Err(error) => Self::Store(error),
        }
    }
}

impl From<Refused> for UserdataErrorKind {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::BeingDestroyed => Self::BeingDestroyed,
            Refused::ExistsAgain => Self::ExistsAgain,
            Refused::Changed => Self::ExportOutdated { source: None },
            Refused::RemovedMeanwhile => Self::ExportUncertain,
            Refused::UuidShared { other } => Self::UuidShared { other },
            Refused::Unknown(error) => Self::Hypervisor(error),
            Refused::Elsewhere(_)
            | Refused::NotAMember
            | Refused::NoSuchMember(_)
            | Refused::NotRunning
            | Refused::NotMoving
            | Refused::NoData => Self::NotHere(refused),
            _ => Self::NoSuchDomain,
        }
    }
}
