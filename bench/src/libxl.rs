//! `Libxl`: real libxl in a process of its own, which times its calls itself.
//!
//! libxl is C, and calling it from here would take `unsafe`. The process that makes the calls also
//! measures the time of a turn, so the messages to and from it are not part of the time.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use userdata_core::DomainKey;

use crate::case::Case;

/// A process in which real libxl works in a directory of ours. Killed when dropped.
#[derive(Debug)]
pub struct Libxl {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Libxl {
    /// Starts the program, for which `directory` is `/var/lib/xen` and just these domains exist.
    ///
    /// # Errors
    ///
    /// When it can't be started, or libxl can't.
    pub fn start(program: &Path, directory: &Path, domains: &[DomainKey]) -> Result<Self> {
        let mut child = Command::new(program)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdin = child.stdin.take().context("a child with a pipe")?;
        let stdout = child.stdout.take().context("a child with a pipe")?;
        let mut libxl = Self {
            child,
            stdin,
            stdout: BufReader::new(stdout),
        };
        let ready = libxl.hear()?;
        ensure!(ready == "ready", "libxl says {ready:?}");
        let mut table = format!("domains {}\n", domains.len());
        for domain in domains {
            writeln!(table, "{} {} alive", domain.domid, domain.uuid)?;
        }
        libxl.ask(&table)?;
        Ok(libxl)
    }

    /// Does a case of libxl's this often, after some that are not timed. The time was measured in
    /// that process, without the preparation of each call.
    ///
    /// # Errors
    ///
    /// When a call of libxl fails, or the case is not one of libxl's.
    pub fn turn(
        &mut self,
        case: Case,
        domain: &DomainKey,
        early: u32,
        times: u32,
    ) -> Result<Duration> {
        let command = match case {
            Case::LibxlRetrieve => "retrieve",
            Case::LibxlStore => "store",
            Case::LibxlGlob => "glob",
            Case::LibxlDestroyall => "destroyall",
            other => bail!("{other} is not done by libxl"),
        };
        self.ask(&format!("{command} {} {early} {times}\n", domain.domid))
    }

    fn ask(&mut self, command: &str) -> Result<Duration> {
        self.stdin
            .write_all(command.as_bytes())
            .context("libxl's process takes no command")?;
        let answer = self.hear()?;
        let nanoseconds = answer.strip_prefix("ns=").map(str::parse);
        match nanoseconds {
            Some(Ok(nanoseconds)) => Ok(Duration::from_nanos(nanoseconds)),
            _ => bail!("libxl: {answer}"),
        }
    }

    fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        ensure!(!line.is_empty(), "libxl's process ended");
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Libxl {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
