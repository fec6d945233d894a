//! Calls that a pool refuses, and what a clear takes along.

use std::time::Duration;

use hv_sim::NewDomain;
use userdata::{UserdataError, UserdataErrorKind};
use userdata_core::store::{
    Clash, Durability, Keep, Op, Put, Refused, Stage, StoreErrorKind, Transfer,
};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Domid, Store, Uuid};

use crate::rig::{
    PATIENT, agent, assert_elsewhere, begin, elsewhere, refusal, second, stage_to, two_hosts,
};

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
fn nothing_is_carried_to_or_from_a_domain_whose_home_is_another_host() {
    let (_, a, b) = two_hosts();
    let (home, clone) = (b.create(), a.create());
    b.store(home, "1").unwrap();
    let other = a.xen.create(NewDomain::new().with_uuid(Uuid::from_u128(7)));
    let other = other.unwrap();
    a.facade.store(other, &second(), b"2").unwrap();
    for (from, to) in [(other, clone), (clone, other)] {
        let transfer = Transfer::new(from, to, &|_| true);
        let carried = a.pool.transfer(&transfer, PATIENT, &mut |_, _| Ok(()));
        assert_elsewhere(carried, &Stage::Settled);
    }
    b.store(home, "3").unwrap();
    assert_eq!(b.value(home).as_deref(), Some("3"));
    assert!(a.facade.retrieve(other, second()).unwrap().is_some());
}

#[test]
fn no_call_takes_domain_0_or_the_nil_uuid() {
    let (_, a, _) = two_hosts();
    let good = a.create();
    a.store(good, "1").unwrap();
    let other = DomainKey::new(good.domid, Uuid::from_u128(7));
    for bad in [
        DomainKey::new(Domid::ZERO, good.uuid),
        DomainKey::new(good.domid, Uuid::nil()),
    ] {
        let (pool, xen) = (&a.pool, &a.xen);
        let transfer = |from, to| {
            let transfer = Transfer::new(from, to, &|_| true);
            pool.transfer(&transfer, PATIENT, &mut |_, _| Ok(()))
                .map(drop)
        };
        for told in [
            pool.begin(xen, &bad, &"b".parse().unwrap()),
            pool.claim(xen, &bad),
            pool.cancel(xen, &bad),
            pool.finish(xen, &bad).map(drop),
            pool.adopt(xen, &bad),
            pool.close(&bad, PATIENT, &mut |_| Ok(())).map(drop),
            transfer(bad, other),
            transfer(other, bad),
        ] {
            let error = told.unwrap_err();
            let stays = matches!(error.kind(), StoreErrorKind::StaysInFiles);
            assert!(stays, "{error:?}");
        }
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
fn a_clear_of_what_belongs_elsewhere_is_refused_and_names_the_home() {
    for is_released in [None, Some(false), Some(true)] {
        let (_, a, b) = two_hosts();
        let domain = a.create();
        a.store(domain, "1").unwrap();
        let mut stage = Stage::Settled;
        if let Some(is_released) = is_released {
            begin(&a, &domain, &b);
            stage = stage_to(&b);
            if is_released {
                a.xen.destroy(domain.domid).unwrap();
                a.pool.finish(&a.xen, &domain).unwrap();
                stage = Stage::Released("b".parse().unwrap());
            }
        }
        let copy = b.create();
        for keep in [Keep::Essential, Keep::Nothing] {
            assert_eq!(elsewhere(b.facade.clear(copy, keep)).stage, stage);
        }
        b.xen.destroy(copy.domid).unwrap();
        assert_eq!(elsewhere(b.facade.clear(copy, Keep::Nothing)).stage, stage);
        let roster = a.pool.roster().unwrap();
        assert_eq!(roster.placed.first().map(|placed| placed.values), Some(1));
    }
}

#[test]
fn a_destroy_without_a_mark_leaves_what_belongs_elsewhere_alone() {
    for moves in [false, true] {
        let (engine, a, b) = two_hosts();
        let domain = a.create();
        a.store(domain, "1").unwrap();
        if moves {
            begin(&a, &domain, &b);
        }
        let copy = b.create();
        engine.fill();
        let destroyed = b.facade.destroy(copy, |key| b.xen.destroy(key.domid));
        let destroyed = destroyed.unwrap();
        // The mark alone.
        assert_eq!(destroyed.problems.len(), 1, "{:?}", destroyed.problems);
        assert!(destroyed.cleared.unwrap().removed.is_empty());
        assert_eq!(a.value(domain).as_deref(), Some("1"));
    }
}

#[test]
fn a_destroy_without_a_mark_releases_what_moves_or_tells_that_it_does_not() {
    for is_full in [false, true] {
        let (engine, a, b) = two_hosts();
        let domain = a.create();
        a.store(domain, "1").unwrap();
        begin(&a, &domain, &b);
        engine.fill();
        let destroyed = a.facade.destroy(domain, |key| {
            if !is_full {
                engine.make_room();
            }
            a.xen.destroy(key.domid)
        });
        let destroyed = destroyed.unwrap();
        assert_eq!(destroyed.cleared.is_none(), is_full, "{destroyed:?}");
        assert_eq!(destroyed.problems.len(), 1 + usize::from(is_full));
        let home = a.pool.roster().unwrap().placed.remove(0).home.unwrap();
        let is_released = matches!(home.stage, Stage::Released(_));
        assert_eq!(is_released, !is_full, "{home:?}");
    }
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
fn a_host_that_is_not_a_member_destroys_its_domains_and_tells_that_data_may_stay() {
    let (engine, a, b) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    b.pool.forget(&a.name.parse().unwrap()).unwrap();
    let destroyed = a
        .facade
        .destroy(domain, |key| a.xen.destroy(key.domid))
        .unwrap();
    assert!(destroyed.cleared.is_none(), "{destroyed:?}");
    let not_a_member = |problem: &UserdataError| {
        matches!(
            problem.kind(),
            UserdataErrorKind::NotHere(Refused::NotAMember)
        )
    };
    assert!(destroyed.problems.iter().all(not_a_member), "{destroyed:?}");
    assert_eq!(destroyed.problems.len(), 2);
    let data = |key: &String| key.contains("/data/");
    assert_eq!(engine.keys().iter().filter(|key| data(key)).count(), 1);
    assert_eq!(b.pool.discard(domain.uuid).unwrap(), 1);
}

#[test]
fn the_nil_uuid_is_not_discarded() {
    let (engine, a, _) = two_hosts();
    let before = engine.changes();
    let error = a.pool.discard(Uuid::nil()).unwrap_err();
    let is_refused = matches!(error.kind(), StoreErrorKind::StaysInFiles);
    assert!(is_refused && engine.changes() == before, "{error:?}");
}
