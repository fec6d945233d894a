//! A peer in a process of its own, which times its turns itself: the peers in C, and any peer of
//! which there are several at a time. The messages are those of `c/timed.c`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::peer::Peer;
use crate::slot::{Slot, Subject};
use crate::work::Turn;

/// A process that does what it is told. Killed when dropped.
#[derive(Debug)]
pub struct Child {
    process: Process,
    /// Until the process is asked to end.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

/// One store after the other, for some time.
#[derive(Clone, Debug)]
pub struct Writing {
    /// What is replaced.
    pub slot: Slot,
    /// The length of a value.
    pub length: usize,
    /// The counter in the values begins here.
    pub seed: u64,
    /// For how long.
    pub span: Duration,
}

impl Child {
    /// Starts the program in this directory, and tells it which domains there are.
    ///
    /// # Errors
    ///
    /// When it can't be started, or its peer does not open.
    pub fn start(command: &mut Command, directory: &Path, domains: &[Subject]) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut process = command
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdin = process.stdin.take().context("a child with a pipe")?;
        let stdout = process.stdout.take().context("a child with a pipe")?;
        let mut child = Self {
            process,
            stdin: Some(stdin),
            stdout: BufReader::new(stdout),
        };
        let ready = child.hear()?;
        ensure!(ready == "ready", "{name} says {ready:?}");
        let mut table = format!("domains {}\n", domains.len());
        for domain in domains {
            table.push_str(&format!("{} {} alive\n", domain.key.domid, domain.uuid));
        }
        child.do_it(&table)?;
        Ok(child)
    }

    /// The process's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Begins to store; [`Child::written`] gives the result.
    ///
    /// # Errors
    ///
    /// When the process takes no command.
    pub fn write(&mut self, writing: &Writing) -> Result<()> {
        let Writing {
            slot,
            length,
            seed,
            span,
        } = writing;
        let (domid, number) = (slot.domain.key.domid, slot.number);
        let milliseconds = span.as_millis();
        self.tell(&format!(
            "write {domid} {number} {length} {seed} {milliseconds}\n"
        ))
    }

    /// How many stores were made, and how long they took.
    ///
    /// # Errors
    ///
    /// When a store failed.
    pub fn written(&mut self) -> Result<(u64, Duration)> {
        let answer = self.hear()?;
        let numbers = answer
            .strip_prefix("done=")
            .and_then(|rest| rest.split_once(" ns="));
        let Some((done, nanoseconds)) = numbers else {
            bail!("the peer says {answer:?}");
        };
        Ok((done.parse()?, Duration::from_nanos(nanoseconds.parse()?)))
    }

    /// Lets the process end by itself.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn finish(mut self) -> Result<()> {
        drop(self.stdin.take());
        let status = self.process.wait()?;
        ensure!(status.success(), "the peer ended with {status}");
        Ok(())
    }

    fn tell(&mut self, command: &str) -> Result<()> {
        self.send(command.as_bytes())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let stdin = self.stdin.as_mut().context("the peer was asked to end")?;
        stdin.write_all(bytes).context("the peer takes no command")
    }

    fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the peer's process ended");
        Ok(line.trim_end().to_owned())
    }

    fn do_it(&mut self, command: &str) -> Result<()> {
        self.tell(command)?;
        let answer = self.hear()?;
        ensure!(answer == "ok", "the peer says {answer:?}");
        Ok(())
    }

    /// Asks for something that may not be there: the number behind a word.
    fn number(&mut self, command: &str, word: &str) -> Result<Option<u64>> {
        self.tell(command)?;
        let answer = self.hear()?;
        match answer.split_once(' ') {
            None if answer == "none" => Ok(None),
            Some((found, number)) if found == word => Ok(Some(number.parse()?)),
            _ => bail!("the peer says {answer:?}"),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Peer for Child {
    fn store(&mut self, slot: &Slot, data: &[u8]) -> Result<()> {
        let (domid, number) = (slot.domain.key.domid, slot.number);
        self.tell(&format!("store {domid} {number} {}\n", data.len()))?;
        self.send(data)?;
        let answer = self.hear()?;
        ensure!(answer == "ok", "the peer says {answer:?}");
        Ok(())
    }

    fn retrieve(&mut self, slot: &Slot) -> Result<Option<Vec<u8>>> {
        let (domid, number) = (slot.domain.key.domid, slot.number);
        let length = self.number(&format!("retrieve {domid} {number}\n"), "value")?;
        let Some(length) = length else {
            return Ok(None);
        };
        let mut value = vec![0; usize::try_from(length)?];
        self.stdout.read_exact(&mut value)?;
        Ok(Some(value))
    }

    fn size(&mut self, slot: &Slot) -> Result<Option<u64>> {
        let (domid, number) = (slot.domain.key.domid, slot.number);
        self.number(&format!("size {domid} {number}\n"), "size")
    }

    fn list(&mut self, domain: &Subject) -> Result<Vec<String>> {
        let listed = self.number(&format!("list {}\n", domain.key.domid), "names")?;
        let names = (0..listed.unwrap_or_default()).map(|_| self.hear());
        names.collect()
    }

    fn remove(&mut self, slot: &Slot) -> Result<()> {
        let (domid, number) = (slot.domain.key.domid, slot.number);
        self.do_it(&format!("remove {domid} {number}\n"))
    }

    fn clear(&mut self, domain: &Subject) -> Result<()> {
        self.do_it(&format!("clear {}\n", domain.key.domid))
    }

    fn turn(&mut self, turn: &Turn) -> Result<Duration> {
        let Turn {
            work,
            domain,
            number,
            length,
            seed,
            early,
            times,
        } = turn;
        let (work, domid) = (work.name(), domain.key.domid);
        self.tell(&format!(
            "turn {work} {domid} {number} {length} {seed} {early} {times}\n"
        ))?;
        let answer = self.hear()?;
        match answer.strip_prefix("ns=") {
            Some(nanoseconds) => Ok(Duration::from_nanos(nanoseconds.parse()?)),
            None => bail!("{work}: the peer says {answer:?}"),
        }
    }
}
