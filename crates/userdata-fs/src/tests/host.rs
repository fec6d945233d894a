//! Obstacles on a host: leases, killed lock holders, no space, another directory at the path.

use std::time::Duration;

use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{Done, Durability, Expect, Op, Operation, StoreError, StoreErrorKind};
use userdata_core::{Store, Userid};

use super::mock::{Script, deadline, key, put, userid, words};
use crate::{Errno, FileStore, OsDirectory};

const RELEASE: [&str; 4] = ["stat l", "unlink l", "unlock l", "close l"];

fn xl() -> Userid {
    Userid::new("xl").unwrap()
}

fn store(script: &Script) -> Result<Vec<Done>, StoreError> {
    script.store().change(
        &key(),
        deadline(),
        &mut |_| Ok(()),
        &[put(&userid(), Durability::Process)],
    )
}

/// A value, temporary files of two kinds, and a lock file.
fn names() -> Vec<FileName> {
    [("d", "xl"), ("l", "other"), ("n", "xl"), ("t", "00")]
        .map(|(kind, rest)| {
            let name = format!("userdata-{kind}.{}.{rest}", key());
            FileName::parse(NameFormat::Libxl, name.as_bytes()).unwrap()
        })
        .into()
}

fn count(script: &Script, call: &str) -> usize {
    script.calls().iter().filter(|made| *made == call).count()
}

#[test]
fn stores_can_be_sent_and_shared() {
    fn check<T: Send + Sync>() {}
    check::<FileStore<OsDirectory>>();
    check::<OsDirectory>();
    check::<crate::OsFile>();
    check::<Errno>();
}

#[test]
fn an_undisturbed_store_looks_for_no_temporary_file() {
    let script = Script::default();
    script.names(names());
    store(&script).unwrap();
    assert_eq!(count(&script, "list"), 0);
}

#[test]
fn a_lock_file_found_unlocked_has_temporaries_removed_first() {
    let script = Script::default();
    script.names(names()).fail("create l", 0, Errno::EXIST);
    store(&script).unwrap();
    let first = [
        "create l",
        "open_lock l",
        "lock l",
        "fstat l",
        "stat l",
        "at_path",
        "stat L",
        "list",
        "unlink n",
        "unlink t",
        "open c",
    ];
    assert_eq!(script.calls()[..first.len()], words(&first));
}

#[test]
fn a_temporary_file_that_stays_does_not_fail_the_change() {
    for call in ["list", "unlink n", "unlink t"] {
        let script = Script::default();
        script
            .names(names())
            .fail("create l", 0, Errno::EXIST)
            .fail(call, 0, Errno::IO);
        store(&script).unwrap();
    }
}

#[test]
fn a_lock_file_that_is_gone_again_is_made_anew() {
    let script = Script::default();
    script
        .fail("create l", 0, Errno::EXIST)
        .fail("open_lock l", 0, Errno::NOENT)
        .tick();
    let error = store(&script).unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::DeadlinePassed { .. }
    ));
    let twice = ["create l", "open_lock l", "create l", "open_lock l"];
    assert_eq!(script.calls()[..4], words(&twice));
}

#[test]
fn a_leased_file_is_opened_again_until_the_timeout() {
    let passed = |error: StoreError, limit| {
        assert!(
            matches!(error.kind(), StoreErrorKind::DeadlinePassed { waited } if *waited == limit),
            "{error:?}",
        );
    };
    let script = Script::default();
    script
        .fail("create l", 0, Errno::EXIST)
        .fail("open_lock l", 0, Errno::AGAIN);
    let error = store(&script).unwrap_err();
    assert_eq!(error.operation(), Operation::Lock);
    passed(error, deadline());
    assert!(count(&script, "open_lock l") > 5);

    let script = Script::default();
    script.content(b"value").fail("open d", 0, Errno::AGAIN);
    let limit = Duration::from_millis(7);
    let reader = script.store().with_read_timeout(limit);
    passed(reader.get(&key(), &xl()).unwrap_err(), limit);
    let (short, long) = (limit / 7, limit * 7);
    for (within, waits) in [(short, short), (long, limit)] {
        let read = reader.get_within(&key(), within, &xl());
        passed(read.unwrap_err(), waits);
    }

    // Within a change, its timeout holds and not that for reading.
    let script = Script::default();
    script.content(b"value").fail("open d", 0, Errno::AGAIN);
    let op = Op::Delete {
        userid: &xl(),
        expect: Expect::Absent,
        durability: Durability::Process,
    };
    let error = script
        .store()
        .change(&key(), deadline(), &mut |_| Ok(()), &[op])
        .unwrap_err();
    passed(error, deadline());

    let script = Script::default();
    script.mark().fail("open c", 0, Errno::AGAIN);
    let error = store(&script).unwrap_err();
    assert_eq!(error.operation(), Operation::Mark);
    passed(error, deadline());
}

