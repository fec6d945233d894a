//! `whole`: what only this project's store does, and what no peer has beside it: a sweep, export
//! and import, a list of very many values, and the start of the command.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use userdata::Userdata;
use userdata_bench::crowd::Crowd;
use userdata_bench::series::Series;
use userdata_bench::sweeping::{self, Sweeping};
use userdata_bench::taking_along::TakingAlong;
use userdata_core::file_name::{FileName, NameFormat};

use crate::memory::peak;
use crate::slot::Subject;

/// What a sweep reads: 100 000 files.
const DOMAINS: u32 = 20_000;

/// How many values one domain has in the longest list.
const LISTED: u32 = 100_000;

/// One figure, round by round.
#[derive(Clone, Debug, Serialize)]
pub struct Whole {
    /// What was measured, and for how much.
    pub what: String,
    /// Of what: `ms` or `MiB`.
    pub unit: &'static str,
    /// Round by round.
    pub rounds: Series,
}

impl Whole {
    fn new(what: impl Into<String>, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            unit,
            rounds: Series::default(),
        }
    }

    fn add(&mut self, took: Duration) {
        let milliseconds = took.as_secs_f64() * 1e3;
        self.rounds.0.push((milliseconds * 1e3).round() / 1e3);
    }
}

/// Measures all of it in a directory; what the command does only with its program.
///
/// # Errors
///
/// When something fails.
pub fn measure(within: &Path, command: Option<&Path>, rounds: usize) -> Result<Vec<Whole>> {
    let mut all = sweeps(within, rounds)?;
    all.extend(tree_sweeps(within, rounds)?);
    all.extend(archives(within, rounds)?);
    if let Some(command) = command {
        all.extend(starts(command, rounds)?);
        all.extend(long_list(within, command, rounds)?);
    }
    Ok(all)
}

fn sweeps(within: &Path, rounds: usize) -> Result<Vec<Whole>> {
    let path = within.join("sweep");
    fs::create_dir(&path)?;
    let sweeping = Sweeping::fill(Crowd::of(DOMAINS), &path)?;
    let files = DOMAINS * 5;
    let mut judge = Whole::new(format!("sweep of {files} files: judging"), "ms");
    let mut sweep = Whole::new(format!("sweep of {files} files, half of them go"), "ms");
    let mut bare = Whole::new("the same by bare calls", "ms");
    for round in 0..rounds {
        judge.add(sweeping.judge()?);
        if round % 2 == 0 {
            sweep.add(sweeping.remove()?);
            bare.add(sweeping.remove_bare()?);
        } else {
            bare.add(sweeping.remove_bare()?);
            sweep.add(sweeping.remove()?);
        }
    }
    fs::remove_dir_all(&path)?;
    Ok(vec![judge, sweep, bare])
}

/// The same in the tree layout.
fn tree_sweeps(within: &Path, rounds: usize) -> Result<Vec<Whole>> {
    let path = within.join("sweep-tree");
    let crowd = Crowd::of(DOMAINS);
    let store = sweeping::open_tree(&path)?;
    let userdata = Userdata::new(crowd.host()?, store.clone());
    let files = DOMAINS * 5;
    let mut judge = Whole::new(format!("sweep of a tree of {files} files: judging"), "ms");
    let mut sweep = Whole::new(
        format!("sweep of a tree of {files} files, half of them go"),
        "ms",
    );
    sweeping::fill_tree(&store, 0..DOMAINS)?;
    for _ in 0..rounds {
        judge.add(sweeping::judging(&userdata)?.0);
        let started = Instant::now();
        let totals = sweeping::sweep(&userdata, false)?;
        sweep.add(started.elapsed());
        ensure!(totals.removed == u64::from(files / 2), "{totals:?}");
        sweeping::fill_tree(&store, crowd.orphans())?;
    }
    fs::remove_dir_all(&path)?;
    Ok(vec![judge, sweep])
}

fn archives(within: &Path, rounds: usize) -> Result<Vec<Whole>> {
    let path = within.join("archive");
    fs::create_dir(&path)?;
    let subject = TakingAlong::open(&path)?.with_bare(&path)?;
    let mut ours = Whole::new("export and import of 1000 values", "ms");
    let mut bare = Whole::new("bare copy of 1000 values", "ms");
    for round in 0..rounds {
        if round % 2 == 0 {
            ours.add(subject.export_and_import()?);
            bare.add(subject.copy_bare()?);
        } else {
            bare.add(subject.copy_bare()?);
            ours.add(subject.export_and_import()?);
        }
    }
    fs::remove_dir_all(&path)?;
    Ok(vec![ours, bare])
}

/// The command that does nothing, and a program that does nothing.
fn starts(command: &Path, rounds: usize) -> Result<Vec<Whole>> {
    let mut ours = Whole::new("start and end of the command (userdata --version)", "ms");
    let mut none = Whole::new("start and end of a program (true)", "ms");
    for _ in 0..rounds.max(10) * 3 {
        for (whole, program, arguments) in [
            (&mut ours, command, &["--version"][..]),
            (&mut none, Path::new("true"), &[]),
        ] {
            let started = Instant::now();
            let status = Command::new(program)
                .args(arguments)
                .stdout(Stdio::null())
                .status()?;
            whole.add(started.elapsed());
            ensure!(status.success(), "{} fails", program.display());
        }
    }
    Ok(vec![ours, none])
}

/// `userdata list` of a domain with very many values, read as it comes.
fn long_list(within: &Path, command: &Path, rounds: usize) -> Result<Vec<Whole>> {
    let path = within.join("long");
    fs::create_dir(&path)?;
    let domain = Subject::new(0)?;
    for number in 0..LISTED {
        let slot = domain.slot(number)?;
        let name = FileName::data(NameFormat::Libxl, &domain.key, slot.userid.as_userid())?;
        fs::write(path.join(name.to_string()), "v")?;
    }
    let mut first = Whole::new(format!("list of {LISTED} values: first line"), "ms");
    let mut last = Whole::new(format!("list of {LISTED} values: whole"), "ms");
    let mut memory = Whole::new(format!("list of {LISTED} values: memory"), "MiB");
    let of = format!("{}.{}", domain.key.domid, domain.uuid);
    for _ in 0..rounds.min(5) {
        let started = Instant::now();
        let mut process = Command::new(command)
            .args(["list", &of, "--hypervisor"])
            .arg(format!("sim:{}", within.join("host").display()))
            .arg("--dir")
            .arg(&path)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = process.stdout.take().context("a child with a pipe")?;
        let mut buffer = vec![0; 1 << 16];
        let mut highest = 0;
        let mut lines = 0;
        loop {
            let read = output.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            if lines == 0 {
                first.add(started.elapsed());
            }
            // Much of the output does not fit into the pipe, so the process is still there.
            highest = peak(process.id()).unwrap_or(highest).max(highest);
            let chunk = buffer.get(..read).unwrap_or_default();
            lines += chunk.iter().filter(|byte| **byte == b'\n').count();
        }
        let status = process.wait()?;
        last.add(started.elapsed());
        ensure!(status.success(), "userdata list fails");
        ensure!(lines >= LISTED as usize, "{lines} lines listed");
        let mebibytes = highest as f64 / 1024.0;
        memory.rounds.0.push((mebibytes * 100.0).round() / 100.0);
    }
    fs::remove_dir_all(&path)?;
    Ok(vec![first, last, memory])
}
