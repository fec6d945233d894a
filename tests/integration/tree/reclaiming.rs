//! What no domain can reach: other boots, and the trash.

use std::fs;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime};

use userdata_core::Store as _;
use userdata_core::store::{Durability, Expect, Keep, Op};
use userdata_fs::{Directory as _, FileStore, LockMode};
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions};

use super::{
    clear, domain, domain_directory, domain_path, get, name, open, owner, paths, process, put,
    put_op,
};
use crate::exhausted::on_a_tmpfs;
use crate::place::Place;
use crate::scene::{PATIENT, userid};

fn of_boot(disk: &SimDisk, boot: &str) -> FileStore<SimDirectory> {
    let root = disk.process().root().unwrap();
    FileStore::tree(root, &owner(), &boot.parse().unwrap()).unwrap()
}

#[test]
fn another_boots_data_is_out_of_reach_and_reclaimed() {
    let disk = SimDisk::new(SimOptions::default());
    let before = of_boot(&disk, "boot-0");
    put(&before, "xl", b"of the boot before").unwrap();
    put(&before, "a", b"of the boot before").unwrap();
    let store = of_boot(&disk, "boot-1");
    assert_eq!(get(&store, "xl"), None);
    assert_eq!(store.list(&domain()).unwrap(), []);
    put(&store, "xl", b"of this boot").unwrap();
    let reclaimed = store.reclaim(&mut || true).unwrap();
    assert_eq!((reclaimed.records, reclaimed.failed.len()), (2, 0));
    assert_eq!(get(&store, "xl").as_deref(), Some(&b"of this boot"[..]));
    assert!(!paths(&disk).iter().any(|path| path.contains("boot-0")));
    let again = store.reclaim(&mut || true).unwrap();
    assert_eq!((again.records, again.failed.len()), (0, 0));
}

#[test]
fn reclaiming_is_broken_off_and_resumed() {
    let disk = SimDisk::new(SimOptions::default());
    let before = of_boot(&disk, "boot-0");
    for text in ["a", "b", "c", "d", "e"] {
        put(&before, text, b"value").unwrap();
    }
    let store = of_boot(&disk, "boot-1");
    let mut records = 0;
    let mut rounds = 0;
    loop {
        let mut left = 4;
        let mut go_on = || {
            left -= 1;
            left >= 0
        };
        let reclaimed = store.reclaim(&mut go_on).unwrap();
        assert!(reclaimed.failed.is_empty());
        records += reclaimed.records;
        rounds += 1;
        if paths(&disk) == ["trash", "tree"] {
            break;
        }
        assert!(rounds < 20, "{:?}", paths(&disk));
    }
    assert_eq!(records, 5);
    assert!(rounds > 1);
}

#[test]
fn reclaiming_follows_no_link_and_touches_no_other_name() {
    let disk = SimDisk::new(SimOptions::default());
    let root = disk.process().root().unwrap();
    let (_, store) = process(&disk);
    put(&store, "xl", b"value").unwrap();
    let link = Plant::Symlink(b"../boot-boot-1".to_vec());
    root.plant(name("boot-boot-0"), link.clone()).unwrap();
    root.plant(name("boot-Foreign"), Plant::Directory).unwrap();
    root.plant(name("save"), Plant::File(b"bytes".to_vec()))
        .unwrap();
    let trash = root.open_directory(name("trash")).unwrap();
    trash.plant(name("link"), link).unwrap();
    trash.plant(name("pipe"), Plant::Fifo).unwrap();
    let reclaimed = store.reclaim(&mut || true).unwrap();
    assert_eq!((reclaimed.records, reclaimed.failed.len()), (3, 0));
    assert_eq!(get(&store, "xl").as_deref(), Some(&b"value"[..]));
    let left = paths(&disk);
    for kept in ["boot-Foreign", "save", "trash", "tree"] {
        assert!(left.contains(&kept.to_owned()), "{left:?}");
    }
}

