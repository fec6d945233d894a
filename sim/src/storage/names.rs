//! What programs do with names: look up, make, rename, remove, list.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use userdata_fs::Errno;

use super::journal::Slot;
use super::{Body, Bytes, Content, Folder, NodeId, Storage, set};

/// The longest name, `NAME_MAX`.
const NAME_LEN_MAX: usize = 255;

impl Storage {
    /// What stands under a name, if anything does.
    pub(crate) fn find(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>, Errno> {
        // Nothing is in a directory that was removed, however long its name.
        self.check_exists(directory)?;
        if name.len() > NAME_LEN_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        let live = &self.folder(directory)?.live;
        Ok(match self.options.folds_case {
            false => live.get(name).copied(),
            true => live
                .iter()
                .find(|(stored, _)| stored.eq_ignore_ascii_case(name))
                .map(|(_, node)| *node),
        })
    }

    /// The name as it is stored in the directory, or as it is given if nothing has it.
    fn stored(&self, directory: NodeId, name: &[u8]) -> Result<Arc<[u8]>, Errno> {
        let live = &self.folder(directory)?.live;
        let same = |stored: &&Arc<[u8]>| stored.eq_ignore_ascii_case(name);
        let stored = match self.options.folds_case {
            true => live.keys().find(same).cloned(),
            false => None,
        };
        Ok(stored.unwrap_or_else(|| Arc::from(name)))
    }

    /// What stands under a name.
    pub(crate) fn look_up(&self, directory: NodeId, name: &[u8]) -> Result<NodeId, Errno> {
        self.find(directory, name)?.ok_or(Errno::NOENT)
    }

    /// Makes an empty file under a name that nothing has.
    pub(crate) fn make_file(
        &mut self,
        directory: NodeId,
        name: &[u8],
        clock: Duration,
    ) -> Result<NodeId, Errno> {
        self.make(directory, name, Body::File(Content::default()), clock)
    }

    /// Makes an empty directory.
    pub(crate) fn make_directory(
        &mut self,
        directory: NodeId,
        name: &[u8],
        clock: Duration,
    ) -> Result<NodeId, Errno> {
        self.make(directory, name, Body::folder(directory), clock)
    }

    fn make(
        &mut self,
        directory: NodeId,
        name: &[u8],
        body: Body,
        clock: Duration,
    ) -> Result<NodeId, Errno> {
        if self.find(directory, name)?.is_some() {
            return Err(Errno::EXIST);
        }
        self.check_writable()?;
        let id = self.add(body, clock)?;
        self.change(&[(directory, name, Some(id))], false)?;
        Ok(id)
    }

    /// Puts something under a name, durable at once, whatever was there.
    pub(crate) fn plant(
        &mut self,
        directory: NodeId,
        name: &[u8],
        body: Body,
        clock: Duration,
    ) -> Result<(), Errno> {
        self.check_exists(directory)?;
        let id = self.add(body, clock)?;
        self.change(&[(directory, name, Some(id))], true)?;
        self.settle_journal();
        Ok(())
    }

    /// Gives a file one more name, which nothing has.
    pub(crate) fn link(&mut self, directory: NodeId, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        let id = self.look_up(directory, from)?;
        if self.find(directory, to)?.is_some() {
            return Err(Errno::EXIST);
        }
        self.check_writable()?;
        if let Body::Directory(_) = self.node(id)?.body {
            return Err(Errno::PERM);
        }
        if self.options.links_take_inodes {
            self.check_inode_free()?;
            self.inodes += 1;
        }
        self.change(&[(directory, to, Some(id))], false)
    }

    pub(crate) fn unlink(&mut self, directory: NodeId, name: &[u8]) -> Result<(), Errno> {
        self.check_writable()?;
        let id = self.look_up(directory, name)?;
        if let Body::Directory(_) = self.node(id)?.body {
            return Err(Errno::ISDIR);
        }
        self.change(&[(directory, name, None)], false)
    }

    pub(crate) fn remove_directory(&mut self, directory: NodeId, name: &[u8]) -> Result<(), Errno> {
        self.check_writable()?;
        let id = self.look_up(directory, name)?;
        match &self.node(id)?.body {
            Body::Directory(folder) if folder.live.is_empty() => {}
            Body::Directory(_) => return Err(Errno::NOTEMPTY),
            _ => return Err(Errno::NOTDIR),
        }
        self.change(&[(directory, name, None)], false)
    }

    /// Gives what stands under `from` the name `to`; false if both are the same already.
    pub(crate) fn rename(
        &mut self,
        (from_directory, from): (NodeId, &[u8]),
        (to_directory, to): (NodeId, &[u8]),
    ) -> Result<bool, Errno> {
        self.check_writable()?;
        let id = self.look_up(from_directory, from)?;
        let target = self.find(to_directory, to)?;
        let moves_directory = matches!(self.node(id)?.body, Body::Directory(_));
        if moves_directory && self.is_within(to_directory, id) {
            return Err(Errno::INVAL);
        }
        if target.is_some_and(|target| target != id && self.is_within(from_directory, target)) {
            return Err(Errno::NOTEMPTY);
        }
        if target == Some(id) {
            return Ok(false);
        }
        if let Some(target) = target {
            match (moves_directory, &self.node(target)?.body) {
                (true, Body::Directory(folder)) if !folder.live.is_empty() => {
                    return Err(Errno::NOTEMPTY);
                }
                (true, Body::Directory(_)) => {}
                (true, _) => return Err(Errno::NOTDIR),
                (false, Body::Directory(_)) => return Err(Errno::ISDIR),
                (false, _) => {}
            }
        }
        let slots = [(from_directory, from, None), (to_directory, to, Some(id))];
        self.change(&slots, false)?;
        if let Body::Directory(folder) = &mut self.node_mut(id)?.body {
            folder.parent = Some(to_directory);
        }
        Ok(true)
    }

    /// Gives what stands under `from` the name `to`, which nothing has.
    pub(crate) fn rename_no_replace(
        &mut self,
        directory: NodeId,
        from: &[u8],
        to: &[u8],
    ) -> Result<(), Errno> {
        self.check_writable()?;
        self.look_up(directory, from)?;
        if self.find(directory, to)?.is_some() {
            return Err(Errno::EXIST);
        }
        self.rename((directory, from), (directory, to)).map(drop)
    }

    /// At most `count` names behind `after`, in order.
    pub(crate) fn names(
        &self,
        directory: NodeId,
        after: Option<&[u8]>,
        count: usize,
    ) -> Result<Vec<Arc<[u8]>>, Errno> {
        self.check_exists(directory)?;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind: (Bound<&[u8]>, Bound<&[u8]>) = (start, Bound::Unbounded);
        let names = self.folder(directory)?.live.range::<[u8], _>(behind);
        Ok(names
            .take(count)
            .map(|(name, _)| Arc::clone(name))
            .collect())
    }

    /// Whether `directory` is `id` or somewhere in it.
    fn is_within(&self, directory: NodeId, id: NodeId) -> bool {
        // Bounded, although nothing here makes a circle.
        let up = |id: &NodeId| self.folder(*id).ok().and_then(|folder| folder.parent);
        std::iter::successors(Some(directory), up)
            .take(self.nodes.len())
            .any(|within| within == id)
    }

    fn folder(&self, id: NodeId) -> Result<&Folder, Errno> {
        match &self.node(id)?.body {
            Body::Directory(folder) => Ok(folder),
            _ => Err(Errno::NOTDIR),
        }
    }

    /// Whether a file that exists can be opened for writing.
    pub(crate) fn check_writable_file(&self, id: NodeId) -> Result<(), Errno> {
        match self.node(id)?.body {
            // A pipe or a device is written elsewhere.
            Body::Special(_) => Ok(()),
            _ => self.check_writable(),
        }
    }

    fn check_writable(&self) -> Result<(), Errno> {
        if self.options.read_only {
            return Err(Errno::ROFS);
        }
        Ok(())
    }

    /// Nothing can be made in a directory that was removed.
    fn check_exists(&self, directory: NodeId) -> Result<(), Errno> {
        if self.node(directory)?.links == 0 {
            return Err(Errno::NOENT);
        }
        Ok(())
    }

    /// Sets what stands under names, as one change.
    fn change(
        &mut self,
        slots: &[(NodeId, &[u8], Option<NodeId>)],
        synced: bool,
    ) -> Result<(), Errno> {
        let mut journaled = Vec::with_capacity(slots.len());
        for (directory, name, node) in slots {
            let name = self.stored(*directory, name)?;
            let before = match &mut self.node_mut(*directory)?.body {
                Body::Directory(folder) => {
                    let before = folder.live.get(&name).copied();
                    set(&mut folder.live, &name, *node);
                    before
                }
                _ => return Err(Errno::NOTDIR),
            };
            if let Some(node) = node {
                self.node_mut(*node)?.links += 1;
            }
            journaled.push(Slot {
                directory: *directory,
                name,
                node: *node,
            });
            if let Some(before) = before {
                let node = self.node_mut(before)?;
                node.links = node.links.saturating_sub(1);
                // A rename takes the old name away first: that must not free what it moves.
                if !slots.iter().any(|(_, _, moved)| *moved == Some(before)) {
                    self.release_name(before);
                }
            }
        }
        self.journal.push(journaled, synced);
        Ok(())
    }
}

impl Body {
    pub(crate) fn file(bytes: Vec<u8>) -> Self {
        Self::File(Content::durable(Bytes::new(bytes)))
    }

    pub(crate) fn zeros(size: u64) -> Self {
        Self::File(Content::durable(Bytes::zeros(size)))
    }

    pub(crate) fn folder(parent: NodeId) -> Self {
        Self::Directory(Folder {
            parent: Some(parent),
            ..Folder::default()
        })
    }
}
