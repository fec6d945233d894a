//! `Facts`: what a history says, made ready for every check.

use hv_sim::HostState;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::{DomainKey, Domid};

use super::broken_locks::BrokenLocks;
use super::lifetimes::Lifetimes;
use super::operation::{MalformedHistory, Operation};
use crate::history::{Event, History, Invocation, LibxlCall};
use crate::walk::{boot_name, shown, view_in};
use userdata_sim::crash::Tree;

/// A host at one moment: its domains, and the directory of the userdata.
#[derive(Clone, Debug)]
pub struct HostImage {
    /// Its domains.
    pub host: HostState,
    /// What programs see of the directory. The files of a tree have the names that they would have
    /// in libxl's layout.
    pub tree: Tree,
}

#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) history: &'a History,
    /// How the names that are checked are made.
    pub(crate) format: NameFormat,
    pub(crate) layout: NameFormat,
    /// The name of the boot.
    pub(crate) boot: String,
    pub(crate) before: &'a HostImage,
    pub(crate) operations: Vec<Operation<'a>>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) broken_locks: BrokenLocks,
    /// Events from this one on are ignored.
    pub(crate) until: usize,
}

impl<'a> Facts<'a> {
    /// The facts up to the event `until`, or to the first power cut.
    pub(crate) fn of(
        history: &'a History,
        layout: NameFormat,
        before: &'a HostImage,
        until: usize,
    ) -> Result<Self, MalformedHistory> {
        let format = shown(layout);
        let cut = history
            .events
            .iter()
            .position(|event| matches!(event, Event::PowerCut));
        let until = until
            .min(history.events.len())
            .min(cut.unwrap_or(usize::MAX));
        let operations = Operation::of(history, until)?;
        let broken_locks = BrokenLocks::of(history, &operations, format);
        Ok(Self {
            history,
            format,
            layout,
            boot: boot_name(before.host.boots()),
            before,
            operations,
            lifetimes: Lifetimes::of(&before.host, history),
            broken_locks,
            until,
        })
    }

    /// What programs see of a directory.
    pub(crate) fn view(&self, tree: Tree) -> Tree {
        view_in(&self.boot, self.layout, tree)
    }

    /// The incarnations that an operation may concern: libxl asks for the uuid of a domid at each
    /// step, so that one operation may meet several.
    pub(crate) fn keys_of(&self, place: usize) -> Vec<DomainKey> {
        match self.operations.get(place) {
            None => Vec::new(),
            Some(operation) => match operation.invocation {
                Invocation::Userdata(action) => action.domains(),
                Invocation::Libxl(_) => self.lifetimes.keys(operation.domid(), operation.span()),
            },
        }
    }

    /// Whether something else than the operation at this place may have ended the domain before the
    /// operation was done: another destroy, a bare `xc_domain_destroy`, the last reference to a
    /// dead domain dropped. libxl's destroy has no path for the data of a domain that is gone when
    /// it looks for it: it removes nothing, and reports success. So it does with a hidden domain.
    pub(crate) fn is_ended_by_others(&self, place: usize, domid: Domid) -> bool {
        let Some(this) = self.operations.get(place) else {
            return false;
        };
        let destroys = |operation: &Operation<'_>| match operation.invocation {
            Invocation::Userdata(action) => action.ends_domain(),
            Invocation::Libxl(call) => matches!(call, LibxlCall::Destroy { .. }),
        };
        let mut others = self.operations.iter().zip(0..);
        let is_destroyed = others.any(|(operation, at)| {
            at != place
                && operation.domid() == domid
                && destroys(operation)
                && operation.overlaps(this.span())
        });
        let mut events = self
            .history
            .events
            .iter()
            .zip(0..)
            .take(this.ended.saturating_add(1));
        let is_ended = |(event, at): (&Event, usize)| match event {
            Event::Host { event, .. } => match event {
                hv_sim::Event::Kill { domid: ended } => *ended == domid,
                hv_sim::Event::Unpin { domid: ended } => *ended == domid && at > this.began,
                _ => false,
            },
            _ => false,
        };
        is_destroyed || events.any(is_ended) || self.lifetimes.ever_hidden(domid, this.span())
    }

    /// Whether something was planted under a name.
    pub(crate) fn is_planted(&self, name: &FileName) -> bool {
        self.history
            .events
            .iter()
            .any(|event| matches!(event, Event::Planted { file, .. } if file == name.as_bytes()))
    }
}
