//! One `userdata retrieve`.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::weight::{Files, largest_child};
use crate::cluster::Cluster;
use crate::host::uuid;
use crate::programs::userdata;

/// The command on a simulated host with one domain, `web`.
#[derive(Debug)]
pub(super) struct OnHost {
    folder: PathBuf,
    program: PathBuf,
}

impl OnHost {
    /// Joins the pool, and stores a value of this many bytes.
    pub(super) fn with_value(
        folder: &Path,
        cluster: &Cluster,
        files: Option<&Files>,
        bytes: usize,
    ) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut text = format!("endpoints = {:?}\nhost = \"c\"\n", cluster.endpoints());
        if let Some(files) = files {
            let [ca, cert, key] = [&files.ca, &files.certificate, &files.key];
            text.push_str(&format!("ca = {ca:?}\ncert = {cert:?}\nkey = {key:?}\n"));
        }
        fs::write(folder.join("c.toml"), text)?;
        fs::write(folder.join("value"), vec![7; bytes])?;
        let (folder, program) = (folder.to_owned(), userdata()?);
        let this = Self { folder, program };
        let uuid = uuid(8);
        this.run(&format!("sim create --name web --uuid {uuid}"))?;
        // A young cluster has compacted nothing.
        this.run("pool join --force")?;
        this.run("store web agent value")?;
        Ok(this)
    }

    /// Retrieves the value, and returns its length.
    pub(super) fn get(&self) -> Result<usize> {
        Ok(self.run("retrieve web agent")?.len())
    }

    /// The peak of the memory of a process that retrieves the value, in bytes.
    pub(super) fn peak_of_get(&self) -> Result<usize> {
        // Of a process whose only child is the command.
        let mut command = Command::new(env::current_exe()?);
        command.arg("peak-of").arg(&self.program);
        let told = output(self.with_words(&mut command, "retrieve web agent"))?;
        let text = String::from_utf8_lossy(&told);
        text.trim().parse().context("no peak is told")
    }

    fn run(&self, words: &str) -> Result<Vec<u8>> {
        output(self.with_words(&mut Command::new(&self.program), words))
    }

    fn with_words<'a>(&self, command: &'a mut Command, words: &str) -> &'a mut Command {
        command.args(["--pool", "c.toml", "--hypervisor", "sim:c.json"]);
        command.args(words.split(' ')).current_dir(&self.folder)
    }
}

fn output(command: &mut Command) -> Result<Vec<u8>> {
    let told = command.stdin(Stdio::null()).output();
    let told = told.with_context(|| format!("cannot run {command:?}"))?;
    let errors = String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success(), "{command:?}: {errors}");
    Ok(told.stdout)
}

/// Runs a command to its end, and prints the peak of its memory in bytes.
pub(crate) fn print_peak(words: &[String]) -> Result<()> {
    let (program, words) = words.split_first().context("no command")?;
    output(Command::new(program).args(words))?;
    writeln!(io::stdout(), "{}", largest_child()?)?;
    Ok(())
}
