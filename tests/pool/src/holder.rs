//! A process that holds a closing mark until it is killed.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use userdata_core::hypervisor::BootId;
use userdata_core::{DomainKey, Domid, Hypervisor, Store, Uuid};
use userdata_pool::{Identity, PoolStore};

use crate::cluster::Cluster;
use crate::host::{Host, TIMEOUT, engine, options};

/// The word that is printed once the mark is held.
const HELD: &str = "held";

/// What the process holds.
#[derive(Debug, Args)]
pub(crate) struct Hold {
    /// A member's client URL; given once for each
    #[arg(long)]
    endpoint: Vec<String>,
    /// The boot of the host
    #[arg(long)]
    boot: BootId,
    #[arg(long)]
    domid: Domid,
    #[arg(long)]
    uuid: Uuid,
    /// How many seconds the mark outlives this process
    #[arg(long)]
    lease: u64,
}

/// Holds the mark, and does not return before this process is killed.
pub(crate) fn hold(hold: Hold) -> Result<()> {
    let identity = Identity {
        name: "a".parse()?,
        machine: "machine-a".to_owned(),
        product: "product".to_owned(),
        boot: hold.boot,
    };
    let mut options = options();
    options.lease = Duration::from_secs(hold.lease);
    let pool = PoolStore::new(engine(&hold.endpoint)?, identity, options);
    let domain = DomainKey::new(hold.domid, hold.uuid);
    let _mark = pool.close(&domain, TIMEOUT, &mut |_| Ok(()))?;
    writeln!(io::stdout(), "{HELD}")?;
    io::stdout().flush()?;
    loop {
        thread::sleep(Duration::from_secs(1));
    }
}

/// The process; it is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Holder(Child);

impl Holder {
    /// Starts a process that holds the mark of this domain of the host `a`.
    pub(crate) fn start(
        cluster: &Cluster,
        host: &Host,
        domain: DomainKey,
        lease: Duration,
    ) -> Result<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        command.arg(env::current_exe()?).arg("hold");
        for endpoint in cluster.endpoints() {
            command.args(["--endpoint", &endpoint]);
        }
        command.args(["--boot", host.xen.boot()?.as_str()]);
        command.args(["--domid", &domain.domid.to_string()]);
        command.args(["--uuid", &domain.uuid.to_string()]);
        command.args(["--lease", &lease.as_secs().to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut holder = Self(command.spawn().context("cannot start the holder")?);
        let out = holder.0.stdout.take().context("the holder has no pipe")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        ensure!(line.trim() == HELD, "the holder says {line:?}");
        Ok(holder)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
