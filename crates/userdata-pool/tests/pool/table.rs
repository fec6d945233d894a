//! The table of homes, line by line: store, read and sweep.

use std::sync::Arc;
use std::time::Duration;

use userdata::UserdataErrorKind;
use userdata::sweep::{Sightings, SweepOptions};
use userdata_core::store::{Durability, Expect, Keep, Op, Stage, StoreErrorKind};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Domid, Store, Uuid, WritableUserid};
use userdata_pool::{PoolOptions, PoolStore};

use crate::engine::{Fault, SimEngine};
use crate::rig::{Host, agent, begin, elsewhere, stage_to, two_hosts, uuid};

fn sweep(host: &Host) -> u64 {
    let (options, mut sightings) = (SweepOptions::default(), Sightings::new());
    let swept = host.facade.sweep(&options, &mut sightings, |_| {});
    let totals = swept.unwrap();
    assert_eq!(totals.failed, 0);
    totals.removed
}

#[test]
fn without_a_home_the_first_store_makes_one() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    assert_eq!(a.value(domain), None);
    a.store(domain, "1").unwrap();
    assert_eq!(a.value(domain).as_deref(), Some("1"));
    let turn = format!("/userdata/1/turn/{}", uuid());
    let told = engine.value(&turn).unwrap();
    let home = format!(
        "1 host=a boot={} domid={} ",
        identity_boot(&a),
        domain.domid
    );
    assert!(told.starts_with(&home), "{told}");
}

fn identity_boot(host: &Host) -> String {
    use userdata_core::Hypervisor as _;
    host.xen.boot().unwrap().to_string()
}

#[test]
fn the_home_stores_while_it_moves_and_its_sweep_releases() {
    let (_, a, b) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    begin(&a, &domain, &b);
    a.store(domain, "2").unwrap();
    assert_eq!(sweep(&a), 0);
    a.store(domain, "3").unwrap();
    a.xen.destroy(domain.domid).unwrap();
    assert_eq!(sweep(&a), 0);
    let arrived = b.create();
    assert_eq!(b.value(arrived).as_deref(), Some("3"));
    b.pool.claim(&b.xen, &arrived).unwrap();
    b.store(arrived, "4").unwrap();
    assert_eq!(b.value(arrived).as_deref(), Some("4"));
}

#[test]
fn the_sweep_of_a_home_removes_the_values_of_a_domain_that_is_gone() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    assert_eq!(sweep(&a), 0);
    a.xen.destroy(domain.domid).unwrap();
    assert_eq!(sweep(&a), 1);
    let left = engine.keys();
    assert!(
        left.iter()
            .all(|key| key.contains("/host/") || key.contains("/grave/")),
        "{left:?}"
    );
}

#[test]
fn another_domid_takes_over_only_if_the_first_is_proven_gone() {
    let (_, a, _) = two_hosts();
    let first = a.create();
    a.store(first, "of the first").unwrap();
    let second = a.create();
    assert_eq!(a.value(second), None);
    let home = elsewhere(a.store(second, "of the second"));
    assert_eq!((home.domid, home.stage), (first.domid, Stage::Settled));
    assert_eq!(a.value(first).as_deref(), Some("of the first"));
    a.xen.destroy(first.domid).unwrap();
    a.store(second, "of the second").unwrap();
    assert_eq!(a.value(second).as_deref(), Some("of the second"));
    assert_eq!(a.value(first), None);
}

#[test]
fn another_domid_does_not_take_over_while_the_first_has_another_uuid() {
    let (_, a, _) = two_hosts();
    let first = a.create();
    a.store(first, "of the first").unwrap();
    let second = a.create();
    a.xen
        .set_uuid(first.domid, Uuid::from_u128(0xfeed))
        .unwrap();
    let home = elsewhere(a.store(second, "of the second"));
    assert_eq!((home.domid, home.stage), (first.domid, Stage::Settled));
    a.xen.set_uuid(first.domid, first.uuid).unwrap();
    assert_eq!(a.value(first).as_deref(), Some("of the first"));
}

#[test]
fn another_boot_takes_over_unasked_and_finds_nothing() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "before the boot").unwrap();
    let a = a.rebooted(&engine);
    a.pool.join().unwrap();
    let again = a.create();
    assert_eq!(
        again.domid, domain.domid,
        "the case is that the key comes back"
    );
    assert_eq!(a.value(again), None);
    a.store(again, "after").unwrap();
    assert_eq!(a.value(again).as_deref(), Some("after"));
}

