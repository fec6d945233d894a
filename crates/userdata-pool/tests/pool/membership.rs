//! What `join`, `leave` and `forget` tell when answers are lost, and when others come between.

use std::time::Duration;

use userdata_core::store::{StoreError, StoreErrorKind};
use userdata_pool::Joined;

use crate::engine::{Behind, Fault, SimEngine};
use crate::rig::{Host, two_hosts};

const RECORD_OF_A: &str = "/userdata/1/host/a";

type Before = fn(&Host);
type Call = fn(&Host) -> Result<(), StoreError>;

/// Each call, and what is done before it.
const CALLS: &[(&str, Before, Call)] = &[
    (
        "join",
        |a| drop(a.pool.leave()),
        |a| a.pool.join().map(drop),
    ),
    ("leave", |_| {}, |a| a.pool.leave().map(drop)),
    (
        "forget",
        |_| {},
        |a| a.pool.forget(&a.name.parse().unwrap()).map(drop),
    ),
];

fn record(engine: &SimEngine) -> Option<String> {
    engine.value(RECORD_OF_A)
}

#[test]
fn a_membership_is_told_as_unchanged_only_if_it_never_changes() {
    for (name, before, call) in CALLS {
        let mut lost = 0;
        for fault in [Fault::LostAfter, Fault::LostBefore, Fault::Delayed] {
            for faults in 1..=2 {
                // After so many answers there is none.
                for answers in 0..=6 {
                    let (engine, a, _) = two_hosts();
                    before(&a);
                    let was = record(&engine);
                    engine.plan(vec![Some(fault); faults]);
                    engine.falls_silent(Duration::ZERO, answers);
                    let told = call(&a);
                    engine.falls_silent(Duration::ZERO, usize::MAX);
                    let case = format!("{name}, {fault:?} {faults} times, {answers} answers");
                    let now = record(&engine);
                    engine.deliver();
                    let at_last = record(&engine);
                    match told.as_ref().map_err(StoreError::kind) {
                        Ok(()) => assert!(was != now && now == at_last, "{case}"),
                        Err(StoreErrorKind::AnswerLost(_)) => lost += 1,
                        Err(kind) => {
                            assert_eq!(was, at_last, "{case}: {kind:?}");
                            assert!(matches!(kind, StoreErrorKind::Unreachable { .. }), "{case}");
                        }
                    }
                }
            }
        }
        assert!(lost > 0, "{name}");
    }
}

#[test]
fn a_membership_that_others_change_until_the_deadline_is_told_as_unchanged() {
    let (engine, _, b) = two_hosts();
    let changes = |n| vec![Behind::Put(RECORD_OF_A.into(), format!("change {n}"))];
    engine.behind_reads((0..100).map(changes));
    engine.falls_silent(Duration::from_secs(1), usize::MAX);
    let error = b.pool.forget(&"a".parse().unwrap()).unwrap_err();
    let is_passed = matches!(error.kind(), StoreErrorKind::DeadlinePassed { .. });
    assert!(is_passed, "{error:?}");
    assert!(record(&engine).is_some());
}

#[test]
fn a_host_whose_name_another_machine_took_behind_its_leave_has_left() {
    let (engine, a, _) = two_hosts();
    let of_another = record(&engine).unwrap().replace("machine-a", "another");
    engine.plan([Some(Fault::LostAfter)]);
    engine.overwrite_after_change(RECORD_OF_A, of_another.as_bytes());
    assert!(a.pool.leave().unwrap());
    assert_eq!(record(&engine), Some(of_another));
}

#[test]
fn membership_is_told_truly_if_the_answer_is_lost() {
    let (engine, a, b) = two_hosts();
    let lose_answer = || engine.plan([Some(Fault::LostAfter)]);
    lose_answer();
    assert!(a.pool.leave().unwrap());
    lose_answer();
    assert_eq!(a.pool.join().unwrap(), Joined::New);
    lose_answer();
    assert!(b.pool.forget(&"a".parse().unwrap()).unwrap());
    assert_eq!(record(&engine), None);
}

