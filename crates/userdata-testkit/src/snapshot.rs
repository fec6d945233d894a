//! `Snapshot`: everything that one can tell of a real directory, to be compared with what it is
//! later.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::SystemTime;

use userdata_core::Version;
use userdata_core::store::FileType;

/// Files beyond this size are compared by their size alone.
const CONTENT_MAX: u64 = 64 << 20;

/// Everything under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thing {
    /// What it is.
    pub file_type: FileType,
    /// Which one it is.
    pub inode: u64,
    /// The bits of its mode that `chmod` changes.
    pub mode: u32,
    /// Its owner and group.
    pub owner: (u32, u32),
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: SystemTime,
    /// What it holds: the version of a file's bytes or of what a link says; nothing of others, and
    /// of files too large to be read.
    pub content: Option<Version>,
}

/// Everything under every name of one directory, the directory's own children's names not included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<Vec<u8>, Thing>);

impl Snapshot {
    /// What there is now.
    ///
    /// # Errors
    ///
    /// When the directory can't be read, or something changes while it is.
    pub fn of(directory: &Path) -> io::Result<Self> {
        let things = fs::read_dir(directory)?.map(|entry| {
            let entry = entry?;
            Ok((entry.file_name().into_vec(), Thing::at(&entry.path())?))
        });
        things.collect::<io::Result<_>>().map(Self)
    }

    /// The same without the names that `leave_out` picks.
    #[must_use]
    pub fn without(mut self, leave_out: impl Fn(&[u8]) -> bool) -> Self {
        self.0.retain(|name, _| !leave_out(name));
        self
    }

    /// What is under a name.
    #[must_use]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&Thing> {
        self.0.get(name.as_ref())
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.0.keys().map(Vec::as_slice)
    }

    /// The names under which there is now something else, or nothing, or something at all, in
    /// order.
    #[must_use]
    pub fn changed_since(&self, earlier: &Self) -> Vec<String> {
        let mut names: Vec<&[u8]> = self.names().chain(earlier.names()).collect();
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .filter(|name| self.get(name) != earlier.get(name))
            .map(|name| OsStr::from_bytes(name).to_string_lossy().into_owned())
            .collect()
    }
}

impl Thing {
    fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        let file_type = file_type_of(&metadata);
        let content = match file_type {
            FileType::Regular if metadata.len() <= CONTENT_MAX => {
                Some(Version::of(&fs::read(path)?))
            }
            FileType::Symlink => Some(Version::of(fs::read_link(path)?.as_os_str().as_bytes())),
            _ => None,
        };
        Ok(Self {
            file_type,
            inode: metadata.ino(),
            mode: metadata.permissions().mode() & 0o7777,
            owner: (metadata.uid(), metadata.gid()),
            size: metadata.len(),
            modified: metadata.modified()?,
            content,
        })
    }
}

fn file_type_of(metadata: &Metadata) -> FileType {
    let found = metadata.file_type();
    if found.is_file() {
        FileType::Regular
    } else if found.is_dir() {
        FileType::Directory
    } else if found.is_symlink() {
        FileType::Symlink
    } else if found.is_fifo() {
        FileType::Fifo
    } else if found.is_socket() {
        FileType::Socket
    } else if found.is_char_device() || found.is_block_device() {
        FileType::Device
    } else {
        FileType::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_told_by_its_name() {
        let scratch = tempfile::tempdir().unwrap();
        let path = |name: &str| scratch.path().join(name);
        for name in ["kept", "written", "chmod", "gone", "replaced", "touched"] {
            fs::write(path(name), name).unwrap();
        }
        let before = Snapshot::of(scratch.path()).unwrap();
        assert_eq!(
            Snapshot::of(scratch.path()).unwrap().changed_since(&before),
            [""; 0]
        );
        fs::write(path("written"), "WRITTEN").unwrap();
        fs::set_permissions(path("chmod"), fs::Permissions::from_mode(0o400)).unwrap();
        fs::remove_file(path("gone")).unwrap();
        fs::write(path("other"), "replaced").unwrap();
        fs::rename(path("other"), path("replaced")).unwrap();
        let touched = fs::File::options()
            .write(true)
            .open(path("touched"))
            .unwrap();
        touched.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        fs::write(path("new"), "new").unwrap();
        let after = Snapshot::of(scratch.path()).unwrap();
        let changed = ["chmod", "gone", "new", "replaced", "touched", "written"];
        assert_eq!(after.changed_since(&before), changed);
        let same = after.without(|name| changed.iter().any(|changed| changed.as_bytes() == name));
        assert_eq!(same.names().collect::<Vec<_>>(), [b"kept"]);
    }
}
