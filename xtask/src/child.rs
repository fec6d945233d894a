//! Child processes that do not outlive this one.
//!
//! Each runs in a process group of its own, which is killed at a deadline, on Ctrl-C and when the
//! handle is dropped. The kernel kills the child itself when we are killed outright.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{process, thread};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The user pressed Ctrl-C, or a signal asked this process to end.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// From now on Ctrl-C, SIGTERM and SIGHUP end every child first. A second one ends this process at
/// once.
pub(crate) fn catch_interrupts() -> Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            process::exit(130);
        }
    })
    .context("cannot catch Ctrl-C")
}

/// Fails if the user has asked us to end.
pub(crate) fn check_interrupt() -> Result<()> {
    if INTERRUPTED.load(Ordering::SeqCst) {
        Err(Interrupted.into())
    } else {
        Ok(())
    }
}

/// A command for [`Child::start`], [`run`] and [`output`].
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// A child that runs.
#[derive(Debug)]
pub(crate) struct Child {
    inner: process::Child,
    what: String,
    limit: Duration,
    deadline: Instant,
    ended: bool,
}

impl Child {
    /// Starts a command made by [`command`]; it reads nothing.
    pub(crate) fn start(command: &mut Command, limit: Duration) -> Result<Self> {
        check_interrupt()?;
        // After the words of `command` comes the program.
        let program = Path::new(command.get_args().nth(3).unwrap_or_default());
        let what = program
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let inner = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {what}"))?;
        Ok(Self {
            inner,
            what,
            limit,
            deadline: Instant::now() + limit,
            ended: false,
        })
    }

    /// The output of the child, if it was started with a pipe.
    pub(crate) fn take_stdout(&mut self) -> Result<ChildStdout> {
        self.inner
            .stdout
            .take()
            .with_context(|| format!("{} has no pipe", self.what))
    }

    /// How it ended, if it has. Fails on Ctrl-C and after the deadline.
    pub(crate) fn poll(&mut self) -> Result<Option<ExitStatus>> {
        let status = self
            .inner
            .try_wait()
            .with_context(|| format!("waiting for {}", self.what))?;
        if status.is_some() {
            self.ended = true;
            return Ok(status);
        }
        check_interrupt()?;
        if Instant::now() >= self.deadline {
            bail!("{} did not end within {:?}", self.what, self.limit);
        }
        Ok(None)
    }

    /// Waits for its end, and calls `meanwhile` a few times a second.
    pub(crate) fn wait(&mut self, mut meanwhile: impl FnMut()) -> Result<ExitStatus> {
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(status) = self.poll()? {
                return Ok(status);
            }
            meanwhile();
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Waits, and fails unless it ended well.
    pub(crate) fn succeed(&mut self) -> Result<()> {
        let status = self.wait(|| ())?;
        if !status.success() {
            bail!("{} ended with {status}", self.what);
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.ended {
            // The child leads its group and is not reaped yet, so the number is still its own.
            let _ = kill_process_group(Pid::from_child(&self.inner), Signal::KILL);
            let _ = self.inner.wait();
        }
    }
}

/// Runs a command to its end and returns its standard output. An error shows the end of its output
/// and its errors.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let Ended {
        what,
        status,
        out,
        err,
    } = ended(command, limit)?;
    if !status.success() {
        bail!(
            "{what} ended with {status}:\n{}",
            tail(&format!("{out}{err}"), 15)
        );
    }
    Ok(out)
}

/// How a command ended, well or not, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ended {
    what: String,
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command to its end. Fails only if it cannot be run, or does not end.
pub(crate) fn ended(command: &mut Command, limit: Duration) -> Result<Ended> {
    let mut out = tempfile::tempfile().context("cannot make a temporary file")?;
    let mut err = tempfile::tempfile().context("cannot make a temporary file")?;
    command.stdout(out.try_clone()?).stderr(err.try_clone()?);
    let mut child = Child::start(command, limit)?;
    let status = child.wait(|| ())?;
    Ok(Ended {
        what: child.what.clone(),
        status,
        out: text(&mut out)?,
        err: text(&mut err)?,
    })
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<()> {
    output(command, limit).map(drop)
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.trim_end().lines().collect();
    let from = all.len().saturating_sub(lines);
    all.iter()
        .skip(from)
        .map(|line| format!("  {}\n", line.trim_end()))
        .collect()
}

fn text(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Is a process of this id there, and not only waiting to be reaped?
    fn runs(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next());
        !matches!(state, None | Some('Z' | 'X'))
    }

    #[test]
    fn a_child_is_killed_at_its_deadline_with_what_it_started() {
        let mut shell = command("sh");
        shell
            .args(["-c", "sleep 1000 & echo $!; wait"])
            .stdout(Stdio::piped());
        let mut child = Child::start(&mut shell, Duration::from_millis(200)).unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(
            &mut std::io::BufReader::new(child.take_stdout().unwrap()),
            &mut line,
        )
        .unwrap();
        let grandchild = line.trim();
        assert!(runs(grandchild));
        let error = child.wait(|| ()).unwrap_err();
        assert_eq!(error.to_string(), "sh did not end within 200ms");
        drop(child);
        let deadline = Instant::now() + Duration::from_secs(60);
        while runs(grandchild) {
            assert!(Instant::now() < deadline, "{grandchild} still runs");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_failure_shows_the_end_of_what_was_written() {
        let mut shell = command("sh");
        shell.args(["-c", "echo out; echo err >&2; exit 3"]);
        let error = output(&mut shell, Duration::from_secs(60)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sh ended with exit status: 3:\n  out\n  err\n"
        );
    }
}
