//! If no lock file can be created or linked, a file that is removed anyway becomes the lock file.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{
    Admit, Cleared, Done, Durability, Expect, Keep, Op, Operation, Refused, StoreError,
    StoreErrorKind,
};
use userdata_core::{Store, Userid, Version};

use super::mock::{Script, deadline, key, put, userid, words};
use crate::Errno;

/// A directory with these files of the domain, in which no file can be created or linked.
fn full(files: &[(&str, &str)]) -> Script {
    let script = Script::default();
    let name = |(kind, rest): &(&str, &str)| {
        let name = format!("userdata-{kind}.{}.{rest}", key());
        FileName::parse(NameFormat::Libxl, name.as_bytes()).unwrap()
    };
    script.names(files.iter().map(name).collect());
    script.fail("create l", 0, Errno::NOSPC);
    for kind in ["d", "n", "t"] {
        script.fail(&format!("link {kind} l"), 0, Errno::NOSPC);
    }
    script
}

fn xl() -> Userid {
    Userid::new("xl").unwrap()
}

fn remove(script: &Script, expect: Expect, admit: Admit<'_>) -> Result<Done, StoreError> {
    let op = Op::Delete {
        userid: &xl(),
        expect,
        durability: Durability::Process,
    };
    let done = script.store().change(&key(), deadline(), admit, &[op]);
    done.map(|mut done| done.pop().unwrap())
}

fn clear(script: &Script, keep: Keep) -> Result<Done, StoreError> {
    let durability = Durability::Full;
    let op = [Op::Clear { keep, durability }];
    let admit = &mut |_: &_| Ok(());
    let done = script.store().change(&key(), deadline(), admit, &op);
    done.map(|mut done| done.pop().unwrap())
}

fn is_no_space(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::NoSpace(_))
}

/// Admits the first `times` questions, and refuses the others.
fn admitting(times: usize) -> impl FnMut(&userdata_core::store::State) -> Result<(), Refused> {
    let mut asked = 0;
    move |_| {
        asked += 1;
        match asked <= times {
            true => Ok(()),
            false => Err(Refused::NoSuchDomain),
        }
    }
}

fn has(script: &Script, call: &str) -> bool {
    script.calls().iter().any(|made| made == call)
}

#[test]
fn the_value_that_is_removed_is_locked_and_then_moved() {
    let script = full(&[("d", "other"), ("d", "xl")]);
    let done = remove(&script, Expect::Any, &mut admitting(2)).unwrap();
    assert!(matches!(done, Done::Removed { .. }));
    let calls = script.calls();
    let first = calls.iter().rposition(|call| call == "list").unwrap();
    let moved = [
        "list",
        "open c",
        "stat d",
        "stat c",
        "open_lock d",
        "lock d",
        "fstat d",
        "stat d",
        "move d l",
        "stat l",
        "at_path",
        "stat L",
        "open c",
        "stat l",
        "stat l",
        "unlink l",
        "unlock d",
        "close d",
    ];
    assert_eq!(calls[first..], words(&moved));
}

#[test]
fn what_can_be_lost_is_moved_before_a_value() {
    for kind in ["t", "n"] {
        let script = full(&[("d", "xl"), (kind, "00")]);
        remove(&script, Expect::Any, &mut admitting(1)).unwrap();
        assert!(has(&script, &format!("move {kind} l")), "{kind}");
        assert!(!has(&script, "move d l"), "{kind}");
    }
    let script = full(&[("d", "xl"), ("c", "domain-userdata-lock")]);
    script.mark();
    remove(&script, Expect::Any, &mut admitting(1)).unwrap();
    assert!(has(&script, "move c l") && !has(&script, "move d l"));
}

#[test]
fn a_marker_that_is_held_is_not_moved() {
    let script = full(&[("d", "xl"), ("c", "domain-userdata-lock")]);
    script.mark().fail("lock c", 0, Errno::AGAIN);
    script.fail("lock_shared c", 0, Errno::AGAIN);
    remove(&script, Expect::Any, &mut admitting(2)).unwrap();
    assert!(!has(&script, "move c l") && has(&script, "move d l"));
}

