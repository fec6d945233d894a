//! `Storage`: a file system, as programs see it and as the disk holds it.
//!
//! Inodes and names each have a live state (what programs see) and a durable one (what is certainly
//! on the disk). The difference is an ordered journal of changes of names and, in each file, the
//! blocks that were written since it was synced. A crash keeps some of these, see [`CrashStates`].

mod content;
mod crash;
mod journal;
mod names;
mod node;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use userdata_core::store::FileType;
use userdata_fs::Errno;

pub use content::Sizes;
pub use crash::{CrashModel, CrashStates, NameOrder};
pub use tree::{Tree, TreeEntry};

use content::{Bytes, Content};
use journal::Journal;
use node::Names;
pub(crate) use node::{Body, Folder, Node, NodeId};

const ROOT: NodeId = NodeId(0);

/// The number of the root directory, as ext4 has it.
const ROOT_NUMBER: u64 = 2;

/// The limits of a file system, and how it behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageOptions {
    /// The size in bytes of a block, which reaches the disk as a whole. Without it, the bytes of
    /// each call are a block.
    pub block: Option<NonZeroUsize>,
    /// Whether the number of an inode that is gone is used again at once, as ext4 does.
    pub reuses_inodes: bool,
    /// How many bytes fit; `ENOSPC` beyond.
    pub capacity: Option<u64>,
    /// How many inodes fit, the root included; `ENOSPC` beyond.
    pub inodes_max: Option<usize>,
    /// Whether each name of a file after the first takes an inode, too, as on a tmpfs.
    pub links_take_inodes: bool,
    /// Whether what fits is limited by a quota: `EDQUOT` in place of `ENOSPC`.
    pub quota: bool,
    /// Whether names that differ in the case of ASCII letters alone are the same name.
    pub folds_case: bool,
    /// Whether it is mounted read-only: `EROFS`.
    pub read_only: bool,
    /// Whether it keeps [`Promises::one_barrier`](userdata_fs::Promises): a change of a name
    /// survives a crash only with all bytes that were written back before it, and a sync of a file
    /// and its name makes both durable.
    pub one_barrier: bool,
}

impl Default for StorageOptions {
    /// The bytes of each call are a block; inode numbers are used again; nothing is limited.
    fn default() -> Self {
        Self {
            block: None,
            reuses_inodes: true,
            capacity: None,
            inodes_max: None,
            links_take_inodes: false,
            quota: false,
            folds_case: false,
            read_only: false,
            one_barrier: false,
        }
    }
}

/// A file system. A copy is a snapshot that nothing changes any more.
#[derive(Clone, Debug)]
pub struct Storage {
    pub(crate) options: StorageOptions,
    nodes: BTreeMap<NodeId, Node>,
    journal: Journal,
    next_id: u64,
    next_number: u64,
    free_numbers: BTreeSet<u64>,
    /// How many bytes and inodes programs can still reach.
    allocated: u64,
    inodes: usize,
}

impl Storage {
    /// An empty file system.
    #[must_use]
    pub fn new(options: StorageOptions) -> Self {
        let root = Node {
            number: ROOT_NUMBER,
            body: Body::Directory(Folder::default()),
            modified: Duration::ZERO,
            links: 1,
            opened: 0,
        };
        Self {
            options,
            nodes: BTreeMap::from([(ROOT, root)]),
            journal: Journal::default(),
            next_id: ROOT.0 + 1,
            next_number: ROOT_NUMBER + 1,
            free_numbers: BTreeSet::new(),
            allocated: 0,
            inodes: 1,
        }
    }

