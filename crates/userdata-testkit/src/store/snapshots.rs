//! Snapshots: the values of a domain at one instant.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use userdata_core::store::StoreError;
use userdata_core::{DomainKey, Store, Userid};

use super::StoreUnderTest;
use super::clearing::fill;
use super::sharing::while_a_change_is_under_way;
use super::steps::{PATIENT, change, contents, domain, get, is_closing, put, store, userid};

/// The values of a snapshot, in order.
type Shown = Vec<(Userid, Vec<u8>)>;

fn try_snapshot(
    client: &dyn Store,
    key: &DomainKey,
    which: &dyn Fn(&Userid) -> bool,
) -> Result<Shown, StoreError> {
    let mut shown = Shown::new();
    client.snapshot(key, PATIENT, which, &mut |userid, value| {
        shown.push((userid, value.into_bytes()));
        ControlFlow::Continue(())
    })?;
    Ok(shown)
}

/// The values for which `which` returns true.
#[track_caller]
fn snapshot(client: &dyn Store, key: &DomainKey, which: &dyn Fn(&Userid) -> bool) -> Shown {
    try_snapshot(client, key, which).expect("a snapshot is taken")
}

/// A snapshot shows every value of one domain, byte for byte and in order of userid, and changes
/// nothing.
pub fn a_snapshot_shows_every_value_in_order(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let values = [
        ("xl", &b"\0\xff"[..]),
        ("", b"no name"),
        ("libxl-json", b"{}\0"),
        ("a b", &[7; 5000]),
        ("a", b"1"),
    ];
    for (name, bytes) in values {
        store(&*client, &key, &userid(name), bytes);
    }
    fill(&*client, &domain(1, 2), &["xl", "z"].map(userid));
    fill(&*client, &domain(11, 11), &["xl", "z"].map(userid));
    let before = contents(&*client);
    let mut wanted: Shown = values
        .iter()
        .map(|(name, bytes)| (Userid::from(userid(name)), bytes.to_vec()))
        .collect();
    wanted.sort();
    assert_eq!(snapshot(&*client, &key, &|_| true), wanted);
    assert_eq!(snapshot(&*under_test.client(), &key, &|_| true), wanted);
    assert!(contents(&*client) == before);
    // No lock is left that would block a change.
    let at_once = client.change(&key, Duration::ZERO, &mut |_| Ok(()), &[]);
    at_once.expect("a change after a snapshot is made");
}

/// A snapshot shows only the values that are asked for.
pub fn a_snapshot_shows_the_values_asked_for(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    fill(&*client, &key, &["libxl-json", "xl", "a", "b"].map(userid));
    let shown = snapshot(&*client, &key, &|userid| !userid.is_libxl_json());
    let userids: Vec<String> = shown.iter().map(|(userid, _)| userid.to_string()).collect();
    assert_eq!(userids, ["a", "b", "xl"]);
    assert_eq!(snapshot(&*client, &key, &|_| false), []);
}

