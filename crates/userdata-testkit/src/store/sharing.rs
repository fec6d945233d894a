//! Sharing: many clients at the same time.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use userdata_core::store::{Expect, Keep, Refused, StoreErrorKind};
use userdata_core::{DomainKey, Store};

use super::StoreUnderTest;
use super::steps::{
    PATIENT, change, clear, contents, delete, domain, get, put, put_if, store, userid,
};

/// After this time a wait counts as endless.
const STUCK: Duration = Duration::from_secs(60);

/// Once one client has stored or removed a value, every other client sees the change.
pub fn every_client_reads_a_stored_value_at_once(under_test: &StoreUnderTest) {
    let (key, xl) = (domain(1, 1), userid("xl"));
    let clients = [
        under_test.client(),
        under_test.client(),
        under_test.client(),
    ];
    for round in 0..3 {
        for (number, writer) in clients.iter().enumerate() {
            let value = format!("round {round}, client {number}").into_bytes();
            store(&**writer, &key, &xl, &value);
            for reader in &clients {
                assert_eq!(get(&**reader, &key, xl.as_userid()).as_ref(), Some(&value));
            }
        }
        change(&*under_test.client(), &key, &[delete(xl.as_userid())]);
        for reader in &clients {
            assert_eq!(get(&**reader, &key, xl.as_userid()), None);
        }
    }
}

/// While several clients replace a value, every reader sees one of the stored values as a whole:
/// never none, a mixture or a part.
pub fn readers_see_whole_values_only(under_test: &StoreUnderTest) {
    const WRITERS: u8 = 2;
    const ROUNDS: usize = 60;
    let (key, xl) = (domain(1, 1), userid("xl"));
    let value = |writer: u8, round: usize| vec![writer; 1 + (round * 2111) % 20_000];
    let whole = |read: &[u8]| match read {
        [writer, ..] => {
            read.iter().all(|byte| byte == writer)
                && (0..ROUNDS).any(|round| value(*writer, round).len() == read.len())
        }
        [] => false,
    };
    store(&*under_test.client(), &key, &xl, &value(1, 0));
    let written = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (1..=WRITERS)
            .map(|writer| {
                let (key, xl) = (&key, &xl);
                scope.spawn(move || {
                    let client = under_test.client();
                    for round in 0..ROUNDS {
                        store(&*client, key, xl, &value(writer, round));
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            let (key, xl, written) = (&key, &xl, &written);
            scope.spawn(move || {
                let client = under_test.client();
                loop {
                    let last = written.load(Ordering::Acquire);
                    let read = get(&*client, key, xl.as_userid()).expect("a value is always there");
                    assert!(whole(&read), "a mixture of {} bytes", read.len());
                    let stat = client.stat(key, xl.as_userid()).expect("an entry is had");
                    let size = stat.expect("a value is always there").size;
                    assert!((0..ROUNDS).any(|round| value(0, round).len() as u64 == size));
                    if last {
                        break;
                    }
                }
            });
        }
        let failed = writers
            .into_iter()
            .filter_map(|writer| writer.join().err())
            .last();
        written.store(true, Ordering::Release);
        assert!(failed.is_none(), "a writer fails while others write");
    });
}

/// Several clients write and remove values of one domain at the same time, each under its own
/// userid. Afterwards every userid has the value that was written last.
pub fn writers_of_different_userids_do_not_disturb_each_other(under_test: &StoreUnderTest) {
    let key = domain(1, 1);
    thread::scope(|scope| {
        for writer in 0..4_u8 {
            scope.spawn(move || {
                let (client, userid) = (under_test.client(), userid(format!("u{writer}")));
                for round in 0..20_u8 {
                    store(&*client, &key, &userid, &[writer, round]);
                    assert_eq!(
                        get(&*client, &key, userid.as_userid()),
                        Some(vec![writer, round])
                    );
                    if round % 5 == 0 {
                        change(&*client, &key, &[delete(userid.as_userid())]);
                        assert_eq!(get(&*client, &key, userid.as_userid()), None);
                    }
                }
            });
        }
    });
    let values: Vec<_> = contents(&*under_test.client()).into_values().collect();
    assert_eq!(values, [[0, 19], [1, 19], [2, 19], [3, 19]]);
}

/// Several clients change one domain at the same time. Each change stores a first value and removes
/// it again, with a delete or a clear. No change ever finds the value of another.
pub fn no_other_change_comes_between_the_ops_of_a_change(under_test: &StoreUnderTest) {
    let (key, xl) = (domain(1, 1), userid("xl"));
    thread::scope(|scope| {
        for number in 0..4_u8 {
            let (key, xl) = (&key, &xl);
            scope.spawn(move || {
                let client = under_test.client();
                for round in 0..50 {
                    let away = match round % 3 {
                        0 => delete(xl.as_userid()),
                        1 => clear(Keep::Essential),
                        _ => clear(Keep::Nothing),
                    };
                    let first = put_if(xl, std::slice::from_ref(&number), Expect::Absent);
                    change(&*client, key, &[first, away]);
                }
            });
        }
    });
    assert!(contents(&*under_test.client()).is_empty());
}

/// Runs `meanwhile` during the admission of a change of `key` in another thread, and returns the
/// results of both.
pub(super) fn while_a_change_is_under_way<R: Send>(
    under_test: &StoreUnderTest,
    key: &DomainKey,
    meanwhile: impl FnOnce() -> R + Send,
) -> (Result<(), StoreErrorKindName>, R) {
    let xl = userid("xl");
    let (asked, is_asked) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let changing = scope.spawn(move || {
            let client = under_test.client();
            let mut admit = |_: &userdata_core::store::State| {
                // If the store asks again, the receiver is gone and this returns at once.
                let _ = asked.send(());
                let _ = may_go_on.recv_timeout(STUCK);
                Ok::<(), Refused>(())
            };
            let first = put_if(&xl, b"first", Expect::Absent);
            client
                .change(key, PATIENT, &mut admit, &[first])
                .map(drop)
                .map_err(name)
        });
        is_asked
            .recv_timeout(STUCK)
            .expect("a change asks whether it is admitted");
        let (done, is_done) = mpsc::channel();
        scope.spawn(move || done.send(meanwhile()));
        let result = is_done
            .recv_timeout(STUCK)
            .expect("a call waits for a change that it must not wait for");
        drop(go_on);
        (changing.join().expect("a change does not panic"), result)
    })
}

