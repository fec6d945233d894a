//! Storing, updating, retrieving and removing.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use userdata_core::store::{
    Done, Durability, Expect, Keep, Op, Operation, State, StoreError, StoreErrorKind,
};
use userdata_core::{Life, Userid, Value, Version};

use super::mock::{Answer, Answers, Calls, MockEngine, host, key, other, userdata, userid};
use crate::{Outcome, Source, Target, Userdata, UserdataErrorKind as Kind};

#[test]
fn store_looks_twice_and_asks_for_leaving_in_between() {
    let calls = Calls::default();
    let outcome = userdata(&Answers::alive(), &calls)
        .store(key(), &userid(), b"new")
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::Stored {
            durability: Durability::Full,
            displaced: None
        }
    );
    assert_eq!(
        calls.taken(),
        ["domain", "lock", "leaving", "domain", "put"]
    );
}

#[test]
fn store_takes_no_lock_for_a_domain_that_is_not_there() {
    for (answer, dying) in [
        (Answer::Absent, false),
        (Answer::Is(key(), Life::Dead), false),
        (Answer::Is(other(), Life::Alive), false),
        (Answer::Is(key(), Life::Dying), true),
    ] {
        let calls = Calls::default();
        let userdata = userdata(&Answers::of(&[answer]), &calls);
        let error = userdata.store(key(), &userid(), b"new").unwrap_err();
        assert_eq!(
            matches!(error.kind(), Kind::BeingDestroyed),
            dying,
            "{error:?}"
        );
        assert_eq!(
            matches!(error.kind(), Kind::NoSuchDomain),
            !dying,
            "{error:?}"
        );
        assert_eq!(calls.taken(), ["domain"]);
    }
}

#[test]
fn store_refuses_a_domain_that_changed_before_the_lock() {
    for (answer, dying) in [
        (Answer::Absent, false),
        (Answer::Is(key(), Life::Dead), false),
        (Answer::Is(other(), Life::Alive), false),
        (Answer::Is(key(), Life::Dying), true),
    ] {
        let calls = Calls::default();
        let answers = Answers::of(&[Answer::Is(key(), Life::Alive), answer]);
        // By domid, so that the incarnation is the one found by the first look-up.
        let error = userdata(&answers, &calls)
            .store(key().domid, &userid(), b"new")
            .unwrap_err();
        assert_eq!(
            matches!(error.kind(), Kind::BeingDestroyed),
            dying,
            "{error:?}"
        );
        assert_eq!(
            matches!(error.kind(), Kind::NoSuchDomain),
            !dying,
            "{error:?}"
        );
        assert_eq!(calls.taken(), ["domain", "lock", "leaving", "domain"]);
    }
}

#[test]
fn store_refuses_a_closing_domain_without_a_question() {
    let calls = Calls::default();
    let answers = Answers {
        closing: true,
        ..Answers::alive()
    };
    let error = userdata(&answers, &calls)
        .store(key(), &userid(), b"new")
        .unwrap_err();
    assert!(matches!(error.kind(), Kind::BeingDestroyed));
    assert_eq!(calls.taken(), ["domain", "lock"]);
}

#[test]
fn store_refuses_a_leaving_domain_that_still_exists() {
    let calls = Calls::default();
    let answers = Answers {
        leaving: Some(true),
        ..Answers::alive()
    };
    let error = userdata(&answers, &calls)
        .store(key(), &userid(), b"new")
        .unwrap_err();
    assert!(matches!(error.kind(), Kind::BeingDestroyed));
    assert_eq!(calls.taken(), ["domain", "lock", "leaving"]);
}

#[test]
fn unknown_is_an_error_and_never_absence() {
    let alive = Answer::Is(key(), Life::Alive);
    for answers in [
        Answers::of(&[Answer::Unknown]),
        Answers::of(&[alive, Answer::Unknown]),
        Answers {
            leaving: None,
            ..Answers::alive()
        },
    ] {
        let calls = Calls::default();
        let error = userdata(&answers, &calls)
            .store(key(), &userid(), b"new")
            .unwrap_err();
        assert!(matches!(error.kind(), Kind::Hypervisor(_)), "{error:?}");
        assert!(!calls.taken().contains(&"put".to_owned()));
    }
}

#[test]
fn storing_nothing_removes_under_the_same_checks() {
    let calls = Calls::default();
    let outcome = userdata(&Answers::alive(), &calls)
        .store(key(), &userid(), b"")
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::Removed {
            durability: Durability::Full
        }
    );
    assert_eq!(
        calls.taken(),
        ["domain", "lock", "leaving", "domain", "delete"]
    );
}

