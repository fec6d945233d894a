//! `Operation`: one operation of a history, with when it began and how it ended.

use std::collections::BTreeMap;

use hv_sim::Fault;
use thiserror::Error;
use userdata::UserdataError;
use userdata_core::store::StoredAll;
use userdata_core::{DomainKey, Domid, Userid, Value};

use crate::history::Response;
use crate::history::{Disturbance, Event, History, Invocation, LibxlCall, OperationId, ProcessId};
use crate::walk::Action;
use crate::walk::Report;

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) id: OperationId,
    pub(crate) process: ProcessId,
    pub(crate) invocation: &'a Invocation,
    pub(crate) began: usize,
    /// The event after which it did nothing.
    pub(crate) ended: usize,
    pub(crate) end: End<'a>,
    /// Whether a call of the directory, or of a pool's engine, went wrong meanwhile.
    pub(crate) directory_failed: bool,
    /// Whether an answer of the hypervisor was wrong meanwhile, or missing.
    pub(crate) hypervisor_failed: bool,
    /// Whether there was a wrong answer, not only a missing one.
    pub(crate) hypervisor_lied: bool,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End<'a> {
    Responded(&'a Response),
    Killed,
    /// It did not end.
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

impl<'a> Operation<'a> {
    /// The operations that began before the event `until`, as they stood then; the first power cut
    /// ends everything.
    pub(crate) fn of(history: &'a History, until: usize) -> Result<Vec<Self>, MalformedHistory> {
        let mut operations: Vec<Self> = Vec::new();
        let mut places: BTreeMap<OperationId, usize> = BTreeMap::new();
        let mut busy: BTreeMap<ProcessId, usize> = BTreeMap::new();
        let malformed = |at, what| MalformedHistory { at, what };
        for (at, event) in history.events.iter().enumerate().take(until) {
            match event {
                Event::Invoked {
                    process,
                    id,
                    invocation,
                } => {
                    if busy.insert(*process, operations.len()).is_some() {
                        return Err(malformed(at, "the process has an operation under way"));
                    }
                    if places.insert(*id, operations.len()).is_some() {
                        return Err(malformed(at, "another operation has this number"));
                    }
                    operations.push(Self {
                        id: *id,
                        process: *process,
                        invocation,
                        began: at,
                        ended: usize::MAX,
                        end: End::Open,
                        directory_failed: false,
                        hypervisor_failed: false,
                        hypervisor_lied: false,
                    });
                }
                Event::Responded {
                    process,
                    id,
                    response,
                } => {
                    let place = busy.remove(process).filter(|p| places.get(id) == Some(p));
                    let Some(operation) = place.and_then(|place| operations.get_mut(place)) else {
                        return Err(malformed(at, "the process has no such operation under way"));
                    };
                    let fits = matches!(
                        (operation.invocation, response),
                        (Invocation::Userdata(_), Response::Userdata(_))
                            | (Invocation::Libxl(_), Response::Libxl { .. })
                    );
                    if !fits {
                        return Err(malformed(at, "the reply is not of the operation's kind"));
                    }
                    (operation.ended, operation.end) = (at, End::Responded(response));
                }
                Event::Killed { process } => {
                    let place = busy.remove(process);
                    if let Some(operation) = place.and_then(|place| operations.get_mut(place)) {
                        (operation.ended, operation.end) = (at, End::Killed);
                    }
                }
                Event::Disturbed { process, by } => {
                    let place = busy.get(process);
                    if let Some(operation) = place.and_then(|place| operations.get_mut(*place)) {
                        match by {
                            Disturbance::Directory { .. } | Disturbance::Engine => {
                                operation.directory_failed = true;
                            }
                            Disturbance::Hypervisor { fault, .. } => {
                                operation.hypervisor_failed = true;
                                operation.hypervisor_lied |= !matches!(fault, Fault::Fail(_));
                            }
                        }
                    }
                }
                Event::PowerCut => {
                    for place in busy.values() {
                        if let Some(operation) = operations.get_mut(*place) {
                            (operation.ended, operation.end) = (at, End::Killed);
                        }
                    }
                    break;
                }
                _ => {}
            }
        }
        Ok(operations)
    }

    pub(crate) const fn span(&self) -> (usize, usize) {
        (self.began, self.ended)
    }

    /// Whether both were under way at some moment.
    pub(crate) const fn overlaps(&self, (from, to): (usize, usize)) -> bool {
        self.began <= to && from <= self.ended
    }

    /// The call of the facade, if it is one.
    pub(crate) fn action(&self) -> Option<&'a Action> {
        match self.invocation {
            Invocation::Userdata(action) => Some(action),
            Invocation::Libxl(_) => None,
        }
    }

    /// The call of real libxl, if it is one.
    pub(crate) fn libxl(&self) -> Option<&'a LibxlCall> {
        match self.invocation {
            Invocation::Libxl(call) => Some(call),
            Invocation::Userdata(_) => None,
        }
    }

    /// The facade's response.
    pub(crate) fn report(&self) -> Option<&'a Report> {
        match self.end {
            End::Responded(Response::Userdata(Report::Exported { then, .. })) => Some(then),
            End::Responded(Response::Userdata(report)) => Some(report),
            _ => None,
        }
    }

    /// The values that were exported, if it exports.
    pub(crate) fn exported(&self) -> Option<&'a [(Userid, Value)]> {
        match self.end {
            End::Responded(Response::Userdata(Report::Exported { values, .. })) => Some(values),
            _ => None,
        }
    }

    /// What the facade says of one domain, if it stored several values: `None` if it says nothing.
    pub(crate) fn stored(
        &self,
        domain: &DomainKey,
    ) -> Option<Result<&'a StoredAll, &'a UserdataError>> {
        match self.report()? {
            Report::StoredAll(stored) => Some(Ok(stored)),
            Report::Failed(error) => Some(Err(error)),
            report => report.of_domain(domain),
        }
    }

    /// Real libxl's response.
    pub(crate) fn libxl_response(&self) -> Option<(i32, Option<&'a [u8]>)> {
        match self.end {
            End::Responded(Response::Libxl { rc, data }) => Some((*rc, data.as_deref())),
            _ => None,
        }
    }

    /// Whether it was cut off in the middle.
    pub(crate) const fn is_cut_off(&self) -> bool {
        !matches!(self.end, End::Responded(_))
    }

    /// Whether it may concern the domains that have this domid.
    pub(crate) fn concerns_domid(&self, domid: Domid) -> bool {
        match self.invocation {
            Invocation::Userdata(Action::Sweep { .. }) => true,
            Invocation::Userdata(action) => {
                let domains = action.domains();
                domains.iter().any(|domain| domain.domid == domid)
            }
            Invocation::Libxl(_) => self.domid() == domid,
        }
    }

    pub(crate) fn domid(&self) -> Domid {
        match self.invocation {
            Invocation::Userdata(action) => action.domain().domid,
            Invocation::Libxl(
                LibxlCall::Store { domid, .. }
                | LibxlCall::Retrieve { domid, .. }
                | LibxlCall::Unlink { domid, .. }
                | LibxlCall::Destroy { domid },
            ) => *domid,
        }
    }
}
