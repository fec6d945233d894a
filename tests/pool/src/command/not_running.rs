//! A claim and a cancel of a domain that is here and does not run.

use anyhow::{Result, ensure};

use super::moves::begun;
use super::{Site, WEB};
use crate::cluster::Cluster;
use crate::rig::Rig;

/// A migration that hangs at its last step: the source is suspended, and the destination paused.
const HALF: &str = "userdata --hypervisor sim:b.json sim create --name web --uuid UUID
userdata --hypervisor sim:b.json sim pause web
userdata --hypervisor sim:a.json sim shutdown web --reason suspend
";

/// Every record with the revision of its last change, and the revision of the cluster, which each
/// change of any key raises.
fn records(cluster: &Cluster) -> Result<String> {
    let told = cluster.ctl(&["get", "/userdata/", "--prefix", "--write-out=fields"])?;
    // What differs with the member that answers, and with the leader.
    let varies = |line: &str| {
        let mut names = ["\"MemberID\"", "\"RaftTerm\""].into_iter();
        names.any(|name| line.starts_with(name))
    };
    let lines = told.lines().filter(|line| !varies(line));
    let records = lines.collect::<Vec<_>>().join("\n");
    ensure!(
        records.contains("\"ModRevision\"") && records.contains(WEB),
        "etcdctl told no record: {told}"
    );
    Ok(records)
}

impl Site {
    /// Runs the command, which is refused because the domain does not run, and changes no record.
    fn refused(&mut self, cluster: &Cluster, host: &str, words: &str) -> Result<()> {
        let before = records(cluster)?;
        self.tell(host, words, 12, "does not run here")?;
        let after = records(cluster)?;
        ensure!(before == after, "'{words}' changed {before} to {after}");
        Ok(())
    }
}

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let mut site = begun(rig, &cluster.endpoints())?;
    site.file("half", &HALF.replace("UUID", WEB))?;
    site.tell("a", "pool move web --to b -- sh half", 12, "stays open")?;
    // The toolstack may still unpause the one or resume the other.
    site.refused(&cluster, "b", "pool claim web")?;
    site.refused(&cluster, "a", "pool cancel web")?;
    let status = format!("pool status {WEB} --json");
    let moving = "\"stage\":\"moving\",\"to\":\"b\"";
    site.tell("b", &status, 0, moving)?;
    // The operator knows that the source will not be resumed.
    let before = records(&cluster)?;
    site.tell("b", "pool claim --paused web", 0, "claimed")?;
    ensure!(before != records(&cluster)?, "a claim changed no record");
    let json = site.tell("a", &status, 0, "\"stage\":\"settled\"")?;
    ensure!(json.contains("\"host\":\"b\""), "{json}");
    site.tell("b", "retrieve web agent", 0, "state")?;
    site.feed("b", "store web agent", b"new", 0, "")?;
    Ok(format!("{} commands", site.runs))
}