#[test]
fn remove_accepts_a_dying_domain_but_not_libxl_json() {
    let calls = Calls::default();
    let dying = Answers::of(&[Answer::Is(key(), Life::Dying)]);
    userdata(&dying, &calls).remove(key(), userid()).unwrap();
    assert_eq!(calls.taken(), ["domain", "lock", "domain", "delete"]);
    let json = Userid::new("libxl-json").unwrap();
    let error = userdata(&dying, &calls).remove(key(), &json).unwrap_err();
    assert!(matches!(error.kind(), Kind::Userid(_)));
    assert!(calls.taken().is_empty());
    userdata(&dying, &calls)
        .remove_libxl_json(key(), Expect::Any)
        .unwrap();
    assert_eq!(calls.taken(), ["domain", "lock", "domain", "delete"]);
}

#[test]
fn retrieve_looks_up_a_domid_and_not_a_key() {
    let retrieve = |target: Target| {
        let calls = Calls::default();
        let mut engine = MockEngine::new();
        let log = calls.clone();
        engine.expect_get().returning(move |asked, _| {
            log.push(&format!("get {asked}"));
            Ok(None)
        });
        let answers = Answers::of(&[Answer::Is(other(), Life::Dying)]);
        let userdata = Userdata::new(host(&answers, &calls), engine);
        assert_eq!(userdata.retrieve(target, userid()).unwrap(), None);
        calls.taken()
    };
    assert_eq!(
        retrieve(key().domid.into()),
        ["domain".to_owned(), format!("get {}", other())]
    );
    assert_eq!(retrieve(key().into()), [format!("get {}", key())]);
}

#[test]
fn clear_keeps_the_essential_only_of_what_lives() {
    for (answer, clear) in [
        (Answer::Is(key(), Life::Alive), "clear, keep Essential"),
        (Answer::Is(key(), Life::Dying), "clear, keep Essential"),
        (Answer::Is(key(), Life::Dead), "clear, keep Nothing"),
        (Answer::Is(other(), Life::Alive), "clear, keep Nothing"),
        (Answer::Absent, "clear, keep Nothing"),
    ] {
        let calls = Calls::default();
        userdata(&Answers::of(&[answer]), &calls)
            .clear(key(), Keep::Essential)
            .unwrap();
        assert_eq!(calls.taken(), ["domain", "lock", "domain", clear]);
    }
}

#[test]
fn clear_looks_again_under_the_lock() {
    let alive = Answer::Is(key(), Life::Alive);
    let is_exists_again: fn(&Kind) -> bool = |kind| matches!(kind, Kind::ExistsAgain);
    let is_unknown: fn(&Kind) -> bool = |kind| matches!(kind, Kind::Hypervisor(_));
    let is_absent: fn(&Kind) -> bool = |kind| matches!(kind, Kind::NoSuchDomain);
    for (first, second, expected) in [
        (Answer::Absent, alive, is_exists_again),
        (Answer::Absent, Answer::Unknown, is_unknown),
        (alive, Answer::Unknown, is_unknown),
        (alive, Answer::Absent, is_absent),
    ] {
        let calls = Calls::default();
        let error = userdata(&Answers::of(&[first, second]), &calls)
            .clear(key(), Keep::Essential)
            .unwrap_err();
        assert!(expected(error.kind()), "{error:?}");
        assert_eq!(calls.taken(), ["domain", "lock", "domain"]);
    }
    let calls = Calls::default();
    let unknown = Answers::of(&[Answer::Unknown]);
    userdata(&unknown, &calls)
        .clear(key(), Keep::Essential)
        .unwrap_err();
    assert_eq!(calls.taken(), ["domain"]);
}

#[test]
fn a_store_that_says_nothing_did_not_succeed() {
    for answer in [0, 2] {
        let mut engine = MockEngine::new();
        engine.expect_now().returning(|| Duration::ZERO);
        engine
            .expect_change()
            .returning(move |_, _, _, _| Ok((0..answer).map(|_| Done::NothingToRemove).collect()));
        let host = host(&Answers::alive(), &Calls::default());
        let userdata = Userdata::new(host, engine);
        for error in [
            userdata.store(key(), &userid(), b"new").unwrap_err(),
            userdata.remove(key(), userid()).unwrap_err(),
            userdata.clear(key(), Keep::Essential).unwrap_err(),
        ] {
            assert!(matches!(error.kind(), Kind::Store(error)
                if matches!(error.kind(), StoreErrorKind::NoOutcome)));
        }
    }
}

