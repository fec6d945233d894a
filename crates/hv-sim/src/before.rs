//! `Before`: the state of a host before its last event.

use std::collections::BTreeMap;

use userdata_core::Domid;

use crate::state::Counters;
use crate::{Guest, HostState};

/// Restores the state before one event. It keeps only the domains that the event changed, because a
/// host may have 32 751 guests.
#[derive(Debug)]
pub(crate) struct Before {
    counters: Counters,
    /// Each changed domain as it was before the event; `None` if it did not exist.
    touched: BTreeMap<Domid, Option<Guest>>,
}

impl Before {
    pub(crate) const fn new(state: &HostState) -> Self {
        Self {
            counters: state.counters,
            touched: BTreeMap::new(),
        }
    }

    /// Sets `state` back to the state before the event.
    pub(crate) fn restore(self, state: &mut HostState) {
        state.counters = self.counters;
        for (domid, guest) in self.touched {
            match guest {
                Some(guest) => state.guests.insert(domid, guest),
                None => state.guests.remove(&domid),
            };
        }
    }

    /// The state before the event, if `state` is the one after it.
    pub(crate) fn of(&self, state: &HostState) -> HostState {
        let mut past = state.clone();
        Self {
            counters: self.counters,
            touched: self.touched.clone(),
        }
        .restore(&mut past);
        past
    }

    /// A domain that the event is about to change.
    pub(crate) fn guest<'a>(
        &mut self,
        state: &'a mut HostState,
        domid: Domid,
    ) -> Option<&'a mut Guest> {
        let guest = state.guests.get_mut(&domid)?;
        self.touched
            .entry(domid)
            .or_insert_with(|| Some(guest.clone()));
        Some(guest)
    }

    /// Adds a domain under a free domid.
    pub(crate) fn insert(&mut self, state: &mut HostState, domid: Domid, guest: Guest) {
        let replaced = state.guests.insert(domid, guest);
        self.touched.entry(domid).or_insert(replaced);
    }

    /// Removes a domain.
    pub(crate) fn remove(&mut self, state: &mut HostState, domid: Domid) {
        let removed = state.guests.remove(&domid);
        self.touched.entry(domid).or_insert(removed);
    }

    /// Removes every domain but Domain-0.
    pub(crate) fn remove_guests(&mut self, state: &mut HostState) {
        let zero = state.guests.remove_entry(&Domid::ZERO);
        let guests = std::mem::replace(&mut state.guests, zero.into_iter().collect());
        for (domid, guest) in guests {
            self.touched.entry(domid).or_insert(Some(guest));
        }
    }
}

#[cfg(test)]
mod tests {
    use userdata_core::Uuid;

    use super::*;
    use crate::HostOptions;

    #[test]
    fn every_change_is_undone_in_any_order() {
        let guest = |number| Guest::new(Uuid::from_u128(number), None, 1);
        let [one, two] = [1, 2].map(|number| Domid::new(number).unwrap());
        let mut state = HostState::new(HostOptions::new(1));
        state.guests.insert(one, guest(1));
        let start = state.clone();

        let mut before = Before::new(&state);
        before.remove(&mut state, one);
        before.insert(&mut state, one, guest(3));
        before.guest(&mut state, one).unwrap().pinned = true;
        before.insert(&mut state, two, guest(2));
        before.remove(&mut state, two);
        state.counters.events = 5;
        assert_eq!(before.of(&state), start);
        before.remove_guests(&mut state);
        assert_eq!(state.guests().count(), 1);
        before.restore(&mut state);
        assert_eq!(state, start);
    }
}
