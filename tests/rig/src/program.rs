//! Runs the other programs of the host, each with a deadline.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// No program of the host should take longer: a healthy one needs less than a second.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Within which nothing more comes, of what should have come already.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// What a program left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    /// Fails unless it ended with this status.
    pub(crate) fn expect(&self, status: i32, what: &str) -> Result<()> {
        ensure!(
            self.status.code() == Some(status),
            "{what} ended with {} instead of {status}: {}",
            self.status,
            self.stderr.trim_end()
        );
        Ok(())
    }
}

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Program {
    line: String,
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    deadline: Instant,
}

impl Program {
    /// Starts a program; it reads `stdin`.
    pub(crate) fn start<S: AsRef<OsStr> + fmt::Debug>(words: &[S], stdin: &[u8]) -> Result<Self> {
        Self::start_as(words, stdin, |_| ())
    }

    /// The same, with more said to the system about how it is to run.
    pub(crate) fn start_as<S: AsRef<OsStr> + fmt::Debug>(
        words: &[S],
        stdin: &[u8],
        how: impl FnOnce(&mut Command),
    ) -> Result<Self> {
        let line = format!("{words:?}");
        let (name, arguments) = words.split_first().context("no program named")?;
        let mut command = Command::new(name);
        how(&mut command);
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {line}"))?;
        if let Some(pipe) = child.stdin.take() {
            feed(pipe, stdin.to_vec());
        }
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        Ok(Self {
            line,
            child,
            stdout,
            stderr,
            deadline: Instant::now() + LIMIT,
        })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(mut self) -> Result<Ended> {
        self.child.kill().with_context(|| self.line.clone())?;
        self.wait()
    }

    /// Has it ended?
    pub(crate) fn ended(&mut self) -> Result<bool> {
        Ok(self
            .child
            .try_wait()
            .with_context(|| self.line.clone())?
            .is_some())
    }

    /// Waits for its end, whatever its status.
    pub(crate) fn wait(mut self) -> Result<Ended> {
        let status = loop {
            if let Some(status) = self.child.try_wait().with_context(|| self.line.clone())? {
                break status;
            }
            if Instant::now() >= self.deadline {
                bail!("{} did not end within {} s", self.line, LIMIT.as_secs());
            }
            thread::sleep(Duration::from_millis(5));
        };
        let stdout = joined(self.stdout.take());
        let stderr = String::from_utf8_lossy(&joined(self.stderr.take())).into_owned();
        Ok(Ended {
            status,
            stdout,
            stderr,
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail for one that was waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end, whatever its status.
pub(crate) fn run<S: AsRef<OsStr> + fmt::Debug>(words: &[S], stdin: &[u8]) -> Result<Ended> {
    Program::start(words, stdin)?.wait()
}

/// Runs a program that has to succeed, and returns what it wrote.
pub(crate) fn output<S: AsRef<OsStr> + fmt::Debug>(words: &[S]) -> Result<String> {
    let ended = run(words, b"")?;
    ensure!(
        ended.status.success(),
        "{words:?} ended with {}: {}",
        ended.status,
        ended.stderr
    );
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    while !holds()? {
        ensure!(
            Instant::now() < deadline,
            "{what}: not within {} s",
            LIMIT.as_secs()
        );
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Says something about the check that runs, for its reader.
pub(crate) fn say(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "   {line}")?)
}

fn feed(mut pipe: ChildStdin, bytes: Vec<u8>) {
    // A program that does not read to the end is free not to.
    thread::spawn(move || pipe.write_all(&bytes));
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

fn joined(thread: Option<JoinHandle<Vec<u8>>>) -> Vec<u8> {
    thread
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default()
}
