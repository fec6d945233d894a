//! A mock directory. It answers as a directory without faults, logs every call, and fails the calls
//! that the test chooses.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use mockall::mock;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{Durability, Expect, FileType, Op};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Domid, Uuid, WritableUserid};

use crate::{Directory, Errno, FileStore, Identity, LockMode, Metadata, Name, Promises, Turn};

/// A file of the mock: the letter of its kind, and the domid if it is not that of [`key`].
pub(super) type File = String;

mock! {
    pub(super) Disk {}

    impl Directory for Disk {
        type File = File;
        fn create<'a>(&self, name: Name<'a>) -> Result<File, Errno>;
        fn open_lock<'a>(&self, name: Name<'a>) -> Result<File, Errno>;
        fn open<'a>(&self, name: Name<'a>) -> Result<File, Errno>;
        fn open_in<'a, 'b>(&self, child: Name<'a>, name: Name<'b>) -> Result<File, Errno>;
        fn close(&self, file: File) -> Result<(), Errno>;
        fn read(&self, file: &File, buffer: &mut [u8]) -> Result<usize, Errno>;
        fn write(&self, file: &File, bytes: &[u8]) -> Result<usize, Errno>;
        fn metadata(&self, file: &File) -> Result<Metadata, Errno>;
        fn metadata_at<'a>(&self, name: Name<'a>) -> Result<Metadata, Errno>;
        fn metadata_by_path<'a>(&self, name: Name<'a>) -> Result<Metadata, Errno>;
        fn own_metadata(&self) -> Result<Metadata, Errno>;
        fn lock(&self, file: &File, mode: LockMode) -> Result<(), Errno>;
        fn unlock(&self, file: &File) -> Result<(), Errno>;
        fn lock_itself(&self, mode: LockMode) -> Result<(), Errno>;
        fn unlock_itself(&self) -> Result<(), Errno>;
        fn sync_file(&self, file: &File) -> Result<(), Errno>;
        fn write_back(&self, file: &File) -> Result<(), Errno>;
        fn sync_file_and_name(&self, file: &File) -> Result<(), Errno>;
        fn sync_all(&self, file: &File) -> Result<(), Errno>;
        fn promises(&self) -> Promises;
        fn rename<'a, 'b>(&self, from: Name<'a>, to: Name<'b>) -> Result<(), Errno>;
        fn rename_into<'a, 'b>(
            &self, from: Name<'a>, into: &Self, to: Name<'b>,
        ) -> Result<(), Errno>;
        fn rename_no_replace<'a, 'b>(&self, from: Name<'a>, to: Name<'b>) -> Result<(), Errno>;
        fn link<'a, 'b>(&self, from: Name<'a>, to: Name<'b>) -> Result<(), Errno>;
        fn unlink<'a>(&self, name: Name<'a>) -> Result<(), Errno>;
        fn make_directory<'a>(&self, name: Name<'a>) -> Result<(), Errno>;
        fn open_directory<'a>(&self, name: Name<'a>) -> Result<Self, Errno>;
        fn remove_directory<'a>(&self, name: Name<'a>) -> Result<(), Errno>;
        fn list(
            &self, each: &mut dyn for<'a> FnMut(Name<'a>) -> ControlFlow<()>,
        ) -> Result<(), Errno>;
        fn sync(&self) -> Result<(), Errno>;
        fn is_at_path(&self) -> Result<bool, Errno>;
        fn now(&self) -> Duration;
        fn pause(&self, span: Duration);
        fn await_turn<'a>(&self, lock: Name<'a>, turn: &Turn, span: Duration);
        fn give_turn<'a>(&self, lock: Name<'a>, turn: &Turn);
        fn random(&self) -> Result<u128, Errno>;
        fn process(&self) -> u32;
    }
}

