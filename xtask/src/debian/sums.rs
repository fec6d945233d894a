//! Checksums of the kept files, in the form that `sha256sum -c` reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The file that holds a folder's checksums.
const NAME: &str = "SHA256SUMS";

/// Files of a folder, by name, each with its SHA-256 in hexadecimal.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Sums(pub(crate) BTreeMap<String, String>);

impl Sums {
    /// The checksums recorded for a folder: none if there is no record, or one that is damaged.
    pub(crate) fn recorded(dir: &Path) -> Self {
        let text = fs::read_to_string(dir.join(NAME)).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once("  "));
        Self(
            lines
                .map(|(sum, name)| (name.to_owned(), sum.to_owned()))
                .collect(),
        )
    }

    /// The checksums of every regular file below a folder.
    pub(crate) fn of_tree(dir: &Path) -> Result<Self> {
        let mut sums = Self::default();
        sums.add_tree(dir, "")?;
        Ok(sums)
    }

    fn add_tree(&mut self, dir: &Path, prefix: &str) -> Result<()> {
        for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.add_tree(&entry.path(), &format!("{name}/"))?;
            } else if kind.is_file() && name != NAME {
                self.0.insert(name, of_file(&entry.path())?);
            }
        }
        Ok(())
    }

    /// Writes the record.
    pub(crate) fn record(&self, dir: &Path) -> Result<()> {
        let path = dir.join(NAME);
        fs::write(&path, self.text()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The record, as it is written.
    pub(crate) fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (name, sum)| {
            let _ = writeln!(text, "{sum}  {name}");
            text
        })
    }

    /// The files that are missing or differ from the record.
    pub(crate) fn broken(&self, dir: &Path) -> Vec<&str> {
        let differs = |name: &str, sum: &str| of_file(&dir.join(name)).ok().as_deref() != Some(sum);
        self.0
            .iter()
            .filter(|(name, sum)| differs(name, sum))
            .map(|(name, _)| &**name)
            .collect()
    }
}

/// The SHA-256 of a file.
pub(crate) fn of_file(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(n) => hash.update(buffer.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }
}

/// The SHA-256 of a few texts.
pub(crate) fn of_texts(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_or_removed_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        for name in ["changed", "gone", "same", "sub/cut"] {
            fs::write(dir.path().join(name), format!("content of {name}")).unwrap();
        }
        Sums::of_tree(dir.path())
            .unwrap()
            .record(dir.path())
            .unwrap();
        let sums = Sums::recorded(dir.path());
        assert_eq!(sums.0.len(), 4);
        assert!(sums.broken(dir.path()).is_empty());

        fs::write(dir.path().join("changed"), "content of chAnged").unwrap();
        fs::remove_file(dir.path().join("gone")).unwrap();
        fs::write(dir.path().join("sub/cut"), "").unwrap();
        assert_eq!(sums.broken(dir.path()), ["changed", "gone", "sub/cut"]);
    }

    #[test]
    fn the_digest_is_sha_256() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("abc");
        fs::write(&path, "abc").unwrap();
        assert_eq!(
            of_file(&path).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
