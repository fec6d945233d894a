//! Folders that are made once and kept, with checksums.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::sums::Sums;
use crate::progress::Lane;

/// The file that records what a folder was made of.
const MADE_OF: &str = "MADE-OF";

/// The folder of this name in `dir`. If it is damaged, or was made of something else, it is made
/// again; `make` fills the new one.
pub(crate) fn folder(
    dir: &Path,
    name: &str,
    made_of: &str,
    lane: &Lane,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    let folder = dir.join(name);
    match usable(&folder, made_of) {
        Ok(()) => return Ok(folder),
        Err(why) if folder.exists() => lane.say(&format!("making the {name} again: {why}")),
        Err(_) => lane.say(&format!("making the {name}")),
    }
    let fresh = dir.join(format!("{name}.new"));
    for old in [&fresh, &folder] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
    }
    make(&fresh)?;
    fs::write(fresh.join(MADE_OF), made_of)?;
    Sums::of_tree(&fresh)?.record(&fresh)?;
    fs::rename(&fresh, &folder).with_context(|| format!("cannot name the new {name}"))?;
    lane.say(&format!("the {name} is made"));
    Ok(folder)
}

/// Waits until no other run fetches packages into this folder or makes files from them.
pub(crate) fn lock(dir: &Path, lane: &Lane) -> Result<File> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let lock = File::create(dir.join("lock"))?;
    lane.moved("waiting for another run that fetches or builds");
    lock.lock()
        .context("cannot lock the folder of the packages")?;
    lane.moved("checking what is here");
    Ok(lock)
}

/// Whether the folder is undamaged and made of exactly this.
fn usable(folder: &Path, made_of: &str) -> Result<()> {
    let recorded = fs::read_to_string(folder.join(MADE_OF)).unwrap_or_default();
    ensure!(recorded == made_of, "it was made of something else");
    let sums = Sums::recorded(folder);
    ensure!(sums.0.contains_key(MADE_OF), "it has no checksums");
    let broken = sums.broken(folder);
    ensure!(
        broken.is_empty(),
        "{} is damaged or gone",
        broken.join(", ")
    );
    Ok(())
}
