//! A full quota: only removals are made. When there is room again, nothing comes back. What fills
//! the quota is made, although etcd refuses it.

use std::time::Duration;

use hv_sim::NewDomain;
use userdata_core::store::{Durability, Keep, Op, Refused, StoreError, StoreErrorKind, Transfer};
use userdata_core::{DomainKey, Store, Uuid};
use userdata_pool::{Finished, Settled};

use crate::engine::{Fault, SimEngine, WAIT};
use crate::outcomes::{attempt, put, put_op};
use crate::rig::{
    Host, PATIENT, agent, begin, is_unknown, refusal, two_hosts, uuid, with_old_value,
};

/// Stores a value late, in a pool that has none of the domain, and returns the error.
fn late(engine: &SimEngine, a: &Host, domain: &DomainKey) -> StoreError {
    let grave = engine.revision_of("/userdata/1/grave/22");
    // An absent grave is made first.
    let first = (grave == 0).then_some(None);
    engine.plan(first.into_iter().chain([Some(Fault::Delayed)]));
    put(&a.pool, domain, b"late", WAIT).unwrap_err()
}

fn values(engine: &SimEngine) -> Vec<String> {
    let keys = engine.keys().into_iter();
    keys.filter(|key| key.contains("/data/")).collect()
}

#[test]
fn a_store_that_was_admitted_before_a_clear_without_space_is_not_made_behind_it() {
    for graves in 0..3 {
        let (engine, a, _) = two_hosts();
        let domain = a.create();
        for _ in 0..graves {
            // Each makes a turn and removes it.
            a.store(domain, "before").unwrap();
            if graves == 2 {
                engine.fill();
            }
            a.facade.clear(domain, Keep::Essential).unwrap();
            engine.make_room();
        }
        let error = late(&engine, &a, &domain);
        a.store(domain, "1").unwrap();
        let settled = a.pool.settle(&domain, attempt(&error)).unwrap();
        assert_eq!(settled, Settled::NotMade, "{graves}");
        engine.fill();
        a.facade.clear(domain, Keep::Essential).unwrap();
        assert!(values(&engine).is_empty());
        engine.make_room();
        engine.deliver();
        assert!(values(&engine).is_empty(), "{graves}: {:?}", engine.keys());
    }
}

#[test]
fn a_store_before_a_clear_of_nothing_without_space_is_not_made_behind_it() {
    for again in [false, true] {
        let (engine, a, _) = two_hosts();
        let domain = a.create();
        late(&engine, &a, &domain);
        if again {
            a.store(domain, "1").unwrap();
            a.facade.clear(domain, Keep::Essential).unwrap();
        }
        engine.fill();
        a.xen.destroy(domain.domid).unwrap();
        a.facade.clear(domain, Keep::Nothing).unwrap();
        engine.make_room();
        engine.deliver();
        assert!(values(&engine).is_empty(), "{again}: {:?}", engine.keys());
    }
}

#[test]
fn a_destroy_is_told_of_a_removal_without_space_while_its_mark_was_lost() {
    for has_value in [false, true] {
        let (engine, a, _) = two_hosts();
        let domain = a.create();
        if has_value {
            a.store(domain, "1").unwrap();
            // As behind a removal without space of another domain with the same grave.
            engine.remove("/userdata/1/grave/22");
        }
        let mut mark = a.pool.close(&domain, WAIT, &mut |_| Ok(())).unwrap();
        mark.remember(WAIT).unwrap();
        engine.lose_leases();
        if !has_value {
            a.store(domain, "1").unwrap();
        }
        engine.fill();
        a.facade.clear(domain, Keep::Essential).unwrap();
        engine.make_room();
        let told = refusal(mark.is_changed(WAIT));
        assert!(matches!(told, Refused::RemovedMeanwhile), "{told:?}");
    }
}

