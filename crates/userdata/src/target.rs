//! `Target`: which domain an operation is aimed at.

use std::fmt;

use userdata_core::{DomainKey, Domid};

/// Which domain an operation is aimed at.
///
/// A domid means whoever has it now. A [`DomainKey`] means one incarnation and no other: prefer it
/// wherever the uuid is known, since Xen hands out domids again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// Whoever has this domid.
    Domid(Domid),
    /// Exactly this incarnation.
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
