//! `Snapshot`: the state of a real directory, for comparison with a later state.

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

/// Files above this size are compared without their content.
const CONTENT_MAX: u64 = 64 << 20;

/// The file, directory, link or other node under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Its type.
    pub file_type: FileType,
    /// Its inode number.
    pub inode: u64,
    /// The bits of its mode that chmod(2) changes.
    pub mode: u32,
    /// Its owner and group.
    pub owner: (u32, u32),
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: SystemTime,
    /// The version of a file's bytes, or of a link's target. `None` for other types, and for files of
    /// more than 64 MiB.
    pub content: Option<Version>,
}

/// The nodes under all names of one directory, without those in its subdirectories.
///
/// ```
/// use std::fs;
/// use userdata_testkit::Snapshot;
///
/// let scratch = tempfile::tempdir()?;
/// fs::write(scratch.path().join("kept"), "bytes")?;
/// let before = Snapshot::of(scratch.path())?;
/// fs::write(scratch.path().join("new"), "bytes")?;
/// assert_eq!(Snapshot::of(scratch.path())?.changed_since(&before), ["new"]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<Vec<u8>, Node>);

impl Snapshot {
    /// Takes a snapshot of a directory. Replaces `opendir`, `readdir` and `lstat`.
    ///
    /// # Errors
    ///
    /// Those of the system calls: the directory can't be read, or a name disappears meanwhile.
    pub fn of(directory: &Path) -> io::Result<Self> {
        let nodes = fs::read_dir(directory)?.map(|entry| {
            let entry = entry?;
            Ok((entry.file_name().into_vec(), Node::at(&entry.path())?))
        });
        nodes.collect::<io::Result<_>>().map(Self)
    }

    /// The snapshot without the names for which `leave_out` returns true.
    #[must_use]
    pub fn without(mut self, leave_out: impl Fn(&[u8]) -> bool) -> Self {
        self.0.retain(|name, _| !leave_out(name));
        self
    }

    /// The node under a name.
    #[must_use]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&Node> {
        self.0.get(name.as_ref())
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.0.keys().map(Vec::as_slice)
    }

    /// The names whose nodes differ between the two snapshots, or are in one of them only, in order.
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

impl Node {
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
    fn every_change_is_reported_by_its_name() {
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
