//! `cargo xtask xen test --pool`: the values of real domains in a pool of hosts, whose etcd runs on
//! this machine, outside of the dom0.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::boot::Limit;
use super::release::Release;
use super::report::Found;
use super::rig::{Checks, Rig, Which};
use super::run_dir::RunDir;
use super::{image, one_release, tools};
use crate::debian::apt::Source;
use crate::pool::Play;
use crate::progress::{Lane, Screen};

const RELEASE: Release = Release::V4_17;

/// How long the members may take until they answer.
const READY: Duration = Duration::from_secs(120);

/// Gives dom0 a network and a name, and the members of etcd on 127.0.0.1, where they need no TLS.
const NETWORK: &str = "\
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 up
echo 6f0d1f0c5a1e4d0c8a5f3b1e00000001 > /etc/machine-id
";

/// A pool's file, as far as it names the members.
#[derive(Debug, Deserialize)]
struct Members {
    endpoints: Vec<String>,
}

/// Builds our programs, starts a cluster, and runs the checks with a pool in dom0.
pub(super) fn run(only: Option<&str>, source: &Source, limit: Limit) -> Result<u8> {
    let started = Instant::now();
    tools::ensure()?;
    let mut cluster = Play::start(source)?;
    let file = members(&mut cluster)?;
    let screen = Screen::new();
    let lane = screen.lane("pool");
    let rig = Rig::build_with(&["userdata-cli/pool"], &lane)?;
    let checks = Checks {
        which: Which::Pool,
        only: only.unwrap_or_default(),
        limit,
    };
    let boot = || boot(&rig, checks, &file, source, &lane);
    one_release::report("pool", RELEASE, &rig, started, &screen, boot)
}

/// Waits until the members answer, and returns the text of the file that names them.
fn members(cluster: &mut Play) -> Result<String> {
    let started = Instant::now();
    loop {
        if let Some(file) = cluster.file()? {
            return Ok(file);
        }
        ensure!(started.elapsed() < READY, "the cluster does not answer");
        thread::sleep(Duration::from_millis(100));
    }
}

fn boot(rig: &Rig, checks: Checks<'_>, file: &str, source: &Source, lane: &Lane) -> Result<Found> {
    let image = image::ready(RELEASE, source, lane)?;
    let dir = RunDir::take(RELEASE, "test-pool")?;
    let mut payload = rig.payload(&image, &dir)?;
    payload.reaches_this_machine = true;
    payload.add_text("pool.toml", file);
    let ports = ports(file)?.join(" ");
    let forward = format!("{NETWORK}./rig forward 10.0.2.2 {ports} &\n");
    payload.add_text("before-xenstored", &forward);
    rig.run(checks, &image, payload, &dir, lane)
}

/// The ports of the members.
fn ports(file: &str) -> Result<Vec<String>> {
    let members: Members = toml::from_str(file).context("the file of the cluster")?;
    let port = |url: &String| match url.rsplit_once(':') {
        Some((_, port)) => Ok(port.to_owned()),
        None => bail!("{url} has no port"),
    };
    members.endpoints.iter().map(port).collect()
}
