//! The lock of a domain in a tree, which is its directory.

use userdata_core::store::{Done, Durability, Expect, Keep, Op, Refused, StoreErrorKind};
use userdata_core::{Store as _, Userid};
use userdata_fs::{Directory as _, LockMode};
use userdata_sim::{Plant, SimDisk, SimOptions};

use super::{
    SOON, clear, domain, domain_directory, domain_path, get, name, paths, process, put, put_op,
};
use crate::scene::{PATIENT, userid};

fn lock_name() -> String {
    domain().to_string()
}

#[test]
fn a_refused_change_leaves_no_directory() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    let xl = userid("xl");
    let mut refuse = |_: &_| Err(Refused::NoSuchDomain);
    let changed = store.change(&domain(), PATIENT, &mut refuse, &[put_op(&xl, b"value")]);
    assert!(changed.is_err());
    assert_eq!(paths(&disk), ["boot-boot-1", "trash", "tree"]);
}

#[test]
fn an_empty_directory_is_removed_before_it_is_unlocked() {
    use userdata_sim::interpose::CallKind;
    let (_, store, trace) = super::traced();
    let xl = userid("xl");
    let mut refuse = |_: &_| Err(Refused::NoSuchDomain);
    let changed = store.change(&domain(), PATIENT, &mut refuse, &[put_op(&xl, b"value")]);
    assert!(changed.is_err());
    let calls = trace.calls();
    let last = |kind| calls.iter().rposition(|call| call.kind == kind).unwrap();
    let (removed, unlocked) = (last(CallKind::RemoveDirectory), last(CallKind::Unlock));
    assert!(removed < unlocked, "{trace}");
    // It compares the directory with its name right before.
    assert_eq!(calls[removed - 1].kind, CallKind::MetadataAt);
}

#[test]
fn removing_the_last_value_removes_the_directory() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "xl", b"value").unwrap();
    let xl = Userid::new("xl").unwrap();
    let op = Op::Delete {
        userid: &xl,
        expect: Expect::Any,
        durability: Durability::Process,
    };
    let done = store.change(&domain(), PATIENT, &mut |_| Ok(()), &[op]);
    assert!(matches!(&*done.unwrap(), [Done::Removed { .. }]));
    assert_eq!(paths(&disk), ["boot-boot-1", "trash", "tree"]);
}

#[test]
fn a_change_waits_for_the_lock_holder_until_its_timeout() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "xl", b"value").unwrap();
    let holder = domain_directory(&disk);
    holder.lock_itself(LockMode::Exclusive).unwrap();
    let xl = userid("xl");
    let changed = store.change(&domain(), SOON, &mut |_| Ok(()), &[put_op(&xl, b"new")]);
    let error = changed.unwrap_err();
    assert!(matches!(
        error.kind(),
        StoreErrorKind::DeadlinePassed { waited } if *waited >= SOON
    ));
    assert_eq!(error.file(), lock_name().as_bytes());
    drop(holder);
    put(&store, "xl", b"new").unwrap();
}

/// The directory is replaced after it was opened and before it is locked, by one with the same
/// inode where the file system gives it away: an open directory keeps its own.
#[test]
fn a_directory_replaced_while_waiting_is_not_taken_for_the_lock() {
    use userdata_sim::interpose::{Call, Interceptor, Interposed, Verdict};

    struct Replacing(SimDisk, std::sync::atomic::AtomicBool);
    impl Interceptor for Replacing {
        fn before(&self, _: u32, call: &Call<'_>) -> Verdict {
            let once = &self.1;
            if matches!(call, Call::Lock { .. })
                && once.swap(false, std::sync::atomic::Ordering::SeqCst)
            {
                let (_, other) = process(&self.0);
                clear(&other, Keep::Nothing).unwrap();
                put(&other, "other", b"of the other process").unwrap();
            }
            Verdict::Proceed
        }
    }

    let disk = SimDisk::new(SimOptions::default());
    let (_, first) = process(&disk);
    put(&first, "xl", b"old").unwrap();
    let replacing = Replacing(disk.clone(), true.into());
    let root = Interposed::new(disk.process().root().unwrap(), replacing);
    let store = super::open(root);
    put(&store, "xl", b"new").unwrap();
    assert_eq!(get(&first, "xl").as_deref(), Some(&b"new"[..]));
    assert_eq!(
        get(&first, "other").as_deref(),
        Some(&b"of the other process"[..])
    );
}

