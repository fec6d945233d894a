//! What a simulated host does besides what every directory does: limits, kills, forks, locks, time.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use userdata_fs::{Directory as _, Errno, LockMode, Name};
use userdata_sim::crash::{CrashModel, NameOrder, Sizes};
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions, SimProcess};

fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).unwrap()
}

fn host() -> (SimDisk, SimProcess, SimDirectory) {
    let disk = SimDisk::new(SimOptions::default());
    let process = disk.process();
    let root = process.root().unwrap();
    (disk, process, root)
}

#[test]
fn a_read_only_file_system_answers_as_linux_does() {
    let (disk, _process, root) = host();
    for (at, plant) in [
        ("f", Plant::File(b"x".to_vec())),
        ("s", Plant::Directory),
        ("l", Plant::Symlink(b"nowhere".to_vec())),
        ("p", Plant::Fifo),
    ] {
        root.plant(name(at), plant).unwrap();
    }
    disk.reconfigure(|options| options.read_only = true);
    let long = "x".repeat(256);
    // What a read-only bind mount of ext4 answers on Linux 6.18.
    let (exist, rofs, long_errno) = (Errno::EXIST, Errno::ROFS, Errno::NAMETOOLONG);
    for (at, create, lock, open, mkdir) in [
        ("f", exist, Some(rofs), None, exist),
        ("s", exist, Some(Errno::ISDIR), None, exist),
        ("l", exist, Some(Errno::LOOP), Some(Errno::LOOP), exist),
        ("p", exist, None, None, exist),
        ("new", rofs, Some(Errno::NOENT), Some(Errno::NOENT), rofs),
        (
            &long,
            long_errno,
            Some(long_errno),
            Some(long_errno),
            long_errno,
        ),
    ] {
        assert_eq!(root.create(name(at)).err(), Some(create), "create {at}");
        assert_eq!(root.open_lock(name(at)).err(), lock, "open_lock {at}");
        assert_eq!(root.open(name(at)).err(), open, "open {at}");
        assert_eq!(
            root.make_directory(name(at)),
            Err(mkdir),
            "make_directory {at}"
        );
        assert_eq!(root.unlink(name(at)), Err(rofs), "unlink {at}");
        assert_eq!(
            root.remove_directory(name(at)),
            Err(rofs),
            "remove_directory {at}"
        );
        assert_eq!(root.rename(name(at), name("q")), Err(rofs), "rename {at}");
    }
    assert_eq!(root.sync(), Ok(()));
}

#[test]
fn a_removed_directory_holds_nothing_under_any_name() {
    let (_disk, _process, root) = host();
    root.make_directory(name("d")).unwrap();
    let child = root.open_directory(name("d")).unwrap();
    root.remove_directory(name("d")).unwrap();
    for at in ["a", &"x".repeat(256)] {
        assert_eq!(child.create(name(at)).err(), Some(Errno::NOENT));
        assert_eq!(child.unlink(name(at)), Err(Errno::NOENT));
        assert_eq!(child.remove_directory(name(at)), Err(Errno::NOENT));
    }
}

#[test]
fn a_full_disk_takes_what_fits_and_then_nothing() {
    let (disk, _process, root) = host();
    disk.reconfigure(|options| {
        options.capacity = Some(5);
        options.inodes_max = Some(3);
    });
    let file = root.create(name("a")).unwrap();
    assert_eq!(root.write(&file, b"abc"), Ok(3));
    assert_eq!(root.write(&file, b"def"), Ok(2));
    assert_eq!(root.write(&file, b"f"), Err(Errno::NOSPC));
    let other = root.create(name("b")).unwrap();
    assert_eq!(root.create(name("c")).err(), Some(Errno::NOSPC));
    assert_eq!(root.write(&other, b"x"), Err(Errno::NOSPC));
    // What is unlinked takes up space until it is closed.
    root.unlink(name("a")).unwrap();
    assert_eq!(root.write(&other, b"x"), Err(Errno::NOSPC));
    root.close(file).unwrap();
    assert_eq!(root.write(&other, b"x"), Ok(1));
    assert!(root.create(name("c")).is_ok());
}

#[test]
fn a_link_takes_an_inode_where_links_do() {
    let (disk, _process, root) = host();
    disk.reconfigure(|options| {
        options.inodes_max = Some(3);
        options.links_take_inodes = true;
    });
    root.close(root.create(name("a")).unwrap()).unwrap();
    root.link(name("a"), name("b")).unwrap();
    assert_eq!(root.link(name("a"), name("c")), Err(Errno::NOSPC));
    assert_eq!(root.create(name("c")).err(), Some(Errno::NOSPC));
    let free_and_fill = |gone: &str| {
        root.unlink(name(gone)).unwrap();
        root.close(root.create(name(gone)).unwrap()).unwrap();
        assert_eq!(root.create(name("c")).err(), Some(Errno::NOSPC));
    };
    free_and_fill("a");
    free_and_fill("b");
    // A rename takes none, and frees one where it replaces.
    root.rename_no_replace(name("a"), name("d")).unwrap();
    assert_eq!(root.create(name("c")).err(), Some(Errno::NOSPC));
    root.rename(name("d"), name("b")).unwrap();
    root.link(name("b"), name("c")).unwrap();
    assert_eq!(root.link(name("b"), name("d")), Err(Errno::NOSPC));
}

