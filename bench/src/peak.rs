//! `Work` and `peak`: how much memory a process takes for some work.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::Serialize;
use userdata::store::Durability;

use crate::crowd::Crowd;
use crate::sweeping;
use crate::taking_along::TakingAlong;

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// A sweep in a dry run.
    DryRun,
    /// A sweep.
    Sweep,
    /// An export to an archive.
    Export,
    /// An import from an archive.
    Import,
}

impl Work {
    /// Does it, for a crowd of this many domains if it is a sweep. Returns the peak of the memory
    /// of this process, all of it, in bytes.
    ///
    /// # Errors
    ///
    /// When it fails, or the kernel does not tell.
    pub fn run(self, domains: u32, directory: &Path) -> Result<u64> {
        match self {
            Self::DryRun | Self::Sweep => {
                let userdata = sweeping::open(Crowd::of(domains), directory)?;
                sweeping::sweep(&userdata, self == Self::DryRun)?;
            }
            Self::Export => {
                let subject = TakingAlong::open(directory)?;
                subject.export()?;
            }
            Self::Import => {
                let subject = TakingAlong::open(directory)?;
                subject.import(Durability::Process)?;
            }
        }
        high_water_mark()
    }
}

/// The peak of the memory of another process that does this work, in bytes.
///
/// # Errors
///
/// When it fails.
pub fn peak(work: Work, domains: u32, directory: &Path) -> Result<u64> {
    let program = env::current_exe()?.with_file_name("userdata-bench-peak");
    let name = work.to_possible_value().context("work without a name")?;
    let output = Command::new(&program)
        .args([name.get_name(), &domains.to_string()])
        .arg(directory)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{}: {}",
        name.get_name(),
        errors.trim()
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// `VmHWM` of this process.
fn high_water_mark() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("the kernel does not tell the peak")?;
    let kilobytes = line.trim().trim_end_matches(" kB").trim();
    Ok(kilobytes.parse::<u64>()? * 1024)
}
