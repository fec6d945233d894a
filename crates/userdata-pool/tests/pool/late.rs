//! Changes that arrive late, behind their repeat or behind the end of the domain.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use userdata_core::Store as _;
use userdata_core::store::{Durability, Expect, Keep, Op, Refused};
use userdata_core::value::NonEmpty;

use crate::engine::{Behind, Fault, WAIT, with_watch};
use crate::outcomes::put;
use crate::rig::{PATIENT, agent, begin, make_grave, refusal, two_hosts, uuid};

#[test]
fn a_store_that_expects_no_value_does_not_meet_its_own_first_attempt() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    make_grave(&engine);
    engine.plan([Some(Fault::Delayed), Some(Fault::LostBefore)]);
    let userid = agent();
    let ops = [Op::Put {
        userid: &userid,
        data: NonEmpty::new(b"1").unwrap(),
        expect: Expect::Absent,
        durability: Durability::Full,
    }];
    // The first attempt arrives behind the read that follows its lost repeat.
    let (late, reads) = (Arc::clone(&engine), Cell::new(0));
    let watch = move || {
        reads.set(reads.get() + 1);
        if reads.get() == 3 {
            late.deliver_one(0);
        }
    };
    let stored = with_watch(Rc::new(watch), || {
        a.pool.change(&domain, PATIENT, &mut |_| Ok(()), &ops)
    });
    stored.unwrap();
    assert_eq!(engine.under_way(), 0);
    assert_eq!(a.value(domain).as_deref(), Some("1"));
}

#[test]
fn a_late_store_of_a_second_life_is_not_made_behind_its_clear() {
    let (engine, a, _) = two_hosts();
    let first = a.create();
    a.store(first, "1").unwrap();
    a.xen.destroy(first.domid).unwrap();
    let second = a.create();
    engine.plan([Some(Fault::Delayed)]);
    put(&a.pool, &second, b"late", WAIT).unwrap_err();
    a.xen.destroy(second.domid).unwrap();
    a.facade.clear(second, Keep::Nothing).unwrap();
    engine.deliver();
    assert_eq!(a.value(second), None);
    assert_eq!(a.value(first).as_deref(), Some("1"));
}

#[test]
fn the_late_mark_of_the_source_does_not_close_the_domain_that_arrived() {
    let (_, a, b) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    begin(&a, &domain, &b);
    let arrived = b.create();
    assert_eq!(arrived, domain, "they have one domid");
    b.pool.claim(&b.xen, &arrived).unwrap();
    let _mark = a.pool.close(&domain, PATIENT, &mut |_| Ok(())).unwrap();
    b.store(arrived, "2").unwrap();
}

#[test]
fn a_host_that_is_forgotten_behind_its_read_changes_nothing_more() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    engine.behind_reads([vec![Behind::Delete("/userdata/1/host/a".into())]]);
    engine.plan([Some(Fault::Delayed)]);
    let before = engine.revision_of(&format!("/userdata/1/turn/{}", uuid()));
    let told = refusal(put(&a.pool, &domain, b"2", PATIENT));
    assert!(matches!(told, Refused::NotAMember), "{told:?}");
    engine.deliver();
    let after = engine.revision_of(&format!("/userdata/1/turn/{}", uuid()));
    assert_eq!(before, after);
}
