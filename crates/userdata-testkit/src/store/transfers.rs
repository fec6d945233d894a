//! Transfers: values that go from one domain to another.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use userdata_core::store::{
    Clash, Durability, Keep, Refused, StoreError, StoreErrorKind, Transfer, Transferred,
};
use userdata_core::{DomainKey, Store, Userid};

use super::StoreUnderTest;
use super::clearing::{clear_all, fill};
use super::sharing::while_a_change_is_under_way;
use super::steps::{PATIENT, assert_differs, assert_refused, contents, domain, get, store, userid};

/// Both directions of a transfer: the key of the giver is the lower one, or the higher one.
fn directions() -> [(DomainKey, DomainKey); 2] {
    let (lower, higher) = (domain(3, 9), domain(20, 2));
    [(lower, higher), (higher, lower)]
}

fn try_transfer(client: &dyn Store, transfer: &Transfer<'_>) -> Result<Transferred, StoreError> {
    client.transfer(transfer, PATIENT, &mut |_, _| Ok(()))
}

/// A transfer that is always admitted; panics if it fails.
#[track_caller]
fn transfer(client: &dyn Store, transfer: &Transfer<'_>) -> Transferred {
    try_transfer(client, transfer).expect("an admitted transfer is made")
}

/// The userids and bytes of a domain's values.
#[track_caller]
fn values(client: &dyn Store, key: &DomainKey) -> Vec<(String, String)> {
    let entries = client.list(key).expect("a list is had");
    let value = |userid: &Userid| {
        let bytes = get(client, key, userid).expect("a value that is listed is there");
        String::from_utf8(bytes).expect("these values are texts")
    };
    entries
        .iter()
        .map(|entry| (entry.userid.to_string(), value(&entry.userid)))
        .collect()
}

/// The result of [`values`] for these userids and bytes.
fn texts(values: &[(&str, &str)]) -> Vec<(String, String)> {
    values
        .iter()
        .map(|(userid, bytes)| ((*userid).to_owned(), (*bytes).to_owned()))
        .collect()
}

