//! `Deed`: one operation of a history, with when it began and how it ended.

use std::collections::BTreeMap;

use hv_sim::Fault;
use thiserror::Error;
use userdata_core::Domid;

use crate::history::Reply;
use crate::history::{Disturbance, Event, History, LibxlCall, Operation, OperationId, ProcessId};
use crate::walk::Action;
use crate::walk::Report;

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed<'a> {
    pub(crate) id: OperationId,
    pub(crate) process: ProcessId,
    pub(crate) operation: &'a Operation,
    pub(crate) began: usize,
    /// After this it did nothing any more.
    pub(crate) ended: usize,
    pub(crate) end: End<'a>,
    /// Whether a call of the directory went wrong meanwhile.
    pub(crate) directory_failed: bool,
    /// Whether an answer of the hypervisor was wrong meanwhile, or missing.
    pub(crate) hypervisor_failed: bool,
    /// Whether there was such an answer, and not only none.
    pub(crate) hypervisor_lied: bool,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End<'a> {
    Replied(&'a Reply),
    Killed,
    /// Not at all.
    Open,
}

/// A history that no run can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("event {at}: {what}")]
pub struct MalformedHistory {
    /// The place of the event.
    pub at: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl<'a> Deed<'a> {
    /// The operations that began before the event `until`, as they stood then; the first power cut
    /// ends everything.
    pub(crate) fn of(history: &'a History, until: usize) -> Result<Vec<Self>, MalformedHistory> {
        let mut deeds: Vec<Self> = Vec::new();
        let mut places: BTreeMap<OperationId, usize> = BTreeMap::new();
        let mut busy: BTreeMap<ProcessId, usize> = BTreeMap::new();
        let malformed = |at, what| MalformedHistory { at, what };
        for (at, event) in history.events.iter().enumerate().take(until) {
            match event {
                Event::Called {
                    process,
                    id,
                    operation,
                } => {
                    if busy.insert(*process, deeds.len()).is_some() {
                        return Err(malformed(at, "the process has an operation under way"));
                    }
                    if places.insert(*id, deeds.len()).is_some() {
                        return Err(malformed(at, "another operation has this number"));
                    }
                    deeds.push(Self {
                        id: *id,
                        process: *process,
                        operation,
                        began: at,
                        ended: usize::MAX,
                        end: End::Open,
                        directory_failed: false,
                        hypervisor_failed: false,
                        hypervisor_lied: false,
                    });
                }
                Event::Returned { process, id, reply } => {
                    let place = busy.remove(process).filter(|p| places.get(id) == Some(p));
                    let Some(deed) = place.and_then(|place| deeds.get_mut(place)) else {
                        return Err(malformed(at, "the process has no such operation under way"));
                    };
                    let fits = matches!(
                        (deed.operation, reply),
                        (Operation::Userdata(_), Reply::Userdata(_))
                            | (Operation::Libxl(_), Reply::Libxl { .. })
                    );
                    if !fits {
                        return Err(malformed(at, "the reply is not of the operation's kind"));
                    }
                    (deed.ended, deed.end) = (at, End::Replied(reply));
                }
                Event::Killed { process } => {
                    let place = busy.remove(process);
                    if let Some(deed) = place.and_then(|place| deeds.get_mut(place)) {
                        (deed.ended, deed.end) = (at, End::Killed);
                    }
                }
                Event::Disturbed { process, by } => {
                    let place = busy.get(process);
                    if let Some(deed) = place.and_then(|place| deeds.get_mut(*place)) {
                        match by {
                            Disturbance::Directory { .. } => deed.directory_failed = true,
                            Disturbance::Hypervisor { fault, .. } => {
                                deed.hypervisor_failed = true;
                                deed.hypervisor_lied |= !matches!(fault, Fault::Fail(_));
                            }
                        }
                    }
                }
                Event::PowerCut => {
                    for place in busy.values() {
                        if let Some(deed) = deeds.get_mut(*place) {
                            (deed.ended, deed.end) = (at, End::Killed);
                        }
                    }
                    break;
                }
                _ => {}
            }
        }
        Ok(deeds)
    }

    pub(crate) const fn span(&self) -> (usize, usize) {
        (self.began, self.ended)
    }

    /// Whether both were under way at some moment.
    pub(crate) const fn overlaps(&self, (from, to): (usize, usize)) -> bool {
        self.began <= to && from <= self.ended
    }

    /// What the facade was asked to do.
    pub(crate) fn action(&self) -> Option<&'a Action> {
        match self.operation {
            Operation::Userdata(action) => Some(action),
            Operation::Libxl(_) => None,
        }
    }

    /// What real libxl was asked to do.
    pub(crate) fn libxl(&self) -> Option<&'a LibxlCall> {
        match self.operation {
            Operation::Libxl(call) => Some(call),
            Operation::Userdata(_) => None,
        }
    }

    /// What the facade said.
    pub(crate) fn report(&self) -> Option<&'a Report> {
        match self.end {
            End::Replied(Reply::Userdata(report)) => Some(report),
            _ => None,
        }
    }

    /// What real libxl said.
    pub(crate) fn libxl_reply(&self) -> Option<(i32, Option<&'a [u8]>)> {
        match self.end {
            End::Replied(Reply::Libxl { rc, data }) => Some((*rc, data.as_deref())),
            _ => None,
        }
    }

    /// Whether it was cut off in the middle.
    pub(crate) const fn is_cut_off(&self) -> bool {
        !matches!(self.end, End::Replied(_))
    }

    pub(crate) fn domid(&self) -> Domid {
        match self.operation {
            Operation::Userdata(action) => action.domain().domid,
            Operation::Libxl(
                LibxlCall::Store { domid, .. }
                | LibxlCall::Retrieve { domid, .. }
                | LibxlCall::Unlink { domid, .. }
                | LibxlCall::Destroy { domid },
            ) => *domid,
        }
    }
}
