//! The numbers of new domains and boots: domids, uuids, boot ids and incarnations.

use std::collections::BTreeSet;

use hv_sim::{EventError, HostOptions, HostState, NewDomain, SimHost};
use userdata_core::{Domid, Hypervisor, Uuid};

use crate::{domid, guest, host};

#[test]
fn domids_are_round_robin_and_a_chosen_one_is_outside() {
    let host = host();
    assert_eq!(guest(&host).domid, domid(1));
    assert_eq!(guest(&host).domid, domid(2));
    let chosen = NewDomain::new().with_domid(domid(4));
    assert_eq!(host.create(chosen).unwrap().domid, domid(4));
    host.destroy(domid(1)).unwrap();
    assert_eq!(guest(&host).domid, domid(3), "not 1, which is free again");
    assert_eq!(guest(&host).domid, domid(5), "4 is in use");
}

#[test]
fn a_zombie_keeps_its_domid() {
    let host = host();
    let zombie = guest(&host);
    host.pin(zombie.domid).unwrap();
    host.destroy(zombie.domid).unwrap();
    let again = NewDomain::new().with_domid(zombie.domid);
    let taken = EventError::DomidTaken {
        domid: zombie.domid,
    };
    assert_eq!(host.create(again.clone()), Err(taken));
    host.unpin(zombie.domid).unwrap();
    assert_eq!(host.create(again).unwrap().domid, zombie.domid);
}

#[test]
fn domain_0_has_its_domid() {
    let zero = NewDomain::new().with_domid(Domid::ZERO);
    let taken = EventError::DomidTaken { domid: Domid::ZERO };
    assert_eq!(host().create(zero), Err(taken));
}

#[test]
fn domids_wrap_around_and_end_when_all_are_taken() {
    let host = host();
    let chosen = NewDomain::new().with_domid(domid(1));
    host.create(chosen).unwrap();
    for number in 2..=Domid::MAX.get() {
        assert_eq!(guest(&host).domid, domid(number));
    }
    assert_eq!(host.create(NewDomain::new()), Err(EventError::NoFreeDomid));
    host.destroy(domid(7)).unwrap();
    host.destroy(domid(9)).unwrap();
    assert_eq!(guest(&host).domid, domid(7));
    assert_eq!(guest(&host).domid, domid(9));
    // Only the one that was given last is free: Xen 4.22 gives it again.
    host.destroy(domid(9)).unwrap();
    assert_eq!(guest(&host).domid, domid(9));
    host.boot_host().unwrap();
    assert_eq!(guest(&host).domid, domid(1));
}

#[test]
fn a_uuid_is_the_chosen_one_or_comes_from_the_seed() {
    let uuid = Uuid::from_u128(7);
    let host = host();
    let chosen = host.create(NewDomain::new().with_uuid(uuid)).unwrap();
    assert_eq!(chosen.uuid, uuid);
    let drawn = guest(&host).uuid;
    assert_eq!(drawn.get_version_num(), 4);
    assert_ne!(drawn, guest(&host).uuid);

    let other = SimHost::new(HostOptions::new(2));
    guest(&other);
    assert_ne!(guest(&other).uuid, drawn, "another seed");
}

#[test]
fn two_boots_never_share_an_id() {
    let mut boots = BTreeSet::new();
    for seed in 0..10 {
        let host = SimHost::new(HostOptions::new(seed));
        for _ in 0..10 {
            assert!(boots.insert(host.boot().unwrap().to_string()));
            host.boot_host().unwrap();
        }
    }
}

#[test]
fn counting_ends_with_an_error() {
    let json = HostState::new(HostOptions::new(1)).to_json();
    let last = u64::MAX.to_string();
    let host = |field: &str| {
        let json = json.replace(
            &format!("\"{field}\": 1,\n  "),
            &format!("\"{field}\": {last},\n  "),
        );
        assert!(json.contains(&last));
        SimHost::from(HostState::from_json(json.as_bytes()).unwrap())
    };
    let full = host("incarnations");
    assert_eq!(full.create(NewDomain::new()), Err(EventError::Exhausted));
    assert_eq!(full.boot_host(), Err(EventError::Exhausted));
    assert_eq!(host("boot").boot_host(), Err(EventError::Exhausted));
}
