//! `calls`: how many system calls an operation makes, all threads and processes of the peer
//! included, as strace counts them.
//!
//! A short run is subtracted from a long one, which leaves out the start and end of the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::lineup::{Home, Kind, Programs};
use crate::peer::Peer as _;
use crate::peer::child::Child;
use crate::population;
use crate::rounds::{FILES, LENGTH};
use crate::slot::Subject;
use crate::work::{Turn, VALUES, Work};

/// The works that are counted: those that need no preparation.
pub const WORKS: [Work; 3] = [Work::Replace, Work::Retrieve, Work::Clear];

/// The short run warms up; the long one repeats the work this often in addition.
const SHORT: u32 = 5;
const REPEATED: u32 = 20;

/// The system calls of one work of one peer.
#[derive(Clone, Debug, Serialize)]
pub struct Calls {
    /// Which peer.
    pub kind: Kind,
    /// What it does.
    pub work: Work,
    /// System calls by name, per operation.
    pub calls: BTreeMap<String, f64>,
}

impl Calls {
    /// All system calls of an operation.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.calls.values().fold(0.0, |sum, count| sum + count)
    }
}

/// Counts the works of each peer among 1 000 other values.
///
/// # Errors
///
/// When a peer fails, or strace.
pub fn measure(kinds: &[Kind], programs: &Programs, within: &Path) -> Result<Vec<Calls>> {
    let directory = within.join("calls");
    for home in [(Home::Flat, Kind::Ours), (Home::Folders, Kind::FsWrite)] {
        population::make_files(home.0, &home.1.directory(&directory)?, FILES)?;
    }
    let mut all = Vec::new();
    for kind in kinds {
        let path = kind.directory(&directory)?;
        for work in WORKS {
            let calls = of(*kind, work, programs, &path)
                .with_context(|| format!("the system calls of {kind}: {work}"))?;
            all.push(Calls {
                kind: *kind,
                work,
                calls,
            });
        }
    }
    Ok(all)
}

fn of(kind: Kind, work: Work, programs: &Programs, path: &Path) -> Result<BTreeMap<String, f64>> {
    let short = run(kind, work, programs, path, SHORT)?;
    let mut long = run(kind, work, programs, path, SHORT + REPEATED)?;
    for (call, count) in short {
        *long.entry(call).or_default() -= count;
    }
    for count in long.values_mut() {
        *count /= f64::from(REPEATED);
    }
    // Threads in the background make a few calls now and then.
    long.retain(|_, count| *count > 0.04);
    Ok(long)
}

/// The calls of one run. Both runs prepare the same.
fn run(
    kind: Kind,
    work: Work,
    programs: &Programs,
    path: &Path,
    times: u32,
) -> Result<BTreeMap<String, f64>> {
    let summary = path.with_extension("strace");
    if kind.about().home == Home::Own {
        // What a database does when it opens depends on what was done before.
        fs::remove_dir_all(path)?;
        fs::create_dir(path)?;
        population::fill(kind.open_here(path)?.as_mut(), kind, FILES)?;
    }
    let inner = kind.command(programs)?;
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-o"]).arg(&summary);
    command.arg(inner.get_program()).args(inner.get_args());
    let first = u32::from(kind.domain(0)?.key.domid.get());
    let domains: Vec<Subject> = (first..first + SHORT + REPEATED)
        .map(Subject::of_domid)
        .collect::<Result<_>>()?;
    let mut child = Child::start(&mut command, path, &domains)?;
    for domain in &domains {
        for number in 0..VALUES {
            child.store(&domain.slot(number)?, &[b'v'; LENGTH])?;
        }
    }
    let turn = Turn {
        // Each domain is cleared once, so that the stores are the same in both runs.
        work: match work {
            Work::Clear => Work::Destroy,
            work => work,
        },
        domain: kind.domain(0)?,
        number: 0,
        length: LENGTH,
        seed: u64::from(times) << 40,
        early: 0,
        times,
    };
    child.turn(&turn)?;
    child.finish()?;
    let table = fs::read_to_string(&summary)?;
    fs::remove_file(&summary)?;
    Ok(counts(&table))
}

/// Whether strace is there and may trace.
///
/// # Errors
///
/// When strace is not installed, or may not trace.
pub fn can_trace() -> Result<()> {
    userdata_bench::counts::can_trace()
}

/// Reads the table that `strace -c` writes: after two lines of heading, one call a line with the
/// number in the fourth column and the name in the last, up to a line of dashes.
fn counts(table: &str) -> BTreeMap<String, f64> {
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

    #[test]
    fn calls_are_read_with_and_without_errors() {
        let table = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 20.70    0.000201           6        30           mmap
 32.85    0.000319           9        34        13 openat
------ ----------- ----------- --------- --------- ----------------
100.00    0.000971           6        64        13 total
";
        let expected = [("mmap".to_owned(), 30.0), ("openat".to_owned(), 34.0)];
        assert_eq!(counts(table), expected.into());
    }
}
