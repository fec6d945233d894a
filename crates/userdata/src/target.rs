//! `Target`: the domain of an operation.

use std::fmt;

use userdata_core::{DomainKey, Domid};

/// The domain of an operation.
///
/// A domid names the domain that has it now. A [`DomainKey`] names one incarnation. Xen reuses
/// domids, so prefer a key wherever the uuid is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// The domain that has this domid now.
    Domid(Domid),
    /// This incarnation.
    Key(DomainKey),
}

impl Target {
    pub(crate) const fn domid(self) -> Domid {
        match self {
            Self::Domid(domid) => domid,
            Self::Key(key) => key.domid,
        }
    }
}

impl From<Domid> for Target {
    fn from(domid: Domid) -> Self {
        Self::Domid(domid)
    }
}

impl From<DomainKey> for Target {
    fn from(key: DomainKey) -> Self {
        Self::Key(key)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domid(domid) => domid.fmt(f),
            Self::Key(key) => key.fmt(f),
        }
    }
}
