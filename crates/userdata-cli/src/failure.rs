//! `Failure`: why a command failed.

use std::io;
use std::path::PathBuf;

use hv_sim::HostFileError;
use thiserror::Error;
use userdata::hypervisor::HypervisorError;
use userdata::store::{StoreError, StoreErrorKind};
use userdata::sweep::SweepError;
use userdata::{DestroyError, DomainKey, Source, UserdataError, UserdataErrorKind, Version};
use userdata_archive::{ContentsError, ReadError};

use crate::domain::{DomainArgumentError, DomainNotFound};
use crate::hypervisor::NoHost;
#[cfg(feature = "pool")]
use crate::pool::PoolFailure;
use crate::userid::UseridRefused;

/// Why a command failed. It is printed with its sources as a chain that has each fact once.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Userdata(#[from] UserdataError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Hypervisor(#[from] HypervisorError),
    #[error(transparent)]
    Simulated(#[from] HostFileError),
    #[error(transparent)]
    Domain(#[from] DomainNotFound),
    #[error(transparent)]
    DomainArgument(#[from] DomainArgumentError),
    #[error(transparent)]
    Userid(#[from] UseridRefused),
    #[error(transparent)]
    NoHost(#[from] NoHost),
    #[error("domain {domain} has no value under '{userid}'")]
    NoData { domain: DomainKey, userid: String },
    #[error("{input} has more than {limit} bytes, the limit set by --max-size")]
    InputTooLarge { input: String, limit: u64 },
    #[error("{input} is empty; with --empty-removes this removes the value")]
    InputEmpty { input: String },
    #[error("cannot import {input}")]
    Archive { input: String, source: ReadError },
    #[error("cannot export the userdata of domain {domain}")]
    Contents {
        domain: DomainKey,
        source: ContentsError,
    },
    #[error("an archive is not {0} a terminal; name a file, or redirect it")]
    Terminal(&'static str),
    #[error("--export needs a file of its own, which is complete and synced before COMMAND runs")]
    ExportNotToFile,
    #[error("cannot {doing}")]
    Io { doing: String, source: io::Error },
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    #[error(
        "this is a real Xen host, and 'sim' acts on simulated ones: \
         name one with --hypervisor sim:FILE"
    )]
    NotSimulated,
    #[error(
        "the layout 'tree' needs the boot of the host; \
         outside of the initial domain --boot ID names it"
    )]
    NoBoot(#[source] HypervisorError),
    #[error("a simulated host names its boots itself; leave out --boot")]
    BootOfSimulated,
    #[error("'{0}' has no JSON form")]
    NoJson(&'static str),
    #[error(
        "no domain is named; use destroy DOMAIN -- COMMAND..., or destroy -- DOMAIN -- COMMAND..."
    )]
    NothingToDestroy,
    #[error("cannot destroy domain {domain}")]
    NotDestroyed {
        domain: DomainKey,
        source: Box<DestroyError>,
    },
    #[error(transparent)]
    Sweep(#[from] SweepError),
    #[error(
        "files in the seed layout do not name a domid, so the hypervisor cannot be asked whether \
         their domain exists: they are not swept"
    )]
    SweepOfSeed,
    #[error(
        "this machine has no Xen, and the simulated host knows nothing of the domains in \
         {directory}: name the host with --hypervisor"
    )]
    SweepOfOthers { directory: PathBuf },
    #[error("the simulated host {host} does not exist, so the files in {directory} are not swept")]
    SweepWithoutHost { host: PathBuf, directory: PathBuf },
    #[error("domain {domain} still lives, although '{command}' succeeded")]
    StillAlive { domain: DomainKey, command: String },
    #[error("the {0} has no place in a pool: its data stays in the host's files")]
    NotInAPool(String),
    #[error(
        "USERDATA_POOL is set, and this build of the command has no pools: unset it, or build the \
         command with the feature 'pool'"
    )]
    #[cfg(not(feature = "pool"))]
    NoPools,
    #[error(transparent)]
    #[cfg(feature = "pool")]
    Pool(#[from] PoolFailure),
    #[error(transparent)]
    Demo(Source),
}

