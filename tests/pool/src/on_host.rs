//! The command `userdata` on a simulated host of a pool, as a user starts it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use userdata_core::Uuid;

/// The command on one host.
#[derive(Clone, Debug)]
pub(crate) struct OnHost {
    program: PathBuf,
    /// The file that describes the pool.
    pub(crate) file: PathBuf,
    /// The file of the simulated host.
    xen: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    words: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl OnHost {
    /// The host with this name in the pool, whose file names these members. `more` is further lines
    /// of the file.
    pub(crate) fn new(
        program: &Path,
        folder: &Path,
        name: &str,
        endpoints: &[String],
        more: &str,
    ) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let file = folder.join(format!("{name}.toml"));
        let text = format!("endpoints = {endpoints:?}\nhost = \"{name}\"\n{more}");
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self {
            program: program.to_owned(),
            file,
            xen: folder.join(format!("{name}.json")),
        })
    }

    /// The command with these words, which is not started.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--pool").arg(&self.file);
        command.arg("--hypervisor");
        command.arg(format!("sim:{}", self.xen.display()));
        command.args(words);
        command
    }

    /// Runs the command with this standard input, to any end.
    pub(crate) fn run(&self, words: &[&str], stdin: &[u8]) -> Result<Ended> {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        if let Some(mut pipe) = child.stdin.take() {
            // A command that reads nothing has closed it.
            let _ = pipe.write_all(stdin);
        }
        let told = child.wait_with_output()?;
        Ok(Ended {
            words: words.join(" "),
            code: told.status.code(),
            stdout: told.stdout,
            stderr: String::from_utf8_lossy(&told.stderr).into_owned(),
        })
    }

    /// Runs the command, which has to succeed, and returns its standard output.
    pub(crate) fn done(&self, words: &[&str], stdin: &[u8]) -> Result<Vec<u8>> {
        let ended = self.run(words, stdin)?;
        ended.expect(0, "")?;
        Ok(ended.stdout)
    }

    /// Creates a domain on the simulated host.
    pub(crate) fn create(&self, name: &str, uuid: Uuid) -> Result<()> {
        let uuid = uuid.to_string();
        let words = ["sim", "create", "--name", name, "--uuid", &uuid];
        self.done(&words, b"").map(drop)
    }

    /// What the command prints as JSON.
    pub(crate) fn json(&self, words: &[&str]) -> Result<Value> {
        let text = self.done(&[&["--json"], words].concat(), b"")?;
        serde_json::from_slice(&text).with_context(|| format!("the JSON of {words:?}"))
    }
}

impl Ended {
    /// Fails unless it ended with this status, and its errors have this text.
    pub(crate) fn expect(&self, code: i32, text: &str) -> Result<()> {
        ensure!(
            self.code == Some(code) && self.stderr.contains(text),
            "userdata {} ended with {:?}, not with {code} and '{text}': {}",
            self.words,
            self.code,
            self.stderr
        );
        Ok(())
    }
}