#[test]
fn a_record_that_comes_behind_the_read_is_not_overwritten() {
    let (engine, a, b) = two_hosts();
    let own = record(&engine).unwrap();
    let others = own.replace("machine-a", "another");
    assert_ne!(own, others);
    let comes = |record: &str| {
        engine.behind_reads([vec![Behind::Put(RECORD_OF_A.into(), record.into())]]);
    };
    comes(&others);
    // The name is another machine's now, so this one has left.
    assert!(a.pool.leave().unwrap());
    assert_eq!(record(&engine), Some(others.clone()));
    engine.remove(RECORD_OF_A);
    comes(&others);
    let error = a.pool.join().unwrap_err();
    let is_refused = matches!(error.kind(), StoreErrorKind::NotPermitted(_));
    assert!(is_refused, "{error:?}");
    assert_eq!(record(&engine), Some(others));
    // A newer release renews the record while the host is forgotten.
    engine.overwrite(RECORD_OF_A, own.as_bytes());
    comes("2 whatever");
    b.pool.forget(&"a".parse().unwrap()).unwrap_err();
    assert_eq!(record(&engine).as_deref(), Some("2 whatever"));
}

/// etcd looks at its quota again when it applies a transaction.
#[test]
fn a_join_that_a_full_cluster_made_although_it_refuses_is_read_back() {
    for (fault, is_made) in [(Fault::Fills, true), (Fault::NoSpace, false)] {
        for falls_silent in [false, true] {
            let (engine, a, _) = two_hosts();
            a.pool.leave().unwrap();
            engine.plan([Some(fault)]);
            if falls_silent {
                // Behind the read and the refusal.
                engine.falls_silent(Duration::ZERO, 2);
            }
            let joined = a.pool.join();
            let is_true = match joined.as_ref().map_err(StoreError::kind) {
                Ok(Joined::New) => is_made && !falls_silent,
                Err(StoreErrorKind::NoSpace(_)) => !is_made && !falls_silent,
                Err(StoreErrorKind::AnswerLost(_)) => falls_silent,
                _ => false,
            };
            assert!(is_true, "{fault:?} {falls_silent}: {joined:?}");
            assert_eq!(record(&engine).is_some(), is_made);
        }
    }
}

#[test]
fn a_late_join_is_not_made_behind_the_end_of_the_membership() {
    for is_first in [false, true] {
        for is_full in [false, true] {
            let (engine, a, b) = two_hosts();
            let domain = a.create();
            a.pool.leave().unwrap();
            if is_first {
                engine.remove("/userdata/1/grave/host/a");
            }
            // An absent grave is made first.
            engine.plan(
                is_first
                    .then_some(None)
                    .into_iter()
                    .chain([Some(Fault::Delayed)]),
            );
            assert_eq!(a.pool.join().unwrap(), Joined::New);
            assert_eq!(engine.under_way(), 1);
            if is_full {
                engine.fill();
            }
            assert!(b.pool.forget(&"a".parse().unwrap()).unwrap());
            engine.make_room();
            engine.deliver();
            assert_eq!(record(&engine), None, "{is_first} {is_full}");
            a.store(domain, "1").unwrap_err();
            assert_eq!(a.pool.join().unwrap(), Joined::New);
        }
    }
}

#[test]
fn a_change_of_the_membership_that_is_refused_is_not_repeated() {
    for (name, before, call) in CALLS {
        for has_grave in [false, true] {
            let (engine, a, _) = two_hosts();
            before(&a);
            if !has_grave {
                engine.remove("/userdata/1/grave/host/a");
            }
            let was = record(&engine);
            engine.plan([Some(Fault::NotPermitted)]);
            let error = call(&a).unwrap_err();
            let is_refused = matches!(error.kind(), StoreErrorKind::NotPermitted(_));
            assert!(is_refused, "{name}: {error:?}");
            assert_eq!(record(&engine), was, "{name}");
        }
    }
}

#[test]
fn a_membership_that_a_full_cluster_does_not_end_is_told_so() {
    for (name, before, call) in CALLS {
        let (engine, a, _) = two_hosts();
        before(&a);
        let was = record(&engine);
        engine.plan([Some(Fault::NoSpace), Some(Fault::NoSpace)]);
        let error = call(&a).unwrap_err();
        let is_full = matches!(error.kind(), StoreErrorKind::NoSpace(_));
        assert!(is_full, "{name}: {error:?}");
        assert_eq!(record(&engine), was, "{name}");
    }
}
