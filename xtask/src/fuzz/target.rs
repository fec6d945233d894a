//! The targets, and where the files of each are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::project;

/// A fuzz target: a file of `fuzz/fuzz_targets`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target(String);

impl Target {
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// The inputs that are committed.
    pub(crate) fn committed(&self) -> PathBuf {
        folder().join("corpus").join(&self.0)
    }

    /// How many these are.
    pub(super) fn inputs(&self) -> Result<usize> {
        let corpus = self.committed();
        let reading = || format!("reading {}", corpus.display());
        Ok(fs::read_dir(&corpus).with_context(reading)?.count())
    }

    /// Words that inputs are made of, if there is a file of them.
    pub(super) fn dictionary(&self) -> Option<PathBuf> {
        let path = folder().join(format!("dictionaries/{}.dict", self.0));
        path.is_file().then_some(path)
    }

    /// What it has learnt on this machine.
    pub(super) fn learnt(&self) -> Result<PathBuf> {
        self.own("corpus")
    }

    /// What it failed on.
    pub(super) fn artifacts(&self) -> Result<PathBuf> {
        self.own("artifacts")
    }

    /// A folder of its own, which is there afterwards.
    pub(super) fn own(&self, name: &str) -> Result<PathBuf> {
        let path = project::target().join("fuzz").join(&self.0).join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }
}

fn folder() -> PathBuf {
    project::root().join("fuzz")
}

/// Every target there is.
fn all() -> Result<Vec<Target>> {
    let wrappers = folder().join("fuzz_targets");
    let reading = || format!("reading {}", wrappers.display());
    let mut targets = Vec::new();
    for entry in fs::read_dir(&wrappers).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        targets.extend(name(&path).map(Target));
    }
    targets.sort();
    Ok(targets)
}

fn name(path: &Path) -> Option<String> {
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    let name = path.file_stem().filter(|_| is_rust)?;
    name.to_str().map(str::to_owned)
}

/// The targets of these names; all if none is named.
pub(crate) fn chosen(names: &[String]) -> Result<Vec<Target>> {
    let mut all = all()?;
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|t| t.0 != **name)) {
        let all: Vec<&str> = all.iter().map(Target::name).collect();
        bail!(
            "there is no target {unknown}; the targets are {}",
            all.join(", ")
        );
    }
    all.retain(|target| names.is_empty() || names.contains(&target.0));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_chosen_by_name_and_a_wrong_name_shows_the_right_ones() {
        let all = chosen(&[]).unwrap();
        assert!(all.len() > 5);
        let two = chosen(&["userid".to_owned(), "file_name".to_owned()]).unwrap();
        let names: Vec<_> = two.iter().map(Target::name).collect();
        assert_eq!(names, ["file_name", "userid"]);
        let error = chosen(&["nonsense".to_owned()]).unwrap_err().to_string();
        assert!(
            error.contains("no target nonsense; the targets are "),
            "{error}"
        );
    }

    #[test]
    fn every_dictionary_is_that_of_a_target() {
        let targets = all().unwrap();
        for entry in fs::read_dir(folder().join("dictionaries")).unwrap() {
            let path = entry.unwrap().path();
            let of = path.file_stem().unwrap().to_str().unwrap();
            assert!(targets.iter().any(|target| target.0 == of), "{of}");
        }
    }
}
