//! The threads and the memory of a process of its own.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use hv_sim::{HostOptions, NewDomain, SimHost};
use serde::{Deserialize, Serialize};
use userdata::Userdata;
use userdata_core::{Store, WritableUserid};
use userdata_pool::PoolStore;

use crate::cluster::Cluster;
use crate::host::{TIMEOUT, engine, identity, options, uuid};

/// What the process does.
#[derive(Debug, Args)]
pub(crate) struct Weigh {
    /// A member's client URL; given once for each
    #[arg(long)]
    endpoint: Vec<String>,
    /// store, get or mark
    #[arg(long)]
    work: String,
    /// The length of the value
    #[arg(long)]
    bytes: usize,
}

/// What it took.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Weight {
    pub(crate) threads: usize,
    /// Of its memory, all of it, in bytes.
    pub(crate) peak: usize,
}

/// Does the work, and prints what it took.
pub(crate) fn weigh(weigh: &Weigh) -> Result<()> {
    // This program has a thread that waits for signals.
    let before = of_this_process("Threads:")?;
    let xen = SimHost::new(HostOptions::new(1));
    let pool = PoolStore::new(engine(&weigh.endpoint)?, identity("w", &xen)?, options());
    pool.join()?;
    let facade = Userdata::new(xen.clone(), pool.clone()).with_timeout(TIMEOUT);
    let userid = WritableUserid::new("agent")?;
    // `get` finds the value of `store`: the simulated hosts are alike.
    let domain = xen.create(NewDomain::new().with_uuid(uuid(7)))?;
    let mut mark = None;
    match weigh.work.as_str() {
        "store" => {
            facade.store(domain, &userid, &vec![7; weigh.bytes])?;
        }
        "get" => {
            let value = facade.retrieve(domain, userid.as_userid())?;
            let len = value.map_or(0, |value| value.into_bytes().len());
            ensure!(len == weigh.bytes, "a value of {len} bytes");
        }
        "mark" => mark = Some(pool.close(&domain, TIMEOUT, &mut |_| Ok(()))?),
        other => bail!("no such work: {other}"),
    }
    let weight = Weight {
        threads: of_this_process("Threads:")? - before + 1,
        peak: of_this_process("VmHWM:")? * 1024,
    };
    drop(mark);
    writeln!(io::stdout(), "{}", serde_json::to_string(&weight)?)?;
    Ok(())
}

/// A number that the kernel tells of this process.
fn of_this_process(name: &str) -> Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no such field")?.parse()?)
}

/// What this work takes in a process of its own.
pub(crate) fn of(cluster: &Cluster, work: &str, bytes: usize) -> Result<Weight> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("weigh").stdin(Stdio::null());
    for endpoint in cluster.endpoints() {
        command.arg("--endpoint").arg(endpoint);
    }
    command.args(["--work", work, "--bytes", &bytes.to_string()]);
    let told = command.output().context("cannot start this program")?;
    let errors = String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success(), "{work}: {errors}");
    Ok(serde_json::from_slice(&told.stdout)?)
}