#[test]
fn a_process_without_descriptors_opens_nothing() {
    let (_disk, process, root) = host();
    root.make_directory(name("d")).unwrap();
    process.limit_open_files(Some(2));
    let file = root.create(name("a")).unwrap();
    let list = || root.list(&mut |_| ControlFlow::Continue(()));
    assert_eq!(root.create(name("b")).err(), Some(Errno::MFILE));
    assert_eq!(root.open(name("nothing")).err(), Some(Errno::MFILE));
    assert_eq!(root.open_lock(name("a")).err(), Some(Errno::MFILE));
    assert_eq!(root.open_directory(name("d")).err(), Some(Errno::MFILE));
    assert_eq!(list(), Err(Errno::MFILE));
    assert_eq!(root.metadata_at(name("b")).err(), Some(Errno::NOENT));
    root.close(file).unwrap();
    assert_eq!(list(), Ok(()));
}

#[test]
fn a_killed_process_is_inert_and_its_locks_are_free() {
    let (disk, process, root) = host();
    let file = root.create(name("lock")).unwrap();
    root.lock(&file, LockMode::Exclusive).unwrap();
    let other = disk.process().root().unwrap();
    let others = other.open_lock(name("lock")).unwrap();
    assert_eq!(other.lock(&others, LockMode::Shared), Err(Errno::AGAIN));
    process.kill();
    let before = disk.tree();
    let badf = Errno::BADF;
    assert_eq!(root.create(name("a")).err(), Some(badf));
    assert_eq!(root.open_lock(name("lock")).err(), Some(badf));
    assert_eq!(root.open(name("lock")).err(), Some(badf));
    assert_eq!(root.write(&file, b"x"), Err(badf));
    assert_eq!(root.read(&file, &mut [0]), Err(badf));
    assert_eq!(root.lock(&file, LockMode::Exclusive), Err(badf));
    assert_eq!(root.sync_file(&file), Err(badf));
    assert_eq!(root.rename(name("lock"), name("b")), Err(badf));
    assert_eq!(root.unlink(name("lock")), Err(badf));
    assert_eq!(root.make_directory(name("d")), Err(badf));
    assert_eq!(root.remove_directory(name("d")), Err(badf));
    assert_eq!(root.open_directory(name("d")).err(), Some(badf));
    assert_eq!(root.list(&mut |_| ControlFlow::Continue(())), Err(badf));
    assert_eq!(root.metadata(&file).err(), Some(badf));
    assert_eq!(root.metadata_at(name("lock")).err(), Some(badf));
    assert_eq!(root.sync(), Err(badf));
    assert_eq!(root.random(), Err(badf));
    assert_eq!(process.root().err(), Some(badf));
    assert_eq!(disk.tree(), before);
    assert_eq!(other.lock(&others, LockMode::Exclusive), Ok(()));
    // The handles of the dead process close nothing of another one's.
    drop(file);
    drop(root);
    let third = disk.process().root().unwrap();
    let thirds = third.open(name("lock")).unwrap();
    assert_eq!(third.lock(&thirds, LockMode::Shared), Err(Errno::AGAIN));
}

#[test]
fn a_dead_process_has_passed_every_deadline() {
    let (_disk, process, root) = host();
    let before = root.now();
    process.kill();
    assert!(root.now() - before > Duration::from_secs(1_000_000));
}

#[test]
fn a_lock_lasts_until_the_last_forked_child_closes_it() {
    let (disk, process, root) = host();
    let file = root.create(name("lock")).unwrap();
    root.lock(&file, LockMode::Exclusive).unwrap();
    let child = process.fork().unwrap();
    let childs = file.in_process(&child);
    let other = disk.process().root().unwrap();
    let others = other.open_lock(name("lock")).unwrap();
    root.close(file).unwrap();
    assert_eq!(other.lock(&others, LockMode::Exclusive), Err(Errno::AGAIN));
    drop(childs);
    assert_eq!(other.lock(&others, LockMode::Exclusive), Ok(()));
}

