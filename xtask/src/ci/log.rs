//! The log of a step: all output of its commands.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::{child, project};

/// How often a running step prints that it still runs.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// The log of one step: a file that is kept.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    path: PathBuf,
    started: Instant,
    limit: Duration,
}

impl Log {
    /// A new log in `folder` of a step that has `limit` from now on.
    pub(crate) fn create(folder: &Path, step: &str, limit: Duration) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join(format!("{step}.log"));
        // Several processes append to it.
        let _ = fs::remove_file(&path);
        let file = File::options()
            .create(true)
            .append(true)
            .read(true)
            .open(&path);
        let file = file.with_context(|| format!("creating {}", path.display()))?;
        Ok(Self {
            file,
            path,
            started: Instant::now(),
            limit,
        })
    }

    /// Runs a command of cargo.
    pub(crate) fn cargo(&mut self, args: &[&str]) -> Result<()> {
        self.run(child::command(project::cargo()).args(args))
    }

    /// Runs a command made by [`child::command`] at the root of the workspace; an error unless it
    /// ends well within the step's limit.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        command.current_dir(project::root());
        self.note(&format!("$ {}", words(command)));
        command
            .stdout(self.file.try_clone()?)
            .stderr(self.file.try_clone()?);
        let left = self.limit.saturating_sub(self.elapsed());
        let mut next = self.elapsed() + SIGN_OF_LIFE;
        let status = child::Child::start(command, left)?.wait(|| {
            if self.elapsed() >= next {
                next = self.elapsed() + SIGN_OF_LIFE;
                let line = self.last_line();
                let _ = writeln!(io::stdout(), "    {:4} s  {line}", self.elapsed().as_secs());
            }
        })?;
        if !status.success() {
            anyhow::bail!("{} ended with {status}", words(command));
        }
        Ok(())
    }

    /// Adds a line of our own.
    pub(crate) fn note(&mut self, line: &str) {
        let _ = writeln!(self.file, "{line}");
    }

    /// The last line of the last command's output that is not empty.
    pub(crate) fn last_line(&self) -> String {
        let end = self.tail(4096).unwrap_or_default();
        let line = end
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        if line.starts_with("$ ") {
            String::new()
        } else {
            line.trim().to_owned()
        }
    }

    /// All of it.
    pub(crate) fn text(&self) -> Result<String> {
        self.tail(u64::MAX)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn tail(&self, bytes: u64) -> Result<String> {
        let reading = || format!("reading {}", self.path.display());
        let mut file = File::open(&self.path).with_context(reading)?;
        let length = file.metadata().with_context(reading)?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))
            .with_context(reading)?;
        let mut end = Vec::new();
        file.read_to_end(&mut end).with_context(reading)?;
        Ok(String::from_utf8_lossy(&end).into_owned())
    }
}

/// The command as one would type it.
fn words(command: &Command) -> String {
    // The first three words make it end with this process.
    let words = command
        .get_args()
        .skip(3)
        .map(|word| word.to_string_lossy());
    let mut words: Vec<_> = words.collect();
    if let Some(program) = words.first_mut()
        && let Some((_, name)) = program.rsplit_once('/')
    {
        *program = name.to_owned().into();
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_failure_of_a_command_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(folder.path(), "step", Duration::from_secs(60)).unwrap();
        let mut good = child::command("/bin/sh");
        log.run(good.args(["-c", "echo one; echo two >&2; echo"]))
            .unwrap();
        assert_eq!(log.last_line(), "two");
        log.run(&mut child::command("true")).unwrap();
        assert_eq!(log.last_line(), "");
        let mut bad = child::command("/bin/sh");
        let error = log.run(bad.args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "sh -c exit 3 ended with exit status: 3");
        let text = log.text().unwrap();
        assert_eq!(
            text,
            "$ sh -c echo one; echo two >&2; echo\none\ntwo\n\n$ true\n$ sh -c exit 3\n"
        );
    }

    #[test]
    fn a_command_beyond_the_limit_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::create(folder.path(), "step", Duration::ZERO).unwrap();
        let error = log.run(child::command("sleep").arg("3600")).unwrap_err();
        assert_eq!(error.to_string(), "sleep did not end within 0ns");
    }
}
