//! Sequences of calls of the C library, with pointers and numbers that a program should not pass,
//! against a model; some of the calls are made by a forked child.

use std::path::Path;

use arbitrary::Unstructured;
use tempfile::TempDir;
use userdata_archive::{Archive, Limits};
use userdata_capi::called::{digest_of, in_child};
use userdata_core::{DomainKey, Domid, Userid, Uuid, Value, Version};

mod answer;
mod expected;
mod input;
mod world;

use expected::Expected;
use input::{Call, Expecting, From, History, Step};
use world::World;

/// The most calls of an input for which it forks.
const CHILDREN_MAX: usize = 2;

/// The exit status of a child that got another answer than was expected.
const OTHER_ANSWER: u8 = 255;

/// Each call of the C library returns the code that the header gives for it, and the results that
/// follow from the calls before it. So does a call that a forked child makes.
pub fn c_calls(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let history = History::of(&mut data);
    let mut expected = Expected::new(history.reports_dying);
    let mut world = World::new(expected.host());
    let mut children = 0;
    for step in input::first().iter().chain(&history.steps) {
        match step {
            Step::Event(event) => {
                expected.happen(*event);
                world.set_host(expected.host());
            }
            Step::Call(call) => check(&mut world, &mut expected, call),
            Step::InChild(call) if children < CHILDREN_MAX && !call.is_kept() => {
                children += 1;
                check_in_child(&mut world, &mut expected, call);
            }
            Step::InChild(_) => {}
        }
    }
    while expected.begun() > 0 {
        check(&mut world, &mut expected, &Call::END);
    }
    assert_eq!(world.files(), Some(expected.values().len()));
}

fn check(world: &mut World, expected: &mut Expected, call: &Call) {
    let answer = world.answer(call, expected);
    assert_eq!(answer, expected.answer(call), "{call:?}");
}

/// The child makes the call on the contexts of its parent, and frees them.
fn check_in_child(world: &mut World, expected: &mut Expected, call: &Call) {
    let mut after = expected.clone();
    let wanted = after.answer(call);
    let status = in_child(|| {
        let answer = world.answer(call, expected);
        world.free();
        match answer == wanted {
            true => u8::try_from(-answer.code()).unwrap_or(OTHER_ANSWER),
            false => OTHER_ANSWER,
        }
    });
    assert_eq!(-status, wanted.code(), "{call:?} in a child: {wanted:?}");
    *expected = after;
}

/// A directory on a file system where a sync costs almost nothing.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let scratch = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    scratch.unwrap_or_else(|error| panic!("a directory cannot be made: {error}"))
}

/// The digest that a store expects.
fn digest(expect: Expecting, there: Option<&Vec<u8>>) -> Option<[u8; 32]> {
    let bytes = match expect {
        Expecting::Nothing => return None,
        Expecting::Right => there.map(Vec::as_slice).unwrap_or_default(),
        Expecting::Wrong(byte) => &[byte],
    };
    let digest = digest_of(bytes);
    assert_eq!(digest, Version::of(bytes).to_bytes());
    Some(digest)
}

/// The bytes of an archive.
fn bytes_of(archive: &Archive) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = archive.write(&mut bytes, &Limits::new(u64::MAX));
    assert!(written.is_ok(), "{written:?}");
    bytes
}

/// The bytes that an import reads.
fn archive_of(from: &From, last: &[u8]) -> Vec<u8> {
    match from {
        From::Last => last.to_vec(),
        From::Raw(bytes) => bytes.clone(),
        From::Made { values, edit } => {
            let value = |(userid, bytes): &(input::Named, Vec<u8>)| {
                let userid = Userid::new(userid.text()?.to_bytes()).ok()?;
                Some((userid, Value::new(bytes.clone())))
            };
            let values = values.iter().filter_map(value);
            let key = DomainKey::new(Domid::ZERO, Uuid::nil());
            let Ok(archive) = Archive::new(key, None, values) else {
                return Vec::new();
            };
            let mut bytes = bytes_of(&archive);
            if let Some((at, with)) = *edit {
                let at = usize::from(at) % bytes.len();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= with;
                }
            }
            bytes
        }
        From::WriteOnly | From::Closed | From::Negative => Vec::new(),
    }
}
