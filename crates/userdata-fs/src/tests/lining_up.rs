//! The line of the threads that want one lock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use userdata_core::store::{
    Admit, AdmitBoth, Durability, Operation, StoreError, StoreErrorKind, Transfer,
};
use userdata_core::{DomainKey, Store};

use super::mock::{Script, deadline, file, higher, key, put, userid, words};
use crate::{Directory, FileStore};

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

const STORE: [&str; 2] = ["create l", "lock l"];

fn change<D: Directory>(
    store: &FileStore<D>,
    domain: &DomainKey,
    timeout: Duration,
    admit: Admit<'_>,
) -> Result<(), StoreError> {
    let userid = userid();
    let ops = [put(&userid, Durability::Process)];
    store.change(domain, timeout, admit, &ops).map(drop)
}

/// How many threads stand in the line.
fn standing<D: Directory>(store: &FileStore<D>) -> usize {
    store.line.standing.lock().unwrap().threads.len()
}

fn await_standing<D: Directory>(store: &FileStore<D>, count: usize) {
    while standing(store) != count {
        thread::yield_now();
    }
}

/// Threads arrive one after the other while the first one holds the lock. The result is the order
/// in which they were served.
fn order_of_service(threads: usize) -> Vec<usize> {
    let scratch = tempfile::tempdir().unwrap();
    let store = FileStore::open(scratch.path()).unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let (go_on, holding) = mpsc::channel::<()>();
    let holder = store.clone();
    let mut all = vec![thread::spawn(move || {
        let admit = &mut |_: &_| {
            holding.recv().unwrap();
            Ok(())
        };
        change(&holder, &key(), LONG, admit).unwrap();
    })];
    for number in 0..threads {
        await_standing(&store, number + 1);
        let (store, served) = (store.clone(), Arc::clone(&served));
        all.push(thread::spawn(move || {
            let admit = &mut |_: &_| {
                served.lock().unwrap().push(number);
                Ok(())
            };
            change(&store, &key(), LONG, admit).unwrap();
        }));
    }
    await_standing(&store, threads + 1);
    assert_eq!(*served.lock().unwrap(), [0; 0], "the lock is held");
    go_on.send(()).unwrap();
    for one in all {
        one.join().unwrap();
    }
    assert_eq!(standing(&store), 0);
    Arc::into_inner(served).unwrap().into_inner().unwrap()
}

#[test]
fn threads_are_served_in_the_order_of_their_arrival() {
    assert_eq!(order_of_service(12), (0..12).collect::<Vec<_>>());
}

#[test]
fn a_thread_that_waits_in_line_does_not_try_the_lock() {
    let script = Script::default();
    let (store, clone) = (script.store(), Mutex::new(None));
    *clone.lock().unwrap() = Some(store.clone());
    let mut calls = Vec::new();
    let admit = &mut |_: &_| {
        let before = script.calls().len();
        let second = clone.lock().unwrap().take().unwrap();
        let error = change(&second, &key(), deadline(), &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.operation(), Operation::Lock);
        assert_eq!(
            error.file(),
            file(&key(), "l", "domain-userdata-lock").as_bytes()
        );
        assert!(
            matches!(error.kind(), StoreErrorKind::DeadlinePassed { waited }
                if *waited == deadline()),
            "{error:?}",
        );
        calls = script.calls().split_off(before);
        Ok(())
    };
    change(&store, &key(), deadline(), admit).unwrap();
    assert_eq!(calls, ["await_turn l 20ms"]);
    // The second change has left the line, so the next one need not wait.
    change(&store, &key(), Duration::ZERO, &mut |_| Ok(())).unwrap();
    assert!(!script.calls().contains(&"give_turn l".to_owned()));
}

#[test]
fn a_thread_without_time_does_not_wait_in_line() {
    let script = Script::default();
    let store = script.store();
    let second = store.clone();
    let admit = &mut |_: &_| {
        let error = change(&second, &key(), Duration::ZERO, &mut |_| Ok(())).unwrap_err();
        assert!(error.is_busy(), "{error:?}");
        Ok(())
    };
    change(&store, &key(), deadline(), admit).unwrap();
    let waits = |call: &String| call.starts_with("await_turn");
    assert!(!script.calls().iter().any(waits));
}

#[test]
fn changes_of_two_domains_do_not_wait_for_each_other() {
    let script = Script::default();
    let store = script.store();
    let second = store.clone();
    let admit = &mut |_: &_| {
        change(&second, &higher(), Duration::ZERO, &mut |_| Ok(())).unwrap();
        Ok(())
    };
    change(&store, &key(), deadline(), admit).unwrap();
    assert!(script.calls().contains(&"lock l9".to_owned()));
}

