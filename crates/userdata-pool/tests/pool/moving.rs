//! Moves: one of claim, cancel and finish wins, and each needs its proof.

use std::ops::ControlFlow;

use hv_sim::{NewDomain, ShutdownReason};
use userdata_core::store::{Keep, Refused, Stage, StoreError, StoreErrorKind, Transfer};
use userdata_core::{DomainKey, Domid, Hypervisor as _, Store, Userid, Uuid};
use userdata_pool::{Finished, Joined, PoolOptions, PoolStore};

use crate::engine::Behind;
use crate::rig::{
    Host, PATIENT, Pool, agent, assert_elsewhere, begin, elsewhere, identity, refusal, stage_to,
    two_hosts,
};

/// A domain of `a` whose move to `b` has begun, and the one that arrived there, paused.
fn under_way(a: &Host, b: &Host) -> (DomainKey, DomainKey) {
    let domain = a.create();
    a.store(domain, "1").unwrap();
    a.pool
        .begin(&a.xen, &domain, &b.name.parse().unwrap())
        .unwrap();
    let arrived = b.create();
    b.xen.pause(arrived.domid).unwrap();
    (domain, arrived)
}

#[test]
fn a_claim_waits_until_the_domain_runs() {
    let (_, a, b) = two_hosts();
    let (domain, arrived) = under_way(&a, &b);
    let refused = refusal(b.pool.claim(&b.xen, &arrived));
    assert!(matches!(refused, Refused::NotRunning), "{refused:?}");
    a.store(domain, "2").unwrap();
    b.xen.unpause(arrived.domid).unwrap();
    b.pool.claim(&b.xen, &arrived).unwrap();
    b.pool.claim(&b.xen, &arrived).unwrap();
    assert_eq!(elsewhere(a.store(domain, "3")).host.as_str(), "b");
    assert_eq!(b.value(arrived).as_deref(), Some("2"));
}

#[test]
fn a_claim_needs_the_consent_of_the_home() {
    let (_, a, b) = two_hosts();
    let (domain, clone) = (a.create(), b.create());
    let refused = refusal(b.pool.claim(&b.xen, &clone));
    assert!(matches!(refused, Refused::NotMoving), "{refused:?}");
    a.store(domain, "1").unwrap();
    assert_elsewhere(b.pool.claim(&b.xen, &clone), &Stage::Settled);
    let (engine, a, b) = two_hosts();
    let c = Host::new(&engine, "c");
    under_way(&a, &b);
    let clone = c.create();
    let to_b = Stage::Moving("b".parse().unwrap());
    assert_elsewhere(c.pool.claim(&c.xen, &clone), &to_b);
}

#[test]
fn a_cancel_is_refused_while_the_source_is_suspended() {
    let (_, a, b) = two_hosts();
    let (domain, _) = under_way(&a, &b);
    a.xen
        .shut_down(domain.domid, ShutdownReason::Suspend)
        .unwrap();
    let refused = refusal(a.pool.cancel(&a.xen, &domain));
    assert!(matches!(refused, Refused::NotRunning), "{refused:?}");
    let still = Finished::StillHere { runs: false };
    assert_eq!(a.pool.finish(&a.xen, &domain).unwrap(), still);
    a.xen.resume(domain.domid).unwrap();
    a.pool.cancel(&a.xen, &domain).unwrap();
    a.store(domain, "2").unwrap();
}

#[test]
fn of_a_claim_and_a_cancel_the_first_wins() {
    let (_, a, b) = two_hosts();
    let (domain, arrived) = under_way(&a, &b);
    b.xen.unpause(arrived.domid).unwrap();
    b.pool.claim(&b.xen, &arrived).unwrap();
    assert_elsewhere(a.pool.cancel(&a.xen, &domain), &Stage::Settled);
    let (_, a, b) = two_hosts();
    let (domain, arrived) = under_way(&a, &b);
    b.xen.unpause(arrived.domid).unwrap();
    a.pool.cancel(&a.xen, &domain).unwrap();
    assert_elsewhere(b.pool.claim(&b.xen, &arrived), &Stage::Settled);
}

