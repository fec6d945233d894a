//! A lock file or closing mark is a link if the file system has no inode left for a new file.

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::FileType;

use crate::{Directory, Errno, FileStore};

/// The result of making a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    /// The name is a link that this call made.
    Made,
    /// Another process made a file of that name first.
    Exists,
}

impl<D: Directory> FileStore<D> {
    /// Gives one of the domain's files the additional name `to`, so that values can be removed
    /// although no file can be made. A tmpfs needs an inode for it, as for a file. `flock` works on
    /// the link as on a file of its own, for libxl too. `None` if no file of the domain can be
    /// linked.
    ///
    /// The file that has the name `other` is not used: the lock and the closing mark are held at
    /// the same time, and one file can't be locked twice.
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
        // Meanwhile another process may have replaced the file, or linked it to the other name.
        let usable = directory.metadata_at(to.into()).is_err() || self.is_linkable(to, other);
        if !usable {
            let _ = directory.unlink(to.into());
        }
        usable.then_some(Linked::Made)
    }

    /// Whether the file can be opened as a lock file is. A link to a file that cannot be opened
    /// would stay, and no process could take the lock of the domain any more.
    fn can_be_locked(&self, name: &FileName) -> bool {
        match self.directory.open_lock(name.into()) {
            Ok(file) => {
                self.directory.close_unwritten(file);
                true
            }
            Err(_) => false,
        }
    }

    /// Whether this name belongs to a regular file, and the name `other` does not belong to the
    /// same file.
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
