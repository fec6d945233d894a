//! Destroying a domain together with its data.

use std::io;

use userdata_core::Life;
use userdata_core::store::{Cleared, ClosingMark, Operation, State, StoreError, StoreErrorKind};

use super::mock::{Answer, Answers, Calls, MockEngine, MockMark, engine, host, key, other};
use crate::{DestroyError, Destroyed, Userdata, UserdataErrorKind as Kind};

/// What fails in the store.
#[derive(Clone, Copy, PartialEq)]
enum Storage {
    Works,
    CannotMark,
    CannotClear,
}

fn marking(answers: &Answers, calls: &Calls, storage: Storage) -> MockEngine {
    let mut engine = engine(answers, calls);
    let (log, closing) = (calls.clone(), answers.closing);
    engine.expect_close().returning(move |key, _, admit| {
        let failed = |kind| StoreError::new(Operation::Mark, key.to_string(), kind);
        if storage == Storage::CannotMark {
            log.push("no mark");
            return Err(failed(StoreErrorKind::NoSpace("full".into())));
        }
        admit(&State::new(closing)).map_err(|refused| failed(StoreErrorKind::Refused(refused)))?;
        log.push("mark");
        Ok(mark(&log, storage))
    });
    engine
}

fn mark(calls: &Calls, storage: Storage) -> Box<dyn ClosingMark> {
    let mut mark = MockMark::new();
    let log = calls.clone();
    mark.expect_clear().returning(move |_, _, admit| {
        log.push("lock");
        admit(&State::new(false)).map_err(|refused| {
            let kind = StoreErrorKind::Refused(refused);
            StoreError::new(Operation::Admit, "domain", kind)
        })?;
        log.push("clear");
        match storage {
            Storage::CannotClear => {
                let kind = StoreErrorKind::Failed("EIO".into());
                Err(StoreError::new(Operation::Lock, "l", kind))
            }
            _ => Ok(Cleared::default()),
        }
    });
    let log = calls.clone();
    mark.expect_reopen().returning(move |_| {
        log.push("reopen");
        Ok(())
    });
    Box::new(mark)
}

fn destroy(
    answers: &Answers,
    calls: &Calls,
    storage: Storage,
    result: Result<&'static str, io::Error>,
) -> Result<Destroyed<&'static str>, DestroyError> {
    let userdata = Userdata::new(host(answers, calls), marking(answers, calls, storage));
    userdata.destroy(key(), |found| {
        assert_eq!(*found, key());
        calls.push("destroy");
        result
    })
}

fn alive() -> Answer {
    Answer::Is(key(), Life::Alive)
}

#[test]
fn destroy_marks_before_and_clears_after() {
    for gone in [
        Answer::Absent,
        Answer::Is(key(), Life::Dead),
        Answer::Is(other(), Life::Alive),
    ] {
        let calls = Calls::default();
        let answers = Answers::of(&[alive(), alive(), gone]);
        let destroyed = destroy(&answers, &calls, Storage::Works, Ok("done")).unwrap();
        assert_eq!(destroyed.value, "done");
        assert!(destroyed.cleared.is_some() && destroyed.problems.is_empty());
        assert_eq!(
            calls.taken(),
            [
                "domain", "domain", "mark", "destroy", "domain", "lock", "domain", "clear"
            ]
        );
    }
}

#[test]
fn a_failed_destroy_leaves_all_data_and_its_error_comes_back() {
    let calls = Calls::default();
    let error = io::Error::other("no");
    let failed = destroy(&Answers::of(&[alive()]), &calls, Storage::Works, Err(error)).unwrap_err();
    assert!(matches!(&failed, DestroyError::Failed { source, problems }
        if source.to_string() == "no" && problems.is_empty()));
    assert_eq!(
        calls.taken(),
        ["domain", "domain", "mark", "destroy", "domain", "reopen"]
    );
}

#[test]
fn a_destroy_that_did_nothing_leaves_all_data() {
    let calls = Calls::default();
    let failed = destroy(&Answers::of(&[alive()]), &calls, Storage::Works, Ok("done")).unwrap_err();
    assert!(matches!(failed, DestroyError::StillAlive { .. }));
    assert_eq!(
        calls.taken(),
        ["domain", "domain", "mark", "destroy", "domain", "reopen"]
    );
}

#[test]
fn unknown_is_not_dead() {
    let calls = Calls::default();
    let answers = Answers::of(&[alive(), alive(), Answer::Unknown]);
    let failed = destroy(&answers, &calls, Storage::Works, Ok("done")).unwrap_err();
    assert!(
        matches!(&failed, DestroyError::Unknown { source: None, problems }
            if matches!(problems[0].kind(), Kind::Hypervisor(_))),
        "{failed:?}"
    );
    assert_eq!(
        calls.taken(),
        ["domain", "domain", "mark", "destroy", "domain", "reopen"]
    );
}

