//! The command on a real cluster: exit status, words, and what is there afterwards.

use anyhow::{Context, Result, ensure};

use crate::host::uuid;
use crate::on_host::OnHost;
use crate::rig::Rig;

/// Two members of a pool, each a simulated host.
pub(crate) fn two_hosts(rig: &Rig, endpoints: &[String]) -> Result<(OnHost, OnHost)> {
    let host = |name| {
        let host = OnHost::new(&rig.command, &rig.scratch, name, endpoints, "")?;
        // A young cluster has compacted nothing.
        host.done(&["pool", "join", "--force"], b"")?;
        anyhow::Ok(host)
    };
    Ok((host("a")?, host("b")?))
}

/// The home of a domain's data by `pool status`, as HOST STAGE; `None` if there is no data.
pub(crate) fn home(host: &OnHost, uuid: userdata_core::Uuid) -> Result<Option<String>> {
    let status = host.json(&["pool", "status"])?;
    let domains = status.get("domains").and_then(|all| all.as_array());
    let uuid = uuid.to_string();
    let found = domains.context("no domains in the status")?.iter();
    let mut found =
        found.filter(|one| one.get("uuid").and_then(|uuid| uuid.as_str()) == Some(&uuid));
    let Some(one) = found.next() else {
        return Ok(None);
    };
    let home = one.get("home").context("no home")?;
    let field = |name| {
        home.get(name)
            .and_then(|field| field.as_str())
            .unwrap_or("none")
    };
    Ok(Some(format!("{} {}", field("host"), field("stage"))))
}

/// A domain is sent to another host, which claims it while it runs there.
pub(crate) fn a_move(rig: &Rig) -> Result<String> {
    let cluster = rig.cluster()?;
    let (a, b) = two_hosts(rig, &cluster.endpoints())?;
    a.create("web", uuid(1))?;
    a.done(&["store", "web", "agent"], b"of a")?;
    b.create("web", uuid(1))?;
    let refused = b.run(&["store", "web", "agent"], b"of b")?;
    refused.expect(12, "a")?;
    b.run(&["pool", "claim", "web"], b"")?.expect(12, "")?;
    let xen = format!("sim:{}", rig.scratch.join("a.json").display());
    let command = rig.command.display().to_string();
    let gone = [&*command, "--hypervisor", &xen, "sim", "destroy", "web"];
    a.done(
        &[&["pool", "move", "web", "--to", "b", "--"][..], &gone].concat(),
        b"",
    )?;
    ensure!(
        home(&b, uuid(1))?.as_deref() == Some("a released"),
        "the source is gone, and its data is not released"
    );
    b.run(&["store", "web", "agent"], b"early")?
        .expect(12, "")?;
    b.done(&["pool", "claim", "--wait", "10", "web"], b"")?;
    ensure!(home(&b, uuid(1))?.as_deref() == Some("b settled"));
    ensure!(b.done(&["retrieve", "web", "agent"], b"")? == b"of a");
    b.done(&["store", "web", "agent"], b"of b")?;
    Ok("moved, claimed and stored".to_owned())
}