#[test]
fn a_close_error_of_a_written_file_fails_the_store() {
    for (errno, is_no_space) in [
        (Errno::DQUOT, true),
        (Errno::NOSPC, true),
        (Errno::IO, false),
    ] {
        let script = Script::default();
        script.fail("close t", 0, errno);
        let error = store(&script).unwrap_err();
        assert_eq!(error.operation(), Operation::Close);
        assert_eq!(
            matches!(error.kind(), StoreErrorKind::NoSpace(_)),
            is_no_space
        );
        assert_eq!(error.left_behind(), None);
        assert_eq!(count(&script, "rename t d"), 0);
        assert_eq!(count(&script, "unlink t"), 1);
    }
}

#[test]
fn an_interrupted_close_has_closed_and_is_not_repeated() {
    let script = Script::default();
    script.fail("close t", 0, Errno::INTR);
    store(&script).unwrap();
    assert_eq!(count(&script, "close t"), 1);
}

#[test]
fn without_an_inode_for_the_lock_a_value_is_linked() {
    for errno in [Errno::NOSPC, Errno::DQUOT] {
        let script = Script::default();
        script.names(names()).fail("create l", 0, errno);
        store(&script).unwrap();
        let link = [
            "create l",
            "list",
            "stat d",
            "stat c",
            "open_lock d",
            "close d",
            "link d l",
            "stat l",
            "stat l",
            "stat c",
            "open_lock l",
            "lock l",
        ];
        assert_eq!(script.calls()[..link.len()], words(&link));
    }
    // Where nothing can be linked or moved, the first error is reported.
    let script = Script::default();
    script
        .names(names())
        .fail("create l", 0, Errno::NOSPC)
        .fail("link d l", 0, Errno::PERM)
        .fail("link n l", 0, Errno::PERM)
        .fail("link t l", 0, Errno::PERM)
        .fail("move n l", 0, Errno::INVAL)
        .fail("move t l", 0, Errno::INVAL);
    let error = store(&script).unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::NoSpace(_)),
        "{error:?}"
    );
}

#[test]
fn a_file_that_cannot_be_opened_is_not_linked_to_the_lock() {
    for errno in [Errno::ACCESS, Errno::AGAIN, Errno::MFILE] {
        let script = Script::default();
        script
            .names(names())
            .fail("create l", 0, Errno::NOSPC)
            .fail("open_lock d", 0, errno);
        store(&script).unwrap();
        assert_eq!(count(&script, "link d l"), 0, "{errno:?}");
        assert_eq!(count(&script, "link n l"), 1, "{errno:?}");
    }
}

#[test]
fn a_lock_file_stays_while_temporaries_could_not_be_looked_for() {
    let script = Script::default();
    script
        .names(names())
        .fail("create l", 0, Errno::EXIST)
        .fail("list", 0, Errno::NFILE);
    store(&script).unwrap();
    assert_eq!(count(&script, "list"), 2);
    assert_eq!(count(&script, "unlink l"), 0);
    assert_eq!(count(&script, "unlock l"), 1);
}

#[test]
fn a_change_fails_where_the_path_leads_elsewhere() {
    let script = Script::default();
    script.displace();
    let error = store(&script).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::DirectoryReplaced));
    let calls = script.calls();
    let acquire = ["create l", "lock l", "fstat l", "stat l", "at_path"];
    assert_eq!(calls, words(&[&acquire[..], &RELEASE].concat()));

    let script = Script::default();
    script.fail("at_path", 0, Errno::NOENT);
    let error = store(&script).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::NoDirectory(_)));
}

#[test]
fn nothing_found_in_a_lost_directory_is_an_error() {
    let script = Script::default();
    script.displace();
    let store = script.store();
    let errors = [
        store.get(&key(), &xl()).unwrap_err(),
        store.list(&key()).unwrap_err(),
        store
            .scan(&mut |_| std::ops::ControlFlow::Continue(()))
            .unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error.kind(), StoreErrorKind::DirectoryReplaced));
    }
    // What is there is read without a further call.
    let script = Script::default();
    script.content(b"value").displace();
    script.store().get(&key(), &xl()).unwrap().unwrap();
    assert_eq!(count(&script, "at_path"), 0);
}

#[test]
fn a_directory_that_folds_case_is_refused() {
    let script = Script::default();
    script.fold_case();
    let error = store(&script).unwrap_err();
    assert!(matches!(error.kind(), StoreErrorKind::FoldsCase));
    let calls = script.calls();
    assert_eq!(calls[calls.len() - 4..], words(&RELEASE));
    assert_eq!(count(&script, "create t"), 0);
}

#[test]
fn case_is_looked_at_once_for_a_store_and_its_clones() {
    let script = Script::default();
    let store = script.store();
    for store in [store.clone(), store] {
        let userid = userid();
        let op = [put(&userid, Durability::Process)];
        store
            .change(&key(), deadline(), &mut |_| Ok(()), &op)
            .unwrap();
    }
    assert_eq!(count(&script, "stat L"), 1);
}
