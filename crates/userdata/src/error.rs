//! `UserdataError`: what could not be done, for which domain, and why.

use std::fmt;

use thiserror::Error;
use userdata_core::{HypervisorError, Refused, StoreError, Userid, UseridError};

use crate::Target;

/// An operation that failed. The kind says why; it is the error's source, so that a printed chain
/// shows each fact once.
#[derive(Debug, Error)]
#[error("cannot {verb}{} domain {target}", Subject(.userid))]
pub struct UserdataError {
    verb: &'static str,
    userid: Option<Userid>,
    target: Target,
    #[source]
    kind: Box<UserdataErrorKind>,
}

impl UserdataError {
    pub(crate) fn new(
        verb: &'static str,
        userid: Option<&Userid>,
        target: Target,
        kind: UserdataErrorKind,
    ) -> Self {
        Self {
            verb,
            userid: userid.cloned(),
            target,
            kind: Box::new(kind),
        }
    }

    /// The domain it was about.
    #[must_use]
    pub const fn target(&self) -> Target {
        self.target
    }

    /// The userid it was about, if it was about one.
    #[must_use]
    pub const fn userid(&self) -> Option<&Userid> {
        self.userid.as_ref()
    }

    /// Why it failed.
    #[must_use]
    pub fn kind(&self) -> &UserdataErrorKind {
        &self.kind
    }
}

struct Subject<'a>(&'a Option<Userid>);

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(userid) => write!(f, " '{userid}' of"),
            None => Ok(()),
        }
    }
}

/// Why an operation failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UserdataErrorKind {
    /// There is no such domain, or it is dead, or the incarnation that was named is not the one
    /// that has the domid now. libxl: `ERROR_DOMAIN_NOTFOUND`.
    #[error("no such domain")]
    NoSuchDomain,
    /// The domain is being destroyed, so that nothing may be stored for it any more.
    #[error("the domain is being destroyed")]
    BeingDestroyed,
    /// The userid may be read but not changed this way.
    #[error(transparent)]
    Userid(UseridError),
    /// The hypervisor did not say whether the domain exists.
    #[error(transparent)]
    Hypervisor(HypervisorError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// Others changed the value again and again, and each time first.
    #[error("others changed the value first, {tries} times in a row")]
    GaveUp {
        /// How many times it was tried.
        tries: u32,
    },
}

impl From<StoreError> for UserdataErrorKind {
    /// A change that was not admitted is no failure of the store.
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
            Refused::Unknown(error) => Self::Hypervisor(error),
            _ => Self::NoSuchDomain,
        }
    }
}