/// The kind of an error, without its data.
#[derive(Debug, PartialEq)]
pub(super) enum StoreErrorKindName {
    PreconditionFailed,
    DeadlinePassed,
    GaveUp,
}

fn name(error: userdata_core::store::StoreError) -> StoreErrorKindName {
    match error.kind() {
        StoreErrorKind::PreconditionFailed { .. } => StoreErrorKindName::PreconditionFailed,
        StoreErrorKind::DeadlinePassed { .. } => StoreErrorKindName::DeadlinePassed,
        StoreErrorKind::GaveUp { .. } => StoreErrorKindName::GaveUp,
        other => panic!("a change failed as {other:?}"),
    }
}

/// Reading, listing and scanning work during a change, and show the state before it.
pub fn reads_do_not_wait_for_a_change(under_test: &StoreUnderTest) {
    let (key, old) = (domain(1, 1), userid("old"));
    store(&*under_test.client(), &key, &old, b"value");
    let (changed, ()) = while_a_change_is_under_way(under_test, &key, || {
        let client = under_test.client();
        assert_eq!(
            get(&*client, &key, old.as_userid()).as_deref(),
            Some(&b"value"[..])
        );
        assert_eq!(get(&*client, &key, userid("xl").as_userid()), None);
        assert!(
            client
                .stat(&key, old.as_userid())
                .expect("an entry is had")
                .is_some()
        );
        assert_eq!(client.list(&key).expect("a list is had").len(), 1);
        let scanned = client.scan(&mut |_| ControlFlow::Continue(()));
        scanned.expect("a store is scanned");
    });
    assert_eq!(changed, Ok(()));
}

/// A change of one domain does not block a change of another.
pub fn domains_do_not_wait_for_each_other(under_test: &StoreUnderTest) {
    let (key, xl) = (domain(1, 1), userid("xl"));
    let (changed, ()) = while_a_change_is_under_way(under_test, &key, || {
        for other in [domain(1, 2), domain(10, 3)] {
            store(&*under_test.client(), &other, &xl, b"value");
        }
    });
    assert_eq!(changed, Ok(()));
    assert_eq!(contents(&*under_test.client()).len(), 3);
}

/// During a change, a second change of the same domain returns within its timeout. In an engine
/// without locks it may succeed; then the first change fails. Otherwise it fails because its time
/// has passed.
pub fn no_change_waits_beyond_its_deadline(under_test: &StoreUnderTest) {
    for (number, within) in [(1, Duration::ZERO), (2, Duration::from_millis(20))] {
        let (key, xl) = (domain(number, number.into()), userid("xl"));
        let (first, second) = while_a_change_is_under_way(under_test, &key, || {
            let client = under_test.client();
            let deadline = within;
            let second = put_if(&xl, b"second", Expect::Absent);
            client
                .change(&key, deadline, &mut |_| Ok(()), &[second])
                .map(drop)
                .map_err(name)
        });
        let there = get(&*under_test.client(), &key, xl.as_userid());
        match second {
            Ok(()) => {
                assert_eq!(first, Err(StoreErrorKindName::PreconditionFailed));
                assert_eq!(there.as_deref(), Some(&b"second"[..]));
            }
            Err(StoreErrorKindName::DeadlinePassed | StoreErrorKindName::GaveUp) => {
                assert_eq!(first, Ok(()));
                assert_eq!(there.as_deref(), Some(&b"first"[..]));
            }
            Err(StoreErrorKindName::PreconditionFailed) => {
                panic!("a value is found before it was stored");
            }
        }
        // The first change has ended, so the next one is made.
        change(&*under_test.client(), &key, &[put(&xl, b"third")]);
    }
}
