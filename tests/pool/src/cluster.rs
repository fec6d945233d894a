//! A cluster of three members of etcd on 127.0.0.1.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::programs::Programs;
use crate::{interrupt, ports};

/// How many members a cluster has.
pub(crate) const MEMBERS: usize = 3;

/// How long a cluster may take until all its members answer.
const READY: Duration = Duration::from_secs(60);

/// A cluster. Its members end with it; start and restart them on a thread that outlives it, since
/// the kernel kills them when that thread ends.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) programs: Programs,
    folder: PathBuf,
    members: Vec<Member>,
    /// Further options of each member.
    options: Vec<String>,
}

#[derive(Debug)]
struct Member {
    name: String,
    /// Of the client's URL.
    scheme: &'static str,
    client: u16,
    peer: u16,
    running: Option<Child>,
}

impl Member {
    fn client_url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.client)
    }

    fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.peer)
    }
}

impl Cluster {
    /// Starts a new cluster in a new folder, and waits until all members answer.
    pub(crate) fn start(programs: &Programs, folder: &Path, options: &[&str]) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let scheme = match options.contains(&"--cert-file") {
            true => "https",
            false => "http",
        };
        let mut members = Vec::new();
        for number in 0..MEMBERS {
            members.push(Member {
                name: format!("m{number}"),
                scheme,
                client: ports::free()?,
                peer: ports::free()?,
                running: None,
            });
        }
        let mut cluster = Self {
            programs: programs.clone(),
            folder: folder.to_owned(),
            members,
            options: options.iter().map(|&option| option.to_owned()).collect(),
        };
        for number in 0..MEMBERS {
            cluster.start_member(number, "new")?;
        }
        cluster.wait_until_all_answer()?;
        Ok(cluster)
    }

    fn start_member(&mut self, number: usize, state: &str) -> Result<()> {
        let all: Vec<String> = self
            .members
            .iter()
            .map(|member| format!("{}={}", member.name, member.peer_url()))
            .collect();
        let member = self.members.get_mut(number).context("no such member")?;
        let log = self.folder.join(format!("{}.log", member.name));
        let log = File::options().create(true).append(true).open(log)?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        command.arg(&self.programs.etcd);
        command.args(["--name", &member.name, "--data-dir"]);
        command.arg(self.folder.join(&member.name));
        command.args(["--listen-client-urls", &member.client_url()]);
        command.args(["--advertise-client-urls", &member.client_url()]);
        command.args(["--listen-peer-urls", &member.peer_url()]);
        command.args(["--initial-advertise-peer-urls", &member.peer_url()]);
        command.args(["--initial-cluster", &all.join(",")]);
        command.args(["--initial-cluster-state", state]);
        command.args(["--logger", "zap", "--log-level", "warn"]);
        command.args(&self.options);
        command.stdin(Stdio::null()).stdout(log.try_clone()?);
        let running = command.stderr(log).process_group(0).spawn();
        member.running = Some(running.context("cannot start etcd")?);
        Ok(())
    }

    /// Waits until every member that runs answers a linearizable read.
    pub(crate) fn wait_until_all_answer(&mut self) -> Result<()> {
        let started = Instant::now();
        for number in 0..MEMBERS {
            loop {
                interrupt::check()?;
                let member = self.members.get_mut(number).context("no such member")?;
                let Some(running) = &mut member.running else {
                    break;
                };
                let ended = running.try_wait()?;
                if ended.is_some() {
                    let log = self.folder.join(format!("{}.log", member.name));
                    let log = fs::read_to_string(log).unwrap_or_default();
                    let told = |line: &&str| {
                        line.contains("\"level\":\"fatal\"") || line.contains("\"level\":\"panic\"")
                    };
                    let last = log.lines().find(told).unwrap_or_default();
                    bail!("the member {} ended: {last}", member.name);
                }
                if self
                    .programs
                    .probe(&member.client_url(), &["get", "a"])
                    .is_ok()
                {
                    break;
                }
                if started.elapsed() > READY {
                    bail!("the cluster did not answer within {READY:?}");
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    /// The URLs of all members.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(Member::client_url).collect()
    }

    /// The member that leads now.
    pub(crate) fn leader(&self) -> Result<usize> {
        let started = Instant::now();
        loop {
            interrupt::check()?;
            for (number, member) in self.members.iter().enumerate() {
                if member.running.is_none() {
                    continue;
                }
                let asked = ["endpoint", "status", "--write-out=fields"];
                let told = self.programs.probe(&member.client_url(), &asked);
                let told = told.unwrap_or_default();
                let field = |name: &str| {
                    told.lines()
                        .find_map(|line| line.strip_prefix(&format!("\"{name}\" : ")))
                };
                let (id, leader) = (field("MemberID"), field("Leader"));
                if id.is_some() && id == leader {
                    return Ok(number);
                }
            }
            ensure!(started.elapsed() < READY, "no member leads");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The id of a member's process, for a command that signals it.
    pub(crate) fn pid(&self, number: usize) -> Result<u32> {
        let member = self.members.get(number).context("no such member")?;
        let running = member.running.as_ref().context("the member does not run")?;
        Ok(running.id())
    }

    /// Sends a signal to a member.
    fn signal(&self, number: usize, signal: Signal) -> Result<()> {
        let member = self.members.get(number).context("no such member")?;
        // It is not reaped before `kill`, so the id is its own.
        let running = member.running.as_ref().context("the member does not run")?;
        kill_process(Pid::from_child(running), signal).context("cannot signal a member")
    }

    /// Kills a member at once, as a power cut would.
    pub(crate) fn kill(&mut self, number: usize) -> Result<()> {
        self.signal(number, Signal::KILL)?;
        let member = self.members.get_mut(number).context("no such member")?;
        if let Some(mut running) = member.running.take() {
            running.wait()?;
        }
        Ok(())
    }

    /// Stops a member; it answers nothing until it is continued.
    pub(crate) fn stop(&self, number: usize) -> Result<()> {
        self.signal(number, Signal::STOP)
    }

    /// Continues a member that was stopped.
    pub(crate) fn go_on(&self, number: usize) -> Result<()> {
        self.signal(number, Signal::CONT)
    }

    /// Starts a member that was killed, with the data that it had.
    pub(crate) fn restart(&mut self, number: usize) -> Result<()> {
        self.start_member(number, "existing")
    }

    /// Asks `etcdctl` about the whole cluster.
    pub(crate) fn ctl(&self, args: &[&str]) -> Result<String> {
        self.programs.ctl(&self.endpoints().join(","), args)
    }

    /// Revokes all leases, as if no process had reached the cluster for longer than they last.
    /// Returns how many it revoked.
    pub(crate) fn revoke_leases(&self) -> Result<usize> {
        let told = self.ctl(&["lease", "list"])?;
        let leases = told.lines().filter(|line| !line.starts_with("found"));
        // One that has ended meanwhile cannot be revoked.
        let revoked = leases.filter(|lease| self.ctl(&["lease", "revoke", lease.trim()]).is_ok());
        Ok(revoked.count())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for member in &mut self.members {
            if let Some(mut running) = member.running.take() {
                // A member that is stopped ends, too.
                let _ = running.kill();
                let _ = running.wait();
            }
        }
    }
}
