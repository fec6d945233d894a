//! The command `userdata` on a real cluster, as a toolstack runs it: its exit status, its words,
//! and the state that it leaves.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::programs::userdata;
use crate::rig::{Rig, pause};

mod bad_file;
mod bad_input;
mod life;
mod lost_mark;
mod moves;
mod no_quorum;
mod not_running;
mod other_server;
mod outcome;
mod secured;
mod wrapper;

pub(crate) use bad_file::check as bad_file;
pub(crate) use bad_input::check as bad_input;
pub(crate) use life::check as life;
pub(crate) use lost_mark::check as lost_mark;
pub(crate) use moves::{deaths, moves};
pub(crate) use no_quorum::check as no_quorum;
pub(crate) use not_running::check as not_running;
pub(crate) use other_server::check as other_server;
pub(crate) use outcome::check as outcome;
pub(crate) use secured::check as secured;
pub(crate) use wrapper::check as killed;

/// The uuid of the domain `web`.
const WEB: &str = "5e1f0b00-0000-4000-8000-0000000000b0";

/// How long a process may take to come so far.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a file of the pool and a simulated hypervisor for each host.
struct Site {
    folder: PathBuf,
    program: PathBuf,
    /// How many processes were run.
    runs: usize,
}

impl Site {
    /// The hosts `a` and `b` of a pool with these members; neither has joined.
    fn new(rig: &Rig, endpoints: &[String]) -> Result<Self> {
        let program = userdata()?;
        let folder = rig.scratch.join("site");
        fs::create_dir_all(&folder)?;
        let site = Self {
            folder,
            program,
            runs: 0,
        };
        for host in ["a", "b"] {
            let text = format!("endpoints = {endpoints:?}\nhost = \"{host}\"\n");
            site.file(&format!("{host}.toml"), &text)?;
        }
        Ok(site)
    }

    /// Writes a file into the folder.
    fn file(&self, name: &str, text: &str) -> Result<()> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The command on a host. Its words are separated by spaces.
    fn command(&self, host: &str, words: &str) -> Result<Command> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        command.arg(&self.program).args(words.split_whitespace());
        // The scripts of a move find the command by its name.
        let mut path = OsString::from(self.program.parent().unwrap_or(Path::new("/")));
        path.push(":");
        path.push(env::var_os("PATH").context("no PATH")?);
        command.env("PATH", path).current_dir(&self.folder);
        command.env("USERDATA_POOL", format!("{host}.toml"));
        command.env("USERDATA_HYPERVISOR", format!("sim:{host}.json"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    fn output(&mut self, host: &str, words: &str, input: &[u8]) -> Result<Output> {
        self.runs += 1;
        let mut child = self.command(host, words)?.stdin(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        // A command that is refused early does not read it.
        let _ = stdin.write_all(input);
        drop(stdin);
        Ok(child.wait_with_output()?)
    }

    /// Runs the command with this input. Fails unless it ends with this exit status, and its
    /// output or its message has this text. Returns its output.
    fn feed(
        &mut self,
        host: &str,
        words: &str,
        input: &[u8],
        status: i32,
        text: &str,
    ) -> Result<String> {
        let done = self.output(host, words, input)?;
        let out = String::from_utf8_lossy(&done.stdout).into_owned();
        let message = String::from_utf8_lossy(&done.stderr);
        ensure!(
            done.status.code() == Some(status) && (out.contains(text) || message.contains(text)),
            "'{words}' on {host}: expected {status} and {text:?}, found {}, {out:?}, {message:?}",
            done.status
        );
        Ok(out)
    }

    /// The same without input.
    fn tell(&mut self, host: &str, words: &str, status: i32, text: &str) -> Result<String> {
        self.feed(host, words, b"", status, text)
    }

    /// Starts the command in a process group of its own, and returns when the file `marker` of the
    /// folder exists.
    fn start(&mut self, host: &str, words: &str, marker: &str) -> Result<Child> {
        self.runs += 1;
        let mut command = self.command(host, words)?;
        // What it starts outlives it, and must not hold a pipe of ours open.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).process_group(0).spawn()?;
        let started = Instant::now();
        while !self.folder.join(marker).exists() {
            ensure!(started.elapsed() < PATIENCE, "'{words}' made no {marker}");
            pause(Duration::from_millis(20))?;
        }
        Ok(child)
    }

    /// Kills a command that was started, and all that it runs.
    fn kill(mut command: Child) -> Result<()> {
        // It is not reaped before, so the id is its own.
        kill_process_group(Pid::from_child(&command), Signal::KILL)?;
        command.wait()?;
        Ok(())
    }
}
