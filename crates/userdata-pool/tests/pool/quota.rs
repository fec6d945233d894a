//! A full quota: only removals are made. When there is room again, nothing comes back.

use hv_sim::NewDomain;
use userdata_core::store::{Keep, Refused, StoreError, Transfer};
use userdata_core::{DomainKey, Store, Uuid};
use userdata_pool::Settled;

use crate::engine::{Fault, SimEngine, WAIT};
use crate::outcomes::{attempt, put};
use crate::rig::{Host, refusal, two_hosts};

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
