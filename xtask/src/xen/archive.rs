//! cpio archives, which a Linux kernel unpacks into its first file system.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use cpio::newc::{Builder, ModeFileType, trailer};

/// Files, folders and links by path. They are written sorted, owned by root and without times, so
/// that the same content makes the same archive.
#[derive(Debug, Default)]
pub(super) struct Archive(BTreeMap<String, Entry>);

#[derive(Debug)]
enum Entry {
    Folder,
    Copy(PathBuf),
    Text(u32, String),
    Link(String),
}

impl Archive {
    /// Adds a folder, and the folders above it.
    pub(super) fn folder(&mut self, path: &str) {
        self.parents(path);
        self.0.entry(path.to_owned()).or_insert(Entry::Folder);
    }

    /// Adds a copy of a file; it stays executable if it is.
    pub(super) fn copy(&mut self, path: &str, from: &Path) {
        self.parents(path);
        self.0.insert(path.to_owned(), Entry::Copy(from.to_owned()));
    }

    /// Adds a file of this mode and text.
    pub(super) fn text(&mut self, path: &str, mode: u32, text: &str) {
        self.parents(path);
        self.0
            .insert(path.to_owned(), Entry::Text(mode, text.to_owned()));
    }

    /// Adds a symbolic link.
    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.parents(path);
        self.0
            .insert(path.to_owned(), Entry::Link(target.to_owned()));
    }

    /// Adds the files of a folder of the host whose path within it `wanted` accepts.
    pub(super) fn tree(
        &mut self,
        path: &str,
        from: &Path,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<()> {
        for entry in fs::read_dir(from).with_context(|| format!("listing {}", from.display()))? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name
                .to_str()
                .with_context(|| format!("{}: odd name", from.display()))?;
            let path = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}/{name}")
            };
            if !wanted(&path) {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.folder(&path);
                self.tree(&path, &entry.path(), wanted)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path())?;
                self.link(&path, &target.to_string_lossy());
            } else if kind.is_file() {
                self.copy(&path, &entry.path());
            }
        }
        Ok(())
    }

    fn parents(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            let parent = path.get(..at).unwrap_or_default();
            self.0.entry(parent.to_owned()).or_insert(Entry::Folder);
        }
    }

    /// Writes the archive.
    pub(super) fn write(&self, mut to: impl Write) -> Result<()> {
        for (number, (path, entry)) in (1..).zip(&self.0) {
            self.entry(number, path, entry, &mut to)
                .with_context(|| format!("archiving {path}"))?;
        }
        trailer(to)?.flush()?;
        Ok(())
    }

    fn entry(&self, number: u32, path: &str, entry: &Entry, to: &mut impl Write) -> Result<()> {
        let header = Builder::new(path).ino(number);
        match entry {
            Entry::Folder => {
                header
                    .mode(0o755)
                    .set_mode_file_type(ModeFileType::Directory)
                    .write(to, 0)
                    .finish()?;
            }
            Entry::Link(target) => {
                let header = header.mode(0o777).set_mode_file_type(ModeFileType::Symlink);
                put(header, target.len() as u64, &mut target.as_bytes(), to)?;
            }
            Entry::Text(mode, text) => {
                let header = header.mode(*mode).set_mode_file_type(ModeFileType::Regular);
                put(header, text.len() as u64, &mut text.as_bytes(), to)?;
            }
            Entry::Copy(from) => {
                let mut file = File::open(from)?;
                let about = file.metadata()?;
                let mode = if about.permissions().mode() & 0o111 == 0 {
                    0o644
                } else {
                    0o755
                };
                let header = header.mode(mode).set_mode_file_type(ModeFileType::Regular);
                put(header, about.len(), &mut file, to)?;
            }
        }
        Ok(())
    }
}

fn put(header: Builder, len: u64, from: &mut impl io::Read, to: &mut impl Write) -> Result<()> {
    let mut writer = header.write(to, u32::try_from(len).context("too large for the archive")?);
    ensure!(
        io::copy(from, &mut writer)? == len,
        "changed while it was read"
    );
    writer.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use cpio::newc::Reader;

    use super::*;

    fn list(mut bytes: &[u8]) -> Vec<(String, u32, u32, String)> {
        let mut found = Vec::new();
        loop {
            let mut reader = Reader::new(bytes).unwrap();
            let entry = reader.entry().clone();
            if entry.is_trailer() {
                return found;
            }
            let mut content = String::new();
            io::Read::read_to_string(&mut reader, &mut content).unwrap();
            found.push((entry.name().to_owned(), entry.mode(), entry.uid(), content));
            bytes = reader.finish().unwrap();
        }
    }

    #[test]
    fn an_archive_is_sorted_has_its_folders_and_belongs_to_root() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "plain").unwrap();
        fs::write(dir.path().join("left-out"), "").unwrap();
        std::os::unix::fs::symlink("file", dir.path().join("link")).unwrap();
        let mut archive = Archive::default();
        archive.text("z/run", 0o755, "#!/bin/sh\n");
        archive
            .tree("a", dir.path(), &|path| path != "a/left-out")
            .unwrap();
        let mut bytes = Vec::new();
        archive.write(&mut bytes).unwrap();
        let expected = [
            ("a", 0o40755, ""),
            ("a/file", 0o100644, "plain"),
            ("a/link", 0o120777, "file"),
            ("z", 0o40755, ""),
            ("z/run", 0o100755, "#!/bin/sh\n"),
        ];
        let expected = expected.map(|(path, mode, text)| (path.into(), mode, 0, text.into()));
        assert_eq!(list(&bytes), expected);
    }
}
