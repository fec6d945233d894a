//! `Tree`: the content of a directory, for comparison.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::answer::shown;

/// A file of any type.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A regular file: the bits of its mode that chmod(2) changes, and its bytes.
    File(u32, Vec<u8>),
    /// An empty directory.
    Directory,
    /// A named pipe.
    Pipe,
    /// A symbolic link, and its target.
    Link(Vec<u8>),
}

impl Node {
    /// A file with the mode that both libraries use.
    pub(crate) fn private(bytes: &[u8]) -> Self {
        Self::File(0o600, bytes.to_vec())
    }

    pub(crate) fn plant(&self, directory: &Path, name: &[u8]) -> Result<()> {
        let path = path(directory, name);
        match self {
            Self::File(mode, bytes) => {
                let mut file = fs::File::options()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&path)?;
                file.write_all(bytes)?;
                file.set_permissions(fs::Permissions::from_mode(*mode))?;
            }
            Self::Directory => fs::create_dir(&path)?,
            Self::Pipe => mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?,
            Self::Link(target) => symlink(OsStr::from_bytes(target), &path)?,
        }
        Ok(())
    }

    fn read(path: &Path) -> Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        let kind = metadata.file_type();
        Ok(if kind.is_file() {
            Self::File(metadata.permissions().mode() & 0o7777, fs::read(path)?)
        } else if kind.is_dir() {
            Self::Directory
        } else if kind.is_fifo() {
            Self::Pipe
        } else if kind.is_symlink() {
            Self::Link(fs::read_link(path)?.into_os_string().into_vec())
        } else {
            bail!("{kind:?} under {}", path.display())
        })
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(mode, bytes) => write!(f, "a file {mode:04o} {}", shown(bytes)),
            Self::Directory => f.write_str("a directory"),
            Self::Pipe => f.write_str("a named pipe"),
            Self::Link(target) => write!(f, "a link to {}", target.escape_ascii()),
        }
    }
}

/// The files of a directory, by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree(pub(crate) BTreeMap<Vec<u8>, Node>);

impl Tree {
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let mut tree = Self::default();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let node = Node::read(&entry.path())
                .with_context(|| format!("reading {}", entry.path().display()))?;
            tree.0.insert(entry.file_name().into_vec(), node);
        }
        Ok(tree)
    }

    /// Changes a directory with the content `self` into one with the content `wanted`.
    pub(crate) fn turn_into(&self, wanted: &Self, directory: &Path) -> Result<()> {
        for (name, node) in &self.0 {
            if wanted.0.get(name) != Some(node) {
                let path = path(directory, name);
                match node {
                    Node::Directory => fs::remove_dir(&path)?,
                    _ => fs::remove_file(&path)?,
                }
            }
        }
        for (name, node) in &wanted.0 {
            if self.0.get(name) != Some(node) {
                node.plant(directory, name)?;
            }
        }
        Ok(())
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<&Node> {
        self.0.get(name)
    }

    pub(crate) fn put(&mut self, name: &[u8], node: Node) {
        self.0.insert(name.to_vec(), node);
    }

    pub(crate) fn remove(&mut self, name: &[u8]) {
        self.0.remove(name);
    }

    /// Gives a name the file that it has in `other`, or none.
    pub(crate) fn restore(&mut self, name: &[u8], other: &Self) {
        match other.get(name) {
            Some(node) => self.put(name, node.clone()),
            None => self.remove(name),
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("an empty directory")?;
        }
        for (name, node) in &self.0 {
            write!(f, "\n      {}: {node:?}", name.escape_ascii())?;
        }
        Ok(())
    }
}

pub(crate) fn path(directory: &Path, name: &[u8]) -> PathBuf {
    directory.join(OsStr::from_bytes(name))
}
