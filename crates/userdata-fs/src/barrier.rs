//! `Barrier`: one sync of the file system in place of one sync of each file.
//!
//! First all values are written, then the barrier is passed, and only then does the first of them
//! get its name. A sync of the file system after a rename of a value would be too late: until it
//! returns, a crash may keep the name and lose the bytes.

use userdata_core::store::{Durability, Operation, StoreError};

use crate::failure::kind_of;
use crate::layout::Layout;
use crate::lock::HeldLock;
use crate::{Directory, Errno, FileStore};

/// From how many values on one sync of the whole file system takes the place of a sync of each
/// file. It costs as much as two or three of them, and writes the files of other programs, too.
const BATCH_MIN: usize = 8;

/// What makes values durable before they get their names.
pub(crate) struct Barrier<'a, D: Directory> {
    store: &'a FileStore<D>,
    /// How durable each file is to be by itself.
    each: Durability,
    /// Whether the file system is synced.
    is_shared: bool,
    /// In a tree, the file by which it is synced. The lock is a directory there.
    tree_file: Option<D::File>,
}

impl<D: Directory> FileStore<D> {
    /// The barrier for this many values. To be made after a lock was taken and before anything is
    /// written: a sync of the file system reports the errors since its file was opened.
    pub(crate) fn barrier(&self, count: usize, durability: Durability) -> Barrier<'_, D> {
        let is_batch = count >= BATCH_MIN && durability != Durability::Process;
        let can_share = is_batch && self.directory.promises().sync_all;
        let tree_file = match self.layout {
            Layout::Tree(_) if can_share => self.open_tree_file(),
            _ => None,
        };
        let is_shared = can_share && (tree_file.is_some() || matches!(self.layout, Layout::Flat));
        Barrier {
            store: self,
            each: match is_shared {
                true => Durability::Process,
                false => durability,
            },
            is_shared,
            tree_file,
        }
    }
}

impl<D: Directory> Barrier<'_, D> {
    /// The durability with which each file is to be written.
    pub(crate) const fn each(&self) -> Durability {
        self.each
    }

    /// Whether it makes everything durable, also names.
    pub(crate) const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// Makes everything durable that was written so far, if each file was not synced by itself. The
    /// lock is one that was taken before. Never to be called after a rename of a value.
    pub(crate) fn pass(&self, lock: &HeldLock<'_, D>) -> Result<(), Errno> {
        if !self.is_shared {
            return Ok(());
        }
        let file = self.tree_file.as_ref().or_else(|| lock.file());
        file.map_or(Err(Errno::BADF), |file| self.store.directory.sync_all(file))
    }
}

impl<D: Directory> Drop for Barrier<'_, D> {
    fn drop(&mut self) {
        if let Some(file) = self.tree_file.take() {
            self.store.directory.close_unwritten(file);
        }
    }
}

impl<D: Directory> HeldLock<'_, D> {
    /// The error if the barrier of a batch was not passed.
    pub(crate) fn not_passed(&self, errno: Errno) -> StoreError {
        let domain = self.domain().to_string();
        StoreError::new(Operation::SyncFile, domain, kind_of(errno))
    }
}
