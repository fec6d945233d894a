//! How many calls an operation makes. The trace shows neither the end of an open directory, which
//! is one call, nor the calls of a listing.

use userdata_core::store::{Durability, Keep, Op};
use userdata_core::{Store as _, Userid};
use userdata_fs::Promises;
use userdata_sim::interpose::{CallKind, Trace};
use userdata_sim::{SimDisk, SimOptions};

use super::{Traced, clear, domain, domain_path, get, open, paths, put, put_all, put_op, traced};
use crate::scene::{PATIENT, userid};

/// The kinds of calls that a function makes, without those that ask no file system.
fn calls(trace: &Trace, act: impl FnOnce()) -> Vec<CallKind> {
    let before = trace.calls().len();
    act();
    let calls = trace.calls().into_iter().skip(before);
    calls
        .map(|call| call.kind)
        .filter(|kind| !matches!(kind, CallKind::Now | CallKind::Process | CallKind::Listed))
        .collect()
}

#[test]
fn a_store_at_process_makes_thirteen_calls() {
    let (_, store, trace) = traced();
    put(&store, "xl", b"first").unwrap();
    let made = calls(&trace, || drop(put(&store, "xl", b"value").unwrap()));
    use CallKind as C;
    let expected = [
        C::OpenDirectory,
        C::Lock,
        C::Metadata,
        C::MetadataByPath,
        C::Open,
        C::Create,
        C::Write,
        C::Close,
        C::MetadataAt,
        C::MetadataByPath,
        C::Rename,
        C::Unlock,
    ];
    assert_eq!(made, expected);
}

#[test]
fn a_retrieve_makes_four_calls() {
    let (_, store, trace) = traced();
    put(&store, "xl", b"value").unwrap();
    let made = calls(&trace, || drop(get(&store, "xl")));
    let expected = [
        CallKind::OpenIn,
        CallKind::Metadata,
        CallKind::Read,
        CallKind::Close,
    ];
    assert_eq!(made, expected);
}

#[test]
fn a_retrieve_without_openat2_makes_six_calls() {
    let mut options = SimOptions::default();
    options.has_openat2 = false;
    let (disk, trace) = (SimDisk::new(options), Trace::default());
    let root = disk.process().root().unwrap();
    let store = open(Traced::new(root, trace.clone()));
    put(&store, "xl", b"value").unwrap();
    assert_eq!(get(&store, "xl").as_deref(), Some(&b"value"[..]));
    let made = calls(&trace, || drop(get(&store, "xl")));
    let expected = [
        CallKind::OpenDirectory,
        CallKind::Open,
        CallKind::Metadata,
        CallKind::Read,
        CallKind::Close,
    ];
    assert_eq!(made, expected, "and the end of the directory");
}

#[test]
fn a_clear_makes_seven_calls_before_the_trash_is_emptied() {
    let (disk, store, trace) = traced();
    // The first clear opens the trash and draws a random number.
    for _ in 0..2 {
        for userid in ["a", "b", "c"] {
            put(&store, userid, b"value").unwrap();
        }
        if disk.tree().get(domain_path().as_bytes()).is_none() {
            panic!("the domain has a directory");
        }
        let made = calls(&trace, || drop(clear(&store, Keep::Nothing).unwrap()));
        let renamed = made.iter().position(|kind| *kind == CallKind::RenameInto);
        assert!(renamed.is_some(), "{made:?}");
    }
    put(&store, "a", b"value").unwrap();
    let made = calls(&trace, || drop(clear(&store, Keep::Nothing).unwrap()));
    let expected = [
        CallKind::OpenDirectory,
        CallKind::Lock,
        CallKind::Metadata,
        CallKind::MetadataByPath,
        CallKind::Open,
        // Before the rename: another process may empty the trash at once.
        CallKind::List,
        CallKind::RenameInto,
    ];
    assert_eq!(made[..7], expected);
    assert_eq!(paths(&disk), ["boot-boot-1", "trash", "tree"]);
}

#[test]
fn a_full_store_syncs_each_directory_above_the_value() {
    let (_, store, trace) = traced();
    let (xl, mut op) = (userid("xl"), Durability::Full);
    let syncs = |op: Durability| {
        calls(&trace, || {
            let mut put = put_op(&xl, b"value");
            if let Op::Put { durability, .. } = &mut put {
                *durability = op;
            }
            store
                .change(&domain(), PATIENT, &mut |_| Ok(()), &[put])
                .unwrap();
        })
        .iter()
        .filter(|kind| matches!(kind, CallKind::Sync | CallKind::SyncFile))
        .copied()
        .collect::<Vec<_>>()
    };
    let (file, directory) = (CallKind::SyncFile, CallKind::Sync);
    // That of the domain, that of the boot, and once the root.
    assert_eq!(syncs(op), [file, directory, directory, directory]);
    assert_eq!(syncs(op), [file, directory, directory]);
    op = Durability::File;
    assert_eq!(syncs(op), [file]);
    assert_eq!(syncs(Durability::Process), []);
}

