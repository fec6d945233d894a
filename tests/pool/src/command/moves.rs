//! Moves, and hosts that die.

use std::fs;

use anyhow::{Result, ensure};

use super::{Site, WEB};
use crate::rig::Rig;

/// The migration from `a` to `b`, with the claim by the destination.
const MIGRATE: &str = "userdata --hypervisor sim:b.json sim create --name web --uuid UUID
userdata --hypervisor sim:a.json sim destroy web
userdata --pool b.toml --hypervisor sim:b.json pool claim --wait 20 web
";

/// A migration that begins, and does not end before it is killed.
const HANG: &str = "touch begun\nexec sleep 2\n";

/// A site where both hosts are members, and `web` runs on `a` with a value.
pub(super) fn begun(rig: &Rig, endpoints: &[String]) -> Result<Site> {
    let mut site = Site::new(rig, endpoints)?;
    site.tell("a", "pool join", 0, "joined")?;
    site.tell("a", "pool join", 0, "unchanged")?;
    site.tell("b", "pool join", 0, "joined")?;
    let create = format!("sim create --name web --uuid {WEB}");
    site.tell("a", &create, 0, "")?;
    site.feed("a", "store web agent", b"state", 0, "")?;
    site.tell("a", "pool status web", 0, "domain 1 of host a")?;
    Ok(site)
}

pub(crate) fn moves(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let mut site = begun(rig, &cluster.endpoints())?;
    site.file("migrate", &MIGRATE.replace("UUID", WEB))?;
    site.file("hang", HANG)?;
    // A command that moves nothing is cancelled, and the data stays.
    let told = "the move is cancelled";
    site.tell("a", "pool move web --to b -- true", 1, told)?;
    site.feed("a", "store web agent", b"state", 0, "")?;
    // Another call cancels the move while the command runs.
    let cancel = "pool move web --to b -- userdata pool cancel web";
    let told = "was cancelled meanwhile";
    site.tell("a", cancel, 12, told)?;
    // The wrapper is killed while its command runs.
    let mut wrapper = site.start("a", "pool move web --to b -- sh hang", "begun")?;
    wrapper.kill()?;
    wrapper.wait()?;
    let json = site.tell("a", "pool status web --json", 0, "\"stage\":\"moving\"")?;
    ensure!(json.contains("\"to\":\"b\""), "{json}");
    site.tell("a", "sim list", 0, "web")?;
    site.tell("b", "pool claim web", 3, "web")?;
    site.tell("a", "pool cancel web", 0, "cancelled")?;
    site.tell("a", "pool status web --json", 0, "\"stage\":\"settled\"")?;
    site.tell("b", "pool cancel web", 3, "web")?;
    // A destination that is not a member.
    site.tell(
        "a",
        "pool move web --to c -- true",
        2,
        "the host c is not a member of the pool: 'pool status' shows the members",
    )?;
    site.tell("a", "pool status --host c", 2, "the host c is not a member")?;
    let here = "pool status --host b";
    site.tell("a", here, 0, "member\tb")?;
    // A claim at the source.
    let early = "pool move web --to b -- sh early";
    site.file(
        "early",
        "userdata --pool a.toml --hypervisor sim:a.json pool claim web 2>told\nexit 1\n",
    )?;
    site.tell("a", early, 1, "the move is cancelled")?;
    let told = fs::read_to_string(site.folder.join("told"))?;
    let moves = "the data belongs to domain 1 of host a, which moves to host b: claim it there";
    ensure!(told.contains(moves), "{told}");
    // The migration.
    let migrate = "pool move web --to b --json -- sh migrate";
    // The claim of the migration itself tells it in other words.
    let claimed = "\"change\":\"move\",\"outcome\":\"claimed\"";
    site.tell("a", migrate, 0, claimed)?;
    let status = "\"host\":\"b\"";
    site.tell("a", &format!("pool status {WEB} --json"), 0, status)?;
    site.tell("b", "retrieve web agent", 0, "state")?;
    site.tell("b", "retrieve web agent --stale", 0, "state")?;
    site.feed("b", "store web agent", b"new", 0, "")?;
    site.tell("a", "retrieve web agent", 3, "web")?;
    site.tell("a", "list --any-home --json", 0, "\"elsewhere\"")?;
    // A claim of what was claimed changes nothing.
    site.tell("b", "pool claim web", 0, "claimed")?;
    // A reboot that keeps the data.
    let reboot = "pool move web --to b -- userdata sim reboot web";
    site.tell("b", reboot, 0, "released")?;
    site.feed("b", "store web agent", b"early", 12, "claim it there")?;
    site.tell("b", "pool claim --wait 20 web", 0, "claimed")?;
    site.tell("b", "retrieve web agent", 0, "new")?;
    // A domain that was shut down may run at the destination: its move is not cancelled.
    let halt = "pool move web --to a -- userdata sim shutdown web";
    site.tell("b", halt, 12, "stays open")?;
    site.tell("b", "pool cancel web", 12, "does not run here")?;
    let stage = "\"stage\":\"moving\"";
    site.tell("b", "pool status web --json", 0, stage)?;
    Ok(format!("{} commands", site.runs))
}

