//! `HostProcess`: the rig's handle on the host that loses its power.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::disk::Disk;
use crate::file_system::FileSystem;
use crate::orders::{Answer, Order};
use crate::write_log::Event;

/// A running host. It ends when this value is dropped, and at once when the rig is killed.
#[derive(Debug)]
pub(crate) struct HostProcess {
    child: Child,
    /// `None` once the host is to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl HostProcess {
    /// Starts a host that mounts disks with this file system.
    pub(crate) fn start(file_system: FileSystem, mount_point: &Path) -> Result<Self> {
        let program = env::current_exe().context("finding the rig's own program")?;
        // The host has its own mount namespace. The last process that leaves a namespace unmounts its
        // file systems, and if that process were the one that serves the disk, the unmount would wait
        // for itself.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "unshare", "--mount", "--"])
            .arg(program)
            .args(["host", "--fs", file_system.name()])
            .arg(mount_point)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the host")?;
        let orders = child.stdin.take();
        let answers = child.stdout.take().context("the host has no output")?;
        Ok(Self {
            child,
            orders,
            answers: BufReader::new(answers),
        })
    }

    /// Sends an order, and passes the host's messages on to the disk until the order is carried out.
    pub(crate) fn obey(&mut self, order: &Order, disk: &Disk) -> Result<Answer> {
        self.send(&serde_json::to_string(order)?)?;
        loop {
            let answer = self.answer()?;
            match &answer {
                Answer::Error(error) => bail!("the host: {error}"),
                Answer::Begin(number) => disk.note(Event::Begun(*number)),
                Answer::Acknowledge(number) => disk.note(Event::Acknowledged(*number)),
                Answer::FailWrites(count) => disk.fail_writes(*count),
                Answer::Watch => disk.watch(),
                Answer::Stop => disk.stop(),
                _ => {}
            }
            if !answer.waits() {
                return Ok(answer);
            }
            self.send("")?;
        }
    }

    fn send(&mut self, line: &str) -> Result<()> {
        let orders = self.orders.as_mut().context("the host is to end")?;
        writeln!(orders, "{line}").context("the host has ended")
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .context("reading the host's answer")?;
        if line.is_empty() {
            bail!("the host has ended");
        }
        serde_json::from_str(&line).context("reading the host's answer")
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.child.wait();
    }
}
