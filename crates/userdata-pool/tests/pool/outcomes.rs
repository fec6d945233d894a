//! Answers that are lost: an outcome is told once, and truly.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hv_sim::{NewDomain, SimHost};
use userdata::{Userdata, UserdataErrorKind};
use userdata_core::hypervisor::{BootId, HypervisorError};
use userdata_core::store::{
    Attempt, Cleared, Durability, Expect, Keep, Op, Refused, StoreError, StoreErrorKind,
};
use userdata_core::value::NonEmpty;
use userdata_core::{Domain, DomainKey, Domid, Hypervisor, Store, Uuid, WritableUserid};
use userdata_pool::{Engine as _, Finished, Settled};

use crate::engine::{Behind, Fault, WAIT};
use crate::rig::{
    PATIENT, Pool, agent, begin, is_unknown, make_grave, two_hosts, uuid, with_old_value,
};

const FAULTS: [Fault; 4] = [
    Fault::LostAfter,
    Fault::LostBefore,
    Fault::Delayed,
    Fault::NotSent,
];

pub(crate) fn put_op<'a>(userid: &'a WritableUserid, value: &'a [u8]) -> Op<'a> {
    Op::Put {
        userid,
        data: NonEmpty::new(value).unwrap(),
        expect: Expect::Any,
        durability: Durability::Full,
    }
}

pub(crate) fn put(
    pool: &Pool,
    domain: &DomainKey,
    value: &[u8],
    timeout: Duration,
) -> Result<(), StoreError> {
    let userid = agent();
    let ops = [put_op(&userid, value)];
    pool.change(domain, timeout, &mut |_| Ok(()), &ops)
        .map(drop)
}

pub(crate) fn attempt(error: &StoreError) -> Attempt {
    match error.kind() {
        StoreErrorKind::OutcomeUnknown { attempt } => *attempt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_store_is_made_once_whichever_two_answers_are_lost() {
    let all = || FAULTS.into_iter().map(Some).chain([None]);
    for (first, second) in all().flat_map(|first| all().map(move |second| (first, second))) {
        for before in ["no grave", "no turn", "a value"] {
            let (engine, a, _) = two_hosts();
            let domain = a.create();
            match before {
                "a value" => a.store(domain, "old").unwrap(),
                "no turn" => make_grave(&engine),
                _ => {}
            }
            engine.plan([first, second]);
            a.store(domain, "new").unwrap();
            a.store(domain, "newer").unwrap();
            engine.deliver();
            assert_eq!(
                a.value(domain).as_deref(),
                Some("newer"),
                "{first:?} {second:?}: {before}"
            );
        }
    }
}

#[test]
fn a_store_without_time_is_told_as_unknown_and_settled_truly() {
    for fault in [Fault::LostAfter, Fault::LostBefore, Fault::Delayed] {
        for old in [false, true] {
            let (engine, a, domain) = with_old_value(old);
            engine.plan([Some(fault)]);
            let told = put(&a.pool, &domain, b"new", WAIT);
            if fault == Fault::LostAfter {
                // The last look finds the number, however late it is.
                told.unwrap();
                assert_eq!(a.value(domain).as_deref(), Some("new"));
                continue;
            }
            let error = told.unwrap_err();
            assert!(is_unknown(&error), "{error:?}");
            let attempt = attempt(&error);
            assert_eq!(a.pool.settle(&domain, attempt).unwrap(), Settled::NotMade);
            engine.deliver();
            assert_eq!(a.value(domain).as_deref(), old.then_some("old"));
            // Where there is no turn, the grave has been moved on, as a clear would.
            let again = if old {
                Settled::NotMade
            } else {
                Settled::Unknown
            };
            assert_eq!(a.pool.settle(&domain, attempt).unwrap(), again);
        }
    }
}

#[test]
fn update_calls_its_closure_once_if_the_outcome_is_unknown() {
    for fault in [Fault::LostBefore, Fault::Delayed] {
        for old in [false, true] {
            let (engine, a, domain) = with_old_value(old);
            engine.plan([Some(fault)]);
            let mut calls = 0;
            let facade = Userdata::new(&a.xen, &a.pool).with_timeout(WAIT);
            let updated = facade.update(domain, &agent(), |_| {
                calls += 1;
                Ok::<_, Infallible>(Some(b"new".to_vec()))
            });
            let error = updated.unwrap_err();
            let error = match error.kind() {
                UserdataErrorKind::Store(error) => error,
                other => panic!("{other:?}"),
            };
            assert_eq!(calls, 1);
            let settled = a.pool.settle(&domain, attempt(error)).unwrap();
            assert_eq!(settled, Settled::NotMade);
            engine.deliver();
            assert_eq!(a.value(domain).as_deref(), old.then_some("old"));
        }
    }
}

#[test]
fn a_settlement_that_is_unknown_names_the_attempt_that_it_was_asked_about() {
    for old in [false, true] {
        let (engine, a, domain) = with_old_value(old);
        engine.plan([Some(Fault::LostBefore)]);
        let asked = attempt(&put(&a.pool, &domain, b"new", WAIT).unwrap_err());
        engine.plan([Some(Fault::Delayed); 20]);
        let error = a.pool.settle(&domain, asked).unwrap_err();
        assert_eq!(attempt(&error), asked, "old: {old}");
        engine.deliver();
        engine.plan([]);
        let settled = a.pool.settle(&domain, asked).unwrap();
        // A grave keeps no other number of a store than that of a removal.
        let truly = if old {
            Settled::NotMade
        } else {
            Settled::Unknown
        };
        assert_eq!(settled, truly);
    }
}

#[test]
fn an_attempt_that_was_made_is_settled_as_made_until_16_changes_later() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "old").unwrap();
    engine.plan([Some(Fault::Delayed)]);
    let error = put(&a.pool, &domain, b"new", WAIT).unwrap_err();
    engine.deliver();
    let attempt = attempt(&error);
    assert_eq!(a.value(domain).as_deref(), Some("new"));
    for _ in 0..15 {
        assert_eq!(a.pool.settle(&domain, attempt).unwrap(), Settled::Made);
        a.store(domain, "later").unwrap();
    }
    assert_eq!(a.pool.settle(&domain, attempt).unwrap(), Settled::Made);
    a.store(domain, "later").unwrap();
    assert_eq!(a.pool.settle(&domain, attempt).unwrap(), Settled::Unknown);
}

