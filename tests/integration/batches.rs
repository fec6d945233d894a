//! Batches over many domains on the simulated disk: a power cut or a kill after each step.

use std::time::Duration;

use userdata_core::store::{Durability, Put, PutEach};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Domid, Store, Userid, Uuid, WritableUserid};
use userdata_fs::{Directory, FileStore, Promises};
use userdata_sim::crash::{CrashModel, NameOrder, Sizes, Storage};
use userdata_sim::interpose::{CallKind, Interposed, Trace};
use userdata_sim::random::Random;
use userdata_sim::{SimDirectory, SimDisk, SimOptions, Step};

const OLD: &[u8] = b"the old value";
const NEW: &[u8] = b"a new one";

/// How many states that a power cut may leave are drawn for each step.
const DRAWN: u32 = 24;

#[derive(Clone, Copy, Debug)]
enum Layout {
    Flat,
    Tree,
}

fn open(disk: &SimDisk, layout: Layout) -> FileStore<SimDirectory> {
    open_in(disk.process().root().unwrap(), layout)
}

fn open_in<D: Directory>(root: D, layout: Layout) -> FileStore<D> {
    let (owner, boot) = ("host".parse().unwrap(), "boot".parse().unwrap());
    match layout {
        Layout::Flat => FileStore::new(root),
        Layout::Tree => FileStore::tree(root, &owner, &boot).unwrap(),
    }
}

fn options() -> SimOptions {
    let mut options = SimOptions::default();
    options.promises = Promises::ALL;
    options
}

/// Nine domains. The last one has no value before.
fn keys() -> Vec<DomainKey> {
    let key = |n: u16| DomainKey::new(Domid::new(n).unwrap(), Uuid::from_u128(n.into()));
    (1..=9).map(key).collect()
}

fn put<D: Directory>(store: &FileStore<D>, keys: &[DomainKey], bytes: &[u8])
where
    FileStore<D>: Store,
{
    let userid = WritableUserid::new("xl").unwrap();
    let values = [Put::new(&userid, NonEmpty::new(bytes).unwrap())];
    let puts: Vec<_> = keys.iter().map(|key| PutEach::new(*key, &values)).collect();
    let timeout = Duration::from_secs(1);
    for result in store.put_each(&puts, timeout, Durability::Full, &mut |_, _| Ok(())) {
        result.unwrap();
    }
}

/// The steps of a batch that replaces the values of all domains but the last, which is new.
fn steps(layout: Layout) -> Vec<Step> {
    let disk = SimDisk::new(options());
    let store = open(&disk, layout);
    let keys = keys();
    put(&store, &keys[..8], OLD);
    disk.settle();
    disk.record_steps();
    put(&store, &keys, NEW);
    disk.take_steps()
}

/// Reads all values of what was left. Each is whole: the old one or the new one.
fn read(disk: &SimDisk, layout: Layout) -> Vec<bool> {
    let (store, xl) = (open(disk, layout), Userid::new("xl").unwrap());
    let is_new = |key: &DomainKey| {
        let value = store.get(key, &xl).unwrap();
        let had_none = *key == keys()[8];
        match value.as_ref().map(|value| value.as_bytes()) {
            Some(NEW) => true,
            Some(OLD) if !had_none => false,
            None if had_none => false,
            other => panic!("{key}: {other:?}"),
        }
    };
    keys().iter().map(is_new).collect()
}

fn after_power_cuts(storage: &Storage, mut each: impl FnMut(&SimDisk)) {
    let mut random = Random::new(1);
    for names in [NameOrder::Journalled, NameOrder::Weak] {
        for sizes in [Sizes::FollowBytes, Sizes::Vary] {
            let states = storage.crash_states(CrashModel { names, sizes });
            for _ in 0..DRAWN {
                let state = states.state(states.draw(&mut random));
                each(&SimDisk::boot(state, options()));
            }
        }
    }
}

#[test]
fn no_power_cut_tears_a_value_of_a_batch_over_many_domains() {
    for layout in [Layout::Flat, Layout::Tree] {
        let steps = steps(layout);
        let kinds: Vec<CallKind> = steps.iter().map(|step| step.kind).collect();
        let count = |kind| kinds.iter().filter(|made| **made == kind).count();
        assert_eq!(count(CallKind::SyncAll), 1, "{layout:?}");
        assert_eq!(count(CallKind::SyncFile), 0, "{layout:?}");
        for step in &steps {
            after_power_cuts(&step.storage, |disk| drop(read(disk, layout)));
        }
        // After the last step every value is durable.
        let last = steps.last().unwrap();
        after_power_cuts(&last.storage, |disk| {
            assert_eq!(read(disk, layout), [true; 9], "{layout:?}");
        });
    }
}

#[test]
fn the_file_of_the_barrier_is_opened_before_anything_is_written() {
    for layout in [Layout::Flat, Layout::Tree] {
        let (disk, trace) = (SimDisk::new(options()), Trace::default());
        let root = Interposed::new(disk.process().root().unwrap(), trace.clone());
        let store = open_in(root, layout);
        put(&store, &keys()[..8], OLD);
        let before = trace.calls().len();
        put(&store, &keys(), NEW);
        let calls = trace.calls().into_iter().skip(before);
        let made: Vec<CallKind> = calls.map(|call| call.kind).collect();
        let first = |kind| made.iter().position(|made| *made == kind).unwrap();
        // A file that is opened later does not tell of writes that have failed by then.
        let since_written = &made[first(CallKind::Write)..first(CallKind::SyncAll)];
        assert!(!since_written.contains(&CallKind::Open), "{layout:?}");
    }
}

#[test]
fn a_killed_batch_over_many_domains_is_completed_by_another() {
    for layout in [Layout::Flat, Layout::Tree] {
        let mut partly = 0;
        for step in steps(layout) {
            let disk = SimDisk::boot(step.storage, options());
            let before = read(&disk, layout);
            partly += usize::from(before.contains(&true) && before.contains(&false));
            put(&open(&disk, layout), &keys(), NEW);
            assert_eq!(read(&disk, layout), [true; 9], "{layout:?}");
        }
        assert!(partly > 0, "no kill came between two renames");
    }
}
