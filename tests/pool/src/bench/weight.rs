//! The threads and the memory of a process of its own.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use hv_sim::{HostOptions, NewDomain, SimHost};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};
use userdata::Userdata;
use userdata_core::{Store, WritableUserid};
use userdata_etcd::{EtcdEngine, EtcdOptions, Tls};
use userdata_pool::PoolStore;

use crate::cluster::Cluster;
use crate::host::{TIMEOUT, identity, options, uuid};
use crate::tls::certificates::{Authority, Certificate};

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
    #[command(flatten)]
    files: Option<Files>,
}

/// The certificates of the process.
#[derive(Clone, Debug, Args)]
pub(crate) struct Files {
    #[arg(long, required = false)]
    pub(super) ca: PathBuf,
    #[arg(long, required = false)]
    pub(super) certificate: PathBuf,
    #[arg(long, required = false)]
    pub(super) key: PathBuf,
}

impl Files {
    pub(crate) fn new(authority: &Authority, client: &Certificate) -> Self {
        Self {
            ca: authority.certificate.clone(),
            certificate: client.certificate.clone(),
            key: client.key.clone(),
        }
    }
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
    let endpoints = weigh.endpoint.iter().map(|endpoint| endpoint.parse());
    let tls = weigh.files.as_ref().map(|files| -> Result<Tls> {
        let identity = (fs::read(&files.certificate)?, fs::read(&files.key)?);
        Ok(Tls {
            ca: fs::read(&files.ca)?,
            identity: Some(identity),
        })
    });
    let engine = EtcdEngine::new(EtcdOptions {
        endpoints: endpoints.collect::<Result<_, _>>()?,
        tls: tls.transpose()?,
        login: None,
    })?;
    let pool = PoolStore::new(Arc::new(engine), identity("w", &xen)?, options());
    // A host that only reads need not be a member.
    if weigh.work != "get" {
        pool.join()?;
    }
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

/// The peak of the memory of the largest process that has ended, in bytes.
pub(crate) fn largest_child() -> Result<usize> {
    let kib = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    Ok(usize::try_from(kib)? * 1024)
}

/// What this work takes in a process of its own.
pub(crate) fn of(
    cluster: &Cluster,
    files: Option<&Files>,
    work: &str,
    bytes: usize,
) -> Result<Weight> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("weigh").stdin(Stdio::null());
    for endpoint in cluster.endpoints() {
        command.arg("--endpoint").arg(endpoint);
    }
    command.args(["--work", work, "--bytes", &bytes.to_string()]);
    if let Some(files) = files {
        command
            .arg("--ca")
            .arg(&files.ca)
            .arg("--key")
            .arg(&files.key);
        command.arg("--certificate").arg(&files.certificate);
    }
    let told = command.output().context("cannot start this program")?;
    let errors = String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success(), "{work}: {errors}");
    Ok(serde_json::from_slice(&told.stdout)?)
}
