//! `Libxl`: a process in which the real libxl works in a directory of ours.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hv_sim::SimHost;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tempfile::TempDir;
use userdata_core::{Hypervisor as _, Life};

use crate::step::Call;

/// Longer than any call takes that is not stuck.
const STUCK: Duration = Duration::from_secs(60);

/// The real libxl in a process of its own. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Libxl {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Said>,
    _run: TempDir,
}

/// What a call of libxl returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Returned {
    /// The code of a call; of a retrieve one that is not 0.
    Code(i32),
    /// A retrieve that succeeded without a pointer.
    NoValue,
    /// A retrieve that succeeded with one.
    Value(Vec<u8>),
}

/// What the process said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// It takes commands.
    Ready,
    /// libxl waits for a lock that somebody else has.
    Waits,
    /// libxl has its lock and keeps it.
    Held,
    /// The call is over.
    Returned(Returned),
    /// Something else.
    Strange(String),
}

impl Libxl {
    /// Starts the driver, for which `directory` is `/var/lib/xen`.
    pub(crate) fn start(driver: &Path, directory: &Path) -> Result<Self> {
        let run = tempfile::tempdir()?;
        let mut child = Command::new(driver)
            .arg(run.path())
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", driver.display()))?;
        let stdin = child.stdin.take().context("a child with a pipe")?;
        let stdout = child.stdout.take().context("a child with a pipe")?;
        let (send, lines) = channel();
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(said) = listen(&mut stdout) {
                if send.send(said).is_err() {
                    break;
                }
            }
        });
        let mut libxl = Self {
            child,
            stdin,
            lines,
            _run: run,
        };
        libxl.expect(&Said::Ready)?;
        Ok(libxl)
    }

    /// From now on these domains exist, dying or not: what a Xen of this release tells.
    pub(crate) fn see(&mut self, host: &SimHost) -> Result<()> {
        let domains = host.domains()?;
        let mut text = format!("domains {}\n", domains.len());
        for domain in domains {
            let life = if domain.life == Life::Dead {
                "dead"
            } else {
                "alive"
            };
            writeln!(text, "{} {} {life}", domain.key.domid, domain.key.uuid)?;
        }
        self.tell(text.as_bytes())?;
        self.expect(&Said::Returned(Returned::Code(0)))
    }

    /// Makes a call to its end.
    pub(crate) fn call(&mut self, call: &Call) -> Result<Returned> {
        self.begin(call)?;
        self.returned()
    }

    /// Begins a call that keeps libxl's lock as soon as it has it.
    pub(crate) fn begin_and_hold(&mut self, call: &Call) -> Result<()> {
        self.tell(b"hold\n")?;
        self.expect(&Said::Returned(Returned::Code(0)))?;
        self.begin(call)?;
        self.expect(&Said::Held)
    }

    /// Makes a call in a process that can open no file.
    pub(crate) fn call_exhausted(&mut self, call: &Call) -> Result<Returned> {
        self.tell(b"exhaust\n")?;
        self.expect(&Said::Returned(Returned::Code(0)))?;
        self.call(call)
    }

    /// Lets go of what [`Libxl::begin_and_hold`] holds.
    pub(crate) fn go_on(&mut self) -> Result<Returned> {
        self.tell(b"go on\n")?;
        self.returned()
    }

    /// Begins a call.
    pub(crate) fn begin(&mut self, call: &Call) -> Result<()> {
        let (mut line, mut bytes) = (String::new(), &[][..]);
        match call {
            Call::Store {
                domid,
                userid,
                data,
            } => {
                write!(line, "store {domid} {} {}", hex(userid), data.len())?;
                bytes = data;
            }
            Call::StoreNegative { domid, userid } => {
                write!(line, "store {domid} {} -1", hex(userid))?;
            }
            Call::Retrieve { domid, userid } => write!(line, "retrieve {domid} {}", hex(userid))?,
            Call::Remove { domid, userid } => write!(line, "unlink {domid} {}", hex(userid))?,
            Call::Destroy { domid } => write!(line, "destroy {domid}")?,
        }
        line.push('\n');
        self.tell(&[line.as_bytes(), bytes].concat())
    }

    /// Makes a call that opens a named pipe, which waits until somebody opens its other end; then
    /// does that. What it returned if it did not wait.
    pub(crate) fn call_at_pipe(&mut self, call: &Call, pipe: &Path) -> Result<Option<Returned>> {
        self.begin(call)?;
        let stuck = Instant::now() + STUCK;
        loop {
            match self.lines.try_recv() {
                Err(TryRecvError::Empty) => {}
                Ok(Said::Returned(returned)) => return Ok(Some(returned)),
                Ok(other) => bail!("libxl says {other:?} in place of a code"),
                Err(TryRecvError::Disconnected) => bail!("libxl's process ended"),
            }
            // This end opens only when somebody has the other one, or waits to have it.
            match rustix::fs::open(pipe, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()) {
                Ok(_) => break,
                Err(Errno::NXIO) if Instant::now() < stuck => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(errno) => return Err(errno).context("nobody opened the pipe"),
            }
        }
        let returned = self.returned()?;
        ensure!(
            returned == Returned::Code(-3),
            "a pipe is read: {returned:?}"
        );
        Ok(None)
    }

    /// What the call that was begun returned.
    pub(crate) fn returned(&mut self) -> Result<Returned> {
        match self.hear()? {
            Said::Returned(returned) => Ok(returned),
            other => bail!("libxl says {other:?} in place of a code"),
        }
    }

    pub(crate) fn expect(&mut self, wanted: &Said) -> Result<()> {
        let said = self.hear()?;
        ensure!(
            said == *wanted,
            "libxl says {said:?} in place of {wanted:?}"
        );
        Ok(())
    }

    /// Kills it, whatever it does.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn tell(&mut self, bytes: &[u8]) -> Result<()> {
        let told = self
            .stdin
            .write_all(bytes)
            .and_then(|()| self.stdin.flush());
        told.context("libxl's process takes no command")
    }

    fn hear(&mut self) -> Result<Said> {
        match self.lines.recv_timeout(STUCK) {
            Ok(said) => Ok(said),
            Err(RecvTimeoutError::Timeout) => bail!("libxl does not return"),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("libxl's process ended with {}", self.child.wait()?)
            }
        }
    }
}

impl Drop for Libxl {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next thing that is said; `None` at the end.
fn listen(stdout: &mut BufReader<ChildStdout>) -> Option<Said> {
    let mut line = String::new();
    if stdout.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let line = line.trim_end();
    Some(match line {
        "ready" => Said::Ready,
        "waits" => Said::Waits,
        "held" => Said::Held,
        "rc=0 none" => Said::Returned(Returned::NoValue),
        _ => match line.strip_prefix("rc=0 length=").map(str::parse) {
            Some(Ok(length)) => {
                let mut bytes = vec![0; length];
                stdout.read_exact(&mut bytes).ok()?;
                Said::Returned(Returned::Value(bytes))
            }
            _ => match line.strip_prefix("rc=").map(str::parse) {
                Some(Ok(code)) => Said::Returned(Returned::Code(code)),
                _ => Said::Strange(line.to_owned()),
            },
        },
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("x".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
