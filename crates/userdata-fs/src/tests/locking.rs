//! Taking and releasing the lock and the closing mark.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use userdata_core::Store;
use userdata_core::store::{Durability, Operation, Refused, State, StoreErrorKind};

use super::mock::{Script, deadline, key, put, userid, words};
use crate::Errno;

#[test]
fn a_held_lock_is_waited_for_with_pauses_of_at_most_5_ms() {
    let script = Script::default();
    script.fail("lock l", 0, Errno::AGAIN);
    let userid = userid();
    let op = [put(&userid, Durability::Process)];
    let error = script
        .store()
        .change(&key(), deadline(), &mut |_| Ok(()), &op)
        .unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::DeadlinePassed { waited }
            if *waited == Duration::from_millis(20)),
        "{error:?}",
    );
    let calls = script.calls();
    let pauses: Vec<_> = calls.iter().filter_map(|call| paused(call)).collect();
    let (mut left, mut longest) = (deadline(), Duration::from_micros(50));
    for pause in &pauses {
        let near = (left / 8).max(Duration::from_micros(50));
        let most = longest.min(near);
        assert!(
            *pause >= (most / 2).min(left) && *pause <= most,
            "{pauses:?}"
        );
        left -= *pause;
        longest = (longest * 2).min(Duration::from_millis(5));
    }
    assert_eq!(left, Duration::ZERO);
    // They grow at first, and shrink in the end.
    let most = pauses.iter().max().unwrap();
    assert!(*most > Duration::from_millis(1) && *most <= Duration::from_millis(5));
    let last = pauses[pauses.len() - 2];
    assert!(last <= Duration::from_micros(50), "{pauses:?}");
    // The lock of another process is neither unlinked nor unlocked.
    assert!(
        !calls
            .iter()
            .any(|call| call == "unlink l" || call == "unlock l"),
        "{calls:?}"
    );
    assert_eq!(
        calls.iter().filter(|call| *call == "create l").count(),
        calls.iter().filter(|call| *call == "close l").count(),
    );
}

/// The length of a pause, of a call of the mock.
fn paused(call: &str) -> Option<Duration> {
    let span = call.strip_prefix("pause ")?;
    let unit = span.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = span.split_at(unit);
    let nanoseconds = match unit {
        "ms" => 1e6,
        "\u{b5}s" => 1e3,
        "ns" => 1.0,
        _ => panic!("{span}"),
    };
    let number: f64 = number.parse().unwrap();
    Some(Duration::from_nanos((number * nanoseconds).round() as u64))
}

#[test]
fn a_deadline_of_zero_tries_once() {
    let script = Script::default();
    script.fail("lock l", 0, Errno::AGAIN);
    let userid = userid();
    let op = [put(&userid, Durability::Process)];
    let now = Duration::ZERO;
    script
        .store()
        .change(&key(), now, &mut |_| Ok(()), &op)
        .unwrap_err();
    assert_eq!(script.calls(), words(&["create l", "lock l", "close l"]));
}

#[test]
fn a_lock_whose_name_stands_for_another_file_is_taken_anew() {
    for (call, errno) in [("stat l", Some(Errno::NOENT)), ("stat l", None)] {
        let script = Script::default();
        let store = script.store();
        let userid = userid();
        let op = [put(&userid, Durability::Process)];
        match errno {
            Some(errno) => script.fail(call, 0, errno),
            None => script.replace(call, 0),
        };
        // The file never matches, so that only the bound ends it: the mock's clock stands still.
        let error = store
            .change(&key(), deadline(), &mut |_| Ok(()), &op)
            .unwrap_err();
        assert!(
            matches!(error.kind(), StoreErrorKind::GaveUp { .. }),
            "{error:?}"
        );
        let calls = script.calls();
        let once = [
            "create l", "lock l", "fstat l", "stat l", "unlock l", "close l",
        ];
        assert_eq!(calls[..12], words(&[once, once].concat()));
    }
}

#[test]
fn a_panic_of_the_caller_gives_the_lock_back() {
    let script = Script::default();
    let store = script.store();
    let userid = userid();
    let op = [put(&userid, Durability::Process)];
    catch_unwind(AssertUnwindSafe(|| {
        store.change(&key(), deadline(), &mut |_| panic!("the caller"), &op)
    }))
    .unwrap_err();
    let calls = script.calls();
    assert_eq!(
        calls[calls.len() - 4..],
        words(&["stat l", "unlink l", "unlock l", "close l"])
    );
}