#[test]
fn a_value_is_moved_by_no_change_that_keeps_it() {
    let script = full(&[("d", "other")]);
    let userid = userid();
    let op = put(&userid, Durability::Process);
    let admit = &mut |_: &_| Ok(());
    let error = script.store().change(&key(), deadline(), admit, &[op]);
    assert!(is_no_space(&error.unwrap_err()));
    let script = full(&[("d", "libxl-json")]);
    let done = clear(&script, Keep::Essential).unwrap();
    assert!(matches!(done, Done::Cleared(cleared) if cleared.removed.is_empty()));
    assert!(!has(&script, "move d l"));
    // If a change has several ops, an earlier one may fail, and then the value stays.
    let script = full(&[("d", "xl")]);
    let delete = Op::Delete {
        userid: &xl(),
        expect: Expect::Any,
        durability: Durability::Process,
    };
    let ops = [delete, delete];
    let error = script.store().change(&key(), deadline(), admit, &ops);
    assert!(is_no_space(&error.unwrap_err()));
    assert!(!has(&script, "move d l"));
}

#[test]
fn nothing_is_moved_before_it_is_admitted() {
    let script = full(&[("d", "xl")]);
    let error = remove(&script, Expect::Any, &mut admitting(0)).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Refused(_)));
    assert!(!has(&script, "move d l"));
    let script = full(&[("d", "xl")]);
    script.content(b"value");
    let another = Expect::Version(Version::of(b"another"));
    let error = remove(&script, another, &mut admitting(1)).unwrap_err();
    assert!(error.is_conflict());
    assert!(!has(&script, "move d l"));
}

#[test]
fn a_value_that_is_refused_under_the_lock_gets_its_name_back() {
    let script = full(&[("d", "xl")]);
    let error = remove(&script, Expect::Any, &mut admitting(1)).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Refused(_)));
    let calls = script.calls();
    let back = ["stat l", "move l d", "sync", "unlock d", "close d"];
    assert_eq!(calls[calls.len() - back.len()..], words(&back));
    assert!(!has(&script, "unlink l"));
    // The same happens if the caller's code panics.
    let script = full(&[("d", "xl")]);
    let mut asked = 0;
    let mut admit = |_: &_| {
        asked += 1;
        assert!(asked < 2, "the second time");
        Ok(())
    };
    let removed = || remove(&script, Expect::Any, &mut admit);
    catch_unwind(AssertUnwindSafe(removed)).unwrap_err();
    assert!(has(&script, "move l d"));
    // The same happens if the directory is no longer the one at its path.
    let script = full(&[("d", "xl")]);
    script.displace();
    let error = remove(&script, Expect::Any, &mut admitting(2)).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::DirectoryReplaced));
    assert!(has(&script, "move l d"));
}

#[test]
fn a_value_that_does_not_get_its_name_back_is_reported() {
    for (call, operation, is_gone) in [
        ("move l d", Operation::Unlock, true),
        // The value is there again, and a power cut may remove it.
        ("sync", Operation::SyncDirectory, false),
    ] {
        let script = full(&[("d", "xl")]);
        script.fail(call, 0, Errno::IO);
        let error = remove(&script, Expect::Any, &mut admitting(1)).unwrap_err();
        assert_eq!(
            (error.operation(), error.is_applied()),
            (operation, is_gone)
        );
    }
    // Another program broke the lock, and so removed the value.
    let script = full(&[("d", "xl")]);
    script.replace("stat l", 1);
    let error = remove(&script, Expect::Any, &mut admitting(2)).unwrap_err();
    let applied = StoreErrorKind::LockLost { applied: true };
    assert_eq!(error.kind().to_string(), applied.to_string());
    // Another program stored a value meanwhile, which stays.
    let script = full(&[("d", "xl")]);
    script.fail("move l d", 0, Errno::EXIST);
    let error = remove(&script, Expect::Any, &mut admitting(1)).unwrap_err();
    assert!(!error.is_applied(), "{error:?}");
    assert!(has(&script, "unlink l"));
}