/// An engine in which another process changes the value `others` times before a change succeeds.
fn contended(others: usize, calls: &Calls) -> MockEngine {
    contended_by(others, calls, || Duration::ZERO)
}

/// The same with this clock.
fn contended_by(
    others: usize,
    calls: &Calls,
    clock: impl Fn() -> Duration + Send + Sync + 'static,
) -> MockEngine {
    let mut engine = MockEngine::new();
    engine.expect_now().returning(clock);
    let values: VecDeque<_> = (0..=others)
        .map(|n| format!("value {n}").into_bytes())
        .collect();
    let current = std::sync::Arc::new(Mutex::new(values));
    let seen = current.clone();
    engine
        .expect_get()
        .returning(move |_, _| Ok(Some(Value::new(seen.lock().unwrap()[0].clone()))));
    let log = calls.clone();
    engine.expect_change().returning(move |key, _, admit, ops| {
        admit(&State::new(false)).unwrap();
        let mut values = current.lock().unwrap();
        if values.len() > 1 {
            values.pop_front();
        }
        let found = Version::of(&values[0]);
        match ops {
            [
                Op::Put {
                    data,
                    expect: Expect::Version(version),
                    durability,
                    ..
                },
            ] if *version == found => {
                log.push(&String::from_utf8_lossy(data.as_bytes()));
                Ok(vec![Done::Stored {
                    durability: *durability,
                    displaced: None,
                }])
            }
            _ => {
                let kind = StoreErrorKind::PreconditionFailed { found: Some(found) };
                Err(StoreError::new(Operation::Compare, key.to_string(), kind))
            }
        }
    });
    engine
}

#[test]
fn update_starts_over_from_the_other_value() {
    let calls = Calls::default();
    let host = host(&Answers::alive(), &Calls::default());
    let userdata = Userdata::new(host, contended(3, &calls));
    let mut tries = 0;
    let outcome = userdata
        .update(key(), &userid(), |old| {
            tries += 1;
            Ok::<_, Source>(Some([old.unwrap().as_bytes(), b"+"].concat()))
        })
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::Stored {
            durability: Durability::Full,
            displaced: None
        }
    );
    assert_eq!((tries, calls.taken()), (4, vec!["value 3+".to_owned()]));
}

#[test]
fn update_gives_up_after_a_bounded_number_of_tries() {
    let host = host(&Answers::alive(), &Calls::default());
    let userdata = Userdata::new(host, contended(1000, &Calls::default()));
    let mut tries = 0;
    let error = userdata
        .update(key(), &userid(), |_| {
            tries += 1;
            Ok::<_, Source>(Some(b"new".to_vec()))
        })
        .unwrap_err();
    assert!(matches!(error.kind(), Kind::GaveUp { tries: 64 }));
    assert!(error.is_conflict());
    assert_eq!(tries, 64);
}

#[test]
fn update_stops_when_its_timeout_has_passed() {
    let clock = Mutex::new(Duration::ZERO);
    let engine = contended_by(1000, &Calls::default(), move || {
        let mut now = clock.lock().unwrap();
        *now += Duration::from_secs(1);
        *now
    });
    let host = host(&Answers::alive(), &Calls::default());
    // Each look at the clock takes a second, and a try has two: before its read and its change.
    let userdata = Userdata::new(host, engine).with_timeout(Duration::from_secs(6));
    let error = userdata
        .update(key(), &userid(), |_| Ok::<_, Source>(Some(b"new".to_vec())))
        .unwrap_err();
    assert!(
        matches!(error.kind(), Kind::GaveUp { tries: 3 }),
        "{error:?}"
    );
}

#[test]
fn update_leaves_the_value_where_its_closure_says_so() {
    let calls = Calls::default();
    let userdata = Userdata::new(host(&Answers::alive(), &calls), contended(0, &calls));
    let unchanged = userdata.update(key(), &userid(), |_| Ok::<_, Source>(None));
    assert_eq!(unchanged.unwrap(), Outcome::Unchanged);
    let failed = userdata.update(key(), &userid(), |_| Err::<Option<Vec<u8>>, _>("not JSON"));
    let failed = failed.unwrap_err();
    assert!(matches!(failed.kind(), Kind::ClosureFailed(error) if error.to_string() == "not JSON"));
    assert_eq!(calls.taken(), ["domain", "domain"]);
}

#[test]
fn an_error_names_operation_userid_and_domain_once() {
    let calls = Calls::default();
    let error = userdata(&Answers::of(&[Answer::Absent]), &calls)
        .store(key().domid, &userid(), b"new")
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot store 'xl' of domain 5");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "no such domain");
    assert!(source.source().is_none());
}
