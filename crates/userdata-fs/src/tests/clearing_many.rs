//! Clearing many domains. The names of all their files are read together.

use std::ops::ControlFlow;
use std::time::Duration;

use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{Cleared, Durability, Keep, Refused, StoreError, StoreErrorKind};
use userdata_core::{DomainKey, Domid, Store, Uuid};

use super::mock::{Script, deadline, file, higher, key, words};
use crate::Errno;
use crate::clear_each::{ClearEach, NAMES_MAX};

type Told = Vec<(DomainKey, Result<Cleared, StoreError>)>;

/// A value, a temporary file and a file of a foreign kind of each domain.
fn names(domains: &[DomainKey]) -> Vec<FileName> {
    let of =
        |key| [("d", "xl"), ("t", "00"), ("z", "xl")].map(|(kind, rest)| file(key, kind, rest));
    domains.iter().flat_map(of).collect()
}

/// The same, and the lock file of each domain.
fn with_locks(domains: &[DomainKey]) -> Vec<FileName> {
    let lock = |key| file(key, "l", "domain-userdata-lock");
    let locks = domains.iter().map(lock);
    names(domains).into_iter().chain(locks).collect()
}

fn clear(script: &Script, domains: &[DomainKey], names_max: usize, keep: Keep) -> Told {
    let mut told = Told::new();
    let clear = ClearEach {
        timeout: deadline(),
        durability: Durability::Process,
        names_max,
    };
    clear
        .run(
            &script.store(),
            domains,
            &mut |_, _| Ok(keep),
            &mut |domain, cleared| {
                told.push((*domain, cleared));
                ControlFlow::Continue(())
            },
        )
        .unwrap();
    let order: Vec<_> = told.iter().map(|(domain, _)| *domain).collect();
    assert_eq!(order, domains);
    told
}

fn made(script: &Script, call: &str) -> usize {
    script.calls().iter().filter(|made| *made == call).count()
}

fn many() -> Vec<DomainKey> {
    let key = |domid| DomainKey::new(Domid::new(domid).unwrap(), Uuid::from_u128(0x77));
    (100..140).map(key).collect()
}

#[test]
fn the_directory_is_read_before_the_first_lock_is_taken() {
    let script = Script::default();
    let domains = [key(), higher()];
    script.names(names(&domains));
    clear(&script, &domains, NAMES_MAX, Keep::Nothing);
    let first = [
        "list", "create l", "lock l", "fstat l", "stat l", "at_path", "stat L", "open c", "stat l",
        "unlink d", "unlink t", "unlink z", "stat l", "unlink l", "unlock l", "close l",
    ];
    let second = [
        "create l9",
        "lock l9",
        "fstat l9",
        "stat l9",
        "at_path",
        "open c9",
        "stat l9",
        "unlink d9",
        "unlink t9",
        "unlink z9",
        "stat l9",
        "unlink l9",
        "unlock l9",
        "close l9",
    ];
    assert_eq!(script.calls(), words(&[&first[..], &second].concat()));
}

#[test]
fn lock_files_of_killed_holders_cost_no_further_reading() {
    let script = Script::default();
    let mut domains = vec![key()];
    domains.extend(many());
    script.names(with_locks(&domains));
    for domain in &domains {
        let domid = match *domain == key() {
            true => String::new(),
            false => domain.domid.to_string(),
        };
        script.fail(&format!("create l{domid}"), 0, Errno::EXIST);
    }
    let told = clear(&script, &domains, NAMES_MAX, Keep::Nothing);
    for (_, cleared) in told {
        let cleared = cleared.unwrap();
        // Two other files, and the lock file.
        assert_eq!((cleared.removed.len(), cleared.others.len()), (1, 3));
    }
    assert_eq!(made(&script, "list"), 1);
    assert_eq!(made(&script, "unlink l"), 1);
}

#[test]
fn a_killed_holders_temporaries_and_lock_are_told() {
    let script = Script::default();
    script
        .names(with_locks(&[key()]))
        .fail("create l", 0, Errno::EXIST);
    let age = Duration::from_secs(3600);
    let keep = Keep::AllButStale { age };
    let mut told = clear(&script, &[key()], NAMES_MAX, keep);
    let cleared = told.pop().unwrap().1.unwrap();
    assert!(cleared.removed.is_empty());
    let kinds: Vec<Kind> = cleared.others.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [Kind::Temporary, Kind::Lock]);
    assert_eq!(
        (made(&script, "unlink t"), made(&script, "unlink l")),
        (1, 1)
    );
    assert_eq!(made(&script, "unlink d") + made(&script, "unlink z"), 0);
}

/// Clears one domain, and returns the result and how many files were removed.
fn clear_one(
    script: &Script,
    admitted: Result<Keep, Refused>,
) -> (Result<Cleared, StoreError>, usize) {
    let mut admitted = Some(admitted);
    let mut admit = |_: &_, _: &_| admitted.take().unwrap();
    let mut told = None;
    let mut each = |_: &_, cleared| {
        told = Some(cleared);
        ControlFlow::Continue(())
    };
    let (store, durability) = (script.store(), Durability::Process);
    store
        .clear_each(&[key()], deadline(), durability, &mut admit, &mut each)
        .unwrap();
    let calls = script.calls();
    let unlinked = calls.iter().filter(|call| call.starts_with("unlink "));
    (told.unwrap(), unlinked.count())
}