/// A snapshot of a domain without values shows none, and one that the caller breaks off shows no
/// further value.
pub fn a_snapshot_stops_at_a_break(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    assert_eq!(snapshot(&*client, &key, &|_| true), []);
    assert!(contents(&*client).is_empty());
    fill(&*client, &key, &["a", "b", "c"].map(userid));
    let mut shown = Vec::new();
    let taken = client.snapshot(&key, PATIENT, &|_| true, &mut |userid, _| {
        shown.push(userid.to_string());
        match shown.len() {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    taken.expect("a snapshot that was broken off is no error");
    assert_eq!(shown, ["a", "b"]);
    assert!(!is_closing(&*client, &key));
}

/// While a snapshot is shown, another client may change the domain or not. The snapshot does not
/// show it.
pub fn a_change_during_a_snapshot_is_not_shown(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let other = under_test.client();
    let (a, b, c) = (userid("a"), userid("b"), userid("c"));
    for userid in [&a, &b] {
        store(&*client, &key, userid, b"old");
    }
    let mut shown = Vec::new();
    let mut made = false;
    let taken = client.snapshot(&key, PATIENT, &|_| true, &mut |userid, value| {
        if shown.is_empty() {
            let ops = [put(&a, b"new"), put(&b, b"new"), put(&c, b"new")];
            let changed = other.change(&key, Duration::ZERO, &mut |_| Ok(()), &ops);
            made = match changed {
                Ok(_) => true,
                Err(error) if error.is_busy() => false,
                Err(error) => panic!("a change during a snapshot failed: {error:?}"),
            };
        }
        shown.push((userid.to_string(), value.into_bytes()));
        ControlFlow::Continue(())
    });
    taken.expect("a snapshot is taken");
    let old = |name: &str| (name.to_owned(), b"old".to_vec());
    assert_eq!(shown, [old("a"), old("b")]);
    let there = get(&*client, &key, c.as_userid());
    assert_eq!(there.is_some(), made);
}

/// Another client replaces two values in one change, again and again. Every snapshot shows both
/// values of one change.
pub fn the_values_of_a_snapshot_are_of_one_instant(under_test: &StoreUnderTest) {
    const ROUNDS: usize = 60;
    let (key, a, b) = (domain(1, 1), userid("a"), userid("b"));
    let write = |client: &dyn Store, round: usize| {
        let value = vec![u8::try_from(round).expect("few rounds"); 1 + (round * 977) % 5000];
        change(client, &key, &[put(&a, &value), put(&b, &value)]);
    };
    write(&*under_test.client(), 0);
    let written = AtomicBool::new(false);
    thread::scope(|scope| {
        let (write, written) = (&write, &written);
        let writer = scope.spawn(move || {
            let client = under_test.client();
            (1..ROUNDS).for_each(|round| write(&*client, round));
        });
        let reader = scope.spawn(move || {
            let client = under_test.client();
            loop {
                let last = written.load(Ordering::Acquire);
                match &*snapshot(&*client, &key, &|_| true) {
                    [(_, a), (_, b)] => assert!(a == b, "values of two changes"),
                    other => panic!("{} values of two", other.len()),
                }
                if last {
                    break;
                }
            }
        });
        let writer = writer.join();
        written.store(true, Ordering::Release);
        writer.expect("a writer fails while snapshots are taken");
        reader.join().expect("the snapshots are whole");
    });
}

/// A value that can't be read fails the snapshot, unless it is not asked for. The store stays as it
/// was, and is not locked.
pub fn an_unreadable_value_fails_a_snapshot(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(1, 1));
    let (a, b) = (userid("a"), userid("b"));
    fill(&*client, &key, &[a.clone(), b.clone()]);
    if !under_test.damage(&key, b.as_userid()) {
        return;
    }
    client
        .get(&key, b.as_userid())
        .expect_err("a damaged value is read");
    try_snapshot(&*client, &key, &|_| true).expect_err("a damaged value is left out");
    let readable = snapshot(&*client, &key, &|userid| userid == a.as_userid());
    assert_eq!(readable.len(), 1);
    store(&*under_test.client(), &key, &b, b"value");
    assert_eq!(snapshot(&*client, &key, &|_| true).len(), 2);
}

/// A snapshot of a domain that another client is changing returns within its timeout. Either it
/// shows the values before that change, or it is not taken because the time has passed.
pub fn no_snapshot_waits_beyond_its_timeout(under_test: &StoreUnderTest) {
    let (key, old) = (domain(1, 1), userid("old"));
    store(&*under_test.client(), &key, &old, b"value");
    let (changed, ()) = while_a_change_is_under_way(under_test, &key, || {
        let client = under_test.client();
        let mut shown = Vec::new();
        let taken = client.snapshot(&key, Duration::ZERO, &|_| true, &mut |userid, _| {
            shown.push(userid.to_string());
            ControlFlow::Continue(())
        });
        match taken {
            Ok(()) => assert_eq!(shown, ["old"]),
            Err(error) => assert!(error.is_busy() && shown.is_empty(), "{error:?}"),
        }
    });
    assert_eq!(changed, Ok(()));
}
