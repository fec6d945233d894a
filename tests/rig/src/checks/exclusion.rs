//! Real libxl and our command use one lock.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::guest::Guest;
use crate::holder::{self, Holder};
use crate::ours::USERID;
use crate::program::Program;
use crate::{host, libxl, locks, ours, program};

pub(super) fn our_lock_makes_xl_list_and_libxl_wait() -> Result<()> {
    let guest = Guest::create("held")?;
    let domain = guest.domid.to_string();
    let data = format!("userdata-d.{}.{USERID}", guest.key);
    // One program at a time: Linux 5.10 shows the first of several waiters only.
    for words in [
        &["xl", "list", "-l", &domain][..],
        &["libxl-userdata", &domain, USERID, "retrieve"],
        &["libxl-userdata", &domain, USERID, "store"],
    ] {
        let holder = Holder::start(guest.key)?;
        let stopped = Program::start(words, b"theirs")?;
        program::until(&format!("{words:?} waits for our lock"), || {
            Ok(locks::of(&guest.key)?.waiters.contains(&stopped.pid()))
        })?;
        // libxl waits even to read; our command reads at once.
        ours::command(&["retrieve", &domain, USERID], b"")?.expect(4, "userdata retrieve")?;
        let files = host::files(Some(guest.domid))?;
        ensure!(
            !files.contains(&data),
            "{words:?} stored while we held the lock"
        );
        holder.release()?;
        stopped.wait()?.expect(0, &format!("{words:?}"))?;
    }
    ensure!(
        ours::retrieve(&domain, USERID)? == b"theirs",
        "another value is there"
    );
    guest.destroy()
}

pub(super) fn libxls_lock_makes_our_command_wait_until_its_timeout() -> Result<()> {
    let guest = Guest::create("held")?;
    let domain = guest.domid.to_string();
    ours::store(&domain, USERID, b"before")?;
    let holder = libxl::hold(&guest.key, USERID)?;
    let store = ["--timeout", "0.5", "store", &domain, USERID];
    let started = Instant::now();
    ours::command(&store, b"too early")?.expect(7, "userdata store beside libxl's lock")?;
    ensure!(
        started.elapsed() >= Duration::from_millis(500),
        "userdata store gave up before its timeout"
    );
    // Reading takes no lock.
    ensure!(
        ours::retrieve(&domain, USERID)? == b"before",
        "a refused store changed the value"
    );
    // Our command gets the lock once libxl is killed.
    let waits = ["userdata", "--timeout", "50", "store", &domain, USERID];
    let mut waits = Program::start(&waits, b"after")?;
    ensure!(!waits.ended()?, "userdata did not wait for libxl's lock");
    holder.kill()?;
    waits
        .wait()?
        .expect(0, "userdata store after libxl was killed")?;
    let value = libxl::retrieve(guest.domid, USERID)?.context("libxl sees no value")?;
    ensure!(value == b"after", "libxl sees another value");
    guest.destroy()
}

pub(super) fn a_killed_holder_of_our_lock_blocks_no_other_program() -> Result<()> {
    let guest = Guest::create("killed")?;
    let domain = guest.domid.to_string();
    let lock = format!("userdata-l.{}.domain-userdata-lock", guest.key);
    for who in ["xl", "libxl", "userdata"] {
        let holder = holder::start_process(&guest.key)?;
        let ended = holder.kill()?;
        ensure!(
            ended.status.signal() == Some(9),
            "the holder ended with {}",
            ended.status
        );
        let files = host::files(Some(guest.domid))?;
        ensure!(
            files.contains(&lock),
            "the killed holder left no lock file: {files:?}"
        );
        match who {
            "xl" => program::output(&["xl", "list", "-l", &domain]).map(drop)?,
            "libxl" => {
                let rc = libxl::store(guest.domid, USERID, b"theirs")?;
                ensure!(rc == 0, "libxl_userdata_store returned {rc}");
            }
            _ => ours::store(&domain, USERID, b"ours")?,
        }
        let files = host::files(Some(guest.domid))?;
        ensure!(!files.contains(&lock), "{who} left the lock file behind");
    }
    guest.destroy()
}