pub(crate) fn deaths(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let mut site = begun(rig, &cluster.endpoints())?;
    let before = site.tell("b", "pool status --json", 0, "\"host\":\"a\"")?;
    site.tell("b", "pool forget a", 2, "--it-is-dead")?;
    site.tell("b", "pool forget a --dry-run", 0, WEB)?;
    site.tell("b", "pool forget c --it-is-dead", 2, "c is not a member")?;
    let discard = format!("pool discard {WEB}");
    site.tell("b", &discard, 12, "belongs to domain 1 of host a")?;
    let after = site.tell("b", "pool status --json", 0, "")?;
    ensure!(before == after, "{before} became {after}");
    site.tell(
        "b",
        "pool forget a --it-is-dead",
        0,
        "free now: the data of 1 domain",
    )?;
    // It is not a member, and its data is still there to see.
    site.tell("b", "pool status --host a", 0, WEB)?;
    site.feed("a", "store web agent", b"late", 12, "not a member")?;
    site.tell("b", &format!("pool status {WEB} --json"), 0, "\"freed\"")?;
    site.tell("b", &format!("pool adopt {WEB}"), 3, WEB)?;
    site.tell("b", &format!("sim create --name web --uuid {WEB}"), 0, "")?;
    site.feed("b", "store web agent", b"early", 12, "adopt or discard it")?;
    site.tell("b", "pool adopt web", 0, "adopted")?;
    site.tell("b", "retrieve web agent", 0, "state")?;
    site.tell(
        "b",
        "pool leave --json",
        0,
        "\"outcome\":\"left\",\"domain\":null,\"freed\":1",
    )?;
    site.tell("b", "pool leave", 0, "unchanged")?;
    site.tell("a", "pool join", 0, "joined")?;
    // It is known by the data that it left behind, so its name is not a wrong one.
    let again = "pool forget b --it-is-dead";
    site.tell(
        "a",
        &format!("{again} --json"),
        0,
        "\"outcome\":\"unchanged\"",
    )?;
    site.tell("a", again, 0, "unchanged\nfree now: the data of 1 domain")?;
    site.tell("a", "pool forget b --dry-run", 0, WEB)?;
    // What a member left behind when it left.
    site.tell("a", &discard, 0, "discarded values: 1")?;
    let nothing = format!("cannot change {WEB}: the pool has no data");
    site.tell("a", &discard, 12, &nothing)?;
    site.tell("a", "pool status --json", 0, "\"domains\":[]")?;
    site.tell("a", again, 2, "b is not a member")?;
    Ok(format!("{} commands", site.runs))
}