impl Failure {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }

    /// Whether the program that reads our output has closed it. That is not an error to report.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the change is in place although this is a failure.
    pub(crate) fn changed(&self) -> bool {
        match self {
            Self::Userdata(error) => error.is_applied(),
            Self::Store(error) => error.is_applied(),
            _ => false,
        }
    }

    /// The store's error, if the failure is one.
    fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Userdata(error) => match error.kind() {
                UserdataErrorKind::Store(error) => Some(error),
                _ => None,
            },
            #[cfg(feature = "pool")]
            Self::Pool(PoolFailure::NotFinished { source, .. }) => source.of_store(),
            _ => None,
        }
    }

    /// A way out that the user has, if there is one.
    pub(crate) fn advice(&self) -> Option<String> {
        match self.of_store()?.kind() {
            // Some network file systems cannot sync a directory at all.
            StoreErrorKind::ReplacedNotDurable(_) | StoreErrorKind::RemovedNotDurable(_) => {
                Some("if this file system cannot sync a directory, use --durability file".into())
            }
            StoreErrorKind::OutcomeUnknown { attempt } => Some(format!(
                "'userdata pool settle DOMAIN {attempt}' tells whether it was made, with the \
                 domain and the options of this command"
            )),
            _ => None,
        }
    }

    /// The version of the value that was found in place of the expected one; the inner option is
    /// `None` if there is no value.
    pub(crate) fn found(&self) -> Option<Option<Version>> {
        let Self::Userdata(error) = self else {
            return None;
        };
        match error.kind() {
            UserdataErrorKind::Store(error) => match error.kind() {
                StoreErrorKind::PreconditionFailed { found } => Some(*found),
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use userdata::store::Operation;

    use super::*;

    #[test]
    fn a_change_may_be_in_place_although_it_failed() {
        let io = || Box::new(io::Error::other("broken"));
        for (kind, changed) in [
            (StoreErrorKind::ReplacedNotDurable(io()), true),
            (StoreErrorKind::LockLost { applied: true }, true),
            (StoreErrorKind::LockLost { applied: false }, false),
            (StoreErrorKind::NoSpace(io()), false),
        ] {
            let failure = Failure::from(StoreError::new(Operation::Replace, "file", kind));
            assert_eq!(failure.changed(), changed, "{failure:?}");
        }
    }

    #[test]
    fn a_directory_that_cannot_be_synced_has_an_advice() {
        let invalid = || Box::new(io::Error::from_raw_os_error(22));
        let advice = |kind| {
            let error = StoreError::new(Operation::SyncDirectory, "file", kind);
            Failure::from(error).advice()
        };
        for kind in [
            StoreErrorKind::ReplacedNotDurable(invalid()),
            StoreErrorKind::RemovedNotDurable(invalid()),
        ] {
            let text = advice(kind).unwrap();
            assert!(text.contains("--durability file"), "{text}");
        }
        assert_eq!(advice(StoreErrorKind::Failed(invalid())), None);
    }

    #[test]
    #[cfg(feature = "pool")]
    fn the_unknown_end_of_a_move_has_the_advice_of_the_change_that_is_unknown() {
        use userdata::store::Attempt;
        use userdata::{Domid, Uuid};

        let attempt = Attempt::new(7, 5);
        let kind = StoreErrorKind::OutcomeUnknown { attempt };
        let source = Box::new(StoreError::new(Operation::Replace, "1", kind).into());
        let domain = DomainKey::new(Domid::new(1).unwrap(), Uuid::from_u128(1));
        let advice = Failure::from(PoolFailure::NotFinished { domain, source }).advice();
        assert!(
            advice
                .unwrap()
                .contains(&format!("pool settle DOMAIN {attempt}"))
        );
    }
}