#[test]
fn two_domains_without_graves_are_carried_together() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    for other in [0x3333_4422, 0x3333_4444] {
        engine.remove("/userdata/1/grave/22");
        let other = NewDomain::new().with_uuid(Uuid::from_u128(other));
        let other = a.xen.create(other).unwrap();
        let there = Transfer::new(domain, other, &|_| true);
        let back = Transfer::new(other, domain, &|_| true);
        for transfer in [there, back] {
            a.pool
                .transfer(&transfer, WAIT, &mut |_, _| Ok(()))
                .unwrap();
            let (from, to) = (transfer.from(), transfer.to());
            assert_eq!((a.value(from), a.value(to)), (None, Some("1".into())));
        }
    }
}

/// The next change fills the quota.
fn fills(engine: &SimEngine) {
    engine.fill();
    engine.plan([Some(Fault::Fills)]);
}

fn is_no_space(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::NoSpace(_))
}

#[test]
fn a_store_that_fills_the_quota_is_told_as_made() {
    for old in [false, true] {
        let (engine, a, domain) = with_old_value(old);
        fills(&engine);
        a.store(domain, "new").unwrap();
        assert_eq!(a.value(domain).as_deref(), Some("new"), "old: {old}");
        let error = put(&a.pool, &domain, b"newer", PATIENT).unwrap_err();
        assert!(is_no_space(&error), "{error:?}");
        assert_eq!(a.value(domain).as_deref(), Some("new"), "old: {old}");
    }
}

#[test]
fn a_store_without_space_that_cannot_be_looked_for_has_an_unknown_outcome() {
    for fault in [Fault::Fills, Fault::NoSpace] {
        let (engine, a, _) = two_hosts();
        let domain = a.create();
        a.store(domain, "old").unwrap();
        engine.plan([Some(fault)]);
        // A read and the change are answered, and nothing else.
        engine.falls_silent(Duration::ZERO, 2);
        let error = put(&a.pool, &domain, b"new", WAIT).unwrap_err();
        assert!(is_unknown(&error), "{error:?}");
        engine.falls_silent(Duration::ZERO, usize::MAX);
        let (settled, value) = match fault {
            Fault::Fills => (Settled::Made, "new"),
            _ => (Settled::NotMade, "old"),
        };
        let told = a.pool.settle(&domain, attempt(&error)).unwrap();
        assert_eq!((told, a.value(domain).as_deref()), (settled, Some(value)));
    }
}

#[test]
fn a_late_store_that_is_repeated_without_space_has_an_unknown_outcome() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "old").unwrap();
    engine.fill();
    engine.plan([Some(Fault::Delayed)]);
    let error = put(&a.pool, &domain, b"new", PATIENT).unwrap_err();
    assert!(is_unknown(&error), "{error:?}");
    engine.deliver();
    let told = a.pool.settle(&domain, attempt(&error)).unwrap();
    assert_eq!(told, Settled::Made);
}

#[test]
fn a_clear_that_fills_the_quota_tells_what_it_removed() {
    for keep in [Keep::Essential, Keep::Nothing] {
        let (engine, a, _) = two_hosts();
        let domain = a.create();
        a.store(domain, "1").unwrap();
        if matches!(keep, Keep::Nothing) {
            a.xen.destroy(domain.domid).unwrap();
        }
        fills(&engine);
        let cleared = a.facade.clear(domain, keep).unwrap();
        assert_eq!(cleared.removed.len(), 1);
        assert!(values(&engine).is_empty());
    }
}