#[test]
fn an_unlock_frees_the_lock_for_all_that_share_it() {
    let (disk, process, root) = host();
    let file = root.create(name("lock")).unwrap();
    root.lock(&file, LockMode::Exclusive).unwrap();
    let child = process.fork().unwrap();
    let childs_root = root.in_process(&child);
    assert_ne!(childs_root.process(), root.process());
    root.unlock(&file).unwrap();
    let other = disk.process().root().unwrap();
    let others = other.open_lock(name("lock")).unwrap();
    assert_eq!(other.lock(&others, LockMode::Exclusive), Ok(()));
    let childs = file.in_process(&child);
    assert_eq!(
        childs_root.lock(&childs, LockMode::Shared),
        Err(Errno::AGAIN)
    );
}

#[test]
fn the_number_of_an_inode_that_is_gone_is_used_again() {
    for reuses in [true, false] {
        let (disk, _process, root) = host();
        disk.reconfigure(|options| options.reuses_inodes = reuses);
        let number = |at| root.metadata_at(name(at)).unwrap().identity;
        drop(root.create(name("a")).unwrap());
        let first = number("a");
        root.unlink(name("a")).unwrap();
        let file = root.create(name("b")).unwrap();
        assert_eq!(number("b") == first, reuses);
        // Not while the file is still open.
        let second = number("b");
        root.unlink(name("b")).unwrap();
        drop(root.create(name("c")).unwrap());
        assert_ne!(number("c"), second);
        root.close(file).unwrap();
    }
}

#[test]
fn a_name_that_moves_during_a_listing_is_shown_twice_or_never() {
    let mut options = SimOptions::default();
    options.listed_at_once = 2;
    let root = SimDisk::new(options).process().root().unwrap();
    for at in ["a", "c", "e", "g"] {
        drop(root.create(name(at)).unwrap());
    }
    let mut shown = Vec::new();
    root.list(&mut |found| {
        shown.push(found.to_string());
        match shown.len() {
            1 => root.rename(name("a"), name("f")).unwrap(),
            2 => root.rename(name("g"), name("b")).unwrap(),
            _ => {}
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(shown, ["a", "c", "e", "f"]);
}

#[test]
fn after_a_failed_sync_readers_see_bytes_the_disk_lacks() {
    let (disk, _process, root) = host();
    root.plant(name("a"), Plant::File(b"old".to_vec())).unwrap();
    let file = root.open_lock(name("a")).unwrap();
    root.write(&file, b"new").unwrap();
    root.lose_writeback(&file);
    assert_eq!(root.sync_file(&file), Ok(()));
    assert_eq!(disk.tree().file(b"a"), Some(&b"new"[..]));
    let storage = disk.storage();
    for names in [NameOrder::Journalled, NameOrder::Weak] {
        let states = storage.crash_states(CrashModel {
            names,
            sizes: Sizes::Vary,
        });
        let left: Vec<_> = states.iter().map(|state| state.tree()).collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].file(b"a"), Some(&b"old"[..]));
    }
}

#[test]
fn a_directory_that_was_not_synced_takes_its_names_with_it() {
    let (disk, _process, root) = host();
    root.make_directory(name("d")).unwrap();
    let child = root.open_directory(name("d")).unwrap();
    let file = child.create(name("a")).unwrap();
    child.write(&file, b"x").unwrap();
    child.sync_file(&file).unwrap();
    child.sync().unwrap();
    let left = |names| {
        let storage = disk.storage();
        let states = storage.crash_states(CrashModel {
            names,
            sizes: Sizes::Vary,
        });
        states
            .distinct(&mut BTreeSet::new())
            .map(|(_, state)| state.tree().to_string())
            .collect::<Vec<_>>()
    };
    let whole = "d directory\nd/a 1 bytes \"x\"\n";
    // The journal commits what came before; a file system that promises no more than it must, not.
    assert_eq!(left(NameOrder::Journalled), [whole]);
    assert_eq!(left(NameOrder::Weak), ["", whole]);
    root.sync().unwrap();
    assert_eq!(left(NameOrder::Weak), [whole]);
}

#[test]
fn what_a_crash_left_is_a_host_like_any_other() {
    let (disk, _process, root) = host();
    for at in ["a", "b", "c"] {
        drop(root.create(name(at)).unwrap());
    }
    root.sync().unwrap();
    root.unlink(name("b")).unwrap();
    // The number of `b` is used again, and a crash may bring `b` back beside the new file.
    drop(root.create(name("d")).unwrap());
    let model = CrashModel {
        names: NameOrder::Weak,
        sizes: Sizes::Vary,
    };
    let storage = disk.storage();
    for state in storage.crash_states(model).iter() {
        let root = SimDisk::boot(state, SimOptions::default())
            .process()
            .root()
            .unwrap();
        drop(root.create(name("new")).unwrap());
        let mut numbers = Vec::new();
        root.list(&mut |found| {
            numbers.push(root.metadata_at(found).unwrap().identity);
            ControlFlow::Continue(())
        })
        .unwrap();
        let all = numbers.len();
        numbers.sort();
        numbers.dedup();
        assert_eq!(numbers.len(), all);
    }
}
