//! `Actor`: a process that a test starts, listens to, paces and kills.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use userdata_core::DomainKey;

/// Longer than any process takes that is not stuck.
const STUCK: Duration = Duration::from_secs(120);

/// A process of `src/bin/actor`. Killed when dropped.
pub(crate) struct Actor {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// The command line of an actor, to be started by [`Actor::start`].
pub(crate) fn command(directory: &Path, domain: &DomainKey, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_actor"));
    command
        .arg(directory)
        .arg(domain.to_string())
        .args(arguments);
    command
}

impl Actor {
    /// Starts a command, whose stderr is the test's.
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

    /// The next line it says; `None` when it has ended.
    #[track_caller]
    pub(crate) fn says(&self) -> Option<String> {
        use std::sync::mpsc::RecvTimeoutError;
        match self.lines.recv_timeout(STUCK) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("a process says nothing any more"),
        }
    }

    #[track_caller]
    pub(crate) fn expect(&self, wanted: &str) {
        assert_eq!(self.says().as_deref(), Some(wanted));
    }

    /// Says a line to it.
    pub(crate) fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("a process that listens");
        writeln!(stdin, "{line}").expect("a process that listens");
    }

    /// Ends its stdin, waits for its end, and makes sure that nothing went wrong in it; gives back
    /// the lines that nobody has heard.
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

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a process is killed");
        self.child.wait().expect("a process ends");
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
