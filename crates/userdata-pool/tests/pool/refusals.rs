//! Calls that a pool refuses, and what a clear takes along.

use std::time::Duration;

use userdata_core::store::{Clash, Durability, Keep, Op, Put, Refused, StoreErrorKind, Transfer};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Domid, Store, Uuid};

use crate::rig::{agent, assert_elsewhere, begin, refusal, stage_to, two_hosts};

#[test]
fn two_values_under_one_userid_are_not_imported() {
    let (engine, a, _) = two_hosts();
    let (domain, userid) = (a.create(), agent());
    let put = |value| Put::new(&userid, NonEmpty::new(value).unwrap());
    let op = Op::PutAll {
        values: &[put(b"1"), put(b"2")],
        clash: Clash::Replace,
        durability: Durability::Full,
    };
    let before = engine.changes();
    let timeout = Duration::from_secs(1);
    let changed = a.pool.change(&domain, timeout, &mut |_| Ok(()), &[op]);
    let error = changed.unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::Unsupported),
        "{error:?}"
    );
    assert_eq!(engine.changes(), before);
}

#[test]
fn nothing_is_carried_to_a_domain_with_the_same_uuid() {
    let (_, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    let next = DomainKey::new(Domid::new(7).unwrap(), domain.uuid);
    for to in [domain, next] {
        let (transfer, timeout) = (Transfer::new(domain, to, &|_| true), Duration::from_secs(1));
        let carried = a.pool.transfer(&transfer, timeout, &mut |_, _| Ok(()));
        let error = carried.unwrap_err();
        assert!(
            matches!(error.kind(), StoreErrorKind::Unsupported),
            "{error:?}"
        );
        assert_eq!(a.value(domain).as_deref(), Some("1"));
    }
}

#[test]
fn the_mark_of_another_process_is_not_taken_for_the_own_one() {
    let (_, a, _) = two_hosts();
    let (domain, timeout) = (a.create(), Duration::from_secs(1));
    let _mark = a.pool.close(&domain, timeout, &mut |_| Ok(())).unwrap();
    let second = a.pool.close(&domain, timeout, &mut |_| Ok(()));
    assert!(matches!(refusal(second), Refused::BeingDestroyed));
}

#[test]
fn the_values_of_a_domain_that_moves_are_not_cleared_at_its_source() {
    let (_, a, b) = two_hosts();
    let (domain, timeout) = (a.create(), Duration::from_secs(1));
    a.store(domain, "1").unwrap();
    begin(&a, &domain, &b);
    let (keep, durability) = (Keep::Nothing, Durability::Full);
    let ops = [Op::Clear { keep, durability }];
    let cleared = a.pool.change(&domain, timeout, &mut |_| Ok(()), &ops);
    assert_elsewhere(cleared, &stage_to(&b));
    assert_eq!(a.value(domain).as_deref(), Some("1"));
}

#[test]
fn a_clear_removes_its_own_mark_although_the_lease_is_not_ended() {
    let (engine, a, _) = two_hosts();
    let (domain, timeout) = (a.create(), Duration::from_secs(1));
    a.store(domain, "1").unwrap();
    let mark = a.pool.close(&domain, timeout, &mut |_| Ok(())).unwrap();
    // The answers of the clear, and not that of the end of the lease.
    engine.falls_silent(Duration::ZERO, 2);
    mark.clear(timeout, Durability::Full, &mut |_| Ok(()))
        .unwrap();
    let is_mark = |key: &String| key.contains("/mark/");
    assert!(!engine.keys().iter().any(is_mark), "{:?}", engine.keys());
}

#[test]
fn an_open_move_is_not_begun_again_to_another_host() {
    let (_, a, b) = two_hosts();
    let domain = a.create();
    begin(&a, &domain, &b);
    let again = a.pool.begin(&a.xen, &domain, &"a".parse().unwrap());
    assert_elsewhere(again, &stage_to(&b));
}

#[test]
fn the_nil_uuid_is_not_discarded() {
    let (engine, a, _) = two_hosts();
    let before = engine.changes();
    let error = a.pool.discard(Uuid::nil()).unwrap_err();
    let is_refused = matches!(error.kind(), StoreErrorKind::StaysInFiles);
    assert!(is_refused && engine.changes() == before, "{error:?}");
}
