//! `Task`: what a process is to do, as data.

use std::fmt;
use std::time::Duration;

use userdata_core::store::{Durability, Keep};
use userdata_core::{DomainKey, Domid, Userid, Uuid, WritableUserid};

use crate::walk::Waits;
use userdata_sim::Plant;

/// One thing that a process does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// A call of this library.
    Userdata(Whose, Request),
    /// A call of real libxl.
    Libxl(Whose, LibxlRequest),
    /// A toolstack lets a domain live or die.
    Life(Life),
    /// A program that knows nothing of this library uses its directory.
    Interference(Whose, Interference),
}

/// The incarnation of a domain that a task is about when its turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Whose {
    /// This one, whether or not there is such a domain.
    Exactly(DomainKey),
    /// The domain of this number that the hypervisor has, in order of domid, modulo their count.
    Living(u8),
    /// The domain of this number that the hypervisor had, in the order in which they ended, modulo
    /// their count.
    Gone(u8),
}

/// A call of this library, without the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// To store, whatever value is there.
    Store(WritableUserid, Vec<u8>, Durability),
    /// To store if the value is still the one that this process read last, or is still absent.
    StoreIfUnchanged(WritableUserid, Vec<u8>, Durability),
    /// To read, and to replace what was read.
    Update(WritableUserid, Vec<u8>, Durability),
    /// To remove.
    Remove(WritableUserid, Durability),
    /// To remove all data.
    Clear(Keep, Durability),
    /// To destroy the domain and its data, phase by phase.
    Destroy(Durability),
    /// To destroy the domain and its data, with a closure that destroys it and returns an error.
    DestroyWithError(Durability),
    /// To export all values of the domain, and to destroy it.
    DestroyWithExport(Durability),
    /// To try to destroy the domain, with a closure that fails.
    DestroyInVain,
    /// To store several values at once.
    Import(Vec<(WritableUserid, Vec<u8>)>, Durability),
    /// To store values of many domains at once. Of two values under one userid of one domain, the
    /// first is stored.
    StoreEach(Vec<(Whose, WritableUserid, Vec<u8>)>, Durability),
    /// To give the domain all values of another incarnation.
    CarryFrom(Whose, Durability),
    /// To sweep all domains.
    Sweep(Waits),
    /// To read.
    Retrieve(WritableUserid),
    /// To list.
    List,
}

/// A call of real libxl, without the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LibxlRequest {
    /// `libxl_userdata_store`.
    Store(Userid, Vec<u8>),
    /// `libxl_userdata_retrieve`.
    Retrieve(Userid),
    /// `libxl_userdata_unlink`.
    Unlink(Userid),
    /// `libxl_domain_destroy`.
    Destroy,
}

/// An event in the life of domains that a toolstack causes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Life {
    /// A domain is created.
    Create {
        /// With this domid, unless it is taken, or with one that no domain had.
        domid: Option<Domid>,
        /// With this uuid, which other domains may have or have had; with the next one if this
        /// domid had it before.
        uuid: Uuid,
    },
    /// The hypervisor is told to destroy a domain, and no toolstack is, as xenopsd does it.
    Kill(Whose),
    /// Real libxl destroys a domain and creates it again, with its uuid.
    Reboot(Whose),
    /// A domain is migrated to this host: there are two of one uuid, then real libxl destroys the
    /// first.
    Migrate(Whose),
    /// A domain that is gone comes back with its domid and its uuid, as after `xl save -D` and
    /// `xl restore` with a fixed domid.
    Return(Whose),
    /// The handle of a living domain changes.
    SetUuid(Whose, Uuid),
    /// The handle of a living domain changes back to that of this incarnation, which had its domid.
    RestoreUuid(Whose),
    /// A security policy hides a domain: the hypervisor says no more whether it exists.
    Hide(Whose),
    /// The domain is hidden no more.
    Show(Whose),
    /// Once dead, the domain stays as a zombie.
    Pin(Whose),
    /// The domain no longer stays.
    Unpin(Whose),
}

