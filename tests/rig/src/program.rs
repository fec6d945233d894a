//! Runs other programs of the host, each with a deadline.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The time limit of a program. A healthy one needs less than a second.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// How long a check waits for something that should not come any more.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// The result of a program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    /// Fails unless the program ended with this status.
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

/// A running program.
#[derive(Debug)]
pub(crate) struct Program {
    line: String,
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    deadline: Instant,
}

impl Program {
    /// Starts a program that reads `stdin`.
    pub(crate) fn start<S: AsRef<OsStr> + fmt::Debug>(words: &[S], stdin: &[u8]) -> Result<Self> {
        Self::start_as(words, stdin, |_| ())
    }

    /// As [`Program::start`], after `how` has changed the command.
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

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the program with SIGKILL, and waits for its end.
    pub(crate) fn kill(mut self) -> Result<Ended> {
        self.child.kill().with_context(|| self.line.clone())?;
        self.wait()
    }

    /// Whether the program has ended.
    pub(crate) fn ended(&mut self) -> Result<bool> {
        Ok(self
            .child
            .try_wait()
            .with_context(|| self.line.clone())?
            .is_some())
    }

    /// Waits until the program ends, with any status.
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
        // Both fail if the program has been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program until it ends, with any status.
pub(crate) fn run<S: AsRef<OsStr> + fmt::Debug>(words: &[S], stdin: &[u8]) -> Result<Ended> {
    Program::start(words, stdin)?.wait()
}

/// Runs a program that has to succeed, and returns its standard output.
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

/// Waits until `holds` returns true.
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

/// Prints a line about the running check.
pub(crate) fn say(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "   {line}")?)
}

fn feed(mut pipe: ChildStdin, bytes: Vec<u8>) {
    // A program need not read its whole input.
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