#[test]
fn a_refused_clear_leaves_a_killed_holders_temporaries_and_lock() {
    for (found, temporaries, told, removed) in [
        (false, true, 0, 1),
        (true, true, 0, 0),
        // Without them nothing depends on the lock file.
        (true, false, 1, 1),
    ] {
        let script = Script::default();
        let mut all = with_locks(&[key()]);
        all.retain(|name| temporaries || name.kind() != Kind::Temporary);
        script.names(all);
        if found {
            script.fail("create l", 0, Errno::EXIST);
        }
        let (cleared, unlinked) = clear_one(&script, Err(Refused::ExistsAgain));
        assert_eq!(cleared.map_or(0, |cleared| cleared.others.len()), told);
        assert_eq!((unlinked, made(&script, "unlink l")), (removed, removed));
        assert_eq!(made(&script, "unlock l"), 1);
    }
}

#[test]
fn without_a_search_a_found_lock_file_and_temporaries_stay() {
    let script = Script::default();
    script
        .names(names(&[key()]))
        .fail("create l", 0, Errno::EXIST)
        .fail("list", 1, Errno::IO);
    let age = Duration::from_secs(3600);
    let (cleared, unlinked) = clear_one(&script, Ok(Keep::AllButStale { age }));
    assert!(cleared.unwrap().others.is_empty());
    assert_eq!(unlinked, 0);
}

#[test]
fn without_a_look_at_the_lock_file_temporaries_stay() {
    let script = Script::default();
    script
        .names(names(&[key()]))
        .fail("create l", 0, Errno::EXIST)
        .fail("stat l", 2, Errno::IO);
    let age = Duration::from_secs(3600);
    let (cleared, unlinked) = clear_one(&script, Ok(Keep::AllButStale { age }));
    assert!(cleared.unwrap().others.is_empty());
    assert_eq!((unlinked, made(&script, "stat l")), (0, 3));
}

#[test]
fn names_beyond_the_memory_come_in_further_rounds() {
    let domains = many();
    let script = Script::default();
    script.names(names(&domains));
    // Memory for the endings and for the files of about ten domains.
    let told = clear(&script, &domains, 3 * 80 + 10 * 3 * 8, Keep::Nothing);
    for (_, cleared) in told {
        let cleared = cleared.unwrap();
        assert_eq!((cleared.removed.len(), cleared.others.len()), (1, 2));
    }
    let rounds = made(&script, "list");
    assert!((4..=8).contains(&rounds), "{rounds}");

    // No memory at all: the directory is read twice for each domain, once together with others and
    // once alone.
    let script = Script::default();
    script.names(names(&domains));
    for (_, cleared) in clear(&script, &domains, 0, Keep::Nothing) {
        assert_eq!(cleared.unwrap().removed.len(), 1);
    }
    assert_eq!(made(&script, "list"), 2 * domains.len());
}

#[test]
fn many_different_endings_come_in_further_rounds() {
    let domains = many();
    let script = Script::default();
    let of = |key: &DomainKey| file(key, "d", &format!("{:032x}", key.domid.get()));
    script.names(domains.iter().map(of).collect());
    let told = clear(&script, &domains, 10 * (64 + 32 + 8), Keep::Nothing);
    for (domain, cleared) in told {
        let removed = cleared.unwrap().removed;
        let wanted = format!("{:032x}", domain.domid.get());
        assert_eq!(removed.len(), 1);
        assert_eq!(removed[0].to_string(), wanted);
    }
    let rounds = made(&script, "list");
    assert!((4..=8).contains(&rounds), "{rounds}");
}

#[test]
fn a_failure_of_one_domain_is_told_and_the_next_is_cleared() {
    let domains = [key(), higher()];
    for call in ["lock l", "open c", "unlink l"] {
        let script = Script::default();
        script.names(names(&domains)).fail(call, 0, Errno::IO);
        let told = clear(&script, &domains, NAMES_MAX, Keep::Nothing);
        let [(_, first), (_, second)] = &told[..] else {
            panic!("{told:?}")
        };
        match first {
            Err(_) => assert_ne!(call, "unlink l"),
            // The removed records are reported together with the lock file that stays.
            Ok(cleared) => assert!(
                matches!(&cleared.failed[..], [error]
                    if matches!(error.kind(), StoreErrorKind::LockLeft(_))),
                "{call}: {cleared:?}"
            ),
        }
        assert_eq!(second.as_ref().unwrap().removed.len(), 1);
    }
}

#[test]
fn names_that_cannot_be_read_clear_nothing() {
    let script = Script::default();
    script.names(names(&[key()])).fail("list", 0, Errno::IO);
    let mut each = |_: &_, _| panic!("nothing is cleared");
    let cleared = script.store().clear_each(
        &[key()],
        deadline(),
        Durability::Process,
        &mut |_, _| Ok(Keep::Nothing),
        &mut each,
    );
    assert!(matches!(
        cleared.unwrap_err().kind(),
        StoreErrorKind::Failed(_)
    ));
    assert_eq!(script.calls(), words(&["list"]));
}

#[test]
fn a_lock_lost_before_the_first_removal_removes_nothing() {
    let script = Script::default();
    script.names(names(&[key()])).replace("stat l", 1);
    let told = clear(&script, &[key()], NAMES_MAX, Keep::Nothing);
    let [(_, Err(error))] = &told[..] else {
        panic!("{told:?}")
    };
    assert!(matches!(
        error.kind(),
        StoreErrorKind::LockLost { applied: false }
    ));
    assert!(!script.calls().iter().any(|call| call.starts_with("unlink")));
}
