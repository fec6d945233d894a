//! `History`: what several processes asked of the userdata of a host, what they were told, and
//! what happened to the host meanwhile, in one order.

use std::fmt;

use userdata_core::DomainKey;

use crate::walk::{Action, Report};
use userdata_sim::Plant;
use userdata_sim::faults::How;
use userdata_sim::interpose::CallKind;

/// Everything that can be observed of one run. What the checker judges, and what a report shows.
#[derive(Debug, Default)]
pub struct History {
    /// In the order in which it happened. The place in this list is the time.
    pub events: Vec<Event>,
}

/// Which process of a run, counted from zero in the order of the scenario's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub usize);

/// Which call of a run, counted from zero in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub usize);

/// One thing that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A process began an operation.
    Invoked {
        /// Who.
        process: ProcessId,
        /// Which one.
        id: OperationId,
        /// What.
        invocation: Invocation,
    },
    /// An operation ended.
    Responded {
        /// Who.
        process: ProcessId,
        /// Which one.
        id: OperationId,
        /// How.
        response: Response,
    },
    /// A process was killed. What it was doing never returns, and may have been done or not.
    Killed {
        /// Who.
        process: ProcessId,
    },
    /// Something happened to the host.
    Host {
        /// What.
        event: hv_sim::Event,
        /// The domain that came of it, if it is one that creates.
        created: Option<DomainKey>,
    },
    /// Real libxl lost or ignored the lock of a domain, see [`LibxlBug`].
    Libxl {
        /// Who.
        process: ProcessId,
        /// How.
        bug: LibxlBug,
        /// Whose lock.
        domain: DomainKey,
    },
    /// Somebody who knows nothing of this service put something under a name, durable at once.
    Planted {
        /// Who.
        process: ProcessId,
        /// The name.
        file: Vec<u8>,
        /// What stands there now, in the place of whatever did.
        plant: Plant,
    },
    /// Something went wrong with what a process asked of its host, because the scenario says so.
    Disturbed {
        /// Who asked.
        process: ProcessId,
        /// What went wrong.
        by: Disturbance,
    },
    /// A process is about to replace a value although nothing keeps others from changing it, or
    /// nobody may: real libxl does so where it has defects, this library never. Or it is about to
    /// destroy a domain without keeping others from storing for it.
    Unguarded {
        /// Who.
        process: ProcessId,
        /// Whose value.
        domain: DomainKey,
        /// What is amiss.
        how: Unguarded,
    },
    /// The power failed: nothing happens any more until the host boots again.
    PowerCut,
}

/// Why a value should not be replaced, or a domain not be destroyed, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unguarded {
    /// The process holds no lock under the name of the domain's lock, and could have seen it.
    WithoutLock,
    /// Somebody else holds the closing marker of the domain, and it could have been seen.
    WhileClosing,
    /// The process is about to destroy the domain, and does not hold its closing marker.
    WithoutMarker,
}

/// What went wrong with one question to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disturbance {
    /// A call of the directory.
    Directory {
        /// Which one.
        call: CallKind,
        /// In which way.
        how: How,
    },
    /// A question to the hypervisor.
    Hypervisor {
        /// Which one.
        call: hv_sim::Call,
        /// In which way.
        fault: hv_sim::Fault,
    },
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invocation {
    /// A call of this library's facade.
    Userdata(Action),
    /// A call of real libxl.
    Libxl(LibxlCall),
}

/// What was answered.
#[derive(Debug)]
#[non_exhaustive]
pub enum Response {
    /// By the facade.
    Userdata(Report),
    /// By real libxl: its return code, and the bytes that it read, if it read any.
    Libxl {
        /// `0`, an `ERROR_*`, or what else libxl lets through.
        rc: i32,
        /// `None` where libxl sets no pointer.
        data: Option<Vec<u8>>,
    },
}

/// A call of real libxl, which knows a domain by its domid alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LibxlCall {
    /// `libxl_userdata_store`.
    Store {
        /// Of which domain.
        domid: userdata_core::Domid,
        /// Under which userid.
        userid: userdata_core::Userid,
        /// The bytes; none remove.
        data: Vec<u8>,
    },
    /// `libxl_userdata_retrieve`.
    Retrieve {
        /// Of which domain.
        domid: userdata_core::Domid,
        /// Under which userid.
        userid: userdata_core::Userid,
    },
    /// `libxl_userdata_unlink`.
    Unlink {
        /// Of which domain.
        domid: userdata_core::Domid,
        /// Under which userid.
        userid: userdata_core::Userid,
    },
    /// `libxl_domain_destroy`: xenstore, lock, userdata, unlock, and the hypervisor last.
    Destroy {
        /// Which domain.
        domid: userdata_core::Domid,
    },
}

/// What real libxl does to its own lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LibxlBug {
    /// A failed attempt to lock takes away the lock file of whoever holds it.
    UnlinksWithoutHolding,
    /// It holds the lock of an incarnation that is gone, and changes the data of the next one.
    LocksAnotherIncarnation,
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.0)
    }
}