#[test]
fn a_refusal_while_an_attempt_is_open_fences_it_first() {
    for old in [false, true] {
        let (engine, a, domain) = with_old_value(old);
        engine.plan([Some(Fault::Delayed)]);
        let mut asked = 0;
        let userid = agent();
        let ops = [put_op(&userid, b"new")];
        let mut admit = |_: &_| {
            asked += 1;
            match asked {
                1 => Ok(()),
                _ => Err(Refused::BeingDestroyed),
            }
        };
        let refused = a
            .pool
            .change(&domain, PATIENT, &mut admit, &ops)
            .unwrap_err();
        assert!(refused.into_refused().is_ok());
        engine.deliver();
        assert_eq!(a.value(domain).as_deref(), old.then_some("old"));
    }
}

#[test]
fn a_step_that_changes_nothing_while_an_attempt_is_open_fences_it_first() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    engine.plan([Some(Fault::Delayed)]);
    // Gone, by the first answer of the hypervisor; and alive, by the others.
    let mut asked = 0;
    let mut admit = |_: &_, _: &_| {
        asked += 1;
        let age = Duration::ZERO;
        Ok(match asked {
            1 => Keep::Nothing,
            _ => Keep::AllButStale { age },
        })
    };
    let mut removed = None;
    let mut each = |_: &_, cleared: Result<Cleared, StoreError>| {
        removed = Some(cleared.unwrap().removed);
        ControlFlow::Continue(())
    };
    let domains = [domain];
    a.pool
        .clear_each(&domains, PATIENT, Durability::Full, &mut admit, &mut each)
        .unwrap();
    assert_eq!(removed.unwrap(), []);
    engine.deliver();
    assert_eq!(a.value(domain).as_deref(), Some("1"));
}

/// A hypervisor that does not know a domain when it is asked for the first time.
#[derive(Debug)]
struct Late {
    xen: SimHost,
    asked: AtomicBool,
}

impl Hypervisor for Late {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        match self.asked.swap(true, Ordering::Relaxed) {
            false => Ok(None),
            true => self.xen.domain(domid),
        }
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        self.xen.domains()
    }

    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        self.xen.leaving(domain)
    }

    fn boot(&self) -> Result<BootId, HypervisorError> {
        self.xen.boot()
    }
}

#[test]
fn a_release_whose_answer_is_lost_is_not_made_once_the_domain_is_told_as_still_here() {
    let (engine, a, b) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    begin(&a, &domain, &b);
    engine.plan([Some(Fault::Delayed)]);
    let asked = AtomicBool::new(false);
    let xen = a.xen.clone();
    let finished = a.pool.finish(&Late { xen, asked }, &domain).unwrap();
    assert_eq!(finished, Finished::StillHere { runs: true });
    engine.deliver();
    let turn = engine.value(&format!("/userdata/1/turn/{}", uuid()));
    assert!(!turn.unwrap().contains("released"));
}

#[test]
fn a_store_that_was_admitted_before_a_clear_is_not_made_behind_it() {
    for old in [false, true] {
        let (engine, a, domain) = with_old_value(old);
        engine.plan([Some(Fault::Delayed)]);
        put(&a.pool, &domain, b"late", WAIT).unwrap_err();
        a.xen.destroy(domain.domid).unwrap();
        a.facade.clear(domain, Keep::Nothing).unwrap();
        engine.deliver();
        assert!(
            !engine.keys().iter().any(|key| key.contains("/data/")),
            "old: {old}"
        );
        // The domain is made again, and its first store makes a turn.
        put(&a.pool, &domain, b"again", PATIENT).unwrap();
        a.facade.clear(domain, Keep::Nothing).unwrap();
        engine.deliver();
        assert!(!engine.keys().iter().any(|key| key.contains("/data/")));
    }
}

