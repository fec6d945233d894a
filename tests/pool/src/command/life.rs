//! The commands that work on files, each once on a pool.

use std::fs;

use anyhow::{Result, ensure};

use super::{Site, WEB};
use crate::cluster::MEMBERS;
use crate::rig::Rig;

/// The uuid of the domain `new`.
const NEW: &str = "5e1f0b00-0000-4000-8000-0000000000b1";

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let mut cluster = rig.cluster()?;
    let mut site = Site::new(rig, &cluster.endpoints())?;
    site.tell("a", "pool join", 0, "joined")?;
    for (name, uuid) in [("web", WEB), ("new", NEW)] {
        let create = format!("sim create --name {name} --uuid {uuid}");
        site.tell("a", &create, 0, "")?;
    }
    site.feed("a", "store web agent", b"old", 0, "")?;
    site.tell("a", "list web", 0, "agent")?;
    // A timeout of any length.
    site.tell("a", "retrieve web agent --timeout 1e19", 0, "old")?;
    // The file of the pool may be a pipe.
    let file = fs::read(site.folder.join("a.toml"))?;
    let words = "--pool /dev/stdin list --json";
    site.feed("a", words, &file, 0, "\"stage\":\"settled\"")?;
    site.tell("a", "export web -o web.tar", 0, "")?;
    site.feed("a", "store web agent", b"newer", 0, "")?;
    site.tell("a", "import web web.tar", 6, "agent")?;
    site.tell("a", "import --keep web web.tar", 0, "")?;
    site.tell("a", "retrieve web agent", 0, "newer")?;
    site.tell("a", "import --replace web web.tar", 0, "")?;
    site.tell("a", "retrieve web agent", 0, "old")?;
    // From one uuid to another, in one transaction.
    site.tell("a", "carry web new", 0, "")?;
    site.tell("a", "retrieve web agent", 4, "")?;
    site.tell("a", "retrieve new agent", 0, "old")?;
    // The values in the host's files end together with those in the pool.
    let gone = "userdata --hypervisor sim:a.json sim destroy new";
    site.tell("a", &format!("destroy new -- {gone}"), 0, "")?;
    let left = site.tell("a", "pool status", 0, "member")?;
    ensure!(
        !left.contains(NEW),
        "userdata destroy left the home: {left}"
    );
    // Destroyed without the command: the next sweep removes what is left.
    site.feed("a", "store web agent", b"left", 0, "")?;
    site.tell("a", "sim destroy web", 0, "")?;
    site.tell("a", "sweep --dry-run", 0, WEB)?;
    site.tell("a", "pool status", 0, WEB)?;
    site.tell("a", "sweep", 0, WEB)?;
    let left = site.tell("a", "pool status", 0, "member")?;
    ensure!(!left.contains(WEB), "the sweep left the home: {left}");
    // What a living domain has is cleared on request.
    site.tell("a", &format!("sim create --name web --uuid {WEB}"), 0, "")?;
    site.feed("a", "store web agent", b"value", 0, "")?;
    site.tell("a", "clear web", 0, "agent")?;
    site.tell("a", "retrieve web agent", 4, "")?;
    // One member alone answers stale reads. The first one has the value once it is read there.
    site.feed("a", "store web agent", b"value", 0, "")?;
    site.tell("a", "retrieve web agent", 0, "value")?;
    for member in 1..MEMBERS {
        cluster.kill(member)?;
    }
    for words in ["retrieve web agent", "list web"] {
        site.tell("a", &format!("{words} --timeout 2"), 7, "no answer")?;
        site.tell("a", &format!("{words} --stale"), 0, "may be old")?;
    }
    Ok(format!("{} commands", site.runs))
}
