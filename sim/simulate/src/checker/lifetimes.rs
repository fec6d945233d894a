//! `Lifetimes`: which domains lived when, as the hypervisor knew it.

use hv_sim::{HostState, SimHost};
use userdata_core::{Domain, DomainKey, Domid, Hypervisor as _, Life};

use crate::history::{Event, History};

/// A host at each moment of a history.
#[derive(Debug)]
pub(crate) struct Lifetimes {
    /// Each state, and the event from which on it held; the first held from the beginning.
    states: Vec<(usize, HostState)>,
}

impl Lifetimes {
    pub(crate) fn of(before: &HostState, history: &History) -> Self {
        let host = SimHost::from(before.clone());
        let mut states = vec![(0, before.clone())];
        for (at, event) in history.events.iter().enumerate() {
            if let Event::Host { event, .. } = event
                && host.apply(event).is_ok()
            {
                states.push((at, host.state()));
            }
        }
        Self { states }
    }

    /// The states in which the host was during a span.
    fn during(&self, (from, to): (usize, usize)) -> impl Iterator<Item = &HostState> {
        let first = self.states.partition_point(|(at, _)| *at <= from);
        self.states
            .iter()
            .skip(first.saturating_sub(1))
            .take_while(move |(at, _)| *at <= to)
            .map(|(_, state)| state)
    }

    /// Whether `wanted` was true of a domain at some moment of a span. `None` is a domain that is
    /// not there; a hidden one is.
    fn ever(
        &self,
        key: &DomainKey,
        span: (usize, usize),
        wanted: impl Fn(&HostState, Option<Domain>) -> bool,
    ) -> bool {
        self.during(span).any(|state| {
            let domain = truly(state, key.domid);
            wanted(state, domain.filter(|domain| domain.key == *key))
        })
    }

    /// Whether data could be stored for it at some moment.
    pub(crate) fn ever_takes_data(&self, key: &DomainKey, span: (usize, usize)) -> bool {
        self.ever(key, span, |state, domain| {
            let alive = domain.is_some_and(|domain| domain.life == Life::Alive);
            let hidden = state.domain(key.domid).is_err();
            alive && !hidden && !state.leaving(key).unwrap_or_default()
        })
    }

    /// Whether it was leaving or dying at some moment, or came into being or ended in the span.
    pub(crate) fn ever_leaves(&self, key: &DomainKey, span: (usize, usize)) -> bool {
        self.ever(key, span, |state, domain| {
            let dying = domain.is_some_and(|domain| domain.life != Life::Alive);
            dying || state.leaving(key).unwrap_or_default()
        })
    }

    /// Whether it was, at some moment, not there or dead.
    pub(crate) fn ever_gone(&self, key: &DomainKey, span: (usize, usize)) -> bool {
        self.ever(key, span, |_, domain| {
            domain.is_none_or(|domain| domain.life == Life::Dead)
        })
    }

    /// Whether, at some moment, no domain that is alive or dying had this domid.
    pub(crate) fn ever_vacant(&self, domid: Domid, span: (usize, usize)) -> bool {
        self.during(span).any(|state| {
            let guest = state.guest(domid);
            guest.is_none() || truly(state, domid).is_some_and(|found| found.life == Life::Dead)
        })
    }

    /// When it came back, for the last time in a span in which it was gone before.
    pub(crate) fn came_back(&self, key: &DomainKey, (from, to): (usize, usize)) -> Option<usize> {
        let is_there = |state: &HostState| {
            let guest = state.guest(key.domid);
            guest.is_some_and(|guest| guest.uuid() == key.uuid)
        };
        let pairs = self.states.iter().zip(self.states.iter().skip(1));
        let came = pairs.filter(|((_, before), (at, after))| {
            (from..=to).contains(at) && !is_there(before) && is_there(after)
        });
        came.map(|(_, (at, _))| *at).next_back()
    }

    /// Whether it was there at some moment, alive or not.
    pub(crate) fn ever_there(&self, key: &DomainKey, span: (usize, usize)) -> bool {
        self.during(span).any(|state| {
            let guest = state.guest(key.domid);
            guest.is_some_and(|guest| guest.uuid() == key.uuid)
        })
    }

    /// Whether it was there and of this life from beginning to end.
    pub(crate) fn always(&self, key: &DomainKey, span: (usize, usize), life: Life) -> bool {
        !self.ever(key, span, |_, domain| {
            domain.is_none_or(|domain| domain.life != life)
        })
    }

    /// Whether the hypervisor did not answer for it at some moment.
    pub(crate) fn ever_hidden(&self, domid: Domid, span: (usize, usize)) -> bool {
        self.during(span).any(|state| state.domain(domid).is_err())
    }

    /// Every incarnation that had a domid at some moment of a span.
    pub(crate) fn keys(&self, domid: Domid, span: (usize, usize)) -> Vec<DomainKey> {
        let mut keys: Vec<DomainKey> = Vec::new();
        for state in self.during(span) {
            let key = state.guest(domid).map(|g| DomainKey::new(domid, g.uuid()));
            keys.extend(key.filter(|key| !keys.contains(key)));
        }
        keys
    }
}

/// A domain as the hypervisor would report it if it hid none.
fn truly(state: &HostState, domid: Domid) -> Option<Domain> {
    state.domain(domid).unwrap_or_else(|_| {
        let mut shown = state.clone();
        // It is there, or the hypervisor would have answered.
        let _ = shown.apply(&hv_sim::Event::Show { domid });
        shown.domain(domid).ok().flatten()
    })
}
