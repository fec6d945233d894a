//! A lock file or closing marker on a file system that has no inode left for it.

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, Kind};
use userdata_core::store::FileType;

use crate::{Directory, Errno, FileStore};

impl<D: Directory> FileStore<D> {
    /// Gives one of the domain's files the name `to` as well, so that values can be removed where
    /// no file can be made. `flock` works on it as on a file of its own, for libxl too. False if
    /// there is no file for it.
    ///
    /// The file that `other` names is not used: the lock and the closing marker are held at the
    /// same time, and one file can't be locked twice.
    pub(crate) fn link(&self, domain: &DomainKey, to: &FileName, other: &FileName) -> bool {
        let Ok(names) = self.names_of(domain) else {
            return false;
        };
        names
            .iter()
            .filter(|name| matches!(name.kind(), Kind::Data | Kind::Temporary | Kind::New))
            .any(|name| self.link_one(name, to, other))
    }

    fn link_one(&self, from: &FileName, to: &FileName, other: &FileName) -> bool {
        let directory = &*self.directory;
        if !self.is_linkable(from, other) {
            return false;
        }
        match directory.link(from.into(), to.into()) {
            Ok(()) => {}
            Err(Errno::EXIST) => return true,
            Err(_) => return false,
        }
        // What was looked at may have been replaced since, or linked to the other name.
        let usable = directory.metadata_at(to.into()).is_err() || self.is_linkable(to, other);
        if !usable {
            let _ = directory.unlink(to.into());
        }
        usable
    }

    /// Whether a regular file has this name, and another one, or none, the name `other`.
    fn is_linkable(&self, name: &FileName, other: &FileName) -> bool {
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