#[test]
fn a_clear_that_an_engine_refuses_altogether_is_told_truly() {
    for second in [Fault::NoSpace, Fault::Fills] {
        let (engine, a, _) = two_hosts();
        let domain = a.create();
        a.store(domain, "1").unwrap();
        engine.plan([Some(Fault::NoSpace), Some(second)]);
        let (keep, durability) = (Keep::Essential, Durability::Full);
        let clear = Op::Clear { keep, durability };
        let mut admit = |_: &_| Ok(());
        let cleared = a.pool.change(&domain, PATIENT, &mut admit, &[clear]);
        let error = cleared.unwrap_err();
        match second {
            Fault::NoSpace => assert!(is_no_space(&error), "{error:?}"),
            // A removal without a write leaves no number.
            _ => assert!(is_unknown(&error), "{error:?}"),
        }
        assert_eq!(values(&engine).len(), usize::from(second == Fault::NoSpace));
    }
}

#[test]
fn a_refusal_whose_fence_finds_no_space_is_told_truly() {
    for (fault, value) in [(Fault::Fills, "old"), (Fault::NoSpace, "new")] {
        let (engine, a, _) = two_hosts();
        let domain = a.create();
        a.store(domain, "old").unwrap();
        engine.plan([Some(Fault::Delayed), Some(fault)]);
        let mut left = 1;
        let mut admit = |_: &_| match left {
            0 => Err(Refused::BeingDestroyed),
            _ => {
                left -= 1;
                Ok(())
            }
        };
        let userid = agent();
        let ops = [put_op(&userid, b"new")];
        let error = a
            .pool
            .change(&domain, PATIENT, &mut admit, &ops)
            .unwrap_err();
        match fault {
            Fault::Fills => assert!(matches!(refusal::<()>(Err(error)), Refused::BeingDestroyed)),
            _ => assert!(is_unknown(&error), "{error:?}"),
        }
        engine.deliver();
        assert_eq!(a.value(domain).as_deref(), Some(value));
    }
}

#[test]
fn each_step_of_a_move_that_fills_the_quota_is_told_as_made() {
    let (engine, a, b) = two_hosts();
    let source = a.create();
    a.store(source, "1").unwrap();
    fills(&engine);
    begin(&a, &source, &b);
    fills(&engine);
    a.pool.cancel(&a.xen, &source).unwrap();
    engine.make_room();
    begin(&a, &source, &b);
    a.xen.destroy(source.domid).unwrap();
    fills(&engine);
    let finished = a.pool.finish(&a.xen, &source).unwrap();
    assert_eq!(finished, Finished::Released);
    let arrived = b.create();
    fills(&engine);
    b.pool.claim(&b.xen, &arrived).unwrap();
    assert_eq!(b.value(arrived).as_deref(), Some("1"));
    engine.make_room();
    a.pool.forget(&"b".parse().unwrap()).unwrap();
    let restored = a.create();
    fills(&engine);
    a.pool.adopt(&a.xen, &restored).unwrap();
    assert_eq!(a.value(restored).as_deref(), Some("1"));
    engine.make_room();
    begin(&a, &restored, &a);
    a.pool.forget(&"a".parse().unwrap()).unwrap();
    b.pool.join().unwrap();
    fills(&engine);
    assert_eq!(b.pool.discard(uuid()).unwrap(), 1);
    assert!(values(&engine).is_empty());
}

#[test]
fn a_mark_that_fills_the_quota_is_in_force() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    engine.plan([Some(Fault::Fills)]);
    let mark = a.pool.close(&domain, WAIT, &mut |_| Ok(())).unwrap();
    assert!(a.store(domain, "refused").is_err());
    drop(mark);
    engine.plan([Some(Fault::NoSpace)]);
    let error = a.pool.close(&domain, WAIT, &mut |_| Ok(())).unwrap_err();
    assert!(is_no_space(&error), "{error:?}");
    a.store(domain, "2").unwrap();
}

#[test]
fn a_settlement_that_fills_the_quota_is_told() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "old").unwrap();
    let error = late(&engine, &a, &domain);
    fills(&engine);
    let told = a.pool.settle(&domain, attempt(&error)).unwrap();
    assert_eq!(told, Settled::NotMade);
    engine.deliver();
    assert_eq!(a.value(domain).as_deref(), Some("old"));
}