/// An act of a program that does not know this library.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interference {
    /// Puts something under a name of the domain, of this kind and with this userid.
    Plant {
        /// The letter of the kind.
        kind: u8,
        /// The text after the uuid in the name.
        userid: Userid,
        /// The file that is put there.
        plant: Plant,
    },
    /// Locks the domain's lock file, and holds it for this time.
    HoldLock(Duration),
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(key) => write!(f, "{key}"),
            Self::Living(number) => write!(f, "domain #{number}"),
            Self::Gone(number) => write!(f, "gone #{number}"),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Userdata(whose, request) => write!(f, "{request} of {whose}"),
            Self::Libxl(whose, request) => write!(f, "libxl {request} of {whose}"),
            Self::Life(life) => life.fmt(f),
            Self::Interference(whose, interference) => write!(f, "{interference} of {whose}"),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut store = |verb, userid: &WritableUserid, value: &[u8], durability| {
            let (userid, value) = (userid.as_userid(), value.escape_ascii());
            write!(f, "{verb} {userid} \"{value}\" ({durability})")
        };
        match self {
            Self::Store(userid, value, durability) => store("store", userid, value, durability),
            Self::StoreIfUnchanged(userid, value, durability) => {
                store("store if unchanged", userid, value, durability)
            }
            Self::Update(userid, value, durability) => store("update", userid, value, durability),
            Self::Remove(userid, durability) => {
                write!(f, "remove {} ({durability})", userid.as_userid())
            }
            Self::Clear(keep, durability) => write!(f, "clear, keep {keep:?} ({durability})"),
            Self::Destroy(durability) => write!(f, "destroy ({durability})"),
            Self::DestroyWithError(durability) => write!(f, "destroy and fail ({durability})"),
            Self::DestroyWithExport(durability) => {
                write!(f, "destroy with an export ({durability})")
            }
            Self::DestroyInVain => f.write_str("destroy in vain"),
            Self::Import(values, durability) => {
                f.write_str("import")?;
                for (userid, value) in values {
                    let (userid, value) = (userid.as_userid(), value.escape_ascii());
                    write!(f, " {userid} \"{value}\"")?;
                }
                write!(f, " ({durability})")
            }
            Self::StoreEach(values, durability) => {
                f.write_str("store of many domains")?;
                for (whose, userid, value) in values {
                    let (userid, value) = (userid.as_userid(), value.escape_ascii());
                    write!(f, " {whose} {userid} \"{value}\"")?;
                }
                write!(f, " ({durability})")
            }
            Self::CarryFrom(whose, durability) => write!(f, "carry from {whose} ({durability})"),
            Self::Sweep(waits) => write!(f, "sweep with {waits}"),
            Self::Retrieve(userid) => write!(f, "retrieve {}", userid.as_userid()),
            Self::List => f.write_str("list"),
        }
    }
}

impl fmt::Display for LibxlRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(userid, data) => write!(f, "store {userid} \"{}\"", data.escape_ascii()),
            Self::Retrieve(userid) => write!(f, "retrieve {userid}"),
            Self::Unlink(userid) => write!(f, "unlink {userid}"),
            Self::Destroy => f.write_str("destroy"),
        }
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { domid: None, uuid } => write!(f, "create {uuid}"),
            Self::Create {
                domid: Some(domid),
                uuid,
            } => write!(f, "create {domid}.{uuid}"),
            Self::Kill(whose) => write!(f, "kill {whose}"),
            Self::Reboot(whose) => write!(f, "reboot {whose}"),
            Self::Migrate(whose) => write!(f, "migrate {whose}"),
            Self::Return(whose) => write!(f, "return {whose}"),
            Self::SetUuid(whose, uuid) => write!(f, "set handle of {whose} to {uuid}"),
            Self::RestoreUuid(whose) => write!(f, "set the handle back to {whose}"),
            Self::Hide(whose) => write!(f, "hide {whose}"),
            Self::Show(whose) => write!(f, "show {whose}"),
            Self::Pin(whose) => write!(f, "pin {whose}"),
            Self::Unpin(whose) => write!(f, "unpin {whose}"),
        }
    }
}

impl fmt::Display for Interference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plant {
                kind,
                userid,
                plant,
            } => write!(f, "plant {plant:?} as {}.{userid}", char::from(*kind)),
            Self::HoldLock(span) => write!(f, "hold the lock for {span:?}"),
        }
    }
}
