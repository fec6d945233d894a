//! `Tree`: every file with its path, to compare and to print.

use std::collections::BTreeMap;
use std::fmt;

use userdata_core::store::FileType;

use super::content::Bytes;
use super::{Body, NodeId, Storage};

/// What programs see of a file system: every path, and what stands there. The parts of a path are
/// separated by a slash, which no name contains.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tree(BTreeMap<Vec<u8>, TreeEntry>);

/// What stands under one path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TreeEntry(Kind);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    File(Bytes),
    Directory,
    Symlink(Vec<u8>),
    Special(&'static str),
}

impl Tree {
    /// Every path in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &TreeEntry)> {
        self.0.iter().map(|(path, entry)| (path.as_slice(), entry))
    }

    /// What stands under a path.
    #[must_use]
    pub fn get(&self, path: &[u8]) -> Option<&TreeEntry> {
        self.0.get(path)
    }

    /// The same with other paths: those that `path` returns, without those for which it returns
    /// `None`.
    #[must_use]
    pub fn renamed(&self, path: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Self {
        let renamed = self.0.iter();
        let renamed = renamed.filter_map(|(from, entry)| Some((path(from)?, entry.clone())));
        Self(renamed.collect())
    }

    /// The bytes of the regular file under a path, without a tail of zeros that was only planted.
    #[must_use]
    pub fn file(&self, path: &[u8]) -> Option<&[u8]> {
        self.get(path).and_then(TreeEntry::bytes)
    }
}

impl TreeEntry {
    /// The bytes, if it is a regular file.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Kind::File(bytes) => Some(bytes.head()),
            _ => None,
        }
    }

    /// Its size, if it is a regular file.
    #[must_use]
    pub const fn size(&self) -> u64 {
        match &self.0 {
            Kind::File(bytes) => bytes.size(),
            _ => 0,
        }
    }

    /// What it is.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        match &self.0 {
            Kind::File(_) => FileType::Regular,
            Kind::Directory => FileType::Directory,
            Kind::Symlink(_) => FileType::Symlink,
            Kind::Special("fifo") => FileType::Fifo,
            Kind::Special("socket") => FileType::Socket,
            Kind::Special(_) => FileType::Device,
        }
    }
}

impl Storage {
    /// What programs see.
    #[must_use]
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        let mut left: Vec<(Vec<u8>, NodeId)> = vec![(Vec::new(), Self::root())];
        while let Some((path, id)) = left.pop() {
            let Ok(node) = self.node(id) else { continue };
            let kind = match &node.body {
                Body::File(content) => Kind::File(content.cached().clone()),
                Body::Directory(folder) => {
                    left.extend(folder.live.iter().map(|(name, id)| {
                        let mut path = path.clone();
                        if !path.is_empty() {
                            path.push(b'/');
                        }
                        path.extend_from_slice(name);
                        (path, *id)
                    }));
                    Kind::Directory
                }
                Body::Symlink(target) => Kind::Symlink(target.to_vec()),
                Body::Special(FileType::Fifo) => Kind::Special("fifo"),
                Body::Special(FileType::Socket) => Kind::Special("socket"),
                Body::Special(_) => Kind::Special("device"),
            };
            if !path.is_empty() {
                tree.0.insert(path, TreeEntry(kind));
            }
        }
        tree
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, TreeEntry(kind)) in &self.0 {
            write!(f, "{} ", path.escape_ascii())?;
            match kind {
                Kind::File(bytes) => {
                    writeln!(
                        f,
                        "{} bytes \"{}\"",
                        bytes.size(),
                        bytes.head().escape_ascii()
                    )
                }
                Kind::Directory => writeln!(f, "directory"),
                Kind::Symlink(target) => writeln!(f, "-> {}", target.escape_ascii()),
                Kind::Special(what) => writeln!(f, "{what}"),
            }?;
        }
        Ok(())
    }
}
