//! `Sandbox`: a scratch directory with a simulated host and a store of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::thread::CapabilitySet;
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub(crate) const USERDATA: &str = env!("CARGO_BIN_EXE_userdata");

/// The uuid of the domain `web`.
pub(crate) const WEB: &str = "dd0432cd-1e00-4034-a9f8-262cf3743e99";
/// A domain that never exists.
pub(crate) const NEVER: &str = "99.6f0c2a52-9d1e-4c8b-8a53-2f3b1c7d9e10";

/// A scratch directory: nothing outside of it is read or written.
pub(crate) struct Sandbox {
    folder: TempDir,
}

/// How a run of the command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Sandbox {
    /// Without any domain but Domain-0.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    /// With a domain `web`: domid 1, uuid [`WEB`].
    pub(crate) fn with_web() -> Self {
        let sandbox = Self::new();
        sandbox.done(["sim", "create", "--name", "web", "--uuid", WEB]);
        fs::create_dir(sandbox.store()).unwrap();
        sandbox
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The host's file.
    pub(crate) fn host(&self) -> PathBuf {
        self.path("host.json")
    }

    /// The store's directory: the default one of the host's file.
    pub(crate) fn store(&self) -> PathBuf {
        self.path("host.json.userdata")
    }

    /// The file of a value of `web`.
    pub(crate) fn file_of_web(&self, userid: impl AsRef<OsStr>) -> PathBuf {
        let mut name = std::ffi::OsString::from(format!("userdata-d.1.{WEB}."));
        name.push(userid);
        self.store().join(name)
    }

    /// The names in the store's directory, in order.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.store()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// The names and bytes in the store's directory.
    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let names = self.files().into_iter();
        names
            .map(|name| {
                let bytes = fs::read(self.store().join(&name)).unwrap();
                (name, bytes)
            })
            .collect()
    }

    /// Runs a script with the command as `$0`.
    pub(crate) fn shell(&self, script: &str) -> Ran {
        let environment = self.command([""; 0]);
        let mut command = Command::new("sh");
        command
            .args(["-c", script, USERDATA])
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        let variables = environment.get_envs();
        command.envs(variables.map(|(name, value)| (name, value.unwrap())));
        Ran::from(command.output().unwrap())
    }

    /// The command, with nothing of this machine in its environment but PATH.
    pub(crate) fn command(&self, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
        let mut command = Command::new(USERDATA);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("USERDATA_HYPERVISOR", self.hypervisor())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// What `--hypervisor` is given.
    pub(crate) fn hypervisor(&self) -> String {
        format!("sim:{}", self.host().display())
    }

    pub(crate) fn run(&self, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// Runs without a superuser's right to pass over permissions.
    pub(crate) fn run_confined(
        &self,
        arguments: impl IntoIterator<Item: AsRef<OsStr>> + Send,
    ) -> Ran {
        thread::scope(|threads| {
            let confined = threads.spawn(|| {
                for right in [CapabilitySet::DAC_OVERRIDE, CapabilitySet::DAC_READ_SEARCH] {
                    let dropped = rustix::thread::remove_capability_from_bounding_set(right);
                    assert!(dropped.is_ok() || !rustix::process::geteuid().is_root());
                }
                self.run(arguments)
            });
            confined.join().unwrap()
        })
    }

    /// Runs with bytes on standard input.
    pub(crate) fn feed(
        &self,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
        input: &[u8],
    ) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        thread::scope(|threads| {
            // The command may end before it has read everything.
            threads.spawn(move || stdin.write_all(input));
            Ran::from(child.wait_with_output().unwrap())
        })
    }

    /// Runs a command that must succeed without a message; its standard output.
    pub(crate) fn done(&self, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    }

    /// Runs a command that must fail; its one line on standard error, without the command's name.
    pub(crate) fn refused(
        &self,
        status: i32,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
    ) -> String {
        self.run(arguments).refused(status)
    }

    /// Stores bytes for `web`.
    pub(crate) fn store_for_web(&self, userid: &str, data: &[u8]) {
        let ran = self.feed(["store", "web", userid], data);
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{ran:?}");
        assert!(ran.stdout.is_empty());
    }

    /// The bytes of a value of `web`.
    pub(crate) fn value_of_web(&self, userid: &str) -> Vec<u8> {
        let ran = self.run(["retrieve", "web", userid]);
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{ran:?}");
        ran.stdout
    }
}

/// A terminal: the end of the user, and that of a command.
pub(crate) fn terminal() -> (OwnedFd, File) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let terminal = openpt(flags).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let mut options = File::options();
    let end = options
        .read(true)
        .write(true)
        .custom_flags(OFlags::NOCTTY.bits() as i32)
        .open(name.to_str().unwrap());
    (terminal, end.unwrap())
}

impl Ran {
    /// The one line on standard error of a run that failed, without the command's name.
    pub(crate) fn refused(&self, status: i32) -> String {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.stdout.is_empty(), "{self:?}");
        let line = self.stderr.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "{self:?}");
        line.strip_prefix("userdata: ").unwrap().to_owned()
    }

    /// The one document on standard output, on one line.
    pub(crate) fn document(&self) -> Value {
        let text = str::from_utf8(&self.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "{self:?}");
        serde_json::from_str(text).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("not ended by a signal"),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// What a command writes to a terminal that is its standard output or error.
pub(crate) fn on_a_terminal(
    mut command: Command,
    attach: impl FnOnce(&mut Command, File) -> &mut Command,
) -> String {
    let (terminal, end) = terminal();
    let mut child = attach(&mut command, end).spawn().unwrap();
    drop(command);
    let mut text = Vec::new();
    // When no process has the terminal open any more, reading ends with EIO.
    let ended = File::from(terminal).read_to_end(&mut text).unwrap_err();
    assert_eq!(ended.raw_os_error(), Some(Errno::IO.raw_os_error()));
    assert!(child.wait().unwrap().success());
    String::from_utf8(text).unwrap().replace('\r', "")
}
