//! `Step`: one thing that happens, as data.

use std::fmt;

use userdata_core::{Domid, Uuid};

use crate::answer::shown;
use crate::tree::Node;

/// One thing that happens.
#[derive(Clone)]
pub(crate) enum Step {
    /// Something happens to a domain. What can't happen is left out.
    Happen(Domid, Event),
    /// Something is put under a name by nobody who is watched, if there is nothing yet.
    Plant(Vec<u8>, Node),
    /// Somebody makes a call in the first directory through real libxl, and in the second by
    /// whatever this says.
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

/// What happens to a domain.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// It is created.
    Create(Uuid),
    /// Its handle changes.
    SetUuid(Uuid),
    /// Its toolstack begins to take it apart.
    Leave,
    /// The hypervisor destroys it, and no toolstack clears up.
    Vanish,
    /// The same, but something still refers to its memory.
    Die,
    /// Nothing refers to its memory any more.
    Release,
}

/// A call that both know.
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

    /// Under which userid; none for a call that is not about one.
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

/// Who makes a call in the second directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Real libxl.
    Libxl,
    /// This library, with the userids it writes of its own accord.
    Us,
    /// This library, with every userid that libxl accepts, as the C library for programs written
    /// against libxl takes them.
    UsAsLibxl,
}