#[test]
fn a_failing_store_never_stops_the_destroy() {
    let calls = Calls::default();
    let answers = Answers::of(&[alive(), Answer::Absent]);
    let destroyed = destroy(&answers, &calls, Storage::CannotMark, Ok("done")).unwrap();
    assert_eq!(destroyed.problems.len(), 1);
    assert!(destroyed.cleared.is_some());
    assert_eq!(
        calls.taken(),
        [
            "domain",
            "no mark",
            "destroy",
            "domain",
            "lock",
            "domain",
            "clear, keep Nothing"
        ],
    );

    let answers = Answers::of(&[alive(), alive(), Answer::Absent]);
    let destroyed = destroy(&answers, &calls, Storage::CannotClear, Ok("done")).unwrap();
    assert!(destroyed.cleared.is_none());
    assert!(matches!(destroyed.problems[0].kind(), Kind::Store(_)));
}

#[test]
fn a_second_destroyer_is_refused_and_does_nothing() {
    let calls = Calls::default();
    let answers = Answers {
        closing: true,
        ..Answers::of(&[alive()])
    };
    let refused = destroy(&answers, &calls, Storage::Works, Ok("done")).unwrap_err();
    assert!(matches!(&refused, DestroyError::NotStarted(error)
        if matches!(error.kind(), Kind::BeingDestroyed)));
    assert_eq!(calls.taken(), ["domain"]);
}

#[test]
fn a_domain_that_is_not_there_is_not_destroyed() {
    for answer in [
        Answer::Absent,
        Answer::Is(key(), Life::Dead),
        Answer::Is(other(), Life::Alive),
    ] {
        let calls = Calls::default();
        let refused =
            destroy(&Answers::of(&[answer]), &calls, Storage::Works, Ok("done")).unwrap_err();
        assert!(matches!(&refused, DestroyError::NotStarted(error)
            if matches!(error.kind(), Kind::NoSuchDomain)));
        // Gone between look-up and lock.
        let answers = Answers::of(&[alive(), answer]);
        let refused = destroy(&answers, &calls, Storage::Works, Ok("done")).unwrap_err();
        assert!(matches!(refused, DestroyError::NotStarted(_)));
        assert!(!calls.taken().contains(&"destroy".to_owned()));
    }
}

#[test]
fn destroy_believes_the_hypervisor_and_not_its_closure() {
    for gone in [
        Answer::Absent,
        Answer::Is(key(), Life::Dying),
        Answer::Is(key(), Life::Dead),
        Answer::Is(other(), Life::Alive),
    ] {
        let calls = Calls::default();
        let answers = Answers::of(&[alive(), alive(), gone]);
        let error = io::Error::other("a device timed out");
        let failed = destroy(&answers, &calls, Storage::Works, Err(error)).unwrap_err();
        assert!(
            matches!(&failed, DestroyError::DestroyedWithError {
                    source, cleared: Some(_), problems
                } if source.to_string() == "a device timed out" && problems.is_empty()),
            "{failed:?}"
        );
        assert_eq!(calls.taken().last().unwrap(), "clear");
    }
    let calls = Calls::default();
    let answers = Answers::of(&[alive(), alive(), Answer::Unknown]);
    let error = io::Error::other("no");
    let failed = destroy(&answers, &calls, Storage::Works, Err(error)).unwrap_err();
    assert!(matches!(&failed, DestroyError::Unknown { problems, .. } if problems.len() == 1));
    assert!(!calls.taken().contains(&"clear".to_owned()));
}

#[test]
fn destroy_keeps_the_data_of_a_domain_that_exists_again() {
    for storage in [Storage::Works, Storage::CannotMark] {
        let calls = Calls::default();
        let before: &[Answer] = match storage {
            Storage::CannotMark => &[alive()],
            _ => &[alive(), alive()],
        };
        let answers = Answers::of(&[before, &[Answer::Absent, alive()]].concat());
        let destroyed = destroy(&answers, &calls, storage, Ok("done")).unwrap();
        assert!(destroyed.cleared.is_none());
        let last = destroyed.problems.last().unwrap();
        assert!(matches!(last.kind(), Kind::ExistsAgain), "{last:?}");
        assert!(!calls.taken().iter().any(|call| call.contains("clear")));
    }
}

#[test]
fn the_closure_of_destroy_may_return_any_boxed_error() {
    let calls = Calls::default();
    let engine = marking(&Answers::alive(), &calls, Storage::Works);
    let userdata = Userdata::new(host(&Answers::alive(), &calls), engine);
    let failed = userdata.destroy(key(), |_| Err::<(), crate::Source>("boxed".into()));
    assert!(matches!(failed, Err(DestroyError::Failed { source, .. })
        if source.to_string() == "boxed"));
}
