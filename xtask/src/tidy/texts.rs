//! The texts that people wrote, as the rules see them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The extensions of texts.
const EXTENSIONS: [&str; 10] = [
    "c", "dict", "h", "md", "py", "rs", "sh", "toml", "yaml", "yml",
];

/// Folders in which everything is generated or recorded.
const SKIPPED: [&str; 6] = [
    ".git",
    "artifacts",
    "corpus",
    "coverage",
    "fixtures",
    "target",
];

/// A file that a person wrote.
#[derive(Debug)]
pub(crate) struct Text {
    /// Relative to the workspace, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Text {
    /// The lines, counted from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Program text, where prose is the exception.
    pub(crate) fn is_source(&self) -> bool {
        !self.path.ends_with(".md")
    }
}

/// All of them, ordered by path.
#[derive(Debug)]
pub(crate) struct Texts {
    all: Vec<Text>,
}

impl Texts {
    /// Reads the workspace at `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut all = Vec::new();
        walk(root, "", &mut all)?;
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { all })
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let text = |&(path, text): &(&str, &str)| Text {
            path: path.into(),
            text: text.into(),
        };
        Self {
            all: files.iter().map(text).collect(),
        }
    }

    pub(crate) fn all(&self) -> &[Text] {
        &self.all
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &Text> {
        self.all.iter().filter(|text| text.is_rust())
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Text> {
        self.all.iter().find(|text| text.path == path)
    }
}

fn walk(root: &Path, under: &str, all: &mut Vec<Text>) -> Result<()> {
    let folder = root.join(under);
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = if under.is_empty() {
            name.clone()
        } else {
            format!("{under}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            walk(root, &path, all)?;
        } else if kind.is_file() && may_be_text(under, &name) {
            let text = fs::read(entry.path()).with_context(|| format!("reading {path}"))?;
            if name.contains('.') || under.is_empty() || text.starts_with(b"#!") {
                let text = String::from_utf8_lossy(&text).into_owned();
                all.push(Text { path, text });
            }
        }
    }
    Ok(())
}

fn may_be_text(under: &str, name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((_, extension)) => EXTENSIONS.contains(&extension),
        None => !under.is_empty() || name.starts_with("LICENSE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_files_are_read_and_generated_ones_are_not() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["src", "target", ".ci", "fuzz/corpus"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let names = [
            "src/a.rs",
            "src/raw",
            "target/b.rs",
            "fuzz/corpus/c.rs",
            "d.tar",
            "LICENSE",
        ];
        for name in names {
            fs::write(root.path().join(name), "text").unwrap();
        }
        fs::write(root.path().join(".ci/run"), "#!/bin/sh\n").unwrap();
        let texts = Texts::read(root.path()).unwrap();
        let paths: Vec<&str> = texts.all().iter().map(|text| text.path.as_str()).collect();
        assert_eq!(paths, [".ci/run", "LICENSE", "src/a.rs"]);
    }
}
