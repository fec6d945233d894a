//! The tree layout of `FileStore`, beyond what every store has to do.

mod calls;
mod hostile;
mod imports;
mod locks;
mod processes;
mod reclaiming;
mod roots;
mod sweeping;
mod transfers;

use std::time::Duration;

use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::store::{
    Clash, Cleared, Done, Durability, Expect, Keep, Op, Put, StoreError, TreeOwner,
};
use userdata_core::value::NonEmpty;
use userdata_core::{DomainKey, Store as _, Userid};
use userdata_fs::{Directory, FileStore, Name};
use userdata_sim::interpose::{Interposed, Trace};
use userdata_sim::{SimDirectory, SimDisk, SimOptions, SimProcess};

use crate::scene::{PATIENT, userid};

type Traced = Interposed<SimDirectory, Trace>;

fn domain() -> DomainKey {
    let key = "5.11111111-2222-3333-4444-abcdef555555".parse();
    key.expect("DOMID.UUID")
}

fn owner() -> TreeOwner {
    "host-1".parse().expect("the owner of a tree")
}

fn name(text: &str) -> Name<'_> {
    Name::new(text.as_bytes()).expect("a single path component")
}

fn open<D: Directory>(root: D) -> FileStore<D> {
    let boot = "boot-1".parse().expect("the name of a boot");
    FileStore::tree(root, &owner(), &boot).expect("a tree is opened")
}

/// A store of a new process of this host.
fn process(disk: &SimDisk) -> (SimProcess, FileStore<SimDirectory>) {
    let process = disk.process();
    let root = process.root().expect("a directory is opened");
    (process, open(root))
}

/// A store whose calls are traced, on a disk with the tree made.
fn traced() -> (SimDisk, FileStore<Traced>, Trace) {
    let disk = SimDisk::new(SimOptions::default());
    let trace = Trace::default();
    let root = disk.process().root().expect("a directory is opened");
    let store = open(Interposed::new(root, trace.clone()));
    (disk, store, trace)
}

fn put_op<'a>(text: &'a userdata_core::WritableUserid, data: &'a [u8]) -> Op<'a> {
    Op::Put {
        userid: text,
        data: NonEmpty::new(data).expect("a value has bytes"),
        expect: Expect::Any,
        durability: Durability::Process,
    }
}

fn put<D: Directory>(
    store: &FileStore<D>,
    text: &str,
    data: &[u8],
) -> Result<Vec<Done>, StoreError> {
    let userid = userid(text);
    store.change(
        &domain(),
        PATIENT,
        &mut |_| Ok(()),
        &[put_op(&userid, data)],
    )
}

fn get<D: Directory>(store: &FileStore<D>, text: &str) -> Option<Vec<u8>> {
    let userid = Userid::new(text).expect("a userid");
    let value = store.get(&domain(), &userid).expect("a value is read");
    value.map(userdata_core::Value::into_bytes)
}

fn clear<D: Directory>(store: &FileStore<D>, keep: Keep) -> Result<Cleared, StoreError> {
    clear_at(store, keep, Durability::Process)
}

fn clear_at<D: Directory>(
    store: &FileStore<D>,
    keep: Keep,
    durability: Durability,
) -> Result<Cleared, StoreError> {
    let op = Op::Clear { keep, durability };
    let mut done = store.change(&domain(), PATIENT, &mut |_| Ok(()), &[op])?;
    match done.pop() {
        Some(Done::Cleared(cleared)) => Ok(cleared),
        other => panic!("a clear answered {other:?}"),
    }
}

fn put_all<D: Directory>(
    store: &FileStore<D>,
    values: &[(&str, &[u8])],
) -> Result<Vec<Done>, StoreError> {
    let userids: Vec<_> = values.iter().map(|(text, _)| userid(text)).collect();
    let puts: Vec<Put<'_>> = userids
        .iter()
        .zip(values)
        .map(|(userid, (_, data))| Put::new(userid, NonEmpty::new(data).expect("bytes")))
        .collect();
    let op = Op::PutAll {
        values: &puts,
        clash: Clash::Refuse,
        durability: Durability::Full,
    };
    store.change(&domain(), PATIENT, &mut |_| Ok(()), &[op])
}

/// What has been made below the root, as paths in order.
fn paths(disk: &SimDisk) -> Vec<String> {
    let tree = disk.tree();
    let paths = tree.iter().map(|(path, _)| path.escape_ascii().to_string());
    paths.collect()
}

fn domain_path() -> String {
    format!("boot-boot-1/{}", domain())
}

/// The directory of the domain, opened by a new process.
fn domain_directory(disk: &SimDisk) -> SimDirectory {
    let root = disk.process().root().expect("a directory is opened");
    let boot = root
        .open_directory(name("boot-boot-1"))
        .expect("the boot's");
    let lock = FileName::lock(NameFormat::Tree, &domain());
    boot.open_directory((&lock).into()).expect("the domain's")
}

/// A timeout that a test waits for.
const SOON: Duration = Duration::from_millis(20);
