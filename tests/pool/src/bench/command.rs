//! One `userdata retrieve`.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::weight::{Files, largest_child};
use crate::cluster::Cluster;
use crate::host::uuid;
use crate::on_host::OnHost;

/// The command that is measured.
const GET: [&str; 3] = ["retrieve", "web", "agent"];

/// Joins the pool as a host with one domain, and stores a value of this many bytes.
pub(super) fn with_value(
    program: &Path,
    folder: &Path,
    cluster: &Cluster,
    files: Option<&Files>,
    bytes: usize,
) -> Result<OnHost> {
    let tls = files.map_or(String::new(), |files| {
        let [ca, cert, key] = [&files.ca, &files.certificate, &files.key];
        format!("ca = {ca:?}\ncert = {cert:?}\nkey = {key:?}\n")
    });
    let host = OnHost::new(program, folder, "c", &cluster.endpoints(), &tls)?;
    host.create("web", uuid(7))?;
    host.done(&["pool", "join", "--force"], b"")?;
    host.done(&["store", "web", "agent"], &vec![7; bytes])?;
    Ok(host)
}

/// Retrieves the value, and returns its length.
pub(super) fn get(host: &OnHost) -> Result<usize> {
    Ok(host.done(&GET, b"")?.len())
}

/// The peak of the memory of a process that retrieves the value, in bytes.
pub(super) fn peak_of_get(host: &OnHost) -> Result<usize> {
    let get = host.command(&GET);
    // Of a process whose only child is the command.
    let mut command = Command::new(env::current_exe()?);
    command.arg("peak-of").arg(get.get_program());
    let told = command.args(get.get_args()).stdin(Stdio::null()).output()?;
    let errors = String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success(), "{command:?}: {errors}");
    let text = String::from_utf8_lossy(&told.stdout);
    text.trim().parse().context("no peak is told")
}

/// Runs a command to its end, and prints the peak of its memory in bytes.
pub(crate) fn print_peak(words: &[String]) -> Result<()> {
    let (program, words) = words.split_first().context("no command")?;
    let told = Command::new(program).args(words).output()?;
    let errors = String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success(), "{program}: {errors}");
    writeln!(io::stdout(), "{}", largest_child()?)?;
    Ok(())
}
