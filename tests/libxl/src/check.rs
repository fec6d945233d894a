//! Runs checks, one after the other, and says what came of each.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};

/// A statement about real libxl and this library, and what shows it.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// Fails if the statement does not hold; says how much was seen.
    pub(crate) run: fn(&Subject) -> Result<String>,
}

/// What is checked, and how thoroughly.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The program in which real libxl runs.
    pub(crate) driver: PathBuf,
    /// How many sequences are drawn.
    pub(crate) cases: u64,
    /// The seed of the first.
    pub(crate) seed: u64,
}

/// Runs the checks whose name contains `only`. True if all passed.
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
