//! `Canary`: a bug that is planted on purpose, as a change of the source.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// Where those of one host are kept, one file each.
const FOLDER: &str = "sim/canaries";

/// Where those of a pool of hosts are kept.
const POOL_FOLDER: &str = "sim/pool-canaries";

/// A bug, and the changes of the source that make it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Canary {
    /// The name of its file.
    #[serde(skip)]
    pub(crate) name: String,
    /// Whether the tests of `userdata-pool` have to find it, and not the simulation.
    #[serde(skip)]
    pub(crate) of_pool: bool,
    /// What is wrong with the store that has it.
    pub(crate) bug: String,
    /// The family of cases that finds it fastest, by `--families`, and that is hunted with.
    /// Empty for those of a pool.
    #[serde(default)]
    pub(crate) family: String,
    /// The test of `userdata-pool` that has to find it, if it is one of a pool. All tests are run
    /// if there is none, to find out which it is.
    pub(crate) test: Option<String>,
    /// The case of this family with which the hunt begins; those before it follow.
    #[serde(default)]
    pub(crate) start: u64,
    #[serde(rename = "edit")]
    pub(crate) edits: Vec<Edit>,
}

/// One text that is replaced by another.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    /// Relative to the workspace.
    pub(crate) file: String,
    /// The text in that file, which occurs exactly once.
    pub(crate) text: String,
    /// The text that replaces it.
    pub(crate) with: String,
}

impl Canary {
    /// All of them, in order of name, those of a pool last.
    pub(crate) fn all(root: &Path) -> Result<Vec<Self>> {
        let mut all = Self::all_in(&root.join(FOLDER))?;
        let mut pool = Self::all_in(&root.join(POOL_FOLDER))?;
        pool.iter_mut().for_each(|canary| canary.of_pool = true);
        all.append(&mut pool);
        Ok(all)
    }

    fn all_in(folder: &Path) -> Result<Vec<Self>> {
        let reading = || format!("reading {}", folder.display());
        let mut all = Vec::new();
        for entry in fs::read_dir(folder).with_context(reading)? {
            let path = entry.with_context(reading)?.path();
            let text = fs::read_to_string(&path).with_context(reading)?;
            let mut canary: Self =
                toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
            let name = path.file_stem().unwrap_or_default();
            canary.name = name.to_string_lossy().into_owned();
            all.push(canary);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }
}

impl Edit {
    /// The file's text with the bug in it.
    pub(crate) fn apply(&self, root: &Path) -> Result<String> {
        let path = root.join(&self.file);
        let source = fs::read_to_string(&path).with_context(|| self.file.clone())?;
        self.replace(&source).with_context(|| self.file.clone())
    }

    fn replace(&self, source: &str) -> Result<String> {
        ensure!(self.text != self.with, "the edit changes nothing");
        match source.matches(&self.text).count() {
            1 => Ok(source.replacen(&self.text, &self.with, 1)),
            times => bail!("the text of the edit is there {times} times, not once"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;

    #[test]
    fn every_canary_fits_the_source_as_it_is() {
        let all = Canary::all(project::root()).unwrap();
        let of_pool = all.iter().filter(|canary| canary.of_pool).count();
        assert!(of_pool >= 15 && all.len() - of_pool >= 15);
        for canary in all {
            assert_eq!(canary.family.is_empty(), canary.of_pool);
            assert_eq!(canary.test.is_some(), canary.of_pool);
            assert!(!canary.bug.is_empty() && !canary.edits.is_empty());
            for edit in canary.edits {
                edit.apply(project::root())
                    .context(canary.name.clone())
                    .unwrap();
            }
        }
    }

    #[test]
    fn an_edit_that_does_not_fit_is_refused() {
        let edit = |text: &str, with: &str| Edit {
            file: String::new(),
            text: text.to_owned(),
            with: with.to_owned(),
        };
        assert_eq!(edit("b", "x").replace("abc").unwrap(), "axc");
        for (text, with) in [("b", "x"), ("c", "x"), ("a", "a")] {
            assert!(edit(text, with).replace("abb a").is_err(), "{text} {with}");
        }
    }
}
