//! A lock file or closing marker on a file system that has no inode left for it.

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::FileType;

use crate::{Directory, Errno, FileStore};

/// What came of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    /// The name is a link that this call made.
    Made,
    /// Another process made a file of that name first.
    Exists,
}

impl<D: Directory> FileStore<D> {
    /// Gives one of the domain's files the name `to` as well, so that values can be removed where
    /// no file can be made. On a tmpfs that takes as much as a file does. `flock` works on it as on
    /// a file of its own, for libxl too. `None` if there is no file for it.
    ///
    /// The file that `other` names is not used: the lock and the closing marker are held at the
    /// same time, and one file can't be locked twice.
    pub(crate) fn link(
        &self,
        domain: &DomainKey,
        to: &FileName,
        other: &FileName,
    ) -> Option<Linked> {
        self.names_of(domain)
            .ok()?
            .iter()
            .filter(|name| matches!(name.kind(), Kind::Data | Kind::Temporary | Kind::New))
            .find_map(|name| self.link_one(name, to, other))
    }

    fn link_one(&self, from: &FileName, to: &FileName, other: &FileName) -> Option<Linked> {
        let directory = &*self.directory;
        if !self.is_linkable(from, other) || !self.can_be_locked(from) {
            return None;
        }
        match directory.link(from.into(), to.into()) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Some(Linked::Exists),
            Err(_) => return None,
        }
        // What was looked at may have been replaced since, or linked to the other name.
        let usable = directory.metadata_at(to.into()).is_err() || self.is_linkable(to, other);
        if !usable {
            let _ = directory.unlink(to.into());
        }
        usable.then_some(Linked::Made)
    }

    /// Whether the file can be opened as a lock is. The link of one that cannot would stay, and
    /// lock the domain out.
    fn can_be_locked(&self, name: &FileName) -> bool {
        match self.directory.open_lock(name.into()) {
            Ok(file) => {
                self.directory.close_unwritten(file);
                true
            }
            Err(_) => false,
        }
    }

    /// Whether a regular file has this name, and another one, or none, the name `other`.
    pub(crate) fn is_linkable(&self, name: &FileName, other: &FileName) -> bool {
        let Ok(found) = self.directory.metadata_at(name.into()) else {
            return false;
        };
        let is_free = match self.directory.metadata_at(other.into()) {
            Ok(other) => other.identity != found.identity,
            Err(errno) => errno == Errno::NOENT,
        };
        is_free && found.file_type == FileType::Regular
    }
}