fn names(userids: &[Userid]) -> Vec<String> {
    userids.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn store_all(client: &dyn Store, key: &DomainKey, values: &[(&str, &str)]) {
    for (name, bytes) in values {
        store(client, key, &userid(name), bytes.as_bytes());
    }
}

/// Removes all values of a domain, for the next round.
#[track_caller]
fn empty(client: &dyn Store, key: &DomainKey) {
    clear_all(client, key, Keep::Nothing);
}

/// The values that are asked for go to the other domain, byte for byte; the others stay.
pub fn a_transfer_moves_the_values_asked_for(under_test: &StoreUnderTest) {
    for (from, to) in directions() {
        let client = under_test.client();
        let given = [("xl", "1"), ("libxl-json", "{}"), ("a", "2"), ("b c", "3")];
        store_all(&*client, &from, &given);
        let which = |userid: &Userid| !userid.is_libxl_json();
        let moved = transfer(&*client, &Transfer::new(from, to, &which));
        assert_eq!(names(&moved.moved), ["a", "b c", "xl"]);
        assert_eq!(moved.kept, []);
        for client in [&client, &under_test.client()] {
            assert_eq!(values(&**client, &from), texts(&[("libxl-json", "{}")]));
            let there = texts(&[("a", "2"), ("b c", "3"), ("xl", "1")]);
            assert_eq!(values(&**client, &to), there);
        }
        for key in [from, to] {
            empty(&*client, &key);
        }
    }
}

/// A value that the other domain has already, with the same bytes, does not clash. It is
/// moved.
pub fn an_equal_value_is_no_clash_of_a_transfer(under_test: &StoreUnderTest) {
    let client = under_test.client();
    for clash in [Clash::Refuse, Clash::Replace, Clash::Keep] {
        for (from, to) in directions() {
            store_all(&*client, &from, &[("a", "same"), ("b", "new")]);
            store_all(&*client, &to, &[("a", "same")]);
            let all = |_: &Userid| true;
            let what = Transfer::new(from, to, &all).with_clash(clash);
            let moved = transfer(&*client, &what);
            assert_eq!(names(&moved.moved), ["a", "b"]);
            assert_eq!(moved.kept, []);
            assert_eq!(values(&*client, &from), []);
            assert_eq!(values(&*client, &to), texts(&[("a", "same"), ("b", "new")]));
            empty(&*client, &to);
        }
    }
}

/// If a different value is there, a transfer that refuses this moves nothing, not even the values
/// before and after it.
pub fn a_clash_that_is_refused_moves_nothing(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let (from, to) = (domain(1, 1), domain(2, 2));
    store_all(&*client, &from, &[("a", "1"), ("b", "2"), ("c", "3")]);
    store_all(&*client, &to, &[("b", "other"), ("d", "4")]);
    let before = contents(&*client);
    let all = |_: &Userid| true;
    let moved = try_transfer(&*client, &Transfer::new(from, to, &all));
    assert_differs(moved, Some(b"other"));
    assert!(contents(&*client) == before);
    // A value that is not asked for does not clash.
    let which = |userid: &Userid| userid.as_bytes() != b"b";
    let moved = transfer(&*client, &Transfer::new(from, to, &which));
    assert_eq!(names(&moved.moved), ["a", "c"]);
}

/// If a different value is there, it is replaced or kept as the transfer says. If it is kept, each
/// domain keeps its own, and the rest is moved.
pub fn a_clash_replaces_or_keeps_as_the_transfer_says(under_test: &StoreUnderTest) {
    let client = under_test.client();
    for (from, to) in directions() {
        let all = |_: &Userid| true;
        let what = Transfer::new(from, to, &all);
        store_all(&*client, &from, &[("a", "1"), ("b", "2"), ("c", "3")]);
        store_all(&*client, &to, &[("b", "other")]);
        let moved = transfer(&*client, &what.with_clash(Clash::Keep));
        assert_eq!(names(&moved.moved), ["a", "c"]);
        assert_eq!(names(&moved.kept), ["b"]);
        assert_eq!(values(&*client, &from), texts(&[("b", "2")]));
        let there = [("a", "1"), ("b", "other"), ("c", "3")];
        assert_eq!(values(&*client, &to), texts(&there));
        let moved = transfer(&*client, &what.with_clash(Clash::Replace));
        assert_eq!(names(&moved.moved), ["b"]);
        assert_eq!(moved.kept, []);
        assert_eq!(values(&*client, &from), []);
        let there = [("a", "1"), ("b", "2"), ("c", "3")];
        assert_eq!(values(&*client, &to), texts(&there));
        empty(&*client, &to);
    }
}

/// A transfer from a domain to itself is unsupported and changes nothing. Where all domids with one
/// uuid share their data, they are the same domain in this respect.
pub fn a_transfer_to_the_same_domain_is_unsupported(under_test: &StoreUnderTest) {
    let (client, key) = (under_test.client(), domain(5, 5));
    store_all(&*client, &key, &[("xl", "1")]);
    let mut others = vec![key];
    if !under_test.tells_domids_apart() {
        others.push(domain(6, 5));
    }
    for other in others {
        let all = |_: &Userid| true;
        let what = Transfer::new(key, other, &all).with_clash(Clash::Replace);
        let error = try_transfer(&*client, &what).expect_err("a domain gives values to itself");
        assert!(
            matches!(error.kind(), StoreErrorKind::Unsupported),
            "{error:?}"
        );
        assert_eq!(values(&*client, &key), texts(&[("xl", "1")]));
    }
}

/// Two incarnations of one domain, with one uuid or with one domid, give values to each other.
pub fn incarnations_that_look_alike_give_values_to_each_other(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let mut pairs = vec![(domain(5, 5), domain(5, 6))];
    if under_test.tells_domids_apart() {
        pairs.extend([(domain(8, 7), domain(9, 7)), (domain(10, 7), domain(9, 7))]);
    }
    for (from, to) in pairs {
        store_all(&*client, &from, &[("xl", "1")]);
        let all = |_: &Userid| true;
        let what = Transfer::new(from, to, &all).with_clash(Clash::Replace);
        assert_eq!(names(&transfer(&*client, &what).moved), ["xl"]);
        assert_eq!(values(&*client, &from), []);
        assert_eq!(values(&*client, &to), texts(&[("xl", "1")]));
    }
}

/// The admission of a transfer receives the state of the giver and of the taker, in this order.
pub fn a_transfer_is_told_the_states_of_both(under_test: &StoreUnderTest) {
    let (client, other) = (under_test.client(), under_test.client());
    for (from, to) in directions() {
        for closed in [None, Some(from), Some(to)] {
            let mark = closed.map(|key| {
                let mark = other.close(&key, PATIENT, &mut |_| Ok(()));
                mark.expect("a mark is made")
            });
            let mut seen = None;
            let all = |_: &Userid| true;
            let moved = client.transfer(&Transfer::new(from, to, &all), PATIENT, &mut |a, b| {
                seen = Some((a.closing, b.closing));
                Ok(())
            });
            moved.expect("a transfer of nothing is made");
            assert_eq!(seen, Some((closed == Some(from), closed == Some(to))));
            drop(mark);
        }
    }
}

/// A refused transfer returns the caller's refusal, moves nothing, and leaves no lock.
pub fn a_refused_transfer_moves_nothing(under_test: &StoreUnderTest) {
    let client = under_test.client();
    for (from, to) in directions() {
        store_all(&*client, &from, &[("a", "1"), ("b", "2")]);
        store_all(&*client, &to, &[("b", "other")]);
        let before = contents(&*client);
        for clash in [Clash::Refuse, Clash::Replace, Clash::Keep] {
            let all = |_: &Userid| true;
            let what = Transfer::new(from, to, &all).with_clash(clash);
            let refuse = &mut |_: &_, _: &_| Err(Refused::NoSuchDomain);
            let moved = client.transfer(&what, PATIENT, refuse);
            assert_refused(moved, &Refused::NoSuchDomain);
            assert!(contents(&*client) == before);
        }
        for key in [from, to] {
            let at_once = client.change(&key, Duration::ZERO, &mut |_| Ok(()), &[]);
            at_once.expect("a change after a refused transfer is made");
            empty(&*client, &key);
        }
    }
}

/// A transfer leaves the values of all other domains.
pub fn a_transfer_leaves_the_other_domains(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let (from, to) = (domain(5, 5), domain(6, 6));
    let mut others = vec![domain(5, 60), domain(50, 50), under_test.domain_zero()];
    if under_test.tells_domids_apart() {
        others.extend([domain(6, 5), domain(5, 6)]);
    }
    for other in &others {
        fill(&*client, other, &["xl", "a"].map(userid));
    }
    let before = contents(&*client);
    store_all(&*client, &from, &[("xl", "1"), ("a", "2")]);
    let all = |_: &Userid| true;
    transfer(&*client, &Transfer::new(from, to, &all));
    assert_eq!(values(&*client, &to).len(), 2);
    empty(&*client, &to);
    assert!(contents(&*client) == before);
}

/// If a transfer ended before all values were moved, the same transfer completes it. A third one
/// succeeds and moves nothing.
pub fn a_transfer_that_is_made_again_completes(under_test: &StoreUnderTest) {
    let client = under_test.client();
    for (from, to) in directions() {
        store_all(&*client, &from, &[("b", "2"), ("c", "3")]);
        store_all(&*client, &to, &[("a", "1")]);
        let all = |_: &Userid| true;
        let what = Transfer::new(from, to, &all);
        assert_eq!(names(&transfer(&*client, &what).moved), ["b", "c"]);
        let again = transfer(&*client, &what);
        assert_eq!((again.moved, again.kept), (vec![], vec![]));
        let there = [("a", "1"), ("b", "2"), ("c", "3")];
        assert_eq!(values(&*client, &to), texts(&there));
        empty(&*client, &to);
    }
}

/// Two clients give the values of two domains to each other at the same time. Neither waits for
/// ever, and each value is with one of the two at the end.
pub fn transfers_in_opposite_directions_both_end(under_test: &StoreUnderTest) {
    const ROUNDS: usize = 40;
    let mut pairs = vec![directions()];
    if !under_test.tells_domids_apart() {
        // Each domain has two names, which are in another order.
        pairs.push([(domain(1, 1), domain(2, 2)), (domain(3, 2), domain(4, 1))]);
    }
    for [one, other] in pairs {
        let client = under_test.client();
        store_all(&*client, &one.0, &[("a", "1"), ("b", "2")]);
        store_all(&*client, &one.1, &[("c", "3"), ("d", "4")]);
        let together = Barrier::new(2);
        thread::scope(|scope| {
            for (from, to) in [one, other] {
                let together = &together;
                scope.spawn(move || {
                    let client = under_test.client();
                    let all = |_: &Userid| true;
                    let what = Transfer::new(from, to, &all).with_durability(Durability::Process);
                    together.wait();
                    for _ in 0..ROUNDS {
                        transfer(&*client, &what);
                    }
                });
            }
        });
        let mut there = values(&*client, &one.0);
        there.extend(values(&*client, &one.1));
        there.sort();
        let all = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")];
        assert_eq!(there, texts(&all));
        for key in [one.0, one.1] {
            empty(&*client, &key);
        }
    }
}

/// While values are given from one domain to another, a reader that looks for one at the giver and
/// then at the taker finds it.
pub fn a_value_that_is_moved_is_never_absent(under_test: &StoreUnderTest) {
    for (from, to) in directions() {
        let userids: Vec<_> = (0..20).map(|number| userid(format!("u{number}"))).collect();
        fill(&*under_test.client(), &from, &userids);
        let moved = AtomicBool::new(false);
        thread::scope(|scope| {
            let (userids, is_moved) = (&userids, &moved);
            let reader = scope.spawn(move || {
                let client = under_test.client();
                loop {
                    let last = is_moved.load(Ordering::Acquire);
                    for userid in userids {
                        let value = get(&*client, &from, userid.as_userid())
                            .or_else(|| get(&*client, &to, userid.as_userid()));
                        assert_eq!(value.as_deref(), Some(&b"value"[..]), "{userid:?}");
                    }
                    if last {
                        break;
                    }
                }
            });
            let all = |_: &Userid| true;
            let transferred = try_transfer(
                &*under_test.client(),
                &Transfer::new(from, to, &all).with_durability(Durability::Process),
            );
            moved.store(true, Ordering::Release);
            reader.join().expect("every value is found");
            let transferred = transferred.expect("a transfer is made");
            assert_eq!(transferred.moved.len(), userids.len());
        });
        empty(&*under_test.client(), &to);
    }
}

/// A transfer is at least as durable as asked for.
pub fn a_transfer_is_as_durable_as_asked_for(under_test: &StoreUnderTest) {
    let client = under_test.client();
    let (from, to) = (domain(1, 1), domain(2, 2));
    for durability in [Durability::Process, Durability::File, Durability::Full] {
        store_all(&*client, &from, &[("xl", "1")]);
        let all = |_: &Userid| true;
        let what = Transfer::new(from, to, &all).with_durability(durability);
        assert!(transfer(&*client, &what).durability >= durability);
    }
}

/// During a change of the giver or of the taker, a transfer returns within its timeout. Either the
/// transfer is made, or it times out and moves nothing.
pub fn no_transfer_waits_beyond_its_timeout(under_test: &StoreUnderTest) {
    let (from, to) = (domain(1, 1), domain(2, 2));
    for held in [from, to] {
        store_all(&*under_test.client(), &from, &[("a", "1")]);
        let (changed, ()) = while_a_change_is_under_way(under_test, &held, || {
            let client = under_test.client();
            let all = |_: &Userid| true;
            let what = Transfer::new(from, to, &all);
            let moved = client.transfer(&what, Duration::ZERO, &mut |_, _| Ok(()));
            let there = match moved {
                Ok(_) => to,
                Err(error) => {
                    assert!(error.is_busy(), "{error:?}");
                    from
                }
            };
            assert_eq!(values(&*client, &there), texts(&[("a", "1")]));
        });
        assert_eq!(changed, Ok(()));
        for key in [from, to] {
            let client = under_test.client();
            empty(&*client, &key);
        }
    }
}
