//! A move whose cluster loses its quorum while the command of the move runs.

use anyhow::Result;

use super::moves::begun;
use crate::rig::Rig;

pub(crate) fn check(rig: &Rig) -> Result<String> {
    let mut cluster = rig.cluster()?;
    let mut site = begun(rig, &cluster.endpoints())?;
    let stop = format!(
        "kill -STOP {} {}\nuserdata --hypervisor sim:a.json sim destroy web\n",
        cluster.pid(1)?,
        cluster.pid(2)?
    );
    site.file("stop", &stop)?;
    let told = "here: 'pool status' shows whether it is open";
    site.tell("a", "pool move web --to b --timeout 2 -- sh stop", 7, told)?;
    cluster.go_on(1)?;
    cluster.go_on(2)?;
    cluster.wait_until_all_answer()?;
    let (status, sweep) = ("pool status --json", "sweep --explain --json");
    site.tell("a", status, 0, "\"stage\":\"moving\"")?;
    site.tell("a", sweep, 0, "\"action\":\"released\"")?;
    site.tell("a", status, 0, "\"stage\":\"released\"")?;
    Ok(format!("{} commands", site.runs))
}
