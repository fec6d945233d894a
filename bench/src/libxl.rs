//! `Libxl`: real libxl in a process of its own, which times its calls itself. The C library and the
//! drop-in are in the same process.
//!
//! They are C, and calling them from here would take `unsafe`. The process that makes the calls
//! also measures the time of a turn, so the messages to and from it are not part of the time.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use userdata_core::{DomainKey, Uuid};

use crate::case::Case;

/// The program that calls libxl, and what it loads.
#[derive(Clone, Copy, Debug)]
pub struct InC<'a> {
    /// The program.
    pub program: &'a Path,
    /// The folder of the C library and the drop-in, whose hypervisor answers at once.
    pub libraries: Option<&'a Path>,
}

/// A process in which real libxl works in a directory of ours. Killed when dropped.
#[derive(Debug)]
pub struct Libxl {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Libxl {
    /// Starts the program, for which `directory` is `/var/lib/xen` and just these domains exist.
    /// The C library takes them from the simulated host in the file `host`. For the drop-in every
    /// domain has the uuid `drop_in`.
    ///
    /// # Errors
    ///
    /// When it can't be started, or libxl or a library can't.
    pub fn start(
        in_c: InC<'_>,
        directory: &Path,
        host: &Path,
        drop_in: Uuid,
        domains: &[DomainKey],
    ) -> Result<Self> {
        let InC { program, libraries } = in_c;
        let mut command = Command::new(program);
        if let Some(folder) = libraries {
            command.arg(folder).arg(host);
            command.env("USERDATA_LIBXL_UUID", drop_in.to_string());
        }
        let mut child = command
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

    /// Does a case in C this often, after some that are not timed. The time was measured in
    /// that process, without the preparation of each call.
    ///
    /// # Errors
    ///
    /// When a call of libxl fails, or the case is not one of these.
    pub fn turn(
        &mut self,
        case: Case,
        domain: &DomainKey,
        early: u32,
        times: u32,
    ) -> Result<Duration> {
        let command = match case {
            Case::CRetrieve => "c-retrieve",
            Case::CStore => "c-store",
            Case::DropInRetrieve => "d-retrieve",
            Case::DropInStore => "d-store",
            Case::LibxlRetrieve => "retrieve",
            Case::LibxlStore => "store",
            Case::LibxlGlob => "glob",
            Case::LibxlDestroyall => "destroyall",
            other => bail!("{other} is not done in C"),
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
