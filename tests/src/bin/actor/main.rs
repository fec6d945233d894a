//! `actor DIRECTORY DOMAIN COMMAND ...`: one process among several that work on one directory.
//!
//! Says on stdout what it does, a word a line, and waits on stdin where a test is to set the pace.
//! A wrong result is a panic, so that its exit status tells.

mod breaking;
mod exhausted;
mod forking;
mod storing;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;
use userdata_core::value::NonEmpty;

use userdata_core::store::{Done, Durability, Expect, Op, StoreError};
use userdata_core::{DomainKey, Store as _, Userid, WritableUserid};
use userdata_fs::{FileStore, OsDirectory};

/// Long enough for any machine.
const PATIENT: Duration = Duration::from_secs(120);

/// Who works, on what.
struct Actor {
    directory: PathBuf,
    store: FileStore<OsDirectory>,
    domain: DomainKey,
}

fn main() {
    let mut arguments = env::args_os().skip(1);
    let mut next = || arguments.next().expect("an argument");
    let directory = PathBuf::from(next());
    let domain = text(next()).parse().expect("DOMID.UUID");
    let command = text(next());
    let store = FileStore::open(&directory).expect("a directory is opened");
    let actor = Actor {
        directory,
        store,
        domain,
    };
    let rest: Vec<String> = arguments.map(text).collect();
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    match (&*command, &*rest) {
        ("write", [userid, writer, rounds]) => {
            actor.write(&userid_of(userid), number(writer), number(rounds));
        }
        ("write-large", [userid, size]) => actor.write_large(&userid_of(userid), number(size)),
        ("read", [userid]) => actor.read(&userid_of(userid)),
        ("count", [userid, times]) => actor.count(&userid_of(userid), number(times)),
        ("hold", [userid, value]) => actor.hold(&userid_of(userid), value.as_bytes()),
        ("exclude", [witness, times]) => actor.exclude(witness.as_ref(), number(times)),
        ("close", []) => actor.close(),
        ("break-lock", []) => actor.break_lock(),
        ("fork", [fate, signal]) => actor.fork(fate, signal.as_ref()),
        ("few-files", [left]) => actor.few_files(number(left)),
        ("full-disk", []) => actor.full_disk(),
        ("no-inodes", []) => actor.no_inodes(),
        ("free-without-inodes", []) => actor.free_without_inodes(),
        ("mounted-over", []) => actor.mounted_over(),
        ("read-only", []) => actor.read_only(),
        ("not-permitted", []) => actor.not_permitted(),
        other => panic!("no such command: {other:?}"),
    }
}

fn text(argument: OsString) -> String {
    argument.into_string().expect("an argument of text")
}

fn number(text: &str) -> u32 {
    text.parse().expect("a number")
}

fn userid_of(text: &str) -> WritableUserid {
    WritableUserid::new(text).expect("a userid")
}

/// Says one line.
fn say(line: &str) {
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}").expect("a test that listens");
    stdout.flush().expect("a test that listens");
}

/// Waits for a line; an empty one when the test is over.
fn listen() -> String {
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .expect("a test that speaks");
    line.trim_end().to_owned()
}

/// Says how something ended: in one word, or with the kind of its error.
fn say_result<T>(word: &str, result: Result<T, StoreError>) {
    match result {
        Ok(_) => say(word),
        Err(error) => say(&format!("{:?}", error.kind())),
    }
}

impl Actor {
    /// Stores a value as fast as the kernel alone makes it.
    fn put(&self, userid: &WritableUserid, data: &[u8], expect: Expect) -> Result<(), StoreError> {
        self.put_durably(userid, data, expect, Durability::Process)
    }

    fn put_durably(
        &self,
        userid: &WritableUserid,
        data: &[u8],
        expect: Expect,
        durability: Durability,
    ) -> Result<(), StoreError> {
        let op = Op::Put {
            userid,
            data: NonEmpty::new(data).expect("a value has bytes"),
            expect,
            durability,
        };
        self.change(&[op]).map(drop)
    }

    fn remove(&self, userid: &Userid) -> Result<(), StoreError> {
        let op = Op::Delete {
            userid,
            expect: Expect::Any,
            durability: Durability::Process,
        };
        self.change(&[op]).map(drop)
    }

    fn change(&self, ops: &[Op<'_>]) -> Result<Vec<Done>, StoreError> {
        self.store
            .change(&self.domain, PATIENT, &mut |_| Ok(()), ops)
    }

    fn get(&self, userid: &Userid) -> Option<Vec<u8>> {
        let value = self
            .store
            .get(&self.domain, userid)
            .expect("a value is read or absent");
        value.map(userdata_core::Value::into_bytes)
    }
}