#[test]
fn a_value_that_was_replaced_before_it_was_moved_gets_its_name_back() {
    let script = full(&[("d", "xl")]);
    script.replace("stat l", 0);
    let error = remove(&script, Expect::Any, &mut admitting(1000)).unwrap_err();
    assert!(error.is_busy(), "{error:?}");
    let calls = script.calls();
    let at = calls.iter().position(|call| call == "move d l").unwrap();
    assert_eq!(
        calls[at..at + 5],
        words(&["move d l", "stat l", "move l d", "unlock d", "close d"]),
    );
}

#[test]
fn a_lock_file_that_another_process_made_is_waited_for() {
    let script = full(&[("d", "xl")]);
    script.fail("move d l", 0, Errno::EXIST).tick();
    let error = remove(&script, Expect::Any, &mut admitting(1000)).unwrap_err();
    assert!(error.is_busy(), "{error:?}");
    let moved = script.calls().into_iter().filter(|call| call == "move d l");
    assert!(moved.count() > 1);
}

#[test]
fn without_a_rename_that_replaces_nothing_the_first_error_is_reported() {
    for errno in [Errno::INVAL, Errno::NOSYS, Errno::NOSPC, Errno::ACCESS] {
        let script = full(&[("d", "xl")]);
        script.fail("move d l", 0, errno);
        let error = remove(&script, Expect::Any, &mut admitting(2)).unwrap_err();
        assert!(is_no_space(&error), "{error:?}");
        let script = full(&[("d", "xl")]);
        script.fail("move d l", 0, errno);
        assert!(is_no_space(&clear(&script, Keep::Nothing).unwrap_err()));
    }
}

#[test]
fn all_values_are_cleared_and_the_moved_one_counts() {
    let script = full(&[("d", "other"), ("d", "xl"), ("z", "foreign")]);
    match clear(&script, Keep::Nothing).unwrap() {
        Done::Cleared(cleared) => {
            assert_eq!((cleared.removed.len(), cleared.others.len()), (2, 1));
            assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
        }
        other => panic!("{other:?}"),
    }
    assert!(has(&script, "move d l") && has(&script, "unlink l"));
}