#[test]
fn the_sweep_removes_what_an_earlier_boot_left() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "before the boot").unwrap();
    let a = a.rebooted(&engine);
    a.pool.join().unwrap();
    let again = a.create();
    assert_eq!(
        again.domid, domain.domid,
        "the case is that the key comes back"
    );
    assert_eq!(sweep(&a), 1);
    assert_eq!(a.pool.list(&again).unwrap(), []);
}

#[test]
fn what_moves_here_is_read_and_not_stored_before_the_claim() {
    let (_, a, b) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    begin(&a, &domain, &b);
    let arrived = b.create();
    assert_eq!(b.value(arrived).as_deref(), Some("1"));
    assert_eq!(elsewhere(b.store(arrived, "2")).stage, stage_to(&b));
    assert_eq!(sweep(&b), 0);
    a.store(domain, "3").unwrap();
}

/// A host that has booted while its domain, with a value, moved to itself.
fn booted_in_a_move() -> (Arc<SimEngine>, Host, DomainKey) {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    begin(&a, &domain, &a);
    let a = a.rebooted(&engine);
    a.pool.join().unwrap();
    (engine, a, domain)
}

#[test]
fn a_move_to_oneself_ends_with_the_boot() {
    let (_, a, _) = booted_in_a_move();
    let again = a.create();
    assert_eq!(a.value(again), None);
    a.store(again, "2").unwrap();
    assert_eq!(a.value(again).as_deref(), Some("2"));
}

#[test]
fn the_data_of_another_host_is_refused_named_and_left_alone() {
    let (_, a, b) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    let clone = b.create();
    let home = elsewhere(b.store(clone, "2"));
    assert_eq!((home.host.as_str(), home.stage), ("a", Stage::Settled));
    assert_eq!(
        elsewhere(b.facade.retrieve(clone, agent())).host.as_str(),
        "a"
    );
    b.xen.destroy(clone.domid).unwrap();
    assert_eq!(sweep(&b), 0);
    let cleared = b.facade.clear(clone, Keep::Nothing);
    assert_eq!(elsewhere(cleared).host.as_str(), "a");
    assert_eq!(a.value(domain).as_deref(), Some("1"));
}

#[test]
fn the_data_of_a_forgotten_host_is_adopted_or_discarded() {
    let (engine, a, b) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    let clone = b.create();
    crate::rig::assert_elsewhere(b.pool.adopt(&b.xen, &clone), &Stage::Settled);
    crate::rig::assert_elsewhere(b.pool.discard(uuid()), &Stage::Settled);
    b.pool.forget(&a.name.parse().unwrap()).unwrap();
    assert_eq!(
        elsewhere(b.store(clone, "2")).stage,
        Stage::Freed(a.name.parse().unwrap())
    );
    assert!(a.store(domain, "late").is_err(), "a forgotten host stored");
    b.pool.adopt(&b.xen, &clone).unwrap();
    assert_eq!(b.value(clone).as_deref(), Some("1"));
    b.store(clone, "2").unwrap();
    b.pool.leave().unwrap();
    a.pool.join().unwrap();
    assert_eq!(a.pool.discard(uuid()).unwrap(), 1);
    assert!(!engine.keys().iter().any(|key| key.contains("/data/")));
}

#[test]
fn a_sweep_removes_what_a_move_to_oneself_left_behind_a_boot() {
    let (engine, a, domain) = booted_in_a_move();
    assert_eq!(a.create(), domain);
    assert_eq!(sweep(&a), 1);
    assert!(!engine.keys().iter().any(|key| key.contains("/turn/")));
    assert_eq!(a.value(domain), None);
}

#[test]
fn domain_0_and_the_nil_uuid_are_refused() {
    let (_, a, _) = two_hosts();
    let five = Domid::new(5).unwrap();
    for domain in [
        DomainKey::new(Domid::ZERO, uuid()),
        DomainKey::new(five, Uuid::nil()),
    ] {
        let changed = a
            .pool
            .change(&domain, crate::rig::PATIENT, &mut |_| Ok(()), &[]);
        let error = changed.unwrap_err();
        assert!(
            matches!(error.kind(), StoreErrorKind::StaysInFiles),
            "{error:?}"
        );
    }
}

