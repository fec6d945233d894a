//! `Failure`: why the command did not do what it was told.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use hv_sim::HostFileError;
use thiserror::Error;
use userdata::hypervisor::HypervisorError;
use userdata::store::{StoreError, StoreErrorKind};
use userdata::userid::UseridError;
use userdata::{DestroyError, DomainKey, UserdataError, UserdataErrorKind, Version};

use crate::demo::StepFailed;
use crate::domain::DomainArgument;
use crate::userid::EscapeError;

/// Why the command did not do what it was told. Printed as a chain of sources, in which each fact
/// stands once.
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
    #[error("there is no {0}")]
    NoSuchDomain(DomainArgument),
    #[error("{} domains have the {what}: {}; name one by its domid", .keys.len(), list(.keys))]
    Shared {
        /// What they share: a uuid or a name.
        what: String,
        keys: Vec<DomainKey>,
    },
    #[error("domain {domain} has no value under '{userid}'")]
    NoData { domain: DomainKey, userid: String },
    #[error("'{userid}' is no userid for this")]
    Userid { userid: String, source: UseridError },
    #[error("{}; --libxl-json makes that choice", UseridError::LibxlJson)]
    LibxlJson,
    #[error("'{userid}' is not an escaped userid")]
    Escape { userid: String, source: EscapeError },
    #[error("{input} has more than {limit} bytes, the limit (--max-size)")]
    InputTooLarge { input: String, limit: u64 },
    #[error("cannot {doing}")]
    Io { doing: String, source: io::Error },
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    #[error(
        "this is a real Xen host, and 'sim' acts on simulated ones: \
         name one with --hypervisor sim:FILE"
    )]
    NotSimulated,
    #[error("this version of userdata does not have the layout 'tree'; choose libxl or seed")]
    NoTreeLayout,
    #[error("'{0}' has no JSON form")]
    NoJson(&'static str),
    #[error(
        "this is a Xen host ({hypervisor_type} says so), but it has neither {} nor {}",
        .devices[0].display(), .devices[1].display()
    )]
    XenWithoutPrivcmd {
        hypervisor_type: String,
        devices: [PathBuf; 2],
    },
    #[error(
        "there is no Xen here, and no state directory for a simulated host: \
         set HOME or XDG_STATE_HOME, or name a host with --hypervisor sim:FILE"
    )]
    NoStateDirectory,
    #[error("cannot destroy domain {domain}")]
    NotDestroyed {
        domain: DomainKey,
        source: DestroyError,
    },
    #[error(transparent)]
    Demo(#[from] StepFailed),
}

impl Failure {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }

    /// Whoever read our output has gone: there is nobody to tell, and nothing is wrong here.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the change is in place although this is a failure.
    pub(crate) fn changed(&self) -> bool {
        matches!(
            self.store_kind(),
            Some(
                StoreErrorKind::ReplacedNotDurable(_)
                    | StoreErrorKind::RemovedNotDurable(_)
                    | StoreErrorKind::LockLeft(_)
                    | StoreErrorKind::LockLost { applied: true }
            )
        )
    }

    /// What was there in place of what was expected; the inner `None` is no value.
    pub(crate) fn found(&self) -> Option<Option<Version>> {
        match self.store_kind() {
            Some(StoreErrorKind::PreconditionFailed { found }) => Some(*found),
            _ => None,
        }
    }

    fn store_kind(&self) -> Option<&StoreErrorKind> {
        match self {
            Self::Store(error) => Some(error.kind()),
            Self::Userdata(error) => match error.kind() {
                UserdataErrorKind::Store(error) => Some(error.kind()),
                _ => None,
            },
            _ => None,
        }
    }
}

/// An error and its sources on one line.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

fn list(keys: &[DomainKey]) -> String {
    let keys: Vec<_> = keys.iter().map(DomainKey::to_string).collect();
    keys.join(", ")
}

#[cfg(test)]
mod tests {
    use userdata_core::store::Operation;

    use super::*;

    #[test]
    fn a_change_that_is_in_place_all_the_same_is_told_from_one_that_is_not() {
        let io = || Box::new(io::Error::other("broken"));
        for (kind, changed) in [
            (StoreErrorKind::ReplacedNotDurable(io()), true),
            (StoreErrorKind::RemovedNotDurable(io()), true),
            (StoreErrorKind::LockLeft(io()), true),
            (StoreErrorKind::LockLost { applied: true }, true),
            (StoreErrorKind::LockLost { applied: false }, false),
            (StoreErrorKind::NoSpace(io()), false),
            (StoreErrorKind::Empty, false),
        ] {
            let failure = Failure::from(StoreError::new(Operation::Replace, "file", kind));
            assert_eq!(failure.changed(), changed, "{failure:?}");
        }
    }

    #[test]
    fn a_chain_says_each_fact_once() {
        let source = io::Error::other("the disk is on fire");
        let failure = Failure::io("write out.cfg")(source);
        assert_eq!(chain(&failure), "cannot write out.cfg: the disk is on fire");
    }
}
