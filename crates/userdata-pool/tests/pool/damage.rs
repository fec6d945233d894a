//! Damaged records: what each of them stops, and what removes it.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use hv_sim::NewDomain;
use userdata::sweep::{Sightings, SweepOptions, SweepTotals, What};
use userdata_core::store::{
    Attempt, Condition, Durability, Keep, Op, Refused, StoreError, StoreErrorKind, Transfer,
};
use userdata_core::{DomainKey, Store, Uuid};
use userdata_pool::Settled;

use crate::engine::{Fault, SimEngine, with_watch};
use crate::rig::{Host, PATIENT, agent, is_unknown, make_grave, refusal, two_hosts, uuid};

const DAMAGE: &[u8] = b"1 nonsense";

fn key(kind: &str) -> String {
    format!("/userdata/1/{kind}/{}", uuid())
}

fn value_key(kind: &str) -> String {
    format!("{}/agent", key(kind))
}

/// A pool in which the turn of a domain of the first host is damaged.
fn damaged_turn() -> (Arc<SimEngine>, Host, Host, DomainKey) {
    let (engine, a, b) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    engine.overwrite(&key("turn"), DAMAGE);
    (engine, a, b, domain)
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|error| format!("{error}: ")).collect()
}

#[track_caller]
fn assert_damaged<T: std::fmt::Debug>(result: Result<T, StoreError>, key: &str) {
    let error = result.unwrap_err();
    let is_damaged = matches!(error.kind(), StoreErrorKind::Damaged(_));
    assert!(is_damaged, "{error:?}");
    assert!(error.to_string().contains(key), "{error}");
}

/// What a sweep does, and the errors that it tells.
fn sweep(host: &Host) -> (SweepTotals, Vec<String>) {
    let (options, mut sightings) = (SweepOptions::default(), Sightings::new());
    let mut told = Vec::new();
    let swept = host.facade.sweep(&options, &mut sightings, |swept| {
        if let What::NotReclaimed(error) = swept.what {
            told.push(chain(error));
        }
    });
    (swept.unwrap(), told)
}

fn nothing_is_left(engine: &SimEngine) -> bool {
    let text = uuid().to_string();
    !engine.keys().iter().any(|key| key.contains(&text))
}

#[test]
fn a_damaged_turn_is_told_by_its_key_and_with_what_removes_it() {
    let (_, a, _, domain) = damaged_turn();
    let userid = agent();
    assert_damaged(a.pool.get(&domain, userid.as_userid()), &key("turn"));
    assert_damaged(a.pool.list(&domain), &key("turn"));
    let error = a.store(domain, "2").unwrap_err();
    let words = format!("pool discard {}", uuid());
    assert!(chain(&error).contains(&words), "{}", chain(&error));
    assert_damaged(a.pool.claim(&a.xen, &domain), &key("turn"));
    let attempt = Attempt::new(1, 2);
    assert_damaged(a.pool.settle(&domain, attempt), &key("turn"));
}