#[test]
fn a_clear_that_lost_one_value_says_so_and_what_is_left() {
    let script = full(&[("d", "other"), ("d", "xl"), ("l", "domain-userdata-lock")]);
    script.fail("move l d", 0, Errno::IO).displace();
    match clear(&script, Keep::Essential).unwrap() {
        Done::Cleared(cleared) => {
            let removed: Vec<_> = cleared.removed.iter().map(ToString::to_string).collect();
            assert_eq!(
                (removed, cleared.others.len()),
                (vec!["other".to_owned()], 0)
            );
            assert_eq!(cleared.durability, Durability::Process);
            // The mock lists the moved value, too.
            let [lost, _, left] = cleared.failed.as_slice() else {
                panic!("{:?}", cleared.failed);
            };
            assert!(lost.is_applied() && lost.file().ends_with(b".other"));
            let lock = lost.left_behind().unwrap();
            assert!(lock.ends_with(b"domain-userdata-lock"));
            assert_eq!(left.operation(), Operation::Remove);
            assert!(left.file().ends_with(b".xl"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_removed_from_a_full_directory_without_a_lock() {
    let script = full(&[("d", "other"), ("l", "domain-userdata-lock")]);
    let done = remove(&script, Expect::Any, &mut admitting(1)).unwrap();
    assert!(matches!(done, Done::NothingToRemove));
    let done = remove(&script, Expect::Absent, &mut admitting(1)).unwrap();
    assert!(matches!(done, Done::NothingToRemove));
    let expect = Expect::Version(Version::of(b"value"));
    let error = remove(&script, expect, &mut admitting(1)).unwrap_err();
    assert!(error.is_conflict());
    let error = remove(&script, Expect::Any, &mut admitting(0)).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::Refused(_)));
    let done = clear(&full(&[]), Keep::Nothing).unwrap();
    assert!(matches!(done, Done::Cleared(cleared) if cleared.durability == Durability::Full));
    // A mark that no process holds is to be removed, too, and stays.
    let script = full(&[("c", "domain-userdata-lock")]);
    script.mark().fail("open_lock c", 0, Errno::IO);
    assert!(is_no_space(&clear(&script, Keep::Nothing).unwrap_err()));
    // A failed listing, or a directory that is not the one at its path, does not show that nothing
    // is there.
    let script = full(&[]);
    script.fail("list", 2, Errno::IO);
    let error = clear(&script, Keep::Nothing).unwrap_err();
    assert_eq!(error.operation(), Operation::List);
    let script = full(&[]);
    script.displace();
    let error = clear(&script, Keep::Nothing).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::DirectoryReplaced));
}

#[test]
fn a_held_marker_becomes_the_lock_of_its_own_end() {
    for clears in [true, false] {
        let script = Script::default();
        script.fail("create l", 1, Errno::NOSPC);
        let mark = script.store().close(&key(), deadline(), &mut |_| Ok(()));
        let mark = mark.unwrap();
        let before = script.calls().len();
        if clears {
            let admit = &mut |_: &_| Ok(());
            mark.clear(deadline(), Durability::Process, admit).unwrap();
        } else {
            mark.reopen(deadline()).unwrap();
        }
        let calls = script.calls()[before..].to_vec();
        assert!(calls.contains(&"move c l".to_owned()), "{calls:?}");
        let end = ["unlink l", "unlock c", "close c"];
        assert_eq!(calls[calls.len() - end.len()..], words(&end));
    }
}

#[test]
fn a_void_marker_with_the_bytes_of_a_value_is_removed() {
    for (content, goes) in [(&b""[..], false), (b"value", true)] {
        let script = Script::default();
        script.mark().content(content);
        remove(&script, Expect::Any, &mut admitting(1)).unwrap();
        assert_eq!(has(&script, "unlink c"), goes);
    }
    // The mark stays if the change is refused, or if the mark is held.
    let script = Script::default();
    script.mark().content(b"value");
    remove(&script, Expect::Any, &mut admitting(0)).unwrap_err();
    assert!(!has(&script, "unlink c"));
    let script = Script::default();
    script.mark().content(b"value");
    script.fail("lock_shared c", 0, Errno::AGAIN);
    remove(&script, Expect::Any, &mut admitting(1)).unwrap();
    assert!(!has(&script, "unlink c"));
}

/// Clears the domain as one of many. The caller's decisions are these, in order.
fn clear_each(script: &Script, decisions: &[Keep]) -> Result<Cleared, StoreError> {
    let mut decisions = decisions.iter().copied();
    let mut told = None;
    let cleared = script.store().clear_each(
        &[key()],
        deadline(),
        Durability::Process,
        &mut |_, _| decisions.next().ok_or(Refused::NoSuchDomain),
        &mut |_, cleared| {
            told = Some(cleared);
            ControlFlow::Continue(())
        },
    );
    cleared.unwrap();
    told.unwrap()
}

#[test]
fn many_domains_are_cleared_without_space_for_a_lock() {
    let script = full(&[("d", "other"), ("d", "xl"), ("z", "foreign")]);
    let cleared = clear_each(&script, &[Keep::Nothing; 3]).unwrap();
    assert_eq!((cleared.removed.len(), cleared.others.len()), (2, 1));
    assert!(cleared.failed.is_empty(), "{:?}", cleared.failed);
    assert!(has(&script, "move d l") && has(&script, "unlink l"));
}

#[test]
fn many_domains_are_not_cleared_if_the_decision_changes() {
    let stale = Keep::AllButStale {
        age: Duration::ZERO,
    };
    let script = full(&[("d", "xl")]);
    let error = clear_each(&script, &[Keep::Nothing, Keep::Nothing, stale]).unwrap_err();
    let StoreErrorKind::Refused(Refused::ExistsAgain) = error.kind() else {
        panic!("{error:?}");
    };
    assert!(has(&script, "move l d") && !has(&script, "unlink l"));
}
