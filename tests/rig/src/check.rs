//! Runs checks one after another, and prints the result of each.

use std::any::Any;
use std::fs;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::host;

/// A statement about a real Xen host, and the function that shows it.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// Fails or panics if the statement is not true.
    pub(crate) run: fn() -> Result<()>,
}

/// The results, as `cargo xtask xen test` reads them.
#[derive(Debug, Serialize)]
struct Results {
    xen: String,
    kernel: String,
    checks: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Found {
    name: &'static str,
    seconds: f64,
    /// The reason, if the check failed.
    why: Option<String>,
}

/// Runs the checks whose name contains `only`, and writes the results to a file. Returns whether all
/// passed.
///
/// A check has to leave the host as it found it. If it leaves anything behind it fails, and the host
/// is cleared before the next check.
pub(crate) fn run(checks: &[Check], only: &str, results: &Path) -> Result<bool> {
    let chosen: Vec<&Check> = checks
        .iter()
        .filter(|check| check.name.contains(only))
        .collect();
    ensure!(!chosen.is_empty(), "no check's name contains {only}");
    // The message of a panic is part of the result, and is printed with it.
    panic::set_hook(Box::new(|_| ()));
    let mut found = Vec::new();
    for check in chosen {
        let started = Instant::now();
        let why = outcome(check).and_then(|()| host::clean()).err();
        if why.is_some() {
            host::clear().context("cannot clear the host for the next check")?;
        }
        // The result is one line, although programs may have written several.
        let why = why.map(|error| format!("{error:#}").trim_end().replace('\n', "; "));
        let line = match &why {
            None => format!("ok {}", check.name),
            Some(why) => format!("FAILED {}: {why}", check.name),
        };
        writeln!(io::stdout(), "{line}")?;
        found.push(Found {
            name: check.name,
            seconds: started.elapsed().as_secs_f64(),
            why,
        });
    }
    let failed = found.iter().filter(|found| found.why.is_some()).count();
    writeln!(
        io::stdout(),
        "{} passed, {failed} failed",
        found.len() - failed
    )?;
    let found = Results {
        xen: host::xen()?,
        kernel: host::kernel()?,
        checks: found,
    };
    fs::write(results, serde_json::to_vec_pretty(&found)?)
        .with_context(|| format!("cannot write {}", results.display()))?;
    Ok(failed == 0)
}

fn outcome(check: &Check) -> Result<()> {
    panic::catch_unwind(AssertUnwindSafe(check.run))
        .unwrap_or_else(|panic| Err(anyhow::anyhow!("panicked: {}", message(&*panic))))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
