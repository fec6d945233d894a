//! Putting several values into a domain without values: all or none, also if the process is killed.
//!
//! The values are written into a directory beside the domain's, and one rename gives it the name of
//! the domain's empty directory, which it replaces. The process that does this holds the locks of
//! both: that of the domain's directory, so it may replace it, and that of the new one from before
//! it has a domain's name, so no other process gets the lock in between. A process that waited for
//! the old directory finds that it lost its name, and waits for the new one.

use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{
    Done, Durability, Operation, Put, StoreError, StoreErrorKind, StoredAll,
};

use crate::failure::kind_of;
use crate::layout::Layout;
use crate::lock::HeldLock;
use crate::replace::{NAMES_MAX, write_and_close};
use crate::tree::hold::Content;
use crate::tree::{Boot, Tree, name_of};
use crate::{Directory, Errno, FileStore, Identity, LockMode};

/// The name of a directory whose values are not yet a domain's begins with it. No domain's name
/// does.
pub(crate) const STAGE: &[u8] = b"stage-";

/// A directory that is to be the domain's, locked.
struct Stage<D> {
    name: Vec<u8>,
    view: FileStore<D>,
    identity: Identity,
}

impl<D: Directory> HeldLock<'_, D> {
    /// Puts the values with one rename, if the domain has none; `None` if it has.
    pub(crate) fn put_staged(
        &mut self,
        names: &[FileName],
        values: &[Put<'_>],
        durability: Durability,
    ) -> Result<Option<Done>, StoreError> {
        let Layout::Tree(tree) = &self.outer().layout else {
            return Ok(None);
        };
        // One value is put by one rename anyway.
        if names.len() < 2 || !self.make_empty()? {
            return Ok(None);
        }
        let tree = std::sync::Arc::clone(tree);
        let boot = tree.boot_made(self.directory(), Operation::Create)?;
        let stage = self.make_stage(&tree, boot)?;
        let filled = self.fill(&stage, names, values, durability);
        let named = filled.and_then(|()| self.check()).and_then(|()| {
            let from = name_of(&stage.name, Operation::Replace)?;
            match boot.directory.rename(from, self.name().into()) {
                Ok(()) => Ok(true),
                // The directory has something that is not a domain's file.
                Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
                Err(errno) => {
                    let kind = kind_of(errno);
                    Err(StoreError::new(Operation::Replace, self.name(), kind))
                }
            }
        });
        match named {
            Ok(true) => {}
            Ok(false) => {
                return match Self::remove_stage(boot, &stage) {
                    Ok(()) => Ok(None),
                    Err(errno) => Err(StoreError::new(
                        Operation::Remove,
                        &stage.name,
                        kind_of(errno),
                    )),
                };
            }
            Err(error) => {
                return Err(match Self::remove_stage(boot, &stage) {
                    Ok(()) => error,
                    Err(_) => error.leaving_behind(&stage.name),
                });
            }
        }
        self.move_to(stage.view, stage.identity);
        if durability == Durability::Full {
            tree.sync_boot(self.directory()).map_err(|errno| {
                let kind = StoreErrorKind::ReplacedNotDurable(Box::new(errno));
                StoreError::new(Operation::SyncDirectory, self.name(), kind)
            })?;
        }
        let mut done = StoredAll::default();
        done.durability = durability;
        done.stored = names.iter().map(FileName::userid).collect();
        Ok(Some(Done::StoredAll(done)))
    }

    /// Removes what killed processes left in the domain's directory. False if it has anything else.
    fn make_empty(&self) -> Result<bool, StoreError> {
        let Some(held) = self.in_tree() else {
            return Ok(false);
        };
        if held.closing.get() || held.content.get() != Content::Unknown {
            return Ok(false);
        }
        let names = held.view.names_of(self.domain())?;
        let is_leftover = |name: &FileName| matches!(name.kind(), Kind::Temporary | Kind::Closing);
        if !names.iter().all(is_leftover) {
            return Ok(false);
        }
        self.check()?;
        let removed = names
            .iter()
            .all(|name| held.view.directory.unlink(name.into()).is_ok());
        Ok(removed)
    }

    /// Makes a directory beside that of the domain, and locks it.
    fn make_stage(&self, tree: &Tree<D>, boot: &Boot<D>) -> Result<Stage<D>, StoreError> {
        for _ in 0..NAMES_MAX {
            let drawn = tree.draw(self.directory())?;
            let bytes = [STAGE, drawn.as_bytes()].concat();
            let name = name_of(&bytes, Operation::Create)?;
            let failed = |errno| StoreError::new(Operation::Create, &bytes, kind_of(errno));
            match boot.directory.make_directory(name) {
                Ok(()) => {}
                Err(Errno::EXIST) => continue,
                Err(errno) => return Err(failed(errno)),
            }
            let opened = boot.directory.open_directory(name).and_then(|directory| {
                let locked = directory.lock_itself(LockMode::Exclusive);
                let own = locked.and_then(|()| directory.own_metadata());
                let named = boot.directory.metadata_at(name);
                Ok((directory, own?.identity, named?.identity))
            });
            match opened {
                Ok((directory, identity, named)) if named == identity => {
                    return Ok(Stage {
                        view: self.outer().in_directory(directory, *self.domain()),
                        name: bytes,
                        identity,
                    });
                }
                // Another process locked or removed it first: `reclaim` took it for a leftover.
                Ok(_) | Err(Errno::AGAIN | Errno::NOENT) => {
                    match boot.directory.remove_directory(name) {
                        Ok(()) | Err(Errno::NOENT) => {}
                        Err(errno) => return Err(failed(errno).leaving_behind(&bytes)),
                    }
                }
                Err(errno) => {
                    let error = failed(errno);
                    return Err(match boot.directory.remove_directory(name) {
                        Ok(()) => error,
                        Err(_) => error.leaving_behind(&bytes),
                    });
                }
            }
        }
        let tries = NAMES_MAX;
        let kind = StoreErrorKind::GaveUp { tries };
        Err(StoreError::new(Operation::Create, self.name(), kind))
    }

    /// Writes the values into the new directory, as durable as asked, their names included.
    fn fill(
        &self,
        stage: &Stage<D>,
        names: &[FileName],
        values: &[Put<'_>],
        durability: Durability,
    ) -> Result<(), StoreError> {
        let directory = &*stage.view.directory;
        let barrier = self.outer().barrier(values.len(), durability);
        for (name, put) in names.iter().zip(values) {
            let created = directory.create(name.into());
            let file = created
                .map_err(|errno| StoreError::new(Operation::Create, name, kind_of(errno)))?;
            write_and_close(directory, file, put.data.as_bytes(), barrier.each())
                .map_err(|(operation, errno)| StoreError::new(operation, name, kind_of(errno)))?;
        }
        barrier.pass(self).map_err(|errno| self.not_passed(errno))?;
        // A barrier that was shared has made the new names durable, too.
        if durability == Durability::Full && !barrier.is_shared() {
            directory.sync().map_err(|errno| {
                StoreError::new(Operation::SyncDirectory, self.name(), kind_of(errno))
            })?;
        }
        Ok(())
    }

    fn remove_stage(boot: &Boot<D>, stage: &Stage<D>) -> Result<(), Errno> {
        let directory = &*stage.view.directory;
        let names = stage.view.own_names()?;
        for name in &names {
            directory.unlink(name.into())?;
        }
        let name = crate::Name::new(&stage.name).ok_or(Errno::INVAL)?;
        boot.directory.remove_directory(name)?;
        directory.unlock_itself()
    }
}