#[test]
fn a_forked_child_only_closes_what_is_its_parents() {
    let script = Script::default();
    let store = script.store();
    let mark = store.close(&key(), deadline(), &mut |_| Ok(())).unwrap();
    let before = script.calls().len();
    script.become_process(4711);
    drop(mark);
    assert_eq!(script.calls()[before..], words(&["close c"]));
}

#[test]
fn a_closing_mark_is_made_under_the_lock_and_held_beyond_it() {
    let script = Script::default();
    let store = script.store();
    let mark = store.close(&key(), deadline(), &mut |_| Ok(())).unwrap();
    let acquire = [
        "create l", "lock l", "fstat l", "stat l", "at_path", "stat L",
    ];
    let make = ["open c", "create c", "lock c", "fstat c", "stat c"];
    let release = ["stat l", "unlink l", "unlock l", "close l"];
    assert_eq!(
        script.calls(),
        words(&[&acquire[..], &make, &release].concat())
    );
    let before = script.calls().len();
    mark.reopen(deadline()).unwrap();
    let remove = ["stat c", "unlink c", "unlock c", "close c"];
    assert_eq!(
        script.calls()[before..],
        words(&[&acquire[..5], &remove[..], &release[..]].concat()),
    );
}

#[test]
fn a_mark_that_is_dropped_is_void_and_its_file_stays() {
    let script = Script::default();
    let mark = script
        .store()
        .close(&key(), deadline(), &mut |_| Ok(()))
        .unwrap();
    let before = script.calls().len();
    drop(mark);
    assert_eq!(script.calls()[before..], words(&["unlock c", "close c"]));
}

#[test]
fn a_mark_is_not_made_when_refused_or_held_by_another_process() {
    let script = Script::default();
    let refuse = &mut |_: &_| Err(Refused::NoSuchDomain);
    script
        .store()
        .close(&key(), deadline(), refuse)
        .unwrap_err();
    assert!(!script.calls().contains(&"create c".to_owned()));

    let script = Script::default();
    script.fail("lock c", 0, Errno::AGAIN);
    let error = script
        .store()
        .close(&key(), deadline(), &mut |_| Ok(()))
        .unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::Refused(Refused::BeingDestroyed)
    ));
    assert!(!script.calls().contains(&"unlink c".to_owned()));
}

#[test]
fn a_mark_that_another_process_looks_at_is_tried_again() {
    let script = Script::default();
    script.fail_once("lock c", Errno::AGAIN);
    let mark = script.store().close(&key(), deadline(), &mut |_| Ok(()));
    drop(mark.unwrap());
    let tries = script.calls().into_iter().filter(|call| call == "lock c");
    assert_eq!(tries.count(), 2);
}

#[test]
fn a_mark_that_is_held_under_a_lost_lock_tells_of_the_lock() {
    let script = Script::default();
    script.fail("lock c", 0, Errno::AGAIN);
    script.replace("stat l", 1);
    let error = script
        .store()
        .close(&key(), deadline(), &mut |_| Ok(()))
        .unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::LockLost { applied: false }
    ));
    assert!(!script.calls().contains(&"unlink c".to_owned()));
    assert!(!script.calls().contains(&"unlink l".to_owned()));
}

#[test]
fn a_marker_is_probed_by_a_shared_lock_that_is_given_back() {
    for (held, closing) in [(false, false), (true, true)] {
        let script = Script::default();
        script.mark();
        if held {
            script.fail("lock_shared c", 0, Errno::AGAIN);
        }
        let mut seen = None;
        let admit = &mut |state: &State| {
            seen = Some(state.closing);
            Err(Refused::NoSuchDomain)
        };
        let userid = userid();
        let op = [put(&userid, Durability::Process)];
        script
            .store()
            .change(&key(), deadline(), admit, &op)
            .unwrap_err();
        assert_eq!(seen, Some(closing));
        let probe: Vec<_> = script
            .calls()
            .into_iter()
            .filter(|c| c.ends_with(" c"))
            .collect();
        let given_back = ["open c", "lock_shared c", "fstat c", "unlock c", "close c"];
        let not_had = ["open c", "lock_shared c", "close c"];
        assert_eq!(probe, words(if held { &not_had } else { &given_back }));
    }
}

#[test]
fn a_marker_that_cannot_be_probed_is_an_error() {
    for call in ["open c", "lock_shared c", "unlock c"] {
        let script = Script::default();
        script.mark().fail(call, 0, Errno::IO);
        let userid = userid();
        let op = [put(&userid, Durability::Process)];
        let error = script
            .store()
            .change(&key(), deadline(), &mut |_| panic!("{call}"), &op)
            .unwrap_err();
        assert_eq!(error.operation(), Operation::Mark, "{call}");
    }
}
