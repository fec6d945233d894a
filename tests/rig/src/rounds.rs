//! How often a check repeats what takes real xl seconds.

use std::sync::OnceLock;

use anyhow::{Result, ensure};

/// The number of the command line.
static WANTED: OnceLock<usize> = OnceLock::new();

/// The rounds of a check: those of the command line, or else its own number.
pub(crate) fn or(default: usize) -> usize {
    WANTED.get().copied().unwrap_or(default)
}

/// Lets every check that asks have this many rounds.
pub(crate) fn want(rounds: usize) -> Result<()> {
    ensure!(rounds > 0, "a check without a round shows nothing");
    ensure!(WANTED.set(rounds).is_ok(), "the rounds are given twice");
    Ok(())
}
