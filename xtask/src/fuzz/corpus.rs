//! The committed corpus: a few inputs that reach what all others reach.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::engine::Engine;
use super::target::Target;
use crate::child;

const MERGE: Duration = Duration::from_secs(3600);

/// So many inputs of a target are replayed in a second or two.
const INPUTS_MAX: usize = 400;

/// Replaces the committed inputs of a target by as few of them, and of what it has learnt, as take
/// the same edges as often; if these are too many, as take the same edges at all. Inputs that have
/// names of their own, and not a hash, were written by hand or found a bug once: they stay.
pub(super) fn minimise(engine: &Engine, target: &Target) -> Result<()> {
    let before = target.inputs()?;
    let mut chosen = choose(engine, target, true)?;
    if count(chosen.path())? > INPUTS_MAX {
        chosen = choose(engine, target, false)?;
    }
    let kept = count(chosen.path())?;
    ensure!(kept > 0, "{} reaches nothing", target.name());
    let committed = target.committed();
    for entry in fs::read_dir(&committed)? {
        let entry = entry?;
        if is_hash(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    for entry in fs::read_dir(chosen.path())? {
        let entry = entry?;
        let to = committed.join(entry.file_name());
        fs::copy(entry.path(), &to).with_context(|| format!("cannot write {}", to.display()))?;
    }
    let (name, after) = (target.name(), target.inputs()?);
    writeln!(io::stdout(), "{name:16}{before} inputs, now {after}")?;
    Ok(())
}

/// A folder of the inputs that are enough.
fn choose(engine: &Engine, target: &Target, counted: bool) -> Result<TempDir> {
    let chosen = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut command = engine.command(target)?;
    command.arg("-set_cover_merge=1");
    command.arg(format!("-use_counters={}", u8::from(counted)));
    command.arg(chosen.path());
    command.arg(target.committed()).arg(target.learnt()?);
    child::run(&mut command, MERGE)?;
    Ok(chosen)
}

fn count(folder: &Path) -> Result<usize> {
    let reading = || format!("reading {}", folder.display());
    Ok(fs::read_dir(folder).with_context(reading)?.count())
}

/// libFuzzer names inputs by their SHA-1.
fn is_hash(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_with_names_of_their_own_are_told_from_hashes() {
        assert!(is_hash("da39a3ee5e6b4b0d3255bfef95601890afd80709"));
        assert!(!is_hash("two-domains"));
        assert!(!is_hash("da39a3ee5e6b4b0d3255bfef95601890afd8070"));
    }
}
