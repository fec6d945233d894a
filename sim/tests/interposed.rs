//! An interceptor does what it is told, once, and nothing else.

use std::ops::ControlFlow;

use userdata_fs::{Directory as _, Errno, LockMode, Name};
use userdata_sim::crash::{CrashModel, NameOrder, Sizes};
use userdata_sim::faults::{At, Fault, Faults, How, every_fault};
use userdata_sim::interpose::{Call, CallKind, Interposed, Trace, WithoutSyncs};
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions};

fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).unwrap()
}

fn faulty(fault: Fault) -> (SimDisk, Interposed<SimDirectory, Faults>) {
    let disk = SimDisk::new(SimOptions::default());
    let root = disk.process().root().unwrap();
    root.plant(name("a"), Plant::File(b"old".to_vec())).unwrap();
    root.plant(name("b"), Plant::File(b"b".to_vec())).unwrap();
    let faulty = Interposed::new(root, Faults::new([fault]));
    let faulty = faulty
        .losing(SimDirectory::lose_writeback)
        .losing_at_close(SimDirectory::lose_written);
    (disk, faulty)
}

/// Makes one call of this kind, and returns its error, if it failed.
fn call(root: &Interposed<SimDirectory, Faults>, kind: CallKind) -> Option<Errno> {
    let with_lock = |done: &dyn Fn(&_) -> Option<Errno>| {
        let file = root.open_lock(name("a")).unwrap();
        done(&file)
    };
    match kind {
        CallKind::Close => root.close(root.open(name("a")).unwrap()).err(),
        CallKind::Link => root.link(name("a"), name("c")).err(),
        CallKind::RenameNoReplace => root.rename_no_replace(name("a"), name("c")).err(),
        CallKind::IsAtPath => root.is_at_path().err(),
        CallKind::Create => root.create(name("new")).err(),
        CallKind::OpenLock => root.open_lock(name("a")).err(),
        CallKind::Open => root.open(name("a")).err(),
        CallKind::Read => with_lock(&|file| root.read(file, &mut [0; 3]).err()),
        CallKind::Write => with_lock(&|file| root.write(file, b"new").err()),
        CallKind::Metadata => with_lock(&|file| root.metadata(file).err()),
        CallKind::MetadataAt => root.metadata_at(name("a")).err(),
        CallKind::Lock => with_lock(&|file| root.lock(file, LockMode::Shared).err()),
        CallKind::Unlock => with_lock(&|file| root.unlock(file).err()),
        CallKind::SyncFile => with_lock(&|file| root.sync_file(file).err()),
        CallKind::WriteBack => with_lock(&|file| root.write_back(file).err()),
        CallKind::SyncFileAndName => with_lock(&|file| root.sync_file_and_name(file).err()),
        CallKind::SyncAll => with_lock(&|file| root.sync_all(file).err()),
        CallKind::Rename => root.rename(name("a"), name("c")).err(),
        CallKind::RenameInto => root.rename_into(name("a"), root, name("c")).err(),
        CallKind::Unlink => root.unlink(name("a")).err(),
        CallKind::MakeDirectory => root.make_directory(name("d")).err(),
        CallKind::OpenDirectory => {
            root.inner().plant(name("d"), Plant::Directory).unwrap();
            root.open_directory(name("d")).err()
        }
        CallKind::RemoveDirectory => {
            root.inner().plant(name("d"), Plant::Directory).unwrap();
            root.remove_directory(name("d")).err()
        }
        CallKind::List => root.list(&mut |_| ControlFlow::Continue(())).err(),
        CallKind::Sync => root.sync().err(),
        CallKind::Random => root.random().err(),
        _ => None,
    }
}

#[test]
fn each_call_fails_with_each_errno_and_changes_nothing() {
    use CallKind as K;
    let kinds = [
        K::Close,
        K::Link,
        K::RenameNoReplace,
        K::IsAtPath,
        K::Create,
        K::OpenLock,
        K::Open,
        K::Read,
        K::Write,
        K::Metadata,
        K::MetadataAt,
        K::Lock,
        K::Unlock,
        K::SyncFile,
        K::WriteBack,
        K::SyncFileAndName,
        K::SyncAll,
        K::Rename,
        K::RenameInto,
        K::Unlink,
        K::MakeDirectory,
        K::OpenDirectory,
        K::RemoveDirectory,
        K::List,
        K::Sync,
        K::Random,
    ];
    for kind in kinds {
        assert!(!kind.errnos().is_empty());
        for errno in kind.errnos() {
            let fault = Fault {
                at: At::Kind(kind, 0),
                how: How::Fails(*errno),
            };
            let (disk, root) = faulty(fault);
            let before = disk.tree();
            assert_eq!(call(&root, kind), Some(*errno), "{fault}");
            assert_eq!(root.interceptor().struck(), 1);
            if !matches!(kind, K::OpenDirectory | K::RemoveDirectory) {
                assert_eq!(disk.tree(), before, "{fault}");
            }
            assert_eq!(call(&root, kind), None, "{fault} strikes once");
        }
    }
}