/// What the mock did, and what it is told to do. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Script(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<String>,
    /// How often each call was made.
    counts: BTreeMap<String, usize>,
    /// Which calls fail: their text, and which of those with the same text.
    failures: Vec<(String, Range<usize>, Errno)>,
    /// The inode under each name that is not the one that was opened.
    replaced: Vec<(String, usize)>,
    /// Which file has a name since it was moved there.
    moved: BTreeMap<File, File>,
    names: Vec<FileName>,
    content: Option<Vec<u8>>,
    /// The closing mark exists.
    marked: bool,
    /// The path leads to another directory.
    displaced: bool,
    /// Names are taken for the same whatever their case.
    folds_case: bool,
    promises: Promises,
    clock: Duration,
    /// How far the clock moves when it is looked at.
    tick: Duration,
    process: u32,
}

impl Script {
    /// Makes every call with this text fail after the first `before` ones.
    pub(super) fn fail(&self, call: &str, before: usize, errno: Errno) -> &Self {
        self.0
            .lock()
            .unwrap()
            .failures
            .push((call.to_owned(), before..usize::MAX, errno));
        self
    }

    /// Makes the first call with this text fail, and no other one.
    pub(super) fn fail_once(&self, call: &str, errno: Errno) -> &Self {
        let mut state = self.0.lock().unwrap();
        state.failures.push((call.to_owned(), 0..1, errno));
        drop(state);
        self
    }

    /// Lets the name stand for another file from its `from`-th look-up on.
    pub(super) fn replace(&self, call: &str, from: usize) -> &Self {
        self.0
            .lock()
            .unwrap()
            .replaced
            .push((call.to_owned(), from));
        self
    }

    pub(super) fn names(&self, names: Vec<FileName>) -> &Self {
        self.0.lock().unwrap().names = names;
        self
    }

    pub(super) fn content(&self, bytes: &[u8]) -> &Self {
        self.0.lock().unwrap().content = Some(bytes.to_vec());
        self
    }

    pub(super) fn mark(&self) -> &Self {
        self.0.lock().unwrap().marked = true;
        self
    }

    pub(super) fn tick(&self) -> &Self {
        self.0.lock().unwrap().tick = Duration::from_millis(1);
        self
    }

    pub(super) fn displace(&self) -> &Self {
        self.0.lock().unwrap().displaced = true;
        self
    }

    pub(super) fn fold_case(&self) -> &Self {
        self.0.lock().unwrap().folds_case = true;
        self
    }

    pub(super) fn promise(&self, promises: Promises) -> &Self {
        self.0.lock().unwrap().promises = promises;
        self
    }

    pub(super) fn become_process(&self, process: u32) {
        self.0.lock().unwrap().process = process;
    }

    /// Every call so far but those that ask for the time or the process.
    pub(super) fn calls(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        let silent = |call: &&String| !matches!(call.as_str(), "now" | "process");
        state.calls.iter().filter(silent).cloned().collect()
    }

    pub(super) fn store(&self) -> FileStore<MockDisk> {
        FileStore::new(self.disk())
    }

    fn called(&self, call: String) -> Result<usize, Errno> {
        let mut state = self.0.lock().unwrap();
        let count = state.counts.entry(call.clone()).or_default();
        let before = *count;
        *count += 1;
        let failure = state
            .failures
            .iter()
            .find(|(text, which, _)| *text == call && which.contains(&before))
            .map(|(_, _, errno)| *errno);
        state.calls.push(call);
        failure.map_or(Ok(before), Err)
    }

