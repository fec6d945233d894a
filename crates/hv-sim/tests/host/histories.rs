//! What holds after every history.

use std::collections::{BTreeMap, BTreeSet};

use hv_sim::{
    Event, HostOptions, HostState, NAME_BYTES_MAX, NewDomain, Phase, ShutdownReason, SimHost, Until,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use userdata_core::hypervisor::{DomainNames, HypervisorErrorKind};
use userdata_core::{Domid, Hypervisor, Life, Uuid};

/// Few domids, uuids and names, so that they meet; the highest domid so that they wrap around.
fn domids() -> impl Strategy<Value = Domid> {
    prop_oneof![8 => 0_u16..6, 1 => Domid::MAX.get() - 1..=Domid::MAX.get()]
        .prop_map(|number| Domid::new(number).unwrap())
}

fn uuids() -> impl Strategy<Value = Uuid> {
    (0_u128..4).prop_map(Uuid::from_u128)
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[ab]",
        1 => Just("Domain-0".to_owned()),
        1 => any::<String>(),
        1 => Just("n".repeat(NAME_BYTES_MAX)),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    let until = prop::sample::select(vec![Until::Leaving, Until::Dying, Until::Dead, Until::Gone]);
    let reason = prop::sample::select(vec![
        ShutdownReason::Poweroff,
        ShutdownReason::Suspend,
        ShutdownReason::SoftReset,
    ]);
    prop_oneof![
        6 => (of(names()), of(uuids()), of(domids())).prop_map(|(name, uuid, domid)| {
            let mut new = NewDomain::new();
            (new.name, new.uuid, new.domid) = (name, uuid, domid);
            Event::Create(new)
        }),
        6 => (domids(), until).prop_map(|(domid, until)| Event::Destroy { domid, until }),
        2 => (domids(), reason).prop_map(|(domid, reason)| Event::Shutdown { domid, reason }),
        1 => domids().prop_map(|domid| Event::Resume { domid }),
        2 => domids().prop_map(|domid| Event::Reboot { domid }),
        1 => domids().prop_map(|domid| Event::Kill { domid }),
        2 => domids().prop_map(|domid| Event::MigrateBegin { domid }),
        2 => (domids(), domids()).prop_map(|(source, target)| Event::MigrateEnd { source, target }),
        1 => domids().prop_map(|domid| Event::SoftReset { domid }),
        1 => (domids(), uuids()).prop_map(|(domid, uuid)| Event::SetUuid { domid, uuid }),
        1 => (domids(), names()).prop_map(|(domid, name)| Event::Rename { domid, name }),
        1 => domids().prop_map(|domid| Event::Hide { domid }),
        1 => domids().prop_map(|domid| Event::Show { domid }),
        1 => domids().prop_map(|domid| Event::Pin { domid }),
        1 => domids().prop_map(|domid| Event::Unpin { domid }),
        1 => Just(Event::Spurious),
        1 => Just(Event::BootHost),
    ]
}

fn options() -> impl Strategy<Value = HostOptions> {
    (any::<u64>(), 0_u32..4, any::<bool>()).prop_map(|(seed, spurious, dying)| {
        HostOptions::new(seed)
            .with_spurious_one_in(spurious)
            .with_reports_dying(dying)
    })
}

fn histories() -> impl Strategy<Value = Vec<Event>> {
    vec(events(), 0..60)
}

/// Lets a history happen, without the events that can't.
fn live(options: HostOptions, history: &[Event]) -> HostState {
    let mut host = HostState::new(options);
    for event in history {
        drop(host.apply(event));
    }
    host
}

/// What must hold at every moment.
fn check(host: &HostState) {
    let zero = host.guest(Domid::ZERO).unwrap();
    assert_eq!(zero.phase(), Phase::Running);
    assert_eq!(zero.name(), Some("Domain-0"));

    let domids: Vec<_> = host.guests().map(|(domid, _)| domid).collect();
    assert!(domids.is_sorted_by(|one, next| one < next), "{domids:?}");
    let incarnations: BTreeSet<_> = host.guests().map(|(_, g)| g.incarnation()).collect();
    assert_eq!(incarnations.len(), domids.len());
    let names: Vec<_> = host.guests().filter_map(|(_, g)| g.name()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());

    // The list has exactly the domains of the single look-ups, without the hidden ones.
    let listed = host.domains().unwrap();
    let mut expected = Vec::new();
    for domid in (0..6).chain(domids.iter().map(|domid| domid.get())) {
        let domid = Domid::new(domid).unwrap();
        match (host.domain(domid), host.guest(domid)) {
            (Ok(None), None) => {}
            (Ok(Some(domain)), Some(guest)) => {
                assert!(!guest.hidden());
                assert_eq!((domain.key.domid, domain.key.uuid), (domid, guest.uuid()));
                let dying = host.options().reports_dying;
                assert_eq!(
                    domain.life,
                    match guest.phase() {
                        Phase::Dead => Life::Dead,
                        Phase::Dying if dying => Life::Dying,
                        _ => Life::Alive,
                    }
                );
                assert_eq!(domain.incarnation, dying.then_some(guest.incarnation()));
                assert_eq!(host.leaving(&domain.key).unwrap(), guest.leaving());
                assert_eq!(host.name(domid).unwrap().as_deref(), guest.name());
                expected.push(domain);
            }
            (Err(error), Some(guest)) => {
                assert!(guest.hidden());
                let kind = error.kind();
                assert!(matches!(kind, HypervisorErrorKind::NotPermitted { .. }));
            }
            (answer, guest) => panic!("domain {domid}: {answer:?} of {guest:?}"),
        }
    }
    expected.sort_by_key(|domain| domain.key.domid);
    expected.dedup();
    assert_eq!(listed, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_host_is_always_sound(options in options(), history in histories()) {
        let mut host = HostState::new(options);
        check(&host);
        for event in &history {
            drop(host.apply(event));
            check(&host);
        }
    }

    #[test]
    fn an_event_that_cannot_happen_changes_nothing(options in options(), history in histories()) {
        let mut host = HostState::new(options);
        for event in &history {
            let before = host.clone();
            match host.apply(event) {
                Ok(_) => prop_assert_eq!(host.events(), before.events() + 1),
                Err(_) => prop_assert_eq!(&host, &before),
            }
        }
    }

    #[test]
    fn an_incarnation_that_is_gone_never_comes_back_nor_lives_again(
        options in options(), history in histories(),
    ) {
        let mut host = HostState::new(options);
        let mut known: BTreeMap<u64, (Domid, Life)> = BTreeMap::new();
        let mut gone: BTreeSet<u64> = BTreeSet::new();
        for event in &history {
            drop(host.apply(event));
            let now: BTreeMap<u64, (Domid, Life)> = host
                .guests()
                .map(|(domid, guest)| {
                    let life = match guest.phase() {
                        Phase::Dead => Life::Dead,
                        Phase::Dying => Life::Dying,
                        _ => Life::Alive,
                    };
                    (guest.incarnation(), (domid, life))
                })
                .collect();
            for (incarnation, (domid, life)) in &now {
                prop_assert!(!gone.contains(incarnation));
                if let Some((old_domid, old_life)) = known.get(incarnation) {
                    prop_assert_eq!(domid, old_domid);
                    prop_assert!(life >= old_life);
                }
            }
            gone.extend(known.keys().filter(|old| !now.contains_key(old)));
            known = now;
        }
    }

    #[test]
    fn json_is_the_same_host_and_lives_on_as_it_would(
        options in options(), first in histories(), then in histories(),
    ) {
        let mut host = live(options, &first);
        let json = host.to_json();
        let mut copy = HostState::from_json(json.as_bytes()).unwrap();
        prop_assert_eq!(&copy, &host);
        prop_assert_eq!(copy.to_json(), json);
        for event in &then {
            prop_assert_eq!(host.apply(event), copy.apply(event));
        }
        prop_assert_eq!(copy.to_json(), host.to_json());
    }

    #[test]
    fn a_history_replayed_from_its_json_is_the_same_to_the_byte(
        options in options(), history in histories(),
    ) {
        let text = serde_json::to_string(&history).unwrap();
        let replayed: Vec<Event> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&replayed, &history);
        let host = SimHost::new(options.clone());
        for event in &replayed {
            drop(host.apply(event));
        }
        prop_assert_eq!(host.state().to_json(), live(options, &history).to_json());
    }

    #[test]
    fn a_stale_answer_is_what_was_true_before_the_last_event(
        options in options(), history in histories(), last in events(),
    ) {
        let host = SimHost::from(live(options, &history));
        let before = host.state();
        prop_assume!(host.apply(&last).is_ok());
        host.script(hv_sim::Call::Domains, hv_sim::When::Next, hv_sim::Fault::Stale);
        prop_assert_eq!(host.domains().unwrap(), before.domains().unwrap());
        prop_assert_eq!(host.domains().unwrap(), host.state().domains().unwrap());
    }

    #[test]
    fn no_bytes_panic_the_reader(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(HostState::from_json(&bytes).is_err());
    }
}