#[test]
fn what_is_too_deep_in_the_trash_is_reported_and_stays() {
    let disk = SimDisk::new(SimOptions::default());
    let root = disk.process().root().unwrap();
    let (_, store) = process(&disk);
    let mut directory = root.open_directory(name("trash")).unwrap();
    for level in ["1", "2", "3", "4"] {
        directory.make_directory(name(level)).unwrap();
        directory = directory.open_directory(name(level)).unwrap();
    }
    let reclaimed = store.reclaim(&mut || true).unwrap();
    assert_eq!(reclaimed.records, 0);
    let failed: Vec<&[u8]> = reclaimed.failed.iter().map(|error| error.file()).collect();
    assert_eq!(failed, [&b"trash/1/2/3"[..]]);
    assert!(paths(&disk).contains(&"trash/1/2/3/4".to_owned()));
}

#[test]
fn a_clear_killed_at_any_step_removes_all_or_nothing() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "a", b"value").unwrap();
    put(&store, "b", b"value").unwrap();
    disk.record_steps();
    clear(&store, Keep::Nothing).unwrap();
    for step in disk.take_steps() {
        let disk = SimDisk::boot(step.storage.killed(), SimOptions::default());
        let (_, store) = process(&disk);
        let found = store.list(&domain()).unwrap().len();
        assert!(found == 0 || found == 2, "{found} after {}", step.call);
        let reclaimed = store.reclaim(&mut || true).unwrap();
        assert!(reclaimed.failed.is_empty());
        if found == 0 {
            assert_eq!(paths(&disk), ["boot-boot-1", "trash", "tree"]);
        }
    }
}

#[test]
fn what_killed_writers_left_in_the_directories_of_domains_is_removed() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "xl", b"value").unwrap();
    let directory = domain_directory(&disk);
    let temporary = format!("t.{:032x}", 0);
    for left in [&temporary, "c.closing"] {
        directory
            .close(directory.create(name(left)).unwrap())
            .unwrap();
    }
    // By another process, which is at work.
    let held = domain_directory(&disk);
    held.lock_itself(LockMode::Exclusive).unwrap();
    assert_eq!(store.reclaim(&mut || true).unwrap().records, 0);
    held.unlock_itself().unwrap();
    let reclaimed = store.reclaim(&mut || true).unwrap();
    assert_eq!((reclaimed.records, reclaimed.failed.len()), (2, 0));
    let files = [
        "boot-boot-1",
        "boot-boot-1/DOMAIN",
        "boot-boot-1/DOMAIN/d.xl",
        "trash",
        "tree",
    ];
    let files = files.map(|path| path.replace("DOMAIN", &domain().to_string()));
    assert_eq!(paths(&disk), files);
    // An empty directory goes as well.
    directory.unlink(name("d.xl")).unwrap();
    assert_eq!(store.reclaim(&mut || true).unwrap().failed.len(), 0);
    assert_eq!(paths(&disk), ["boot-boot-1", "trash", "tree"]);
    // The tree is still usable by a process that opened it before.
    put(&open(disk.process().root().unwrap()), "xl", b"value").unwrap();
}

#[test]
fn a_mark_that_is_held_and_its_domain_stay_as_they_are() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    put(&store, "xl", b"value").unwrap();
    let timeout = std::time::Duration::ZERO;
    let mark = store.close(&domain(), timeout, &mut |_| Ok(())).unwrap();
    let before = paths(&disk);
    let reclaimed = store.reclaim(&mut || true).unwrap();
    assert_eq!((reclaimed.records, reclaimed.failed.len()), (0, 0));
    assert_eq!(paths(&disk), before);
    drop(mark);
    assert_eq!(store.reclaim(&mut || true).unwrap().records, 1);
}

#[test]
fn a_list_starts_over_if_its_directory_is_taken_away() {
    use userdata_sim::interpose::{Call, Interceptor, Interposed, Verdict};

    struct Replacing(SimDisk, std::sync::atomic::AtomicBool);
    impl Interceptor for Replacing {
        fn before(&self, _: u32, call: &Call<'_>) -> Verdict {
            let shows = matches!(call, Call::Listed { .. });
            if shows && self.1.swap(false, std::sync::atomic::Ordering::SeqCst) {
                let (_, other) = process(&self.0);
                clear(&other, Keep::Nothing).unwrap();
                for text in ["c", "d", "e"] {
                    put(&other, text, b"value").unwrap();
                }
            }
            Verdict::Proceed
        }
    }

    let disk = SimDisk::new(SimOptions::default());
    let (_, first) = process(&disk);
    put(&first, "a", b"value").unwrap();
    put(&first, "b", b"value").unwrap();
    let replacing = Replacing(disk.clone(), true.into());
    let root = Interposed::new(disk.process().root().unwrap(), replacing);
    let entries = open(root).list(&domain()).unwrap();
    let userids: Vec<String> = entries
        .iter()
        .map(|entry| entry.userid.to_string())
        .collect();
    assert_eq!(userids, ["c", "d", "e"]);
}

