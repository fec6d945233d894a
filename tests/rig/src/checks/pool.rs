//! Real xl, with the values in a pool of hosts whose etcd runs elsewhere.

use anyhow::{Context, Result, ensure};

use crate::guest::{self, Guest};
use crate::ours::USERID;
use crate::pool::{self, HERE};
use crate::{host, ours, program};

/// A running domain with a fixed uuid that obeys xl, and has a value in the pool.
fn web() -> Result<Guest> {
    pool::join()?;
    let uuid = "uuid=\"5e1f0b00-0000-4000-8000-0000000000bc\"";
    let guest = Guest::create_with("web", &guest::answering("web", uuid))?;
    guest.run()?;
    pool::done(&["store", "web", USERID], b"value")?;
    ensure!(
        pool::home(&guest.key)? == Some(guest.domid.into()),
        "the first store makes no home"
    );
    Ok(guest)
}

/// Moves the domain `web` to its own host with `command`, and claims its data.
fn sent_to_itself(command: &[&str]) -> Result<()> {
    let web = web()?;
    let old = web.key;
    let moves = ["pool", "move", "web", "--to", HERE, "--"];
    pool::done(&[&moves, command].concat(), b"")?;
    pool::done(&["pool", "claim", "--wait", "60", "web"], b"")?;
    web.wait_until_gone()?;
    let back = Guest::of_name("web")?;
    ensure!(
        back.key.uuid == old.uuid && back.key.domid != old.domid,
        "{old} came back as {}",
        back.key
    );
    pool::ensure_value("web", b"value")?;
    ensure!(
        pool::home(&back.key)? == Some(back.domid.into()),
        "the home is not the new domain"
    );
    ensure!(
        ours::command(&["retrieve", "web", USERID], b"")?
            .status
            .code()
            == Some(4),
        "the host's files have the value, too"
    );
    let domid = back.domid;
    pool::done(&["destroy", "web", "--", "xl", "destroy", "web"], b"")?;
    back.wait_until_gone()?;
    ensure!(
        pool::home(&old)?.is_none(),
        "userdata destroy left the data in the pool"
    );
    let files = host::files(Some(domid))?;
    ensure!(files.is_empty(), "userdata destroy left {files:?}");
    Ok(())
}

pub(super) fn values_follow_a_domain_that_xl_reboots() -> Result<()> {
    sent_to_itself(&["xl", "reboot", "-ww", "web"])
}

/// The source and the destination run on this host at the same time, with one uuid.
pub(super) fn values_follow_a_domain_that_xl_migrates_to_its_own_host() -> Result<()> {
    // Without a program between them, xl runs the other end itself.
    sent_to_itself(&["xl", "migrate", "-s", "", "web", "xl migrate-receive"])
}

pub(super) fn a_move_whose_command_does_nothing_is_cancelled() -> Result<()> {
    let web = web()?;
    let moves = ["pool", "move", "web", "--to", HERE, "--", "false"];
    pool::command(&moves, b"")?.expect(1, "pool move with a command that fails")?;
    ensure!(
        pool::home(&web.key)? == Some(web.domid.into()),
        "the home is another one"
    );
    pool::done(&["store", "web", USERID], b"after that")?;
    pool::ensure_value("web", b"after that")?;
    pool::done(&["clear", "web"], b"")?;
    web.destroy()
}

pub(super) fn xl_destroy_leaves_values_in_the_pool_until_a_sweep() -> Result<()> {
    let neighbour = Guest::create("neighbour")?;
    let web = web()?;
    pool::done(&["store", "neighbour", USERID], b"lives")?;
    let key = web.key;
    web.destroy()?;
    program::until("the domain is gone", || {
        Ok(ours::command(&["list", &key.to_string()], b"")?
            .stdout
            .is_empty())
    })?;
    ensure!(
        pool::home(&key)?.is_some(),
        "xl removes what is in the pool"
    );
    pool::done(&["sweep"], b"")?;
    ensure!(pool::home(&key)?.is_none(), "the sweep left the data");
    pool::ensure_value("neighbour", b"lives")?;
    pool::done(&["clear", "neighbour"], b"")?;
    neighbour.destroy()
}

pub(super) fn what_xl_stores_itself_stays_in_the_hosts_files() -> Result<()> {
    let web = web()?;
    let own = format!("userdata-d.{}.libxl-json", web.key);
    let files = host::files(Some(web.domid))?;
    ensure!(files == [own], "the host's files are {files:?}");
    let refused = pool::command(&["store", "web", "xl"], b"configuration")?;
    refused.expect(2, "a store of xl's own value in the pool")?;
    let text = refused
        .stderr
        .lines()
        .last()
        .context("no reason is given")?;
    program::say(text)?;
    pool::done(&["clear", "web"], b"")?;
    web.destroy()
}