#[test]
fn a_finish_releases_only_what_is_proven_gone() {
    let (_, a, b) = two_hosts();
    let (domain, arrived) = under_way(&a, &b);
    let still = Finished::StillHere { runs: true };
    assert_eq!(a.pool.finish(&a.xen, &domain).unwrap(), still);
    a.xen.destroy(domain.domid).unwrap();
    assert_eq!(a.pool.finish(&a.xen, &domain).unwrap(), Finished::Released);
    assert_eq!(a.pool.finish(&a.xen, &domain).unwrap(), Finished::Released);
    b.xen.unpause(arrived.domid).unwrap();
    b.pool.claim(&b.xen, &arrived).unwrap();
    assert_eq!(a.pool.finish(&a.xen, &domain).unwrap(), Finished::Claimed);
}

#[test]
fn a_finish_does_not_release_a_domain_whose_uuid_is_another_meanwhile() {
    let (_, a, b) = two_hosts();
    let (domain, _) = under_way(&a, &b);
    a.store(domain, "1").unwrap();
    a.xen
        .set_uuid(domain.domid, Uuid::from_u128(0xfeed))
        .unwrap();
    let still = Finished::StillHere { runs: false };
    assert_eq!(a.pool.finish(&a.xen, &domain).unwrap(), still);
    a.xen.set_uuid(domain.domid, domain.uuid).unwrap();
    a.pool.cancel(&a.xen, &domain).unwrap();
    assert_eq!(a.value(domain).as_deref(), Some("1"));
}

#[test]
fn a_move_needs_a_member_and_a_living_home() {
    let (_, a, b) = two_hosts();
    let domain = a.create();
    let refused = refusal(a.pool.begin(&a.xen, &domain, &"c".parse().unwrap()));
    assert!(
        matches!(&refused, Refused::NoSuchMember(host) if host.as_str() == "c"),
        "{refused:?}"
    );
    a.store(domain, "1").unwrap();
    let clone = b.create();
    assert_elsewhere(
        b.pool.begin(&b.xen, &clone, &"a".parse().unwrap()),
        &Stage::Settled,
    );
    a.xen.destroy(domain.domid).unwrap();
    let refused = refusal(a.pool.begin(&a.xen, &domain, &"b".parse().unwrap()));
    assert!(matches!(refused, Refused::NoSuchDomain), "{refused:?}");
}

#[test]
fn a_reboot_keeps_the_data_by_a_move_to_oneself() {
    let (_, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    a.pool
        .begin(&a.xen, &domain, &"a".parse().unwrap())
        .unwrap();
    let again = a.xen.reboot(domain.domid).unwrap();
    assert_ne!(again, domain);
    a.pool.claim(&a.xen, &again).unwrap();
    assert_eq!(a.value(again).as_deref(), Some("1"));
    a.store(again, "2").unwrap();
}

#[test]
fn a_finish_does_not_release_what_the_next_life_sends() {
    let (_, a, b) = two_hosts();
    let first = a.create();
    a.store(first, "1").unwrap();
    begin(&a, &first, &a);
    let second = a.xen.reboot(first.domid).unwrap();
    a.pool.claim(&a.xen, &second).unwrap();
    begin(&a, &second, &b);
    assert_elsewhere(a.pool.finish(&a.xen, &first), &stage_to(&b));
    a.store(second, "2").unwrap();
}

#[test]
fn a_move_stays_open_although_the_last_value_is_removed() {
    let removals: [fn(&Host, DomainKey); 2] = [
        |a, domain| {
            a.facade.remove(domain, agent()).unwrap();
        },
        |a, domain| {
            a.facade.clear(domain, Keep::Essential).unwrap();
        },
    ];
    for remove in removals {
        let (_, a, b) = two_hosts();
        let (domain, arrived) = under_way(&a, &b);
        remove(&a, domain);
        assert_eq!(a.value(domain), None);
        let placed = a.pool.roster().unwrap().placed;
        let stages = placed
            .iter()
            .map(|placed| &placed.home.as_ref().unwrap().stage);
        assert_eq!(stages.collect::<Vec<_>>(), [&stage_to(&b)]);
        b.xen.unpause(arrived.domid).unwrap();
        b.pool.claim(&b.xen, &arrived).unwrap();
    }
}

#[test]
fn a_destruction_at_the_source_takes_nothing_that_moves() {
    let (_, a, b) = two_hosts();
    let (domain, arrived) = under_way(&a, &b);
    let destroyed = a.facade.destroy(domain, |key| a.xen.destroy(key.domid));
    destroyed.unwrap();
    b.xen.unpause(arrived.domid).unwrap();
    b.pool.claim(&b.xen, &arrived).unwrap();
    assert_eq!(b.value(arrived).as_deref(), Some("1"));
}

#[test]
fn a_name_belongs_to_one_machine() {
    let (engine, a, _) = two_hosts();
    assert_eq!(a.pool.join().unwrap(), Joined::Already);
    let mut other = identity("a", "b9");
    other.machine = "another".into();
    let thief: Pool = PoolStore::new(engine.clone(), other, PoolOptions::default());
    let error = thief.join().unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::NotPermitted(_)),
        "{error:?}"
    );
    let a = a.rebooted(&engine);
    assert_eq!(a.pool.join().unwrap(), Joined::Renewed);
    assert!(a.pool.now() == engine_now(&engine));
}