    fn disk(&self) -> MockDisk {
        let mut disk = MockDisk::new();
        let s = self.clone();
        disk.expect_create()
            .returning(move |name| s.opened("create", name));
        let s = self.clone();
        disk.expect_open_lock()
            .returning(move |name| s.opened("open_lock", name));
        let s = self.clone();
        disk.expect_open()
            .returning(move |name| s.opened("open", name));
        let s = self.clone();
        disk.expect_close()
            .returning(move |file| s.called(format!("close {file}")).map(drop));
        let s = self.clone();
        disk.expect_read().returning(move |file, buffer| {
            s.called(format!("read {file}"))?;
            let content = s.0.lock().unwrap().content.clone().unwrap_or_default();
            let count = content.len().min(buffer.len());
            buffer[..count].copy_from_slice(&content[..count]);
            Ok(count)
        });
        let s = self.clone();
        disk.expect_write()
            .returning(move |file, bytes| s.called(format!("write {file}")).map(|_| bytes.len()));
        let s = self.clone();
        disk.expect_metadata()
            .returning(move |file| s.looked_at("fstat", file));
        let s = self.clone();
        disk.expect_metadata_at()
            .returning(move |name| s.looked_at("stat", &letter(name)));
        let s = self.clone();
        disk.expect_lock().returning(move |file, mode| {
            let text = match mode {
                LockMode::Exclusive => format!("lock {file}"),
                LockMode::Shared => format!("lock_shared {file}"),
            };
            s.called(text).map(drop)
        });
        let s = self.clone();
        disk.expect_unlock()
            .returning(move |file| s.called(format!("unlock {file}")).map(drop));
        let s = self.clone();
        disk.expect_sync_file()
            .returning(move |file| s.called(format!("sync_file {file}")).map(drop));
        let s = self.clone();
        disk.expect_write_back()
            .returning(move |file| s.called(format!("write_back {file}")).map(drop));
        let s = self.clone();
        disk.expect_sync_file_and_name()
            .returning(move |file| s.called(format!("sync_file_and_name {file}")).map(drop));
        let s = self.clone();
        disk.expect_sync_all()
            .returning(move |file| s.called(format!("sync_all {file}")).map(drop));
        let s = self.clone();
        disk.expect_promises()
            .returning(move || s.0.lock().unwrap().promises);
        let s = self.clone();
        disk.expect_rename().returning(move |from, to| {
            s.called(format!("rename {} {}", letter(from), letter(to)))
                .map(drop)
        });
        let s = self.clone();
        disk.expect_unlink()
            .returning(move |name| s.called(format!("unlink {}", letter(name))).map(drop));
        let s = self.clone();
        disk.expect_rename_no_replace().returning(move |from, to| {
            let (from, to) = (letter(from), letter(to));
            s.called(format!("move {from} {to}"))?;
            let moved = &mut s.0.lock().unwrap().moved;
            let file = moved.remove(&from).unwrap_or(from);
            moved.insert(to, file);
            Ok(())
        });
        let s = self.clone();
        disk.expect_link().returning(move |from, to| {
            s.called(format!("link {} {}", letter(from), letter(to)))
                .map(drop)
        });
        let s = self.clone();
        disk.expect_is_at_path().returning(move || {
            s.called("at_path".to_owned())?;
            Ok(!s.0.lock().unwrap().displaced)
        });
        let s = self.clone();
        disk.expect_list().returning(move |each| {
            s.called("list".to_owned())?;
            let names = s.0.lock().unwrap().names.clone();
            let _ = names.iter().try_for_each(|name| each(name.into()));
            Ok(())
        });
        let s = self.clone();
        disk.expect_sync()
            .returning(move || s.called("sync".to_owned()).map(drop));
        let s = self.clone();
        disk.expect_now().returning(move || {
            let _ = s.called("now".to_owned());
            let mut state = s.0.lock().unwrap();
            let tick = state.tick;
            state.clock += tick;
            state.clock
        });
        let s = self.clone();
        disk.expect_pause().returning(move |span| {
            let _ = s.called(format!("pause {span:?}"));
            s.0.lock().unwrap().clock += span;
        });
        let s = self.clone();
        disk.expect_await_turn().returning(move |lock, _, span| {
            let _ = s.called(format!("await_turn {} {span:?}", letter(lock)));
            s.0.lock().unwrap().clock += span;
        });
        let s = self.clone();
        disk.expect_give_turn().returning(move |lock, turn| {
            let _ = s.called(format!("give_turn {}", letter(lock)));
            turn.give();
        });
        let s = self.clone();
        disk.expect_random()
            .returning(move || s.called("random".to_owned()).map(|before| before as u128));
        let s = self.clone();
        disk.expect_process().returning(move || {
            let _ = s.called("process".to_owned());
            s.0.lock().unwrap().process
        });
        disk
    }

