//! Strategies for the histories of a host.

use hv_sim::{Event, NewDomain, ShutdownReason, Until};
use proptest::prelude::*;
use userdata_core::{Domid, Uuid};

use super::HOT_DOMAINS;

/// Draws a sequence of events. Apply them to a [`SimHost`](hv_sim::SimHost) one by one, and skip
/// those that it refuses.
///
/// Domids are low or those of [`HOT_DOMAINS`], and uuids are those of [`HOT_DOMAINS`] or new, so
/// that both are used again.
pub fn histories(events_max: usize) -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(event(), 0..=events_max)
}

/// Draws one event.
pub fn event() -> impl Strategy<Value = Event> {
    let rare = prop_oneof![
        domid().prop_map(|domid| Event::Hide { domid }),
        domid().prop_map(|domid| Event::Show { domid }),
        domid().prop_map(|domid| Event::Pin { domid }),
        domid().prop_map(|domid| Event::Unpin { domid }),
        domid().prop_map(|domid| Event::Kill { domid }),
        domid().prop_map(|domid| Event::Resume { domid }),
        domid().prop_map(|domid| Event::SoftReset { domid }),
        (domid(), uuid()).prop_map(|(domid, uuid)| Event::SetUuid { domid, uuid }),
        (domid(), name()).prop_map(|(domid, name)| Event::Rename { domid, name }),
        Just(Event::Spurious),
        Just(Event::BootHost),
    ];
    prop_oneof![
        8 => new_domain().prop_map(Event::Create),
        6 => (domid(), until()).prop_map(|(domid, until)| Event::Destroy { domid, until }),
        2 => (domid(), reason()).prop_map(|(domid, reason)| Event::Shutdown { domid, reason }),
        2 => domid().prop_map(|domid| Event::Reboot { domid }),
        2 => domid().prop_map(|domid| Event::MigrateBegin { domid }),
        2 => (domid(), domid()).prop_map(|(source, target)| Event::MigrateEnd { source, target }),
        6 => rare,
    ]
}

fn domid() -> impl Strategy<Value = Domid> {
    let low = (0..8_u16).prop_map(|number| Domid::new(number).unwrap_or(Domid::ZERO));
    let hot = proptest::sample::select(HOT_DOMAINS).prop_map(|key| key.domid);
    prop_oneof![5 => low, 1 => hot]
}

fn uuid() -> impl Strategy<Value = Uuid> {
    proptest::sample::select(HOT_DOMAINS).prop_map(|key| key.uuid)
}

fn name() -> impl Strategy<Value = String> {
    "(web|db|Domain-0|[ -~]{0,6}|\\PC{1,3})"
}

fn until() -> impl Strategy<Value = Until> {
    proptest::sample::select(&[Until::Leaving, Until::Dying, Until::Dead, Until::Gone][..])
}

fn reason() -> impl Strategy<Value = ShutdownReason> {
    proptest::sample::select(&ShutdownReason::ALL[..])
}

fn new_domain() -> impl Strategy<Value = NewDomain> {
    let (name, uuid) = (proptest::option::of(name()), proptest::option::of(uuid()));
    let domid = proptest::option::weighted(0.2, domid());
    (name, uuid, domid).prop_map(|(name, uuid, domid)| {
        let mut new = NewDomain::new();
        (new.name, new.uuid, new.domid) = (name, uuid, domid);
        new
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hv_sim::{HostOptions, SimHost};
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    use super::*;

    #[test]
    fn every_event_happens_in_some_history() {
        let (mut runner, mut happened) = (TestRunner::deterministic(), BTreeMap::new());
        for _ in 0..300 {
            let host = SimHost::new(HostOptions::new(1));
            for event in histories(60).new_tree(&mut runner).unwrap().current() {
                let done = host.apply(&event).is_ok();
                let text = format!("{event:?}");
                let kind = text.split([' ', '(']).next().unwrap().to_owned();
                *happened.entry(kind).or_insert(0) += u32::from(done);
            }
        }
        assert_eq!(happened.len(), 17, "{happened:?}");
        assert!(happened.values().all(|count| *count > 0), "{happened:?}");
    }
}