#[test]
fn a_domain_cleared_while_all_are_listed_is_left_out() {
    use std::sync::atomic::{AtomicU32, Ordering};
    use userdata_sim::interpose::{Call, Interceptor, Interposed, Verdict};

    /// Clears the domain before the second listing, that of its directory.
    struct Clearing(SimDisk, AtomicU32);
    impl Interceptor for Clearing {
        fn before(&self, _: u32, call: &Call<'_>) -> Verdict {
            if matches!(call, Call::List) && self.1.fetch_add(1, Ordering::SeqCst) == 1 {
                let (_, other) = process(&self.0);
                clear(&other, Keep::Nothing).unwrap();
            }
            Verdict::Proceed
        }
    }

    let disk = SimDisk::new(SimOptions::default());
    let (_, first) = process(&disk);
    put(&first, "a", b"value").unwrap();
    let clearing = Clearing(disk.clone(), 0.into());
    let store = open(Interposed::new(disk.process().root().unwrap(), clearing));
    let mut shown = 0;
    let listed = store.scan(&mut |_| {
        shown += 1;
        ControlFlow::Continue(())
    });
    listed.unwrap();
    assert_eq!(shown, 0);
}

#[test]
fn what_is_mounted_in_a_domains_directory_is_not_removed() {
    if let Some(said) = on_a_tmpfs("mode=700", "", &["clear-with-a-mount"]) {
        assert_eq!(said, ["done"]);
    }
}

#[test]
fn a_leftover_of_a_later_time_goes_too() {
    let scratch = Place::Disk.scratch();
    let root = scratch.path().join("tree");
    let store = FileStore::open_tree(&root, &owner(), &"boot-1".parse().unwrap()).unwrap();
    put(&store, "xl", b"value").unwrap();
    let name = format!("t.{:032x}", 0);
    let left = fs::File::create(root.join(domain_path()).join(name)).unwrap();
    left.set_modified(SystemTime::now() + Duration::from_secs(3600))
        .unwrap();
    let reclaimed = store.reclaim(&mut || true).unwrap();
    assert_eq!((reclaimed.records, reclaimed.failed.len()), (1, 0));
    assert_eq!(fs::read_dir(root.join(domain_path())).unwrap().count(), 1);
}

#[test]
fn a_value_that_is_stored_and_removed_leaves_no_directory() {
    let disk = SimDisk::new(SimOptions::default());
    let (_, store) = process(&disk);
    let xl = userid("xl");
    let delete = Op::Delete {
        userid: xl.as_userid(),
        expect: Expect::Any,
        durability: Durability::Process,
    };
    let ops = [put_op(&xl, b"value"), delete];
    store
        .change(&domain(), PATIENT, &mut |_| Ok(()), &ops)
        .unwrap();
    assert_eq!(paths(&disk), ["boot-boot-1", "trash", "tree"]);
}

#[test]
fn a_boot_that_cannot_go_into_the_trash_is_reported() {
    let disk = SimDisk::new(SimOptions::default());
    put(&of_boot(&disk, "boot-0"), "xl", b"of the boot before").unwrap();
    let store = of_boot(&disk, "boot-1");
    // The first clear opens the trash.
    put(&store, "xl", b"value").unwrap();
    clear(&store, Keep::Nothing).unwrap();
    let root = disk.process().root().unwrap();
    root.remove_directory(name("trash")).unwrap();
    let reclaimed = store.reclaim(&mut || true).unwrap();
    let failed: Vec<&[u8]> = reclaimed.failed.iter().map(|error| error.file()).collect();
    assert_eq!(failed, [&b"boot-boot-0"[..]]);
}
