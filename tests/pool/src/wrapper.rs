//! A toolstack's wrapper as a process of its own: it makes one step of a move, and may be killed
//! before, during and after it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use hv_sim::HostFile;
use userdata_core::store::HostName;
use userdata_core::{DomainKey, Domid, Uuid};
use userdata_pool::PoolStore;

use crate::host::{Host, engine, identity, options};

/// A step of a move.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Begin { to: HostName },
    Claim,
    Cancel,
    Finish,
}

/// What the process does.
#[derive(Debug, Args)]
pub(crate) struct Wrapper {
    /// A member's client URL; given once for each
    #[arg(long)]
    endpoint: Vec<String>,
    /// The host on which it runs
    #[arg(long)]
    host: String,
    /// The file of that host's hypervisor
    #[arg(long)]
    hypervisor: PathBuf,
    #[arg(long)]
    domid: Domid,
    #[arg(long)]
    uuid: Uuid,
    /// The destination, for `begin`
    #[arg(long)]
    to: Option<HostName>,
    call: Call,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Call {
    Begin,
    Claim,
    Cancel,
    Finish,
}

/// Makes the step.
pub(crate) fn run(wrapper: Wrapper) -> Result<()> {
    let xen = HostFile::new(&wrapper.hypervisor);
    let identity = identity(&wrapper.host, &xen)?;
    let pool = PoolStore::new(engine(&wrapper.endpoint)?, identity, options());
    let domain = DomainKey::new(wrapper.domid, wrapper.uuid);
    match wrapper.call {
        Call::Begin => {
            let to = wrapper.to.context("no destination")?;
            pool.begin(&xen, &domain, &to)?;
        }
        Call::Claim => pool.claim(&xen, &domain)?,
        Call::Cancel => pool.cancel(&xen, &domain)?,
        Call::Finish => drop(pool.finish(&xen, &domain)?),
    }
    Ok(())
}

/// Starts a wrapper that makes this step, and kills it after some time. Returns whether it was
/// killed before its end.
pub(crate) fn killed_after(
    time: Duration,
    endpoints: &[String],
    host: &Host,
    domain: DomainKey,
    step: &Step,
    folder: &Path,
) -> Result<bool> {
    let file = folder.join(format!("{}.json", host.name));
    fs::write(&file, host.xen.state().to_json())?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]);
    command.arg(env::current_exe()?).arg("wrapper");
    for endpoint in endpoints {
        command.args(["--endpoint", endpoint]);
    }
    command
        .args(["--host", &host.name])
        .arg("--hypervisor")
        .arg(file);
    command.args(["--domid", &domain.domid.to_string()]);
    command.args(["--uuid", &domain.uuid.to_string()]);
    let call = match step {
        Step::Begin { to } => {
            command.args(["--to", to.as_str()]);
            "begin"
        }
        Step::Claim => "claim",
        Step::Cancel => "cancel",
        Step::Finish => "finish",
    };
    command.arg(call).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().context("cannot start a wrapper")?;
    thread::sleep(time);
    let ended = child.try_wait()?;
    child.kill()?;
    child.wait()?;
    Ok(ended.is_none())
}
