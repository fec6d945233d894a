//! A toolstack's wrapper as a process of its own: it makes one step of a move, and may be killed
//! before, during and after it.

use std::env;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use hv_sim::HostFile;
use rustix::process::Signal;
use userdata_core::store::{HostName, Refused, StoreError, StoreErrorKind};
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

/// Makes the step. The process does not fail if the pool refuses it, or if no member answers: the
/// next one makes the step again.
pub(crate) fn run(wrapper: Wrapper) -> Result<()> {
    let xen = HostFile::new(&wrapper.hypervisor);
    let identity = identity(&wrapper.host, &xen)?;
    let pool = PoolStore::new(engine(&wrapper.endpoint)?, identity, options());
    let domain = DomainKey::new(wrapper.domid, wrapper.uuid);
    let made = match wrapper.call {
        Call::Begin => {
            let to = wrapper.to.context("no destination")?;
            pool.begin(&xen, &domain, &to)
        }
        Call::Claim => pool.claim(&xen, &domain),
        Call::Cancel => pool.cancel(&xen, &domain),
        Call::Finish => pool.finish(&xen, &domain).map(drop),
    };
    match made {
        Err(error) if !is_expected(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whether a step may end so while the domain is sent and members are killed.
const fn is_expected(error: &StoreError) -> bool {
    match error.kind() {
        // The process does not reach its hypervisor, or has not the identity of its host.
        StoreErrorKind::Refused(Refused::Unknown(_) | Refused::NotAMember) => false,
        StoreErrorKind::Refused(_)
        | StoreErrorKind::Unreachable { .. }
        | StoreErrorKind::OutcomeUnknown { .. }
        | StoreErrorKind::DeadlinePassed { .. } => true,
        _ => false,
    }
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
    command.arg(call).stdin(Stdio::null());
    let mut child = command.spawn().context("cannot start a wrapper")?;
    thread::sleep(time);
    child.kill()?;
    let status = child.wait()?;
    let was_killed = status.signal() == Some(Signal::KILL.as_raw());
    ensure!(
        was_killed || status.success(),
        "the wrapper that was to {call} ended with {status}"
    );
    Ok(was_killed)
}
