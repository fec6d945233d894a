//! A history as text: one line for each event, the same to the byte for equal runs.

use std::fmt;

use crate::history::{
    Disturbance, Event, History, Invocation, LibxlBug, LibxlCall, OperationId, OutOfLine, Response,
    Unguarded,
};
use userdata_sim::Plant;

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events
            .iter()
            .enumerate()
            .try_for_each(|(at, event)| writeln!(f, "{at} {event}"))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoked {
                process,
                id,
                invocation,
            } => write!(f, "{process} begins {id}: {invocation}"),
            Self::Responded {
                process,
                id,
                response,
            } => write!(f, "{process} ends {id}: {response}"),
            Self::Killed { process } => write!(f, "{process} is killed"),
            Self::Host { event, created } => {
                write!(f, "host: {event:?}")?;
                created
                    .iter()
                    .try_for_each(|key| write!(f, ", which made {key}"))
            }
            Self::Libxl {
                process,
                bug,
                domain,
            } => write!(f, "{process}: libxl {bug}, of {domain}"),
            Self::Planted {
                process,
                file,
                plant,
            } => {
                write!(f, "{process} plants {} as ", file.escape_ascii())?;
                match plant {
                    Plant::File(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
                    Plant::Symlink(to) => write!(f, "a link to {}", to.escape_ascii()),
                    other => write!(f, "{other:?}"),
                }
            }
            Self::Disturbed { process, by } => write!(f, "{process} meets {by}"),
            Self::Unguarded {
                process,
                domain,
                how,
            } => match how {
                Unguarded::WithoutMarker => write!(f, "{process} destroys {domain} {how}"),
                _ => write!(f, "{process} replaces a value of {domain} {how}"),
            },
            Self::OutOfLine { process, how } => write!(f, "{process} {how}"),
            Self::PowerCut => f.write_str("the power is cut"),
        }
    }
}

impl fmt::Display for Unguarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WithoutLock => "without its lock",
            Self::SweptWhileClosing => "although another process destroys it",
            Self::WhileClosing => "while another process destroys it",
            Self::WithoutMarker => "without its closing marker",
        })
    }
}

impl fmt::Display for OutOfLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Overtakes => "gives the turn to a thread behind another one",
            Self::PollsTogether => "tries to take a lock that another thread of its process holds",
            Self::Stuck => "waits in line, as every thread of its process does",
        })
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Userdata(action) => action.fmt(f),
            Self::Libxl(call) => call.fmt(f),
        }
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Userdata(report) => report.fmt(f),
            Self::Libxl { rc, data: None } => write!(f, "rc {rc}"),
            Self::Libxl {
                rc,
                data: Some(data),
            } => write!(f, "rc {rc}, \"{}\"", data.escape_ascii()),
        }
    }
}

impl fmt::Display for LibxlCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store {
                domid,
                userid,
                data,
            } => {
                let data = data.escape_ascii();
                write!(f, "libxl store {domid}.{userid} \"{data}\"")
            }
            Self::Retrieve { domid, userid } => write!(f, "libxl retrieve {domid}.{userid}"),
            Self::Unlink { domid, userid } => write!(f, "libxl unlink {domid}.{userid}"),
            Self::Destroy { domid } => write!(f, "libxl destroy {domid}"),
        }
    }
}

impl fmt::Display for LibxlBug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::UnlinksWithoutHolding => "unlinks a lock that it does not hold",
            Self::LocksAnotherIncarnation => "holds the lock of another incarnation",
        })
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { call, how } => write!(f, "a fault: {call:?} {how:?}"),
            Self::Hypervisor { call, fault } => write!(f, "a fault: {call:?} {fault:?}"),
            Self::Engine => f.write_str("a fault: the engine"),
        }
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operation {}", self.0)
    }
}