#[test]
fn a_clear_under_a_lost_mark_leaves_nothing() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "old").unwrap();
    let closing = a.facade.begin_destroy(domain).unwrap();
    assert!(a.store(domain, "refused").is_err());
    engine.lose_leases();
    a.store(domain, "while the mark is lost").unwrap();
    engine.plan([Some(Fault::Delayed)]);
    put(&a.pool, &domain, b"late", WAIT).unwrap_err();
    let destroyed = a.xen.destroy(domain.domid);
    a.facade.end_destroy(closing, destroyed).unwrap();
    engine.deliver();
    let left = engine.keys();
    assert!(
        left.iter()
            .all(|key| key.contains("/host/") || key.contains("/grave/")),
        "{left:?}"
    );
}

#[test]
fn a_dead_holders_mark_is_void_once_its_lease_has_run_out() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    let closing = a.facade.begin_destroy(domain).unwrap();
    engine.pass(Duration::from_secs(60));
    assert!(
        a.store(domain, "refused").is_err(),
        "a mark that is kept alive stays"
    );
    drop(closing);
    a.store(domain, "new").unwrap();
}

#[test]
fn a_full_quota_takes_a_clear_by_removals_alone() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "old").unwrap();
    engine.fill();
    let error = a.store(domain, "more").unwrap_err();
    assert!(
        format!("{:?}", error.kind()).contains("NoSpace"),
        "{error:?}"
    );
    a.facade
        .destroy(domain, |key| a.xen.destroy(key.domid))
        .unwrap();
    let left = engine.keys();
    assert!(left.iter().all(|key| key.contains("/host/")), "{left:?}");
}

#[test]
fn an_unreached_engine_is_told_as_unreachable() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    engine.plan(std::iter::repeat_n(Some(Fault::NotSent), 20));
    let error = put(&a.pool, &domain, b"new", PATIENT).unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::Unreachable { .. }),
        "{error:?}"
    );
}

#[test]
fn a_clear_of_many_values_is_one_transaction() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    for number in 0..200 {
        let userid = userdata_core::WritableUserid::new(format!("u{number}")).unwrap();
        a.facade.store(domain, &userid, b"value").unwrap();
    }
    let before = engine.changes();
    a.xen.destroy(domain.domid).unwrap();
    assert_eq!(
        a.facade.clear(domain, Keep::Nothing).unwrap().removed.len(),
        200
    );
    assert_eq!(engine.changes(), before + 1);
}

#[test]
fn a_closing_mark_is_tried_until_the_deadline_and_not_longer() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    engine.plan([Some(Fault::LostBefore); 9]);
    let limit = WAIT + WAIT / 2;
    let before = engine.now();
    let error = a.pool.close(&domain, limit, &mut |_| Ok(())).unwrap_err();
    let is_unanswered = matches!(error.kind(), StoreErrorKind::Unreachable { .. });
    assert!(is_unanswered, "{error:?}");
    assert_eq!(engine.now() - before, limit);
}

#[test]
fn behind_16_changes_of_a_new_turn_the_outcome_of_its_first_is_unknown() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "0").unwrap();
    let number = |key: &str| {
        let text = engine.value(key).unwrap();
        let (_, number) = text.split_once("numbers=").unwrap();
        u64::from_str_radix(number, 16).unwrap()
    };
    // The grave was made first, so the store came behind its number.
    let turn = number(&format!("/userdata/1/turn/{}", uuid()));
    let first = Attempt::new(turn, number("/userdata/1/grave/22"));
    for change in 1..16 {
        a.store(domain, &change.to_string()).unwrap();
        assert_eq!(a.pool.settle(&domain, first).unwrap(), Settled::Made);
    }
    a.store(domain, "16").unwrap();
    assert_eq!(a.pool.settle(&domain, first).unwrap(), Settled::Unknown);
}

#[test]
fn behind_a_removal_of_another_domain_with_the_same_grave_a_first_store_is_unknown() {
    for last in [0x22, 0x44] {
        let (engine, a, _) = two_hosts();
        let domain = a.create();
        make_grave(&engine);
        engine.plan([Some(Fault::LostBefore)]);
        let first = attempt(&put(&a.pool, &domain, b"1", WAIT).unwrap_err());
        let other = NewDomain::new().with_uuid(Uuid::from_u128(0x3333_4400 + last));
        let other = a.xen.create(other).unwrap();
        a.store(other, "2").unwrap();
        a.facade.clear(other, Keep::Essential).unwrap();
        let told = match last {
            0x22 => Settled::Unknown,
            _ => Settled::NotMade,
        };
        assert_eq!(a.pool.settle(&domain, first).unwrap(), told);
    }
}

#[test]
fn a_store_is_worked_out_again_if_a_mark_came_behind_its_read() {
    let (engine, a, _) = two_hosts();
    let domain = a.create();
    a.store(domain, "1").unwrap();
    let mark = format!("/userdata/1/mark/{}", uuid());
    engine.behind_reads([vec![Behind::Put(mark, "1".into())]]);
    let before = engine.changes();
    a.store(domain, "2").unwrap();
    assert_eq!(engine.changes() - before, 2);
}