#[test]
fn a_lock_that_lost_its_directory_changes_nothing() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "xl", b"old").unwrap();
    let xl = userid("xl");
    let root = disk.process().root().unwrap();
    let boot = root.open_directory(name("boot-boot-1")).unwrap();
    let mut take_away = |_: &_| {
        boot.rename(name(&lock_name()), name("taken")).unwrap();
        boot.make_directory(name(&lock_name())).unwrap();
        Ok(())
    };
    let changed = store.change(&domain(), PATIENT, &mut take_away, &[put_op(&xl, b"new")]);
    let error = changed.unwrap_err();
    assert!(
        matches!(error.kind(), StoreErrorKind::LockLost { applied: false }),
        "{error:?}"
    );
    let taken = "boot-boot-1/taken/d.xl";
    let tree = disk.tree();
    assert_eq!(tree.file(taken.as_bytes()), Some(&b"old"[..]));
    // The directory that has the name now is another's, and stays.
    assert!(tree.get(domain_path().as_bytes()).is_some());
}

#[test]
fn a_killed_writer_leaves_one_file_that_the_next_one_removes() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "xl", b"old").unwrap();
    for round in 0..3 {
        let (writer, killed) = process(&disk);
        let xl = userid("xl");
        let directory = domain_directory(&disk);
        let mut kill = |_: &_| {
            // As a writer does before it is killed.
            let file = directory.create(name(&format!("t.{round:032x}"))).unwrap();
            directory.close(file).unwrap();
            writer.kill();
            Ok(())
        };
        let changed = killed.change(&domain(), PATIENT, &mut kill, &[put_op(&xl, b"new")]);
        assert!(changed.is_err());
    }
    // The first number is used again at once. The others go when a change needs them.
    put(&store, "xl", b"new").unwrap();
    let left = paths(&disk);
    let of_domain = |text: &str| format!("{}/{text}", domain_path());
    assert!(
        !left.contains(&of_domain(&format!("t.{:032x}", 0))),
        "{left:?}"
    );
    let age = std::time::Duration::ZERO;
    clear(&store, Keep::AllButStale { age }).unwrap();
    let tree = [
        "boot-boot-1".to_owned(),
        domain_path(),
        of_domain("d.xl"),
        "trash".to_owned(),
        "tree".to_owned(),
    ];
    assert_eq!(paths(&disk), tree);
}

#[test]
fn a_young_temporary_file_stays_where_an_age_is_asked_for() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "xl", b"value").unwrap();
    let directory = domain_directory(&disk);
    let plant = Plant::File(b"half".to_vec());
    directory.plant(name("t.ff"), plant).unwrap();
    let age = std::time::Duration::from_secs(3600);
    let keep = Keep::AllButStale { age };
    assert_eq!(clear(&store, keep).unwrap().others.len(), 0);
    disk.pass(age);
    assert_eq!(clear(&store, keep).unwrap().others.len(), 1);
}

#[test]
fn values_can_be_removed_on_a_full_file_system() {
    for keep in [None, Some(Keep::Nothing), Some(Keep::Essential)] {
        let disk = SimDisk::new(SimOptions::default());
        let (_, store) = process(&disk);
        put(&store, "xl", b"value").unwrap();
        disk.reconfigure(|options| {
            options.inodes_max = Some(1);
            options.capacity = Some(0);
            options.links_take_inodes = true;
        });
        let xl = Userid::new("xl").unwrap();
        let op = match keep {
            Some(keep) => Op::Clear {
                keep,
                durability: Durability::Process,
            },
            None => Op::Delete {
                userid: &xl,
                expect: Expect::Any,
                durability: Durability::Process,
            },
        };
        store
            .change(&domain(), PATIENT, &mut |_| Ok(()), &[op])
            .unwrap();
        assert_eq!(get(&store, "xl"), None);
        // There is no directory now, and none can be made.
        let done = store.change(&domain(), PATIENT, &mut |_| Ok(()), &[op]);
        assert!(done.is_ok(), "{done:?}");
    }
}