#[test]
fn stores_that_were_opened_separately_share_no_line() {
    let script = Script::default();
    let (store, other) = (script.store(), script.store());
    let admit = &mut |_: &_| change(&other, &key(), Duration::ZERO, &mut |_| Ok(())).map_err(fail);
    change(&store, &key(), deadline(), admit).unwrap();
    let locks = script.calls().into_iter().filter(|call| call == "lock l");
    assert_eq!(locks.count(), 2);
}

fn fail(error: StoreError) -> userdata_core::store::Refused {
    panic!("{error:?}")
}

#[test]
fn a_fork_voids_the_line() {
    let script = Script::default();
    script.become_process(1);
    let store = script.store();
    let child = store.clone();
    let admit = &mut |_: &_| {
        // A thread of the parent has the lock, and another one the line's mutex.
        let mutex = store.line.standing.lock().unwrap();
        script.become_process(2);
        let before = script.calls().len();
        change(&child, &key(), deadline(), &mut |_| Ok(())).map_err(fail)?;
        assert_eq!(script.calls()[before..before + 2], words(&STORE));
        // The child has a line of its own.
        let second = child.clone();
        let again = &mut |_: &_| {
            assert!(change(&second, &key(), Duration::ZERO, &mut |_| Ok(())).is_err());
            Ok(())
        };
        change(&child, &key(), deadline(), again).map_err(fail)?;
        // So has a child of the child.
        script.become_process(3);
        change(&child, &key(), deadline(), &mut |_| Ok(())).map_err(fail)?;
        drop(mutex);
        script.become_process(1);
        Ok(())
    };
    change(&store, &key(), deadline(), admit).unwrap();
    assert_eq!(standing(&store), 0);
}

#[test]
fn a_forked_child_that_ends_a_change_of_its_parent_waits_for_nothing() {
    let script = Script::default();
    script.become_process(1);
    let store = script.store();
    let mut mutex = None;
    let admit = &mut |_: &_| {
        mutex = Some(store.line.standing.lock().unwrap());
        script.become_process(2);
        Ok(())
    };
    change(&store, &key(), deadline(), admit).unwrap();
    assert!(mutex.is_some());
}

#[test]
fn a_child_forked_while_a_line_is_made_has_no_line() {
    let script = Script::default();
    script.become_process(1);
    let store = script.store();
    change(&store, &key(), deadline(), &mut |_| Ok(())).unwrap();
    store.line.has_child.store(true, Ordering::Relaxed);
    script.become_process(2);
    let second = store.clone();
    let admit = &mut |_: &_| change(&second, &key(), deadline(), &mut |_| Ok(())).map_err(fail);
    change(&store, &key(), deadline(), admit).unwrap();
    assert!(!script.calls().iter().any(|call| call.contains("turn")));
}

#[test]
fn a_panic_lets_the_next_thread_go_on() {
    let scratch = tempfile::tempdir().unwrap();
    let store = FileStore::open(scratch.path()).unwrap();
    let second = store.clone();
    let mut next = None;
    catch_unwind(AssertUnwindSafe(|| {
        let admit = &mut |_: &_| {
            let second = second.clone();
            next = Some(thread::spawn(move || {
                change(&second, &key(), LONG, &mut |_| Ok(()))
            }));
            await_standing(&store, 2);
            panic!("the caller")
        };
        change(&store, &key(), LONG, admit)
    }))
    .unwrap_err();
    next.unwrap().join().unwrap().unwrap();
    assert_eq!(standing(&store), 0);
}

#[test]
fn a_transfer_stands_in_both_lines_in_the_order_of_the_keys() {
    let script = Script::default();
    let store = script.store();
    let second = store.clone();
    for (from, to) in [(key(), higher()), (higher(), key())] {
        let transfer = Transfer::new(from, to, &|_| true);
        let admit: AdmitBoth<'_> = &mut |_, _| {
            for domain in [key(), higher()] {
                let refused = change(&second, &domain, Duration::ZERO, &mut |_| Ok(()));
                assert!(refused.unwrap_err().is_busy());
            }
            Ok(())
        };
        let before = script.calls().len();
        store.transfer(&transfer, deadline(), admit).unwrap();
        let calls = script.calls().split_off(before);
        let locks = calls.iter().filter(|call| call.starts_with("lock l"));
        assert_eq!(locks.collect::<Vec<_>>(), ["lock l", "lock l9"]);
        assert_eq!(standing(&store), 0);
    }
}