#[test]
fn a_scan_lists_the_values_of_a_damaged_turn_without_a_domid() {
    let (_, _, b, _) = damaged_turn();
    let mut found = Vec::new();
    let scanned = b.pool.scan(&mut |one| {
        found.push((one.owner.domid, one.owner.uuid, one.entry.condition));
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    assert_eq!(found, [(None, uuid(), Condition::Damaged)]);
}

#[test]
fn a_sweep_tells_and_keeps_a_damaged_turn_and_sweeps_the_others() {
    let (engine, a, b, domain) = damaged_turn();
    a.xen.destroy(domain.domid).unwrap();
    let other = hv_sim::NewDomain::new().with_uuid(userdata_core::Uuid::from_u128(7));
    let other = a.xen.create(other).unwrap();
    a.store(other, "1").unwrap();
    a.xen.destroy(other.domid).unwrap();
    for (host, removed) in [(&a, 1), (&b, 0)] {
        let (totals, told) = sweep(host);
        assert_eq!((totals.removed, totals.failed), (removed, 1));
        assert!(told[0].contains(&key("turn")), "{told:?}");
        assert!(told[0].contains("pool discard"), "{told:?}");
    }
    assert_eq!(engine.value(&key("turn")).as_deref(), Some("1 nonsense"));
    assert_eq!(engine.value(&value_key("data")).as_deref(), Some("1"));
}

#[test]
fn the_end_of_a_domain_keeps_a_damaged_turn() {
    let (engine, _, b, _) = damaged_turn();
    let copy = b.create();
    let destroyed = b.facade.destroy(copy, |key| b.xen.destroy(key.domid));
    let destroyed = destroyed.unwrap();
    assert!(destroyed.cleared.is_none(), "{destroyed:?}");
    assert!(
        b.facade.clear(copy, Keep::Nothing).is_err(),
        "a clear removed the data of a domain that may live elsewhere"
    );
    assert_eq!(engine.value(&value_key("data")).as_deref(), Some("1"));
}

#[test]
fn the_clear_of_a_domain_that_is_here_removes_a_damaged_turn() {
    let (engine, a, _, domain) = damaged_turn();
    let cleared = a.facade.clear(domain, Keep::Essential).unwrap();
    assert_eq!(cleared.removed, [agent().as_userid().clone()]);
    assert!(nothing_is_left(&engine), "{:?}", engine.keys());
    a.store(domain, "2").unwrap();
    assert_eq!(a.value(domain).as_deref(), Some("2"));
}

#[test]
fn a_refusal_behind_an_open_clear_keeps_a_damaged_turn() {
    let (engine, a, _, domain) = damaged_turn();
    engine.plan([Some(Fault::Delayed)]);
    let mut is_first = true;
    let admit = &mut |_: &_| match std::mem::take(&mut is_first) {
        true => Ok(()),
        false => Err(Refused::BeingDestroyed),
    };
    let (keep, durability) = (Keep::Essential, Durability::Full);
    let ops = [Op::Clear { keep, durability }];
    let refused = refusal(a.pool.change(&domain, PATIENT, admit, &ops));
    assert!(matches!(refused, Refused::BeingDestroyed), "{refused:?}");
    engine.deliver();
    assert_eq!(engine.value(&key("turn")).as_deref(), Some("1 nonsense"));
}

#[test]
fn discard_removes_a_damaged_turn_and_nothing_beside() {
    let (engine, a, b, domain) = damaged_turn();
    engine.overwrite("/userdata/1/foreign", b"stays");
    let changes = engine.changes();
    assert_eq!(b.pool.discard(uuid()).unwrap(), 1);
    assert_eq!(engine.changes() - changes, 1);
    let grave = engine.value("/userdata/1/grave/22").unwrap();
    assert!(grave.starts_with("1 numbers="), "{grave}");
    assert!(nothing_is_left(&engine), "{:?}", engine.keys());
    assert_eq!(
        engine.value("/userdata/1/foreign").as_deref(),
        Some("stays")
    );
    a.store(domain, "2").unwrap();
}

#[test]
fn a_discard_whose_answer_is_lost_is_told_truly() {
    for fault in [Fault::LostBefore, Fault::LostAfter, Fault::NotSent] {
        let (engine, _, b, _) = damaged_turn();
        engine.plan([Some(fault)]);
        assert_eq!(b.pool.discard(uuid()).unwrap(), 1, "{fault:?}");
        assert!(nothing_is_left(&engine), "{fault:?}");
        let again = refusal(b.pool.discard(uuid()));
        assert!(matches!(again, Refused::NoData), "{again:?}");
    }
}

#[test]
fn a_late_discard_does_not_remove_what_was_stored_behind_it() {
    let (engine, a, b, domain) = damaged_turn();
    engine.plan([Some(Fault::Delayed)]);
    assert_eq!(b.pool.discard(uuid()).unwrap(), 1);
    a.store(domain, "2").unwrap();
    engine.deliver();
    assert_eq!(a.value(domain).as_deref(), Some("2"));
}

#[test]
fn a_store_that_was_made_before_the_damage_is_not_told_as_not_made() {
    let host = "/userdata/1/host/a".to_owned();
    for (key, damage) in [
        (key("turn"), DAMAGE),
        (key("turn"), b"2 newer"),
        (host, DAMAGE),
    ] {
        let (engine, a, _) = two_hosts();
        let domain = a.create();
        make_grave(&engine);
        engine.plan([Some(Fault::LostAfter)]);
        engine.overwrite_after_change(&key, damage);
        let error = a.store(domain, "1").unwrap_err();
        match error.kind() {
            userdata::UserdataErrorKind::Store(error) => assert!(is_unknown(error), "{error:?}"),
            other => panic!("{key}: {other:?}"),
        }
    }
}

#[test]
fn values_without_a_turn_are_discarded() {
    let (engine, _, b, _) = damaged_turn();
    engine.remove(&key("turn"));
    assert_eq!(b.pool.discard(uuid()).unwrap(), 1);
    assert!(nothing_is_left(&engine), "{:?}", engine.keys());
}

#[test]
fn a_newer_turn_is_told_and_stays() {
    let (engine, a, _, domain) = damaged_turn();
    engine.overwrite(&key("turn"), b"2 whatever");
    let before = engine.keys();
    let told = [
        a.pool.discard(uuid()).map(drop),
        a.pool.list(&domain).map(drop),
    ];
    for told in told {
        let error = told.unwrap_err();
        let is_failure = matches!(error.kind(), StoreErrorKind::Failed(_));
        assert!(
            is_failure && chain(&error).contains("format 2"),
            "{error:?}"
        );
    }
    a.facade.clear(domain, Keep::Essential).unwrap_err();
    let (totals, _) = sweep(&a);
    assert_eq!((totals.removed, totals.failed), (0, 0));
    assert_eq!(engine.keys(), before);
}

#[test]
fn the_damage_of_a_value_is_told_by_its_key() {
    for kind in ["meta", "data"] {
        let (engine, a, _) = two_hosts();
        let domain = a.create();
        a.store(domain, "1").unwrap();
        engine.overwrite(&value_key(kind), DAMAGE);
        let userid = agent();
        let read = a.pool.get(&domain, userid.as_userid());
        assert_damaged(read, &value_key(kind));
    }
}

#[test]
fn a_damaged_grave_stops_no_domain_and_is_written_anew() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    let grave = "/userdata/1/grave/22";
    engine.overwrite(grave, DAMAGE);
    a.store(domain, "1").unwrap();
    let attempt = Attempt::new(999, 0);
    assert_eq!(a.pool.settle(&domain, attempt).unwrap(), Settled::Unknown);
    a.facade.clear(domain, Keep::Nothing).unwrap();
    let told = engine.value(grave).unwrap();
    assert!(told.starts_with("1 numbers="), "{told}");
}

#[test]
fn a_store_without_a_turn_and_with_a_damaged_grave_has_an_unknown_outcome() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    engine.overwrite("/userdata/1/grave/22", DAMAGE);
    let attempt = Attempt::new(999, 0);
    assert_eq!(a.pool.settle(&domain, attempt).unwrap(), Settled::Unknown);
}

