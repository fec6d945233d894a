//! `actor DIRECTORY DOMAIN COMMAND ...`: one of several processes that use one directory.
//!
//! It prints its steps on standard output, one word per line, and waits for lines on standard input
//! where a test sets the pace. It panics on a wrong result, which shows in its exit status.

mod breaking;
mod exhausted;
mod forking;
mod mounted;
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

/// Passes in a failing test only.
const PATIENT: Duration = Duration::from_secs(120);

/// A process's store, directory and domain.
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
    let store = match env::var("TREE_OF") {
        Ok(owner) => {
            let (owner, boot) = (owner.parse(), "boot-1".parse());
            let owner = owner.expect("the owner of a tree");
            FileStore::open_tree(&directory, &owner, &boot.expect("the name of a boot"))
        }
        Err(_) => FileStore::open(&directory),
    };
    let store = store.expect("a directory is opened");
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
        ("free-on-a-tmpfs", []) => actor.free_on_a_tmpfs(),
        ("free-at-once", []) => actor.free_at_once(),
        ("mounted-over", []) => actor.mounted_over(),
        ("clear-with-a-mount", []) => actor.clear_with_a_mount(),
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

/// Prints a line.
fn say(line: &str) {
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}").expect("the test reads the output");
    stdout.flush().expect("the test reads the output");
}

/// Waits for a line. It is empty once the test has closed the pipe.
fn listen() -> String {
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .expect("the test writes the input");
    line.trim_end().to_owned()
}

/// Prints the result of a call: a word, or the kind of its error.
fn say_result<T>(word: &str, result: Result<T, StoreError>) {
    match result {
        Ok(_) => say(word),
        Err(error) => say(&format!("{:?}", error.kind())),
    }
}

impl Actor {
    /// Stores a value without syncs, or removes it if there are no bytes.
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
        let op = match NonEmpty::new(data) {
            Some(data) => Op::Put {
                userid,
                data,
                expect,
                durability,
            },
            None => Op::Delete {
                userid: userid.as_userid(),
                expect,
                durability,
            },
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
