//! `pool move`, killed with the command that it runs when the domain is gone from the source.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::moves::begun;
use super::{Site, WEB};
use crate::rig::{Rig, pause};

/// A migration that reaches the destination and does not end before it is killed.
const ARRIVES: &str = "userdata --hypervisor sim:TARGET.json sim create --name web --uuid UUID
userdata --hypervisor sim:SOURCE.json sim destroy web
touch GONE
exec sleep 20
";

/// One that loses the domain on the way.
const LOST: &str = "userdata --hypervisor sim:SOURCE.json sim destroy web
touch GONE
exec sleep 20
";

/// The grace of the sweeps, in seconds.
const GRACE: u64 = 1;

/// Begins the migration, and kills the wrapper and its command when the domain has left `here`.
fn killed(site: &mut Site, script: &str, [here, there]: [&str; 2], gone: &str) -> Result<()> {
    let script = script.replace("UUID", WEB).replace("GONE", gone);
    let script = script.replace("SOURCE", here).replace("TARGET", there);
    let name = format!("{gone}.sh");
    site.file(&name, &script)?;
    let words = format!("pool move web --to {there} -- sh {name}");
    let wrapper = site.start(here, &words, gone)?;
    Site::kill(wrapper)?;
    let status = site.tell(there, &format!("pool status {WEB} --json"), 0, "")?;
    let told = format!("\"stage\":\"moving\",\"to\":\"{there}\"");
    ensure!(status.contains(&told), "after {gone}: {status}");
    Ok(())
}

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let mut site = begun(rig, &cluster.endpoints())?;
    let status = format!("pool status {WEB} --json");
    // The claim ends the move. Until then the destination stores nothing.
    killed(&mut site, ARRIVES, ["a", "b"], "first")?;
    site.feed(
        "b",
        "store web agent",
        b"early",
        12,
        "which moves to host b",
    )?;
    site.tell("b", "pool claim web", 0, "claimed domain")?;
    let json = site.tell("a", &status, 0, "\"stage\":\"settled\"")?;
    ensure!(json.contains("\"host\":\"b\""), "{json}");
    site.tell("a", "sweep", 0, "removed: 0")?;
    site.tell("b", "retrieve web agent", 0, "state")?;
    // The source's sweep releases the data, and the claim works all the same.
    killed(&mut site, ARRIVES, ["b", "a"], "second")?;
    let claim = "the domain does not exist; host a may claim its data\n";
    let dry = site.tell("b", "sweep --dry-run --explain", 0, "would be removed: 0")?;
    ensure!(dry.contains("\tmoving\tit goes along to host a\n"), "{dry}");
    let home = format!("\twould-release\tabsent\t{claim}");
    ensure!(dry.contains(&home), "{dry}");
    let home = format!("\treleased\tabsent\t{claim}");
    let swept = site.tell("b", "sweep --explain", 0, &home)?;
    ensure!(swept.contains("removed: 0"), "{swept}");
    site.tell("a", &status, 0, "\"stage\":\"released\"")?;
    site.tell("a", "pool claim web", 0, "claimed domain")?;
    site.tell("b", &status, 0, "\"stage\":\"settled\"")?;
    site.tell("a", "retrieve web agent", 0, "state")?;
    site.feed("a", "store web agent", b"kept", 0, "")?;
    // What was released is never claimed: the destination's second sweep removes it.
    killed(&mut site, LOST, ["a", "b"], "third")?;
    let sweep = format!("sweep --grace {GRACE} --state seen.json --explain");
    site.tell("b", &sweep, 0, "removed: 0")?;
    site.tell("b", &status, 0, "\"stage\":\"moving\"")?;
    let json = site.tell("a", "sweep --explain --json", 0, "\"action\":\"released\"")?;
    ensure!(json.contains("\"to\":\"b\""), "{json}");
    site.tell("b", &status, 0, "\"stage\":\"released\"")?;
    site.tell(
        "b",
        &sweep,
        0,
        "no domain claimed it, seen for 0 s only; it goes after 1 s",
    )?;
    site.tell("b", &status, 0, "\"values\":1")?;
    pause(Duration::from_secs(GRACE))?;
    site.tell("b", &sweep, 0, "removed: 1")?;
    let json = site.tell("b", &status, 0, "\"domains\":[]")?;
    ensure!(!json.contains(WEB), "{json}");
    site.tell("b", &format!("retrieve {WEB} agent"), 3, WEB)?;
    Ok(format!("{} commands", site.runs))
}
