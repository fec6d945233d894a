//! `Step`: a step of a sequence, as data.

use std::fmt;

use userdata_core::{Domid, Uuid};

use crate::answer::shown;
use crate::tree::Node;

/// A step of a sequence.
#[derive(Clone)]
pub(crate) enum Step {
    /// An event in a domain's life. Impossible events are skipped.
    Happen(Domid, Event),
    /// Another program makes a file under a name, if the name is free.
    Plant(Vec<u8>, Node),
    /// A call: in the first directory by real libxl, and in the second one by the given library.
    Call(Call, By),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Happen(domid, event) => write!(f, "domain {domid}: {event:?}"),
            Self::Plant(name, node) => write!(f, "plant {}: {node:?}", name.escape_ascii()),
            Self::Call(call, by) => write!(f, "{call:?}, by {by:?}"),
        }
    }
}

/// An event in a domain's life.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// The domain is created.
    Create(Uuid),
    /// Its handle changes.
    SetUuid(Uuid),
    /// Its toolstack begins to destroy it.
    Leave,
    /// The hypervisor destroys it, and no toolstack removes its data.
    Vanish,
    /// The hypervisor destroys it, but its memory is still referred to.
    Die,
    /// Its memory is not referred to any more.
    Release,
}

/// A call that both libraries have.
#[derive(Clone)]
pub(crate) enum Call {
    /// `libxl_userdata_store`, `Userdata::store`.
    Store {
        domid: Domid,
        userid: Vec<u8>,
        data: Vec<u8>,
    },
    /// `libxl_userdata_store` with a negative length.
    StoreNegative { domid: Domid, userid: Vec<u8> },
    /// `libxl_userdata_retrieve`, `Userdata::retrieve`.
    Retrieve { domid: Domid, userid: Vec<u8> },
    /// `libxl_userdata_unlink`, `Userdata::remove`.
    Remove { domid: Domid, userid: Vec<u8> },
    /// `libxl_domain_destroy`, `Userdata::destroy`.
    Destroy { domid: Domid },
}

impl Call {
    pub(crate) fn domid(&self) -> Domid {
        match self {
            Self::Store { domid, .. }
            | Self::StoreNegative { domid, .. }
            | Self::Retrieve { domid, .. }
            | Self::Remove { domid, .. }
            | Self::Destroy { domid } => *domid,
        }
    }

    /// The userid, if the call has one.
    pub(crate) fn userid(&self) -> Option<&[u8]> {
        match self {
            Self::Store { userid, .. }
            | Self::StoreNegative { userid, .. }
            | Self::Retrieve { userid, .. }
            | Self::Remove { userid, .. } => Some(userid),
            Self::Destroy { .. } => None,
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domid = self.domid();
        let userid = self.userid().unwrap_or_default().escape_ascii();
        match self {
            Self::Store { data, .. } => write!(f, "store {domid} '{userid}' {}", shown(data)),
            Self::StoreNegative { .. } => write!(f, "store {domid} '{userid}' (length -1)"),
            Self::Retrieve { .. } => write!(f, "retrieve {domid} '{userid}'"),
            Self::Remove { .. } => write!(f, "remove {domid} '{userid}'"),
            Self::Destroy { .. } => write!(f, "destroy {domid}"),
        }
    }
}

/// The library that makes a call in the second directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Real libxl.
    Libxl,
    /// This library, with its own rules for userids.
    Us,
    /// This library, with libxl's rules for userids.
    UsAsLibxl,
    /// The drop-in, which is called in a program that is linked to libxl.
    DropIn,
}
