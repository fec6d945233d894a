//! `Copy`: a copy of the workspace, into which bugs are planted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::canary::Canary;
use crate::child;
use crate::project;

/// Folders that are not copied.
const SKIPPED: [&str; 5] = [".git", "artifacts", "corpus", "coverage", "target"];

const BUILD: Duration = Duration::from_secs(20 * 60);

/// A copy of the workspace. Files that are the same stay untouched, so that cargo builds again only
/// what depends on a change.
#[derive(Debug)]
pub(crate) struct Copy {
    root: PathBuf,
}

impl Copy {
    /// Makes the copy in `folder`, or brings it up to date.
    pub(crate) fn make(folder: &Path) -> Result<Self> {
        let root = folder.join("workspace");
        bring(project::root(), &root)?;
        Ok(Self { root })
    }

    /// Builds the command `simulate` with this bug in it, and returns its path.
    pub(crate) fn simulate(&self, canary: Option<&Canary>) -> Result<PathBuf> {
        self.cargo(canary, &["build", "--package", "userdata-simulate"])?;
        Ok(self.target().join("canary/simulate"))
    }

    /// Builds the tests of the pool with this bug in it, and returns their path.
    pub(crate) fn pool_tests(&self, canary: Option<&Canary>) -> Result<PathBuf> {
        let test = ["test", "--package", "userdata-pool", "--test", "pool"];
        let only_build = ["--no-run", "--message-format=json-render-diagnostics"];
        let told = self.cargo(canary, &[&test[..], &only_build].concat())?;
        let mut messages = told.lines().filter_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            Some(PathBuf::from(message.get("executable")?.as_str()?))
        });
        messages.next().context("cargo does not name the tests")
    }

    fn target(&self) -> PathBuf {
        self.root.with_file_name("target")
    }

    /// Runs cargo while this bug is planted.
    fn cargo(&self, canary: Option<&Canary>, args: &[&str]) -> Result<String> {
        let edits = canary.map_or(&[][..], |canary| &canary.edits);
        let mut sound = Vec::new();
        for edit in edits {
            let path = self.root.join(&edit.file);
            let spoilt = edit.apply(&self.root)?;
            sound.push((path.clone(), fs::read(&path)?));
            fs::write(&path, spoilt).with_context(|| format!("writing {}", path.display()))?;
        }
        let mut command = child::command(project::cargo());
        command.current_dir(&self.root).args(args);
        command.args(["--quiet", "--locked", "--profile", "canary"]);
        command.env("CARGO_TARGET_DIR", self.target());
        // Also where the environment forbids it, as in continuous integration.
        command.env("CARGO_INCREMENTAL", "1");
        let built = child::output(&mut command, BUILD);
        // Backwards, so that a file with several edits is restored exactly.
        for (path, bytes) in sound.iter().rev() {
            fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))?;
        }
        built
    }
}

/// Makes `to` the same as `from`.
fn bring(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    let entries = |folder: &Path| -> Result<Vec<_>> {
        let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()));
        Ok(entries?.collect::<Result<_, _>>()?)
    };
    for entry in entries(from)? {
        let name = entry.file_name();
        let skipped = SKIPPED.iter().any(|skipped| name == *skipped);
        match entry.file_type()? {
            _ if skipped => {}
            kind if kind.is_dir() => bring(&entry.path(), &to.join(&name))?,
            // A link inside the workspace becomes a copy of its target.
            kind if kind.is_file() || entry.path().is_file() => {
                same(&entry.path(), &to.join(&name))?
            }
            _ => {}
        }
    }
    for entry in entries(to)? {
        let gone = !from.join(entry.file_name()).exists();
        let path = entry.path();
        match gone {
            true if path.is_dir() => fs::remove_dir_all(&path)?,
            true => fs::remove_file(&path)?,
            false => {}
        }
    }
    Ok(())
}

/// Writes the file only if it differs.
fn same(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("reading {}", from.display()))?;
    if fs::read(to).ok().as_ref() != Some(&bytes) {
        fs::write(to, bytes).with_context(|| format!("writing {}", to.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_and_leaves_alone_what_is_the_same() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |path: &str, text: &str| {
            let path = from.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a/one", "1");
        write("a/two", "2");
        write("target/three", "3");
        bring(from.path(), to.path()).unwrap();
        assert!(!to.path().join("target").exists());
        let changed = |path: &str| {
            fs::metadata(to.path().join(path))
                .unwrap()
                .modified()
                .unwrap()
        };
        let before = changed("a/one");
        write("a/four", "4");
        fs::remove_file(from.path().join("a/two")).unwrap();
        bring(from.path(), to.path()).unwrap();
        assert_eq!(changed("a/one"), before);
        assert!(to.path().join("a/four").exists() && !to.path().join("a/two").exists());
    }
}
