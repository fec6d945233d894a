//! If no lock file can be created or linked, a file that is removed anyway is renamed to the lock's
//! name.
//!
//! A tmpfs counts a link as an inode, so on a full tmpfs no file can get a second name. A rename
//! needs no space. The file is locked before it is renamed, so that no other process can take that
//! lock in between.
//!
//! A temporary file or a void closing mark is lost without harm. A value is moved only by the
//! change that removes it, once the caller has admitted it: to move the value is to remove it. The
//! caller is asked again under the lock. If it refuses then, or if anything else fails, the value
//! gets its name back. If the process is killed in between, the value is removed.

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::{FileType, Operation, StoreError};

use crate::failure::kind_of;
use crate::free::Removal;
use crate::lock::{Attempt, HeldLock, Opened, attempt};
use crate::marker::HeldMarker;
use crate::wait::Timeout;
use crate::{Directory, Errno, FileStore, Identity, Metadata};

/// The files that may become the lock file if none can be created.
pub(crate) enum Substitute<'a, D: Directory> {
    /// A temporary file that a killed writer left.
    Temporary,
    /// A temporary file, a void closing mark, or a file that the change removes.
    Removal(Removal<'a>),
    /// The closing mark that the caller holds, and is about to remove.
    Marker(&'a mut HeldMarker<D>),
}

/// The result of moving one file.
enum Moved<F> {
    Done(F, Metadata),
    /// Another process made a lock file first.
    Exists,
    /// Another process has a lock or a lease on it, or has replaced it.
    Busy,
    Unusable,
}

impl<D: Directory> FileStore<D> {
    /// Renames a file that is removed anyway to the name of the lock. `None` if no file can be
    /// renamed.
    pub(crate) fn move_to_lock(
        &self,
        domain: &DomainKey,
        lock: &FileName,
        timeout: Timeout,
        substitute: &mut Substitute<'_, D>,
    ) -> Result<Option<Opened<D::File>>, StoreError> {
        if let Substitute::Marker(marker) = substitute {
            return Ok(marker.move_to_lock(lock));
        }
        let names = self.names_of(domain)?;
        let is_temporary = |kind| matches!(kind, Kind::Temporary | Kind::New);
        let temporaries = names.iter().filter(|name| is_temporary(name.kind()));
        let moved = self.move_one_of(domain, temporaries, lock);
        let (None, Substitute::Removal(removal)) = (&moved, substitute) else {
            return Ok(moved);
        };
        let is_void = |name: &&FileName| name.kind() == Kind::Closing;
        let moved = self.move_one_of(domain, names.iter().filter(is_void), lock);
        let removed = |name: &&FileName| {
            let goes = !is_temporary(name.kind()) && name.kind() != Kind::Closing;
            goes && *name != lock && removal.removes(name)
        };
        let removed: Vec<&FileName> = names.iter().filter(removed).collect();
        if moved.is_some() || removed.is_empty() {
            return Ok(moved);
        }
        removal.check(self, domain, timeout)?;
        Ok(self.move_one_of(domain, removed.into_iter(), lock))
    }

    fn move_one_of<'n>(
        &self,
        domain: &DomainKey,
        names: impl Iterator<Item = &'n FileName>,
        lock: &FileName,
    ) -> Option<Opened<D::File>> {
        let marker = FileName::closing_marker(self.format, domain);
        let mut busy = None;
        for name in names {
            match self.move_one(name, lock, &marker) {
                Moved::Done(file, metadata) => {
                    return Some(Opened::Moved(file, metadata, name.clone()));
                }
                Moved::Exists => return Some(Opened::Gone),
                // A process that moves a value locks it only for a moment, so it is waited for. A
                // mark, or the lock of another program, may be held for long.
                Moved::Busy if !matches!(name.kind(), Kind::Closing | Kind::Lock) => {
                    busy = Some(Opened::Busy);
                }
                Moved::Busy | Moved::Unusable => {}
            }
        }
        busy
    }

    fn move_one(&self, from: &FileName, lock: &FileName, marker: &FileName) -> Moved<D::File> {
        let directory = &*self.directory;
        // The lock and the mark are held at the same time, and one file can't be locked twice.
        if from != marker && !self.is_linkable(from, marker) {
            return Moved::Unusable;
        }
        let file = match directory.open_lock(from.into()) {
            Ok(file) => file,
            Err(Errno::AGAIN) => return Moved::Busy,
            Err(_) => return Moved::Unusable,
        };
        let moved = match attempt(directory, from, &file) {
            Ok(Attempt::Held(metadata)) if metadata.file_type == FileType::Regular => {
                match self.rename_held(from, lock, metadata.identity) {
                    None => return Moved::Done(file, metadata),
                    Some(moved) => moved,
                }
            }
            Ok(Attempt::Busy | Attempt::Replaced) => Moved::Busy,
            _ => Moved::Unusable,
        };
        // A forked child may have the file too, so closing it would not unlock it.
        let _ = directory.unlock(&file);
        directory.close_unwritten(file);
        moved
    }

    /// Renames a file that this process has locked; `None` if that is done.
    fn rename_held(
        &self,
        from: &FileName,
        lock: &FileName,
        held: Identity,
    ) -> Option<Moved<D::File>> {
        let directory = &*self.directory;
        match directory.rename_no_replace(from.into(), lock.into()) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Some(Moved::Exists),
            Err(_) => return Some(Moved::Unusable),
        }
        match directory.metadata_at(lock.into()) {
            Ok(named) if named.identity != held => {
                // The file was replaced after it was locked, so this is another value.
                let _ = directory.rename_no_replace(lock.into(), from.into());
                Some(Moved::Busy)
            }
            // If the look-up fails, the check of the lock before the change finds out.
            _ => None,
        }
    }
}

impl<D: Directory> HeldLock<'_, D> {
    /// Gives the value that became the lock file its own name back.
    pub(crate) fn give_back(&self, name: &FileName) -> Result<(), StoreError> {
        let directory = &*self.store().directory;
        match directory.rename_no_replace(self.name().into(), name.into()) {
            // The value may have been durable, and must be so again.
            Ok(()) => directory
                .sync()
                .map_err(|errno| StoreError::new(Operation::SyncDirectory, name, kind_of(errno))),
            // A program that broke the lock stored another value, which stays.
            Err(Errno::EXIST) => self.unlink_own(),
            Err(errno) => Err(self.left(errno)),
        }
    }
}

/// Whether the file gets its name back if the change is not made.
pub(crate) fn is_given_back(name: &FileName) -> bool {
    !matches!(name.kind(), Kind::Temporary | Kind::New | Kind::Closing)
}