/// The kinds of calls with which 100 durable values are put at once.
fn calls_of_a_batch(has_value: bool, promises: Promises) -> Vec<CallKind> {
    let mut options = SimOptions::default();
    options.promises = promises;
    let (disk, trace) = (SimDisk::new(options), Trace::default());
    let root = disk.process().root().unwrap();
    let store = open(Traced::new(root, trace.clone()));
    if has_value {
        put(&store, "xl", b"value").unwrap();
    }
    let userids: Vec<String> = (0..100).map(|number| format!("v{number}")).collect();
    let values = userids
        .iter()
        .map(|userid| (userid.as_str(), &b"value"[..]));
    let values: Vec<_> = values.collect();
    calls(&trace, || drop(put_all(&store, &values).unwrap()))
}

#[test]
fn a_batch_is_synced_by_one_barrier_before_the_first_rename() {
    // The domain has a directory of its own, or the batch makes one. All directories above the
    // values are synced once; the names in a new one are durable by the barrier.
    for (has_value, renames, directories) in [(true, 100, 3), (false, 1, 2)] {
        let made = calls_of_a_batch(has_value, Promises::ALL);
        let count = |kind| made.iter().filter(|made| **made == kind).count();
        assert_eq!(count(CallKind::Write), 100);
        assert_eq!(count(CallKind::SyncFile), 0);
        assert_eq!(count(CallKind::SyncAll), 1);
        assert_eq!(count(CallKind::Rename), renames);
        assert_eq!(count(CallKind::Sync), directories);
        let first = |kind| made.iter().position(|made| *made == kind).unwrap();
        let last = |kind| made.iter().rposition(|made| *made == kind).unwrap();
        assert!(last(CallKind::Write) < first(CallKind::SyncAll));
        // A file that is opened later does not tell of writes that have failed by then.
        let since_written = &made[first(CallKind::Write)..first(CallKind::SyncAll)];
        assert!(!since_written.contains(&CallKind::Open));
        assert!(last(CallKind::SyncAll) < first(CallKind::Rename));
        assert!(last(CallKind::Rename) < first(CallKind::Sync));
    }
}

#[test]
fn without_the_promise_a_batch_syncs_each_file_before_the_first_rename() {
    for has_value in [true, false] {
        let made = calls_of_a_batch(has_value, Promises::NONE);
        let count = |kind| made.iter().filter(|made| **made == kind).count();
        assert_eq!(count(CallKind::SyncAll), 0);
        assert_eq!(count(CallKind::SyncFile), 100);
        assert_eq!(count(CallKind::Sync), 3);
        let last = made.iter().rposition(|kind| *kind == CallKind::SyncFile);
        let rename = made.iter().position(|kind| *kind == CallKind::Rename);
        assert!(last < rename);
    }
}

#[test]
fn a_durable_first_value_survives_a_power_cut() {
    let (disk, store, _) = traced();
    let xl = userid("xl");
    let mut op = put_op(&xl, b"value");
    if let Op::Put { durability, .. } = &mut op {
        *durability = Durability::Full;
    }
    store
        .change(&domain(), PATIENT, &mut |_| Ok(()), &[op])
        .unwrap();
    let model = userdata_sim::crash::CrashModel {
        names: userdata_sim::crash::NameOrder::Weak,
        sizes: userdata_sim::crash::Sizes::FollowBytes,
    };
    let path = format!("{}/d.xl", domain_path());
    for state in disk.storage().crash_states(model).iter() {
        assert_eq!(state.tree().file(path.as_bytes()), Some(&b"value"[..]));
    }
}

#[test]
fn reading_makes_no_directory() {
    let (disk, store, _) = traced();
    assert_eq!(get(&store, "xl"), None);
    assert_eq!(store.list(&domain()).unwrap(), []);
    let found = store.stat(&domain(), &Userid::new("xl").unwrap());
    assert_eq!(found.unwrap(), None);
    assert_eq!(paths(&disk), ["trash", "tree"]);
}
