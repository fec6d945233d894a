//! `Actor`: a process that a test starts, reads from, controls and kills.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use userdata_core::DomainKey;

/// After this time a process counts as stuck.
const STUCK: Duration = Duration::from_secs(120);

/// A process of `src/bin/actor`. It is killed when this value is dropped.
pub(crate) struct Actor {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// The command line of an actor, for [`Actor::start`].
pub(crate) fn command(directory: &Path, domain: &DomainKey, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_actor"));
    command
        .arg(directory)
        .arg(domain.to_string())
        .args(arguments);
    command
}

impl Actor {
    /// Starts a command. Its standard error is that of the test.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a process is started");
        let stdout = child.stdout.take().expect("its stdout is ours");
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        Self {
            child,
            stdin,
            lines,
        }
    }

    pub(crate) fn new(directory: &Path, domain: &DomainKey, arguments: &[&str]) -> Self {
        Self::start(command(directory, domain, arguments))
    }

    /// The next line of its output; `None` once it has ended.
    #[track_caller]
    pub(crate) fn says(&self) -> Option<String> {
        use std::sync::mpsc::RecvTimeoutError;
        match self.lines.recv_timeout(STUCK) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("a process is stuck"),
        }
    }

    #[track_caller]
    pub(crate) fn expect(&self, wanted: &str) {
        assert_eq!(self.says().as_deref(), Some(wanted));
    }

    /// Sends a line to its input.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("a process that listens");
        writeln!(stdin, "{line}").expect("a process that listens");
    }

    /// Closes its input, waits until it ends, and panics unless it succeeded. Returns the lines of
    /// its output that were not read yet.
    #[track_caller]
    pub(crate) fn end(mut self) -> Vec<String> {
        drop(self.stdin.take());
        let mut unheard = Vec::new();
        while let Some(line) = self.says() {
            unheard.push(line);
        }
        let status = self.child.wait().expect("a process ends");
        assert!(status.success(), "a process ends with {status}");
        unheard
    }

    /// Kills the process with SIGKILL, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a process is killed");
        self.child.wait().expect("a process ends");
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