#[test]
fn calls_get_as_far_as_they_are_told() {
    let at = |kind, length| Fault {
        at: At::Kind(kind, 0),
        how: How::Short(length),
    };
    let (_disk, root) = faulty(at(CallKind::Read, 1));
    let mut buffer = [0; 3];
    let file = root.open(name("a")).unwrap();
    assert_eq!(root.read(&file, &mut buffer), Ok(1));
    assert_eq!(root.read(&file, &mut buffer), Ok(2));
    assert_eq!(&buffer, b"ld\0");
    for length in CallKind::Write.shorts() {
        let (disk, root) = faulty(at(CallKind::Write, *length));
        let file = root.create(name("new")).unwrap();
        assert_eq!(root.write(&file, b"abc"), Ok(*length));
        assert_eq!(disk.tree().file(b"new"), b"abc".get(..*length));
    }
    let (_disk, root) = faulty(at(CallKind::List, 1));
    let mut shown = Vec::new();
    let listed = root.list(&mut |name| {
        shown.push(name.to_string());
        ControlFlow::Continue(())
    });
    assert_eq!((listed, shown), (Err(Errno::IO), vec!["a".to_owned()]));
}

#[test]
fn every_fault_is_listed_once() {
    let calls = [CallKind::Now, CallKind::Write, CallKind::Read];
    let faults: Vec<_> = every_fault(&calls, 0).collect();
    let each = |kind: CallKind| kind.errnos().len() + kind.shorts().len();
    assert_eq!(faults.len(), each(CallKind::Write) + each(CallKind::Read));
    assert_eq!(every_fault(&calls, 2).count(), each(CallKind::Read));
    let mut sorted = faults.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), faults.len());
}

#[test]
fn a_sync_that_fails_loses_the_bytes_and_then_succeeds() {
    let (disk, root) = faulty(Fault {
        at: At::Kind(CallKind::SyncFile, 0),
        how: How::Fails(Errno::IO),
    });
    let file = root.open_lock(name("a")).unwrap();
    assert_eq!(root.write(&file, b"new"), Ok(3));
    assert_eq!(root.sync_file(&file), Err(Errno::IO));
    assert_eq!(root.sync_file(&file), Ok(()));
    assert_eq!(disk.tree().file(b"a"), Some(&b"new"[..]));
    disk.settle();
    let model = CrashModel {
        names: NameOrder::Weak,
        sizes: Sizes::Vary,
    };
    let left = disk.storage().crash_states(model).state(0).tree();
    assert_eq!(left.file(b"a"), Some(&b"old"[..]));
}

#[test]
fn syncs_that_are_dropped_are_not_made() {
    let disk = SimDisk::new(SimOptions::default());
    for (bug, left) in [
        (
            WithoutSyncs {
                files: true,
                directories: false,
                ..WithoutSyncs::default()
            },
            1,
        ),
        (
            WithoutSyncs {
                files: false,
                directories: true,
                ..WithoutSyncs::default()
            },
            1,
        ),
        (WithoutSyncs::default(), 2),
    ] {
        let root = Interposed::new(disk.process().root().unwrap(), bug);
        let _ = root.inner().unlink(name("a"));
        let file = root.create(name("a")).unwrap();
        disk.record_steps();
        root.sync_file(&file).unwrap();
        root.sync().unwrap();
        assert_eq!(disk.take_steps().len(), left);
    }
}

#[test]
fn a_trace_shows_each_process_its_calls_and_the_answers() {
    let disk = SimDisk::new(SimOptions::default());
    let trace = Trace::default();
    let first = Interposed::new(disk.process().root().unwrap(), trace.clone());
    let second = Interposed::new(disk.process().root().unwrap(), trace.clone());
    let file = first.create(name("a")).unwrap();
    let other = second.open(name("a")).unwrap();
    first.write(&file, b"x\n").unwrap();
    second.read(&other, &mut [0; 9]).unwrap();
    first.lock(&file, LockMode::Exclusive).unwrap();
    let _ = second.lock(&other, LockMode::Shared);
    first.close(file).unwrap();
    first.list(&mut |_| ControlFlow::Continue(())).unwrap();
    let expected = r#"1: create a = 1
2: open a = 1
1: write 1 "x\n" = 2
2: read 1 9 = "x\n"
1: lock 1 Exclusive = done
2: lock 1 Shared = EAGAIN
1: close 1 = done
1: list = 1 names
"#;
    assert_eq!(trace.to_string(), expected);
    assert_eq!(
        trace.calls()[0].kind,
        Call::Create { name: name("a") }.kind()
    );
}

/// The trace is in front of the faults, so it sees the calls that they fail.
#[test]
fn both_of_two_interceptors_see_a_call_and_the_second_may_fail_it() {
    let disk = SimDisk::new(SimOptions::default());
    let fault = Fault {
        at: At::Kind(CallKind::Create, 0),
        how: How::Fails(Errno::NOSPC),
    };
    let (trace, faults) = (Trace::default(), Faults::new([fault]));
    let root = disk.process().root().unwrap();
    let root = Interposed::new(root, (trace.clone(), faults.clone()));
    assert_eq!(root.create(name("a")).err(), Some(Errno::NOSPC));
    assert!(root.create(name("a")).is_ok());
    let answers: Vec<bool> = trace
        .calls()
        .iter()
        .map(|call| call.answer.is_ok())
        .collect();
    assert_eq!((faults.struck(), answers), (1, vec![false, true]));
}

/// The second one sees nothing of a call that the first one fails.
#[test]
fn the_first_of_two_interceptors_keeps_a_call_from_the_second() {
    let disk = SimDisk::new(SimOptions::default());
    let fault = |how| Fault {
        at: At::Kind(CallKind::Create, 0),
        how,
    };
    let first = Faults::new([fault(How::Fails(Errno::NOSPC))]);
    let second = Faults::new([fault(How::Fails(Errno::IO))]);
    let root = disk.process().root().unwrap();
    let root = Interposed::new(root, (first, second.clone()));
    assert_eq!(root.create(name("a")).err(), Some(Errno::NOSPC));
    assert_eq!(second.struck(), 0);
    assert_eq!(root.create(name("a")).err(), Some(Errno::IO));
}
