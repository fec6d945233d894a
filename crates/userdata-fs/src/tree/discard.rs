//! Clearing a domain in a tree: one rename of its directory into the trash, which is then emptied.
//!
//! A process that is killed before it has emptied the directory leaves it in the trash, where it is
//! no domain's, until `reclaim` empties it.

use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{
    Cleared, Durability, Keep, Operation, Reclaimed, Record, StoreError, StoreErrorKind,
};

use crate::layout::Layout;
use crate::listing::{Ending, ending};
use crate::lock::HeldLock;
use crate::replace::NAMES_MAX;
use crate::tree::hold::Content;
use crate::tree::reclaim::Emptying;
use crate::tree::{Tree, name_of};
use crate::{Directory, Errno};

impl<D: Directory> HeldLock<'_, D> {
    /// Takes the whole directory away, if everything in it goes and this is the last change under
    /// the lock. `None` if the files have to be removed one by one.
    pub(crate) fn clear_whole(
        &mut self,
        keep: Keep,
        durability: Durability,
        marker: Option<&FileName>,
    ) -> Result<Option<Cleared>, StoreError> {
        let (Layout::Tree(tree), Some(held)) = (&self.outer().layout, self.in_tree()) else {
            return Ok(None);
        };
        // A mark that another process holds must stay in force.
        let is_marked = marker.is_none() && held.closing.get();
        if keep != Keep::Nothing || !held.is_last || is_marked {
            return Ok(None);
        }
        // The lock was checked after it was taken, and no process breaks the lock of a directory.
        let mut cleared = Cleared::default();
        cleared.durability = durability;
        // No other process can store there. Once it is in the trash, a sweep may empty it.
        let mut endings = match held.view.endings_of(self.domain()) {
            Ok(endings) => endings,
            Err(error) => {
                cleared.failed.push(error);
                Vec::new()
            }
        };
        let Some(discarded) = self.take_away(tree)? else {
            return Ok(None);
        };
        held.content.set(Content::Discarded);
        if durability == Durability::Full
            && let Err(errno) = self.sync_discarded(tree)
        {
            let kind = StoreErrorKind::RemovedNotDurable(Box::new(errno));
            let domain = self.domain().to_string();
            cleared
                .failed
                .push(StoreError::new(Operation::SyncDirectory, domain, kind));
            cleared.durability = Durability::Process;
        }
        self.empty(tree, &endings, &discarded)?;
        let marker = marker.map(ending);
        endings.retain(|ending| marker.as_ref() != Some(ending));
        for (kind, userid) in endings {
            match kind {
                Kind::Data => cleared.removed.push(userid),
                kind => cleared.others.push(Record::new(kind, userid)),
            }
        }
        Ok(Some(cleared))
    }

    /// Renames the directory into the trash, and returns its name there. `None` if it can't be
    /// renamed.
    fn take_away(&self, tree: &Tree<D>) -> Result<Option<String>, StoreError> {
        let root = self.directory();
        let Ok(trash) = tree.trash(root, Operation::Remove) else {
            return Ok(None);
        };
        let boot = tree.boot_made(root, Operation::Remove)?;
        for _ in 0..NAMES_MAX {
            let drawn = tree.draw(root)?;
            let to = name_of(drawn.as_bytes(), Operation::Remove)?;
            match boot.directory.rename_into(self.name().into(), trash, to) {
                Ok(()) => return Ok(Some(drawn)),
                // A forked child drew the same name.
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    fn sync_discarded(&self, tree: &Tree<D>) -> Result<(), Errno> {
        if let Some(trash) = tree.trash.get() {
            trash.sync()?;
        }
        tree.sync_boot(self.directory())
    }

    /// Removes what is in the directory that was taken away, and the directory. What stays is no
    /// longer the domain's: `reclaim` reports it.
    fn empty(&self, tree: &Tree<D>, endings: &[Ending], discarded: &str) -> Result<(), StoreError> {
        for (kind, userid) in endings {
            if let Ok(name) = FileName::of(self.store().format, *kind, self.domain(), userid) {
                let _ = self.store().directory.unlink((&name).into());
            }
        }
        let Some(trash) = tree.trash.get() else {
            return Ok(());
        };
        let name = name_of(discarded.as_bytes(), Operation::Remove)?;
        if trash.remove_directory(name) == Err(Errno::NOTEMPTY) {
            let mut reclaimed = Reclaimed::default();
            let mut go_on = || true;
            let device = self.identity().device;
            let mut emptying = Emptying::new(device, &mut go_on, &mut reclaimed);
            let _ = emptying.remove(trash, name);
        }
        Ok(())
    }
}
