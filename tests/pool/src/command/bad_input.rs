//! What is refused: wrong servers, and what a pool does not keep.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use userdata_core::store::Attempt;

use super::{Site, WEB};
use crate::ports;
use crate::rig::Rig;

/// How long a process takes at most to start and to end, on a busy machine.
const START: Duration = Duration::from_secs(2);

const NIL: &str = "00000000-0000-0000-0000-000000000000";

impl Site {
    /// Writes an archive with so many values of this length, which another host exported.
    fn large_archive(&mut self, name: &str, values: usize, length: usize) -> Result<()> {
        let value = vec![b'v'; length];
        fs::create_dir_all(self.folder.join("files"))?;
        for number in 0..values {
            self.in_files(&format!("store web value-{number}"), &value)?;
        }
        self.in_files(&format!("export web -o {name}"), b"")?;
        self.in_files("clear web", b"")
    }

    /// Runs the command on `c`, where no member answers.
    fn unanswered(&mut self, words: &str) -> Result<()> {
        let (timeout, began) = (Duration::from_secs(1), Instant::now());
        let words = format!("{words} --timeout {}", timeout.as_secs());
        self.tell("c", &words, 7, "no answer")?;
        let time = began.elapsed();
        ensure!(time < timeout + START, "'{words}' took {time:?}");
        Ok(())
    }

    /// Runs the command on files of its own, beside the pool.
    fn in_files(&mut self, words: &str, input: &[u8]) -> Result<()> {
        self.feed("a", &format!("--dir files {words}"), input, 0, "")?;
        Ok(())
    }
}

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let mut site = Site::new(rig, &cluster.endpoints())?;
    // A port without a listener; then a server that accepts and says nothing.
    let port = ports::free()?;
    let of = |port| format!("endpoints = [\"http://127.0.0.1:{port}\"]\nhost = \"c\"\n");
    site.file("c.toml", &of(port))?;
    site.unanswered("list")?;
    site.unanswered("sweep")?;
    let silent = TcpListener::bind("127.0.0.1:0")?;
    site.file("c.toml", &of(silent.local_addr()?.port()))?;
    site.unanswered("list")?;
    // A host that never joined.
    let create = format!("sim create --name web --uuid {WEB}");
    site.tell("a", &create, 0, "")?;
    site.feed("a", "store web agent", b"x", 12, "not a member")?;
    site.tell("a", "pool join", 0, "joined")?;
    // Another machine takes the name.
    site.file(
        "d.toml",
        &format!("endpoints = {:?}\nhost = \"a\"\n", cluster.endpoints()),
    )?;
    site.tell("d", "sim create --name other", 0, "")?;
    let members = site.tell("a", "pool status --json", 0, "\"host\":\"a\"")?;
    let machine = members.split("\"machine\":\"").nth(1);
    let machine = machine.and_then(|rest| rest.split('"').next());
    let machine = machine.context("no machine-id")?;
    let taken = format!("the name a belongs to the machine {machine}: ");
    site.tell("d", "pool join", 9, &taken)?;
    site.tell("d", "pool leave", 9, &taken)?;
    // What stays in the files of the host.
    for words in ["web xl", "web libvirt-xml", "--libxl-json web libxl-json"] {
        site.feed("a", &format!("store {words}"), b"x", 2, "files")?;
    }
    site.feed("a", "store 0 agent", b"x", 2, "files")?;
    site.tell("a", "list 0", 2, "files")?;
    let attempt = Attempt::new(1, 1);
    for words in [
        format!("list 0.{NIL}"),
        "pool status 0".to_owned(),
        format!("pool status {NIL}"),
        format!("pool status 1.{NIL}"),
        format!("pool discard {NIL}"),
        format!("pool settle 0 {attempt}"),
        format!("pool settle {NIL} {attempt}"),
    ] {
        site.tell("a", &words, 2, "files")?;
    }
    // An import that waits refuses it at once, too.
    site.feed("a", "store web agent", b"x", 0, "")?;
    site.tell("a", "export web -o web.userdata", 0, "")?;
    site.tell("a", "import 0 web.userdata", 2, "files")?;
    site.tell("a", "import --wait 1 0 web.userdata", 2, "files")?;
    // One byte too much.
    let large = vec![b'x'; (1 << 20) + 1];
    site.feed("a", "store web agent", &large, 8, "1048576")?;
    let left = site.tell("a", "retrieve web agent", 0, "")?;
    ensure!(left == "x", "{} bytes", left.len());
    // More than one transaction takes, in values and in bytes. Nothing of an import is stored.
    for (number, length, told) in [
        (60, 1, "121 operations and the limit is 120"),
        (3, 500_000, "bytes and the limit is 1400000"),
    ] {
        let archive = format!("{number}.userdata");
        site.large_archive(&archive, number, length)?;
        site.tell("a", &format!("import web {archive}"), 8, told)?;
        let listed = site.tell("a", "list web", 0, "agent")?;
        ensure!(!listed.contains("value-"), "a part was imported: {listed}");
    }
    // A record of a newer format.
    let turn = format!("/userdata/1/turn/{WEB}");
    let text = cluster.ctl(&["get", &turn, "--print-value-only"])?;
    cluster.ctl(&["put", &turn, "2 of the future"])?;
    for words in ["retrieve web agent", "list web", "clear web"] {
        site.tell("a", words, 1, "format 2")?;
    }
    cluster.ctl(&["put", &turn, text.trim_end()])?;
    site.tell("a", "retrieve web agent", 0, "x")?;
    // Bytes that are not those of their record.
    let data = format!("/userdata/1/data/{WEB}/agent");
    cluster.ctl(&["put", &data, "other"])?;
    site.tell("a", "retrieve web agent", 5, &data)?;
    site.feed("a", "store web agent", b"x", 0, "")?;
    // Calls without what they need.
    site.tell("a", "pool claim web", 0, "")?;
    site.tell("a", "sim create --name new", 0, "")?;
    site.tell("a", "pool claim new", 12, "no move")?;
    site.tell("a", "pool adopt web", 12, "belongs to domain 1 of host a")?;
    site.tell("a", "pool cancel web", 12, "no move")?;
    Ok(format!("{} commands", site.runs))
}