#[test]
fn a_mark_without_a_lease_is_not_in_force_and_goes_with_the_domain() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    for mark in [DAMAGE, b"1 host=a domid=1 number=7"] {
        engine.overwrite(&key("mark"), mark);
        a.store(domain, "2").unwrap();
    }
    let destroyed = a.facade.destroy(domain, |key| a.xen.destroy(key.domid));
    assert!(destroyed.unwrap().problems.is_empty());
    assert!(nothing_is_left(&engine), "{:?}", engine.keys());

    let domain = a.create();
    a.store(domain, "1").unwrap();
    engine.overwrite(&key("mark"), DAMAGE);
    a.xen.destroy(domain.domid).unwrap();
    assert_eq!(sweep(&a).0.removed, 1);
    assert!(nothing_is_left(&engine), "{:?}", engine.keys());
}

#[test]
fn a_damaged_host_record_stops_the_host_until_it_is_forgotten() {
    let (engine, a, b) = two_hosts();
    let domain = a.create();
    let record = "/userdata/1/host/a";
    engine.overwrite(record, DAMAGE);
    assert!(chain(&a.store(domain, "1").unwrap_err()).contains(record));
    assert_damaged(a.pool.join(), record);
    assert!(b.pool.forget(&"a".parse().unwrap()).unwrap());
    a.pool.join().unwrap();
    a.store(domain, "1").unwrap();
    engine.overwrite(record, b"2 whatever");
    assert!(b.pool.forget(&"a".parse().unwrap()).is_err());
    assert_eq!(engine.value(record).as_deref(), Some("2 whatever"));
}

#[test]
fn a_domain_is_not_marked_under_a_damaged_turn_or_by_a_host_that_left() {
    let (engine, a, _, domain) = damaged_turn();
    let mark = |host: &crate::rig::Host| {
        let admit = &mut |_: &_| Ok(());
        host.pool
            .close(&domain, crate::rig::PATIENT, admit)
            .map(drop)
    };
    assert_damaged(mark(&a), &key("turn"));
    engine.remove(&key("turn"));
    mark(&a).unwrap();
    a.pool.leave().unwrap();
    assert!(matches!(refusal(mark(&a)), Refused::NotAMember));
}

/// Carries the values of a domain to another one, while `meanwhile` happens behind the first read,
/// and returns the value that is there then.
fn carried(meanwhile: impl Fn(&SimEngine, &Host, DomainKey) + 'static) -> Option<String> {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    let other = NewDomain::new().with_uuid(Uuid::from_u128(0x3333_4444));
    let other = a.xen.create(other).unwrap();
    let transfer = Transfer::new(domain, other, &|_| true);
    let (again, is_done) = (Host::of(&engine, "a", a.xen.clone()), Cell::new(false));
    let watch = move || {
        if !is_done.replace(true) {
            meanwhile(&engine, &again, domain);
        }
    };
    let pool = &a.pool;
    let moved = with_watch(Rc::new(watch), || {
        pool.transfer(&transfer, PATIENT, &mut |_, _| Ok(()))
    });
    moved.unwrap();
    a.value(other)
}

#[test]
fn a_value_that_changes_while_it_is_carried_is_not_told_as_damaged() {
    let stored = carried(|_, a, domain| a.store(domain, "2").unwrap());
    assert_eq!(stored.as_deref(), Some("2"));
    let removed = carried(|_, a, domain| {
        a.facade.remove(domain, agent()).unwrap();
    });
    assert_eq!(removed, None);
}

#[test]
fn values_whose_revision_is_compacted_while_they_are_carried_are_read_again() {
    let compacted = carried(|engine, a, domain| {
        a.store(domain, "2").unwrap();
        engine.compact();
    });
    assert_eq!(compacted.as_deref(), Some("2"));
}