    /// Closing markers and values are not there unless the test says so.
    fn opened(&self, call: &str, name: Name<'_>) -> Result<File, Errno> {
        let letter = letter(name);
        self.called(format!("{call} {letter}"))?;
        if call == "create" && letter == "c" && self.0.lock().unwrap().marked {
            return Err(Errno::EXIST);
        }
        let there = match (call, &letter[..1]) {
            ("open", "c") => self.0.lock().unwrap().marked,
            ("open", "d") => self.0.lock().unwrap().content.is_some(),
            _ => true,
        };
        there.then_some(letter).ok_or(Errno::NOENT)
    }

    fn looked_at(&self, call: &str, letter: &str) -> Result<Metadata, Errno> {
        let call = format!("{call} {letter}");
        let before = self.called(call.clone())?;
        let state = self.0.lock().unwrap();
        // A name in capitals is there only where case is folded.
        let letter = match letter {
            letter if letter.starts_with('L') && !state.folds_case => return Err(Errno::NOENT),
            letter => letter.to_ascii_lowercase(),
        };
        let replaced = state
            .replaced
            .iter()
            .any(|(text, from)| *text == call && before >= *from);
        let named = match call.starts_with("stat") {
            true => state.moved.get(&letter).unwrap_or(&letter),
            false => &letter,
        };
        let number = named
            .bytes()
            .fold(0, |number, byte| number * 256 + u64::from(byte));
        let inode = number * 2 + u64::from(replaced);
        Ok(Metadata {
            identity: Identity { device: 1, inode },
            file_type: FileType::Regular,
            size: state.content.as_ref().map_or(0, Vec::len) as u64,
            modified: SystemTime::UNIX_EPOCH,
        })
    }
}

/// The letter of the name's kind, a capital if the whole name is in capitals, and the domid of
/// another domain.
fn letter(name: Name<'_>) -> File {
    let bytes = name.as_bytes();
    let lower = bytes.to_ascii_lowercase();
    let name = FileName::parse(NameFormat::Libxl, &lower).unwrap();
    let letter = char::from(name.kind().letter());
    let letter = match lower == bytes {
        true => letter,
        false => letter.to_ascii_uppercase(),
    };
    match name.owner().domid {
        Some(domid) if domid != key().domid => format!("{letter}{domid}"),
        _ => letter.to_string(),
    }
}

pub(super) fn key() -> DomainKey {
    DomainKey::new(Domid::new(5).unwrap(), Uuid::from_u128(0x55))
}

/// A domain whose key is the higher one.
pub(super) fn higher() -> DomainKey {
    DomainKey::new(Domid::new(9).unwrap(), Uuid::from_u128(0x11))
}

/// The name of a file of this domain.
pub(super) fn file(key: &DomainKey, kind: &str, rest: &str) -> FileName {
    let name = format!("userdata-{kind}.{key}.{rest}");
    FileName::parse(NameFormat::Libxl, name.as_bytes()).unwrap()
}

pub(super) fn userid() -> WritableUserid {
    WritableUserid::new("xl").unwrap()
}

pub(super) fn deadline() -> Duration {
    Duration::from_millis(20)
}

pub(super) fn put(userid: &WritableUserid, durability: Durability) -> Op<'_> {
    Op::Put {
        userid,
        data: NonEmpty::new(b"new").unwrap(),
        expect: Expect::Any,
        durability,
    }
}

/// The calls in one line, as the tests write them.
pub(super) fn words(calls: &[&str]) -> Vec<String> {
    calls.iter().map(|call| (*call).to_owned()).collect()
}
