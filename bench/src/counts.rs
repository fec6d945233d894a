//! `Counts`: system calls and allocations per operation.
//!
//! A short run is subtracted from a long one, which leaves out the start and end of the program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::case::Case;

/// The short run warms up; the long one repeats the case this often in addition.
const SHORT: u32 = 5;
const REPEATED: u32 = 40;

/// What was allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocated {
    /// How many times, reallocations included.
    pub number: usize,
    /// How many bytes.
    pub bytes: usize,
}

/// What one operation asks of the kernel and of the allocator.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// System calls by name.
    pub calls: BTreeMap<String, f64>,
    /// All of them; `None` if they could not be counted.
    pub calls_total: Option<f64>,
    /// Allocations.
    pub allocations: f64,
    /// Bytes allocated.
    pub allocated_bytes: f64,
}

impl Counts {
    /// Counts a case in a directory, without its preparation. Without `tracing` system calls are
    /// not counted.
    ///
    /// # Errors
    ///
    /// When the case fails.
    pub fn of(case: Case, directory: &Path, tracing: bool) -> Result<Self> {
        let whole = Self::with_preparation(case, directory, tracing)?;
        match case.preparation() {
            None => Ok(whole),
            Some((case, times)) => {
                let once = Self::with_preparation(case, directory, tracing)?;
                Ok(whole.less(&once, f64::from(times)))
            }
        }
    }

    fn with_preparation(case: Case, directory: &Path, tracing: bool) -> Result<Self> {
        let short = Self::of_run(case, SHORT, directory, tracing)?;
        let long = Self::of_run(case, SHORT + REPEATED, directory, tracing)?;
        let mut counts = long.less(&short, 1.0);
        let each = |count: &mut f64| *count /= f64::from(REPEATED);
        counts.calls.values_mut().for_each(each);
        counts.calls_total.iter_mut().for_each(each);
        each(&mut counts.allocations);
        each(&mut counts.allocated_bytes);
        Ok(counts)
    }

    /// One run of the other program.
    fn of_run(case: Case, times: u32, directory: &Path, tracing: bool) -> Result<Self> {
        let summary = directory.with_extension("strace");
        let repeat = repeat_program()?;
        let mut command = if tracing {
            let mut command = Command::new("strace");
            command.args(["-f", "-c", "-o"]).arg(&summary).arg(&repeat);
            command
        } else {
            Command::new(&repeat)
        };
        let case = case.to_possible_value().context("a case without a name")?;
        let output = command
            .args([case.get_name(), &times.to_string()])
            .arg(directory)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {}", repeat.display()))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{}: {}",
            case.get_name(),
            errors.trim()
        );
        let allocated: Allocated = serde_json::from_slice(&output.stdout)?;
        let mut counts = Self {
            allocations: allocated.number as f64,
            allocated_bytes: allocated.bytes as f64,
            ..Self::default()
        };
        if tracing {
            counts.calls = calls(&fs::read_to_string(&summary)?);
            counts.calls_total = Some(counts.calls.values().sum());
            fs::remove_file(&summary)?;
        }
        Ok(counts)
    }

    /// What remains when the other counts are subtracted this often.
    fn less(mut self, others: &Self, times: f64) -> Self {
        for (call, count) in &others.calls {
            *self.calls.entry(call.clone()).or_default() -= times * count;
        }
        self.calls.retain(|_, count| *count != 0.0);
        let totals = self.calls_total.zip(others.calls_total);
        self.calls_total = totals.map(|(total, other)| total - times * other);
        self.allocations -= times * others.allocations;
        self.allocated_bytes -= times * others.allocated_bytes;
        self
    }
}

/// Whether strace is there and may trace.
///
/// # Errors
///
/// When strace is not installed, or may not trace.
pub fn can_trace() -> Result<()> {
    let output = Command::new("strace")
        .args(["-f", "-c", "-o", "/dev/null", "true"])
        .output()
        .context("strace is not installed")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "strace may not trace: {}",
        errors.trim()
    );
    Ok(())
}

/// The program that does a case again and again; it is built beside this one.
fn repeat_program() -> Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name("userdata-bench-repeat"))
}

/// Reads the table that `strace -c` writes: after two lines of heading, one call a line with the
/// number in the fourth column and the name in the last, up to a line of dashes.
fn calls(table: &str) -> BTreeMap<String, f64> {
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| !line.starts_with('-'));
    let call = |row: &str| {
        let mut words = row.split_whitespace();
        let count = words.nth(3)?.parse().ok()?;
        Some((words.next_back()?.to_owned(), count))
    };
    rows.filter_map(call).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 20.70    0.000201           6        30           mmap
 32.85    0.000319           9        34        13 openat
------ ----------- ----------- --------- --------- ----------------
100.00    0.000971           6        64        13 total
";

    #[test]
    fn calls_are_read_with_and_without_errors() {
        let expected = [("mmap".to_owned(), 30.0), ("openat".to_owned(), 34.0)];
        assert_eq!(calls(TABLE), expected.into());
    }

    #[test]
    fn what_both_runs_did_cancels_out() {
        let run = |openat, mmap| Counts {
            calls: [("openat".to_owned(), openat), ("mmap".to_owned(), mmap)].into(),
            calls_total: Some(openat + mmap),
            ..Counts::default()
        };
        let difference = run(45.0, 30.0).less(&run(5.0, 30.0), 1.0);
        assert_eq!(difference.calls, [("openat".to_owned(), 40.0)].into());
        assert_eq!(difference.calls_total, Some(40.0));
    }
}
