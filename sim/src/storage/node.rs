//! `Node`: an inode.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use userdata_core::store::FileType;

use super::content::Content;

/// Identifies an inode for ever, unlike the number that `stat` shows, which is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u64);

/// The names in a directory.
pub(crate) type Names = BTreeMap<Arc<[u8]>, NodeId>;

#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The number of the inode that `stat` shows.
    pub(crate) number: u64,
    pub(crate) body: Body,
    /// The clock when the content was last changed.
    pub(crate) modified: Duration,
    /// How many names it has.
    pub(crate) links: u32,
    /// How many open file descriptions refer to it.
    pub(crate) opened: u32,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    File(Content),
    Directory(Folder),
    /// A symbolic link, with its target.
    Symlink(Arc<[u8]>),
    /// A pipe, socket or device.
    Special(FileType),
}

/// The names in a directory, as programs see them and as the disk holds them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    pub(crate) live: Names,
    pub(crate) durable: Names,
    /// The directory that it is in; none for the root.
    pub(crate) parent: Option<NodeId>,
}

impl Node {
    pub(crate) const fn file_type(&self) -> FileType {
        match &self.body {
            Body::File(_) => FileType::Regular,
            Body::Directory(_) => FileType::Directory,
            Body::Symlink(_) => FileType::Symlink,
            Body::Special(file_type) => *file_type,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        match &self.body {
            Body::File(content) => content.cached().size(),
            Body::Directory(_) => 4096,
            Body::Symlink(target) => target.len() as u64,
            Body::Special(_) => 0,
        }
    }

    /// How many bytes it takes up.
    pub(crate) fn allocated(&self) -> u64 {
        match &self.body {
            Body::File(content) => content.cached().allocated(),
            _ => 0,
        }
    }

    /// Whether programs can still reach it.
    pub(crate) const fn is_used(&self) -> bool {
        self.links > 0 || self.opened > 0
    }
}
