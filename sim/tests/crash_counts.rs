//! The crash states of the four sequences that replace a file by a new one, counted.
//!
//! The conditions are those under which the numbers are known: the new file has two blocks, written
//! by one call each; the state before the first call counts; equal states count; sizes follow the
//! bytes; the sync of a file does not persist names.

use std::collections::BTreeSet;

use userdata_fs::{Directory as _, Name};
use userdata_sim::crash::{CrashModel, NameOrder, Sizes, Storage};
use userdata_sim::{Plant, SimDirectory, SimDisk, SimOptions, SimProcess};

const OLD: &[u8] = b"o";
const HALF: &[u8] = b"n1";
const HOLE: &[u8] = b"\0\0n2";
const NEW: &[u8] = b"n1n2";

/// What the value may be after a crash besides the whole old one and the whole new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bad {
    Empty,
    Half,
    Hole,
    Other,
}

/// What a walk over all crash states found.
#[derive(Debug, PartialEq, Eq)]
struct Walk {
    states: u128,
    bad: BTreeSet<Bad>,
    /// Crashes after the last call that lose the new value.
    lost: usize,
}

fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).unwrap()
}

fn host() -> (SimDisk, SimProcess, SimDirectory) {
    let disk = SimDisk::new(SimOptions::default());
    let process = disk.process();
    let root = process.root().unwrap();
    root.plant(name("value"), Plant::File(OLD.to_vec()))
        .unwrap();
    (disk, process, root)
}

/// Replaces the value, and crashes before the first call and after each.
fn walk(sync_file: bool, sync_directory: bool, model: CrashModel) -> Walk {
    let (disk, _process, root) = host();
    let before = disk.storage();
    disk.record_steps();
    let file = root.create(name("temporary")).unwrap();
    assert_eq!(root.write(&file, b"n1"), Ok(2));
    assert_eq!(root.write(&file, b"n2"), Ok(2));
    if sync_file {
        root.sync_file(&file).unwrap();
    }
    root.rename(name("temporary"), name("value")).unwrap();
    if sync_directory {
        root.sync().unwrap();
    }
    let mut moments = vec![before];
    moments.extend(disk.take_steps().into_iter().map(|step| step.storage));
    let value = |state: &Storage| state.tree().file(b"value").map(<[u8]>::to_vec);
    let mut bad = BTreeSet::new();
    for state in moments
        .iter()
        .flat_map(|moment| moment.crash_states(model).iter().collect::<Vec<_>>())
    {
        bad.extend(match value(&state).as_deref() {
            Some(OLD | NEW) => None,
            Some(b"") => Some(Bad::Empty),
            Some(HALF) => Some(Bad::Half),
            Some(HOLE) => Some(Bad::Hole),
            _ => Some(Bad::Other),
        });
    }
    let acknowledged = moments.last().unwrap().crash_states(model);
    let lost = acknowledged
        .iter()
        .filter(|state| value(state).as_deref() != Some(NEW))
        .count();
    let states = moments
        .iter()
        .map(|moment| moment.crash_states(model).count())
        .sum();
    Walk { states, bad, lost }
}

fn check(sync_file: bool, sync_directory: bool, states: [u128; 2], bad: &[Bad], lost: [usize; 2]) {
    for (at, names) in [NameOrder::Journalled, NameOrder::Weak]
        .into_iter()
        .enumerate()
    {
        let model = CrashModel {
            names,
            sizes: Sizes::FollowBytes,
        };
        let expected = Walk {
            states: states[at],
            bad: bad.iter().copied().collect(),
            lost: lost[at],
        };
        assert_eq!(
            walk(sync_file, sync_directory, model),
            expected,
            "{names:?}"
        );
    }
}

#[test]
fn write_and_rename_tears_and_loses() {
    check(
        false,
        false,
        [27, 31],
        &[Bad::Empty, Bad::Half, Bad::Hole],
        [11, 14],
    );
}

#[test]
fn a_sync_of_the_directory_alone_does_not_mend_it() {
    check(
        false,
        true,
        [31, 35],
        &[Bad::Empty, Bad::Half, Bad::Hole],
        [3, 3],
    );
}

#[test]
fn a_sync_of_the_file_alone_never_tears_but_loses() {
    check(true, false, [20, 21], &[], [2, 2]);
}

#[test]
fn both_syncs_neither_tear_nor_lose() {
    check(true, true, [21, 22], &[], [0, 0]);
}

#[test]
fn sizes_that_vary_add_zeros_of_the_right_length() {
    let model = CrashModel {
        names: NameOrder::Journalled,
        sizes: Sizes::Vary,
    };
    let (disk, _process, root) = host();
    let file = root.create(name("temporary")).unwrap();
    root.write(&file, b"n1").unwrap();
    root.write(&file, b"n2").unwrap();
    root.rename(name("temporary"), name("value")).unwrap();
    root.sync().unwrap();
    let storage = disk.storage();
    let contents: BTreeSet<Vec<u8>> = storage
        .crash_states(model)
        .iter()
        .map(|state| {
            let root = SimDisk::boot(state, SimOptions::default())
                .process()
                .root()
                .unwrap();
            let file = root.open(name("value")).unwrap();
            let mut bytes = vec![0; 8];
            let count = root.read(&file, &mut bytes).unwrap();
            bytes.truncate(count);
            bytes
        })
        .collect();
    let expected = [&b""[..], b"\0\0", HALF, b"\0\0\0\0", b"n1\0\0", HOLE, NEW];
    assert_eq!(contents, expected.into_iter().map(<[u8]>::to_vec).collect());
}

#[test]
fn distinct_states_are_exactly_the_different_ones() {
    let (disk, _process, root) = host();
    disk.record_steps();
    for (from, to) in [("a", "b"), ("c", "value")] {
        let file = root.create(name(from)).unwrap();
        root.write(&file, b"n1").unwrap();
        root.write(&file, b"n2").unwrap();
        root.rename(name(from), name(to)).unwrap();
    }
    root.unlink(name("b")).unwrap();
    root.sync().unwrap();
    for step in disk.take_steps() {
        for names in [NameOrder::Journalled, NameOrder::Weak] {
            for sizes in [Sizes::FollowBytes, Sizes::Vary] {
                let states = step.storage.crash_states(CrashModel { names, sizes });
                let all: BTreeSet<_> = states.iter().map(|state| state.tree()).collect();
                let distinct: Vec<_> = states.distinct(&mut BTreeSet::new()).collect();
                assert_eq!(distinct.len(), all.len());
                let from_distinct: BTreeSet<_> = distinct.iter().map(|(_, s)| s.tree()).collect();
                assert_eq!(from_distinct, all);
                for (index, state) in distinct {
                    assert_eq!(states.state(index).tree(), state.tree());
                }
            }
        }
    }
}