    /// Changes how it behaves.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut StorageOptions)) {
        change(&mut self.options);
    }

    /// The same after every process was killed: what was open is closed, nothing is lost.
    #[must_use]
    pub fn killed(&self) -> Self {
        let mut killed = self.clone();
        let opened: Vec<NodeId> = killed
            .nodes
            .iter()
            .filter(|(_, node)| node.opened > 0)
            .map(|(id, _)| *id)
            .collect();
        for id in opened {
            if let Some(node) = killed.nodes.get_mut(&id) {
                node.opened = 0;
            }
            killed.release_unused(id);
        }
        killed
    }

    pub(crate) const fn root() -> NodeId {
        ROOT
    }

    /// A node that programs hold; `EIO` can't happen while they do.
    pub(crate) fn node(&self, id: NodeId) -> Result<&Node, Errno> {
        self.nodes.get(&id).ok_or(Errno::IO)
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&id).ok_or(Errno::IO)
    }

    pub(crate) fn read(&self, id: NodeId, at: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        match &self.node(id)?.body {
            Body::File(content) => Ok(content.cached().read(at, buffer)),
            Body::Directory(_) => Err(Errno::ISDIR),
            // No process writes to the other end.
            Body::Special(FileType::Device | FileType::Fifo) => Ok(0),
            Body::Symlink(_) | Body::Special(_) => Err(Errno::INVAL),
        }
    }

    /// Writes as many of the bytes as there is room for, and at least one.
    pub(crate) fn write(
        &mut self,
        id: NodeId,
        at: u64,
        bytes: &[u8],
        clock: Duration,
    ) -> Result<usize, Errno> {
        let block = self.options.block;
        let full = self.full();
        let free = match self.options.capacity {
            Some(capacity) => capacity.saturating_sub(self.allocated),
            None => u64::MAX,
        };
        let node = self.node_mut(id)?;
        let before = node.allocated();
        let content = match &mut node.body {
            Body::File(content) => content,
            // The null device, and a pipe here, take everything.
            Body::Special(FileType::Device | FileType::Fifo) => return Ok(bytes.len()),
            Body::Directory(_) | Body::Symlink(_) | Body::Special(_) => return Err(Errno::BADF),
        };
        let room = before.saturating_add(free).saturating_sub(at);
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let (taken, _) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        if taken.is_empty() && !bytes.is_empty() {
            return Err(full);
        }
        content.write(at, taken, block)?;
        if !taken.is_empty() {
            node.modified = clock;
        }
        self.allocated += self.node(id)?.allocated().saturating_sub(before);
        Ok(taken.len())
    }

    /// `ftruncate(fd, 0)`, as part of opening with `O_TRUNC`.
    pub(crate) fn truncate(&mut self, id: NodeId, clock: Duration) -> Result<(), Errno> {
        let node = self.node_mut(id)?;
        let before = node.allocated();
        if let Body::File(content) = &mut node.body {
            content.truncate();
            node.modified = clock;
            self.allocated = self.allocated.saturating_sub(before);
        }
        Ok(())
    }

    /// Makes the bytes of a file durable, or the names in a directory. The names of a file stay as
    /// durable as they were.
    pub(crate) fn sync(&mut self, id: NodeId) -> Result<(), Errno> {
        match &mut self.node_mut(id)?.body {
            Body::File(content) => content.sync(),
            Body::Directory(_) => {
                self.journal.sync(id);
                self.settle_journal();
            }
            Body::Symlink(_) | Body::Special(_) => return Err(Errno::INVAL),
        }
        Ok(())
    }

    /// Brings the bytes of a file into the cache of the disk. Without
    /// [`StorageOptions::one_barrier`] that has no effect on a crash.
    pub(crate) fn write_back(&mut self, id: NodeId) -> Result<(), Errno> {
        let next = self.journal.next();
        let one_barrier = self.options.one_barrier;
        match &mut self.node_mut(id)?.body {
            Body::File(content) if one_barrier => content.write_back(next),
            Body::File(_) => {}
            _ => return Err(Errno::INVAL),
        }
        Ok(())
    }

    /// Makes the bytes of a file durable, and with [`StorageOptions::one_barrier`] its names.
    pub(crate) fn sync_file_and_name(&mut self, id: NodeId) -> Result<(), Errno> {
        self.sync(id)?;
        if self.options.one_barrier {
            self.journal.sync_names_of(id);
            self.settle_journal();
        }
        Ok(())
    }

    /// Makes the disk lose the written bytes of a file, as a sync that fails does.
    pub(crate) fn lose_writeback(&mut self, id: NodeId) -> Result<(), Errno> {
        if let Body::File(content) = &mut self.node_mut(id)?.body {
            content.lose_writeback();
        }
        Ok(())
    }

    /// Makes everything durable, as the kernel does by itself after a while.
    pub(crate) fn settle(&mut self) {
        for node in self.nodes.values_mut() {
            if let Body::File(content) = &mut node.body {
                content.sync();
            }
        }
        self.journal.sync_all();
        self.settle_journal();
    }

    pub(crate) fn opened(&mut self, id: NodeId) -> Result<(), Errno> {
        self.node_mut(id)?.opened += 1;
        Ok(())
    }

    pub(crate) fn closed(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.opened = node.opened.saturating_sub(1);
        }
        self.release_unused(id);
    }

    fn add(&mut self, body: Body, clock: Duration) -> Result<NodeId, Errno> {
        self.check_inode_free()?;
        let number = self.free_numbers.pop_first().unwrap_or_else(|| {
            self.next_number += 1;
            self.next_number - 1
        });
        let id = NodeId(self.next_id);
        let node = Node {
            number,
            body,
            modified: clock,
            links: 0,
            opened: 0,
        };
        self.next_id += 1;
        self.inodes += 1;
        self.allocated += node.allocated();
        self.nodes.insert(id, node);
        Ok(id)
    }

    fn check_inode_free(&self) -> Result<(), Errno> {
        let max = self.options.inodes_max;
        match max.is_some_and(|max| self.inodes >= max) {
            true => Err(self.full()),
            false => Ok(()),
        }
    }

    /// The error when no more fits.
    const fn full(&self) -> Errno {
        match self.options.quota {
            true => Errno::DQUOT,
            false => Errno::NOSPC,
        }
    }

    /// Frees the space of a name that was removed.
    fn release_name(&mut self, id: NodeId) {
        match self.nodes.get(&id) {
            Some(node) if node.links > 0 => {
                if self.options.links_take_inodes {
                    self.inodes = self.inodes.saturating_sub(1);
                }
            }
            _ => self.release_unused(id),
        }
    }

    /// Frees the space of a node that programs can no longer reach. The disk may still hold it, so
    /// the node itself stays until no crash can bring it back.
    fn release_unused(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get(&id).filter(|node| !node.is_used()) else {
            return;
        };
        if self.options.reuses_inodes {
            self.free_numbers.insert(node.number);
        }
        self.allocated = self.allocated.saturating_sub(node.allocated());
        self.inodes = self.inodes.saturating_sub(1);
    }

    /// Moves the changes that are on the disk for certain out of the journal.
    fn settle_journal(&mut self) {
        let mut settled = false;
        while let Some(change) = self.journal.pop_synced() {
            settled = true;
            for slot in change.slots.iter() {
                if let Some(Body::Directory(folder)) = self
                    .nodes
                    .get_mut(&slot.directory)
                    .map(|node| &mut node.body)
                {
                    set(&mut folder.durable, &slot.name, slot.node);
                }
            }
        }
        if settled && self.journal.len() == 0 {
            self.forget_unreachable();
        }
    }

    /// Drops the nodes that neither programs nor any crash can reach. The journal is empty.
    fn forget_unreachable(&mut self) {
        let mut kept = BTreeSet::new();
        let mut left: Vec<NodeId> = vec![ROOT];
        left.extend(
            self.nodes
                .iter()
                .filter(|(_, node)| node.is_used())
                .map(|(id, _)| *id),
        );
        while let Some(id) = left.pop() {
            if kept.insert(id)
                && let Some(Body::Directory(folder)) = self.nodes.get(&id).map(|node| &node.body)
            {
                left.extend(folder.live.values().chain(folder.durable.values()));
            }
        }
        self.nodes.retain(|id, _| kept.contains(id));
    }
}

fn set(names: &mut Names, name: &Arc<[u8]>, node: Option<NodeId>) {
    match node {
        Some(node) => names.insert(Arc::clone(name), node),
        None => names.remove(name),
    };
}
