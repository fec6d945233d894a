//! How many rounds a check has, if xl takes seconds for each.

use std::sync::OnceLock;

use anyhow::{Result, ensure};

/// The number of the command line.
static WANTED: OnceLock<usize> = OnceLock::new();

/// The rounds of a check: those of the command line, or else its own number.
pub(crate) fn or(default: usize) -> usize {
    WANTED.get().copied().unwrap_or(default)
}

/// Gives this many rounds to every check that calls [`or`].
pub(crate) fn want(rounds: usize) -> Result<()> {
    ensure!(rounds > 0, "a check without a round shows nothing");
    ensure!(WANTED.set(rounds).is_ok(), "the rounds are given twice");
    Ok(())
}
