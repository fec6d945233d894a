//! `Register`: the value under one userid of one domain, as linearizability sees it.

use userdata_core::file_name::{FileName, NameFormat, Owner};
use userdata_core::store::FileType;
use userdata_core::{DomainKey, Userid};

use super::content::Content;
use super::linearise::Access;
use super::mixture::Mixture;
use crate::walk::Slot;

/// The value under one userid of one domain: the name of its file, its first content, and all
/// accesses to it.
#[derive(Clone, Debug)]
pub(crate) struct Register {
    pub(crate) name: FileName,
    pub(crate) userid: Userid,
    pub(crate) initial: Content,
    pub(crate) accesses: Vec<Access>,
    /// The values that libxl may have mixed in it.
    pub(crate) mixture: Option<Mixture>,
}

impl Register {
    pub(crate) fn is_of(&self, owner: Owner) -> bool {
        self.name.owner() == owner
    }

    /// Whether this is the register of a slot.
    pub(crate) fn is_of_slot(&self, format: NameFormat, slot: &Slot) -> bool {
        *slot.userid.as_userid() == self.userid && self.is_of(owner(format, &slot.domain))
    }

    /// Whether something other than a value may ever have been there.
    pub(crate) fn may_be_strange(&self) -> bool {
        let strange = |content: &Content| match content {
            Content::Strange(found) => *found != FileType::Regular,
            _ => false,
        };
        strange(&self.initial)
            || self
                .accesses
                .iter()
                .filter_map(|access| access.to.as_ref())
                .any(strange)
    }
}

/// The owner in the names of a domain's files.
pub(crate) fn owner(format: NameFormat, key: &DomainKey) -> Owner {
    Owner {
        domid: Some(key.domid).filter(|_| format != NameFormat::Seed),
        uuid: key.uuid,
    }
}