fn engine_now(engine: &crate::engine::SimEngine) -> std::time::Duration {
    userdata_pool::Engine::now(engine)
}

#[test]
fn a_move_does_not_begin_to_a_host_that_is_forgotten_meanwhile() {
    let (engine, a, b) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    // Behind the read of the records, and that of the destination's.
    let forgotten = vec![Behind::Delete("/userdata/1/host/b".into())];
    engine.behind_reads([Vec::new(), forgotten]);
    let refused = refusal(a.pool.begin(&a.xen, &domain, &b.name.parse().unwrap()));
    assert!(matches!(refused, Refused::NoSuchMember(_)), "{refused:?}");
}

#[test]
fn what_a_forgotten_host_has_released_is_told_as_released() {
    let (_, a, b) = two_hosts();
    let (domain, arrived) = under_way(&a, &b);
    let stage = || {
        b.pool
            .roster()
            .unwrap()
            .placed
            .remove(0)
            .home
            .unwrap()
            .stage
    };
    let to = || b.name.parse().unwrap();
    assert_eq!(stage(), Stage::Moving(to()));
    a.xen.destroy(domain.domid).unwrap();
    a.pool.finish(&a.xen, &domain).unwrap();
    b.pool.forget(&a.name.parse().unwrap()).unwrap();
    assert_eq!(stage(), Stage::Released(to()));
    assert_eq!(
        elsewhere(b.store(arrived, "1")).stage,
        Stage::Released(to())
    );
    assert_elsewhere(b.pool.discard(domain.uuid), &Stage::Released(to()));
    b.xen.unpause(arrived.domid).unwrap();
    b.pool.claim(&b.xen, &arrived).unwrap();
}

#[test]
fn what_was_released_to_a_forgotten_host_is_adopted_or_discarded_by_any_other() {
    for from_source in [false, true] {
        let (_, a, b) = two_hosts();
        let (domain, _) = under_way(&a, &b);
        a.store(domain, "1").unwrap();
        a.xen.destroy(domain.domid).unwrap();
        a.pool.finish(&a.xen, &domain).unwrap();
        let again = a.create();
        assert_elsewhere(
            a.pool.adopt(&a.xen, &again),
            &Stage::Released(b.name.parse().unwrap()),
        );
        a.pool.forget(&b.name.parse().unwrap()).unwrap();
        assert_elsewhere(
            a.pool.claim(&a.xen, &again),
            &Stage::Freed(b.name.parse().unwrap()),
        );
        let home = a.pool.roster().unwrap().placed.remove(0).home.unwrap();
        assert_eq!(home.stage, Stage::Freed(b.name.parse().unwrap()));
        if from_source {
            a.pool.adopt(&a.xen, &again).unwrap();
            assert_eq!(a.value(again).as_deref(), Some("1"));
        } else {
            assert_eq!(a.pool.discard(domain.uuid).unwrap(), 1);
        }
    }
}

