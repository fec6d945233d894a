//! `etcd` and `etcdctl`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The programs of one version.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) etcd: PathBuf,
    pub(crate) etcdctl: PathBuf,
    /// Further options of `etcdctl`.
    pub(crate) ctl_options: Vec<String>,
    /// The version of `etcd`.
    pub(crate) version: String,
}

impl Programs {
    /// The programs in this folder.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        let etcd = folder.join("etcd");
        let told = Command::new(&etcd).arg("--version").output();
        let told = told.with_context(|| format!("cannot run {}", etcd.display()))?;
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        let version = text
            .lines()
            .find_map(|line| line.strip_prefix("etcd Version: "));
        let version = version.with_context(|| format!("no version of etcd: {text}"))?;
        Ok(Self {
            version: version.to_owned(),
            etcdctl: folder.join("etcdctl"),
            ctl_options: Vec::new(),
            etcd,
        })
    }

    /// Asks `etcdctl`, with these endpoints, and returns what it printed.
    pub(crate) fn ctl(&self, endpoints: &str, args: &[&str]) -> Result<String> {
        let patient = ["--dial-timeout=30s", "--command-timeout=30s"];
        self.ask(endpoints, &patient, args)
    }

    /// The same of a member that may not answer.
    pub(crate) fn probe(&self, endpoint: &str, args: &[&str]) -> Result<String> {
        let short = ["--dial-timeout=1s", "--command-timeout=2s"];
        self.ask(endpoint, &short, args)
    }

    fn ask(&self, endpoints: &str, timeouts: &[&str], args: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.etcdctl);
        command.env("ETCDCTL_API", "3").stdin(Stdio::null());
        command.args(timeouts);
        command.args(&self.ctl_options);
        let told = command.arg("--endpoints").arg(endpoints).args(args);
        let told = told.output().context("cannot run etcdctl")?;
        let errors = String::from_utf8_lossy(&told.stderr);
        ensure!(told.status.success(), "etcdctl {args:?}: {errors}");
        Ok(String::from_utf8_lossy(&told.stdout).into_owned())
    }
}

/// The command `userdata`, which is built beside this program.
pub(crate) fn userdata() -> Result<PathBuf> {
    let program = env::current_exe()?.with_file_name("userdata");
    ensure!(
        program.exists(),
        "{} was not built with the feature pool",
        program.display()
    );
    Ok(program)
}