#[test]
fn a_host_that_has_not_joined_stores_nothing() {
    let (engine, a, _) = two_hosts();
    let a = a.rebooted(&engine);
    let domain = a.create();
    let error = a.store(domain, "1").unwrap_err();
    let told = format!("{:?}", error.kind());
    assert!(told.contains("NotAMember"), "{told}");
    a.pool.join().unwrap();
    a.store(domain, "1").unwrap();
}

#[test]
fn another_machine_of_the_same_name_neither_joins_nor_leaves() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    for (machine, product) in [("other", "product"), ("machine-a", "other")] {
        let mut me = crate::rig::identity("a", "b9");
        (me.machine, me.product) = (machine.into(), product.into());
        let pool = PoolStore::new(Arc::clone(&engine), me, PoolOptions::default());
        for told in [pool.join().map(drop), pool.leave().map(drop)] {
            let error = told.unwrap_err();
            let is_refusal = matches!(error.kind(), StoreErrorKind::NotPermitted(_));
            assert!(is_refusal, "{error:?}");
        }
    }
    a.store(domain, "1").unwrap();
    assert!(a.pool.leave().unwrap());
    assert!(!a.pool.leave().unwrap());
}

#[test]
fn a_join_that_the_engine_refuses_is_not_repeated() {
    let (engine, a, _) = two_hosts();
    a.pool.leave().unwrap();
    engine.fill();
    // So that a join that is repeated ends at its deadline.
    engine.falls_silent(Duration::from_millis(10), usize::MAX);
    let before = engine.changes();
    let error = a.pool.join().unwrap_err();
    let is_refusal = matches!(error.kind(), StoreErrorKind::NoSpace(_));
    assert!(is_refusal, "{error:?}");
    assert_eq!(engine.changes() - before, 1);
}

#[test]
fn a_call_about_a_host_that_has_no_answer_names_that_host() {
    let (engine, a, b) = two_hosts();
    let pool = a.pool.clone().with_timeout(Duration::ZERO);
    engine.plan([Some(Fault::NotSent)]);
    let error = pool.forget(&b.name.parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("host b"), "{error}");
}

#[test]
fn a_change_has_as_many_operations_and_bytes_as_the_options_say() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    let stored = |max_ops, max_bytes| {
        let mut options = PoolOptions::default();
        (options.max_ops, options.max_bytes) = (max_ops, max_bytes);
        let me = crate::rig::identity("a", &identity_boot(&a));
        let pool = PoolStore::new(Arc::clone(&engine), me, options);
        let userid = agent();
        let ops = [Op::Put {
            userid: &userid,
            data: NonEmpty::new(b"1").unwrap(),
            expect: Expect::Any,
            durability: Durability::Full,
        }];
        let stored = pool.change(&domain, crate::rig::PATIENT, &mut |_| Ok(()), &ops);
        stored.map(drop).map_err(|error| match error.kind() {
            StoreErrorKind::ChangeTooLarge { what, limit, found } => (*what, *limit, *found),
            other => panic!("{other:?}"),
        })
    };
    // The turn, the record of the value, and its bytes.
    assert_eq!(stored(2, usize::MAX), Err(("operations", 2, 3)));
    let bytes = match stored(3, 1) {
        Err(("bytes", 1, bytes)) => usize::try_from(bytes).unwrap(),
        other => panic!("{other:?}"),
    };
    let below = Err(("bytes", bytes as u64 - 1, bytes as u64));
    assert_eq!(stored(3, bytes - 1), below);
    assert_eq!(a.value(domain), None);
    stored(3, bytes).unwrap();
}

#[test]
fn values_that_their_owners_read_from_files_stay_there() {
    let (_, a, _) = two_hosts();
    let domain = a.create();
    for text in ["xl", "libvirt-xml", "libxl-json"] {
        let userid = WritableUserid::as_libxl_accepts(text).unwrap();
        let stored = a.facade.store(domain, &userid, b"value").unwrap_err();
        match stored.kind() {
            UserdataErrorKind::Store(error) => {
                assert!(
                    matches!(error.kind(), StoreErrorKind::StaysInFiles),
                    "{error}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(a.facade.list(domain).unwrap().is_empty());
}
