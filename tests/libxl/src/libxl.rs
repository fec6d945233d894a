//! `Libxl`: a process in which real libxl works in a test's directory.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context as _, Result, bail, ensure};
use hv_sim::SimHost;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tempfile::TempDir;
use userdata_core::{Hypervisor as _, Life};

use crate::step::Call;

/// After this time a call counts as stuck.
const STUCK: Duration = Duration::from_secs(60);

/// The file of a process's run folder in which the host of the drop-in is simulated.
const HOST: &str = "host.json";

/// The program that runs real libxl.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) program: PathBuf,
    /// The drop-in, built for a simulated host.
    pub(crate) drop_in: Option<PathBuf>,
}

/// A process that runs real libxl. It is killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Libxl {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Message>,
    run: TempDir,
}

/// The return value of a call of libxl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Returned {
    /// The code of a call; for a retrieve, a code other than 0.
    Code(i32),
    /// A retrieve succeeded with a null pointer.
    NoValue,
    /// A retrieve succeeded with a value.
    Value(Vec<u8>),
}

/// A message of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// The process takes commands.
    Ready,
    /// libxl waits for a lock that another process holds.
    Waits,
    /// libxl has the lock and keeps it.
    Held,
    /// The call has returned.
    Returned(Returned),
    /// An unknown message.
    Unknown(String),
}

impl Libxl {
    /// Starts the driver, for which `directory` is `/var/lib/xen`.
    pub(crate) fn start(driver: &Driver, directory: &Path) -> Result<Self> {
        Self::spawn(driver, directory, |_, _| ())
    }

    /// Starts the driver with the drop-in, if there is one: the calls for userdata are then those
    /// of the drop-in, and a destroy is libxl's.
    pub(crate) fn start_with_drop_in(driver: &Driver, directory: &Path) -> Result<Option<Self>> {
        let Some(drop_in) = &driver.drop_in else {
            return Ok(None);
        };
        let preload = |command: &mut Command, run: &Path| {
            command.env("LD_PRELOAD", drop_in);
            command.env("USERDATA_LIBXL_HOST", run.join(HOST));
        };
        Self::spawn(driver, directory, preload).map(Some)
    }

    fn spawn(
        driver: &Driver,
        directory: &Path,
        with: impl FnOnce(&mut Command, &Path),
    ) -> Result<Self> {
        let run = tempfile::tempdir()?;
        let mut command = Command::new(&driver.program);
        command.arg(run.path()).current_dir(directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        with(&mut command, run.path());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", driver.program.display()))?;
        let stdin = child.stdin.take().context("a child with a pipe")?;
        let stdout = child.stdout.take().context("a child with a pipe")?;
        let (send, lines) = channel();
        thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(message) = listen(&mut stdout) {
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        let mut libxl = Self {
            child,
            stdin,
            lines,
            run,
        };
        libxl.expect(&Message::Ready)?;
        Ok(libxl)
    }

    /// From now on these domains exist, dying or not: what a Xen of this release tells.
    pub(crate) fn see(&mut self, host: &SimHost) -> Result<()> {
        fs::write(self.run.path().join(HOST), host.state().to_json())?;
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
        self.send(text.as_bytes())?;
        self.expect(&Message::Returned(Returned::Code(0)))
    }

    /// Makes a call and waits until it returns.
    pub(crate) fn call(&mut self, call: &Call) -> Result<Returned> {
        self.begin(call)?;
        self.returned()
    }

    /// Begins a call that keeps libxl's lock once it has it.
    pub(crate) fn begin_and_hold(&mut self, call: &Call) -> Result<()> {
        self.send(b"hold\n")?;
        self.expect(&Message::Returned(Returned::Code(0)))?;
        self.begin(call)?;
        self.expect(&Message::Held)
    }

    /// Makes a call in a process that can open no more files.
    pub(crate) fn call_exhausted(&mut self, call: &Call) -> Result<Returned> {
        self.send(b"exhaust\n")?;
        self.expect(&Message::Returned(Returned::Code(0)))?;
        self.call(call)
    }

    /// Continues the call of [`Libxl::begin_and_hold`], and waits until it returns.
    pub(crate) fn go_on(&mut self) -> Result<Returned> {
        self.send(b"go on\n")?;
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
        self.send(&[line.as_bytes(), bytes].concat())
    }

    /// Makes a call that opens a named pipe, and opens the pipe's other end once the call waits for
    /// it. Returns `None` if the call waited, and otherwise its return value.
    pub(crate) fn call_at_pipe(&mut self, call: &Call, pipe: &Path) -> Result<Option<Returned>> {
        self.begin(call)?;
        let stuck = Instant::now() + STUCK;
        loop {
            match self.lines.try_recv() {
                Err(TryRecvError::Empty) => {}
                Ok(Message::Returned(returned)) => return Ok(Some(returned)),
                Ok(other) => bail!("libxl's process sent {other:?} instead of a code"),
                Err(TryRecvError::Disconnected) => bail!("libxl's process ended"),
            }
            // This end opens once another process has opened the other one, or waits to do so.
            match rustix::fs::open(pipe, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()) {
                Ok(_) => break,
                Err(Errno::NXIO) if Instant::now() < stuck => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(errno) => return Err(errno).context("libxl did not open the pipe"),
            }
        }
        let returned = self.returned()?;
        ensure!(
            returned == Returned::Code(-3),
            "a pipe is read: {returned:?}"
        );
        Ok(None)
    }

    /// Waits until the call that was begun returns.
    pub(crate) fn returned(&mut self) -> Result<Returned> {
        match self.receive()? {
            Message::Returned(returned) => Ok(returned),
            other => bail!("libxl's process sent {other:?} instead of a code"),
        }
    }

    pub(crate) fn expect(&mut self, wanted: &Message) -> Result<()> {
        let message = self.receive()?;
        ensure!(
            message == *wanted,
            "libxl's process sent {message:?} instead of {wanted:?}"
        );
        Ok(())
    }

    /// Kills the process.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = self
            .stdin
            .write_all(bytes)
            .and_then(|()| self.stdin.flush());
        sent.context("libxl's process takes no command")
    }

    fn receive(&mut self) -> Result<Message> {
        match self.lines.recv_timeout(STUCK) {
            Ok(message) => Ok(message),
            Err(RecvTimeoutError::Timeout) => bail!("libxl does not return"),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("libxl's process ended with {}", self.child.wait()?)
            }
        }
    }
}

impl Drop for Libxl {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the next message; `None` at the end.
fn listen(stdout: &mut BufReader<ChildStdout>) -> Option<Message> {
    let mut line = String::new();
    if stdout.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let line = line.trim_end();
    Some(match line {
        "ready" => Message::Ready,
        "waits" => Message::Waits,
        "held" => Message::Held,
        "rc=0 none" => Message::Returned(Returned::NoValue),
        _ => match line.strip_prefix("rc=0 length=").map(str::parse) {
            Some(Ok(length)) => {
                let mut bytes = vec![0; length];
                stdout.read_exact(&mut bytes).ok()?;
                Message::Returned(Returned::Value(bytes))
            }
            _ => match line.strip_prefix("rc=").map(str::parse) {
                Some(Ok(code)) => Message::Returned(Returned::Code(code)),
                _ => Message::Unknown(line.to_owned()),
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
