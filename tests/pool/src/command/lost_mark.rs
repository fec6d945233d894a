//! `destroy --export` whose closing mark is lost while its command runs.

use anyhow::{Result, ensure};

use super::{Site, WEB};
use crate::rig::Rig;

/// Destroys the domain when it is told to.
const WAITS: &str = "touch marked
until [ -e go ]; do sleep 0.05; done
exec userdata --hypervisor sim:a.json sim destroy web
";

/// Another domain, which shows what the archive has.
const NEW: &str = "5e1f0b00-0000-4000-8000-0000000000b1";

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let mut site = Site::new(rig, &cluster.endpoints())?;
    site.tell("a", "pool join", 0, "joined")?;
    for (name, uuid) in [("web", WEB), ("new", NEW)] {
        let create = format!("sim create --name {name} --uuid {uuid}");
        site.tell("a", &create, 0, "")?;
    }
    site.feed("a", "store web agent", b"before", 0, "")?;
    site.file("waits", WAITS)?;
    let mut destroys = site.start("a", "destroy web --export web.tar -- sh waits", "marked")?;
    site.feed("a", "store web agent", b"refused", 10, "")?;
    ensure!(cluster.revoke_leases()? > 0, "the mark has no lease");
    site.feed("a", "store web agent", b"meanwhile", 0, "")?;
    site.file("go", "")?;
    let ended = destroys.wait()?;
    ensure!(ended.success(), "userdata destroy ended with {ended}");
    let left = site.tell("a", "pool status", 0, "member")?;
    ensure!(!left.contains(WEB), "data is left: {left}");
    site.tell("a", "import new web.tar", 0, "agent")?;
    site.tell("a", "retrieve new agent", 0, "meanwhile")?;
    Ok("the archive was written again".to_owned())
}