#[test]
fn data_is_neither_adopted_nor_discarded_if_its_host_joins_meanwhile() {
    let (engine, a, b) = two_hosts();
    let (domain, clone) = (a.create(), b.create());
    a.store(domain, "1").unwrap();
    let (key, name) = ("/userdata/1/host/a", a.name.parse().unwrap());
    let record = engine.value(key).unwrap();
    let calls: [&dyn Fn() -> Result<(), StoreError>; 2] =
        [&|| b.pool.adopt(&b.xen, &clone), &|| {
            b.pool.discard(domain.uuid).map(drop)
        }];
    for call in calls {
        b.pool.forget(&name).unwrap();
        let joined = vec![Behind::Put(key.into(), record.clone())];
        engine.behind_reads([Vec::new(), joined]);
        assert_elsewhere(call(), &Stage::Settled);
    }
    assert_eq!(a.value(domain).as_deref(), Some("1"));
}

#[test]
fn a_finish_behind_a_boot_releases_although_the_domain_exists_again() {
    let (engine, a, b) = two_hosts();
    let (domain, arrived) = under_way(&a, &b);
    let a = a.rebooted(&engine);
    a.pool.join().unwrap();
    assert_eq!(a.create(), domain);
    assert_eq!(a.pool.finish(&a.xen, &domain).unwrap(), Finished::Released);
    b.xen.unpause(arrived.domid).unwrap();
    b.pool.claim(&b.xen, &arrived).unwrap();
}

#[test]
fn a_source_does_not_claim_what_it_sends() {
    let (_, a, b) = two_hosts();
    let (domain, _) = under_way(&a, &b);
    refusal(a.pool.claim(&a.xen, &domain));
}

#[test]
fn a_move_stays_open_while_all_values_are_carried_to_another_domain() {
    let (_, a, b) = two_hosts();
    let (domain, arrived) = under_way(&a, &b);
    let other = NewDomain::new().with_uuid(Uuid::from_u128(7));
    let other = a.xen.create(other).unwrap();
    let all = |_: &Userid| true;
    let carried = |to| {
        let transfer = Transfer::new(domain, to, &all);
        let admit = &mut |_: &_, _: &_| Ok(());
        a.pool
            .transfer(&transfer, PATIENT, admit)
            .map(|done| done.moved.len())
    };
    // Domain-0 has no place in a pool.
    let error = carried(DomainKey::new(Domid::ZERO, other.uuid)).unwrap_err();
    let stays = matches!(error.kind(), StoreErrorKind::StaysInFiles);
    assert!(stays, "{error:?}");
    assert_eq!(carried(other).unwrap(), 1);
    assert_eq!(a.value(other).as_deref(), Some("1"));
    a.store(domain, "2").unwrap();
    b.xen.unpause(arrived.domid).unwrap();
    b.pool.claim(&b.xen, &arrived).unwrap();
    assert_eq!(b.value(arrived).as_deref(), Some("2"));
}

#[test]
fn a_list_of_any_home_has_the_values_of_other_hosts() {
    let (engine, a, b) = two_hosts();
    a.store(a.create(), "1").unwrap();
    let count = |any_home| {
        let mut options = PoolOptions::default();
        options.any_home = any_home;
        let me = identity(&b.name, b.xen.boot().unwrap().as_str());
        let pool: Pool = PoolStore::new(engine.clone(), me, options);
        let mut found = 0;
        let each = &mut |_| {
            found += 1;
            ControlFlow::Continue(())
        };
        pool.scan(each).unwrap();
        found
    };
    assert_eq!([false, true].map(count), [0, 1]);
}
