//! `History`: the invocations and responses of several processes on one host, and what happened to
//! the host meanwhile, in one order.

use std::fmt;

use userdata_core::DomainKey;

use crate::walk::{Action, Report, Seen, Swept};
use userdata_sim::Plant;
use userdata_sim::faults::How;
use userdata_sim::interpose::CallKind;

/// Everything that can be observed of one run. The checker judges it, and a report shows it.
#[derive(Debug, Default)]
pub struct History {
    /// The events in their order. The place in this list is the time.
    pub events: Vec<Event>,
}

impl History {
    /// What its sweeps report to have seen of incarnations that are not there.
    pub(crate) fn seen(&self) -> impl Iterator<Item = Seen> {
        let reports = self.events.iter().filter_map(|event| match event {
            Event::Responded {
                response: Response::Userdata(Report::Swept(swept)),
                ..
            } => Some(swept),
            _ => None,
        });
        reports.flat_map(Swept::seen)
    }
}

/// The number of a process in a run, or of a thread if a process has several, counted from zero in
/// the order of the scenario's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub usize);

/// The number of a call in a run, counted from zero in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationId(pub usize);

/// One thing that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A process began an operation.
    Invoked {
        /// The process.
        process: ProcessId,
        /// The operation.
        id: OperationId,
        /// The call.
        invocation: Invocation,
    },
    /// An operation ended.
    Responded {
        /// The process.
        process: ProcessId,
        /// The operation.
        id: OperationId,
        /// The answer.
        response: Response,
    },
    /// A process was killed. What it was doing never returns, and may have been done or not.
    Killed {
        /// The process.
        process: ProcessId,
    },
    /// Something happened to the host.
    Host {
        /// The event.
        event: hv_sim::Event,
        /// The domain that came of it, if it is one that creates.
        created: Option<DomainKey>,
    },
    /// Real libxl lost or ignored the lock of a domain, see [`LibxlBug`].
    Libxl {
        /// The process.
        process: ProcessId,
        /// The defect of libxl that did it.
        bug: LibxlBug,
        /// The domain that the lock is for.
        domain: DomainKey,
    },
    /// A program that knows nothing of this library put something under a name, durable at once.
    Planted {
        /// The process.
        process: ProcessId,
        /// The name.
        file: Vec<u8>,
        /// The file that it put there. It replaces the one that was there.
        plant: Plant,
    },
    /// Something went wrong with what a process asked of its host, because the scenario says so.
    Disturbed {
        /// The process that asked.
        process: ProcessId,
        /// The failure.
        by: Disturbance,
    },
    /// A process is about to replace a value although no lock keeps others from changing it, or
    /// although no process may replace it: real libxl does so where it has defects, this library
    /// never. Or it is about to destroy a domain without keeping others from storing for it.
    Unguarded {
        /// The process.
        process: ProcessId,
        /// The domain that has the value, or is destroyed.
        domain: DomainKey,
        /// The missing protection.
        how: Unguarded,
    },
    /// A thread did not keep to the line of those that want one lock.
    OutOfLine {
        /// The thread.
        process: ProcessId,
        /// What it did.
        how: OutOfLine,
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
    /// Another process holds the closing marker of the domain, and this one could have seen it.
    WhileClosing,
    /// The process sweeps, and another one holds the closing mark of the domain.
    SweptWhileClosing,
    /// The process is about to destroy the domain, and does not hold its closing marker.
    WithoutMarker,
}

/// How the line of the threads that want one lock goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutOfLine {
    /// The thread gives the turn to one that waits behind another one.
    Overtakes,
    /// The thread tries to take a lock that another thread of its process holds.
    PollsTogether,
    /// The thread waits for a turn, and so does every other thread of its process.
    Stuck,
}

/// A failure of one call or question of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disturbance {
    /// A call of the directory.
    Directory {
        /// The kind of the call.
        call: CallKind,
        /// The failure.
        how: How,
    },
    /// A question to the hypervisor.
    Hypervisor {
        /// The kind of the question.
        call: hv_sim::Call,
        /// The failure.
        fault: hv_sim::Fault,
    },
    /// The engine of a pool did not answer in time, or refused the call.
    Engine,
}

/// The invocation of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invocation {
    /// A call of this library's facade.
    Userdata(Action),
    /// A call of real libxl.
    Libxl(LibxlCall),
}

/// The response of an operation.
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
        /// The domain.
        domid: userdata_core::Domid,
        /// The userid.
        userid: userdata_core::Userid,
        /// The bytes; none remove.
        data: Vec<u8>,
    },
    /// `libxl_userdata_retrieve`.
    Retrieve {
        /// The domain.
        domid: userdata_core::Domid,
        /// The userid.
        userid: userdata_core::Userid,
    },
    /// `libxl_userdata_unlink`.
    Unlink {
        /// The domain.
        domid: userdata_core::Domid,
        /// The userid.
        userid: userdata_core::Userid,
    },
    /// `libxl_domain_destroy`: xenstore, lock, userdata, unlock, and the hypervisor last.
    Destroy {
        /// The domain.
        domid: userdata_core::Domid,
    },
}

/// A defect of real libxl, by which it loses or ignores its own lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LibxlBug {
    /// A failed attempt to lock unlinks the lock file of the lock holder.
    UnlinksWithoutHolding,
    /// It holds the lock of an incarnation that is gone, and changes the data of the next one.
    LocksAnotherIncarnation,
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.0)
    }
}
