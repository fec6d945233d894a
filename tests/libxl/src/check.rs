//! Runs checks one after another, and prints the result of each.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};

use crate::libxl::Driver;

/// A statement about real libxl and this library, and the function that shows it.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// Fails if the statement is not true, and otherwise returns how much it has compared.
    pub(crate) run: fn(&Subject) -> Result<String>,
}

/// The subject of the checks, and their extent.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The program that runs real libxl.
    pub(crate) driver: Driver,
    /// The C program that calls the drop-in.
    pub(crate) program: Option<PathBuf>,
    /// How many sequences to draw.
    pub(crate) cases: u64,
    /// The seed of the first sequence.
    pub(crate) seed: u64,
}

/// Runs the checks whose name contains `only`. Returns whether all passed.
pub(crate) fn run(checks: &[Check], only: &str, subject: &Subject) -> Result<bool> {
    let chosen: Vec<&Check> = checks
        .iter()
        .filter(|check| check.name.contains(only))
        .collect();
    ensure!(!chosen.is_empty(), "no check's name contains {only}");
    let mut failed = 0;
    for check in &chosen {
        let started = Instant::now();
        let line = match (check.run)(subject) {
            Ok(seen) => format!("ok {}: {seen}", check.name),
            Err(why) => {
                failed += 1;
                format!("FAILED {}: {why:#}", check.name)
            }
        };
        writeln!(
            io::stdout(),
            "{line} ({:.1} s)",
            started.elapsed().as_secs_f64()
        )?;
    }
    let passed = chosen.len() - failed;
    writeln!(io::stdout(), "libxl-diff: {passed} passed, {failed} failed")?;
    Ok(failed == 0)
}
