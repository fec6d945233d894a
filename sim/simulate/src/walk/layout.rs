//! The layouts: how a store is opened in each, and what a tree holds, in the names of libxl.
//!
//! The checks know flat names. A file in the directory of a domain is shown to them under the name
//! that it would have in libxl's layout, and an empty directory of a domain as the lock file that
//! it stands for. All else in a tree keeps its path.

use userdata_core::file_name::{DomainDirectory, FileName, Kind, NameFormat};
use userdata_core::hypervisor::BootId;
use userdata_core::store::{RootRefused, StoreErrorKind, TreeOwner};
use userdata_core::{DomainKey, Userid};
use userdata_fs::{Errno, FileStore};
use userdata_sim::crash::Tree;

use crate::root::Root;

/// The boot in which walks begin.
pub(crate) const BOOT: &str = "one";

/// The boot after it.
pub(crate) const NEXT_BOOT: &str = "two";

/// The owner of every tree.
const OWNER: &str = "host";

/// Opens a store whose files are named so, in the boot of this name.
///
/// # Errors
///
/// `EIO` if the root of a tree is refused, or can't be made.
pub fn open_store(format: NameFormat, root: Root, boot: &str) -> Result<FileStore<Root>, Errno> {
    if format != NameFormat::Tree {
        return Ok(FileStore::new(root).with_name_format(format));
    }
    let owner: TreeOwner = OWNER.parse().map_err(|_| Errno::INVAL)?;
    let boot: BootId = boot.parse().map_err(|_| Errno::INVAL)?;
    FileStore::tree(root, &owner, &boot).map_err(|_| Errno::IO)
}

/// Whether a host with another name can open this tree.
///
/// # Errors
///
/// `EIO` if it is refused for another reason than its owner.
pub(crate) fn opens_for_another(root: Root) -> Result<bool, Errno> {
    let owner: TreeOwner = "another-host".parse().map_err(|_| Errno::INVAL)?;
    let boot: BootId = BOOT.parse().map_err(|_| Errno::INVAL)?;
    match FileStore::tree(root, &owner, &boot) {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            StoreErrorKind::Root(RootRefused::OwnedByAnother { .. }) => Ok(false),
            _ => Err(Errno::IO),
        },
    }
}

/// The format of the names that [`view`] shows.
pub(crate) const fn shown(format: NameFormat) -> NameFormat {
    match format {
        NameFormat::Tree => NameFormat::Libxl,
        format => format,
    }
}

/// The name of the current boot of a host that has booted this many times.
pub(crate) fn boot_name(boots: u64) -> String {
    match boots {
        1 => BOOT.to_owned(),
        2 => NEXT_BOOT.to_owned(),
        later => later.to_string(),
    }
}

/// What programs see in the boot [`BOOT`].
pub(crate) fn view(format: NameFormat, tree: Tree) -> Tree {
    view_in(BOOT, format, tree)
}

/// What programs see, with the files of the domains of this boot under flat names.
pub(crate) fn view_in(boot: &str, format: NameFormat, tree: Tree) -> Tree {
    if format != NameFormat::Tree {
        return tree;
    }
    let is_empty = |path: &[u8]| {
        let inside = [path, b"/"].concat();
        !tree.iter().any(|(other, _)| other.starts_with(&inside))
    };
    tree.renamed(|path| {
        let below = path.strip_prefix(boot_directory(boot).as_bytes());
        let Some(below) = below.and_then(|below| below.strip_prefix(b"/")) else {
            return Some(path.to_vec());
        };
        match DomainDirectory::parse(below) {
            Some(directory) => {
                let lock = FileName::lock(NameFormat::Libxl, &directory.key());
                is_empty(path).then(|| lock.as_bytes().to_vec())
            }
            None => Some(flat_name(below).unwrap_or_else(|| path.to_vec())),
        }
    })
}

/// The flat name of a file that is named by the directory of its domain and its name there.
pub(crate) fn flat_name(path: &[u8]) -> Option<Vec<u8>> {
    let slash = path.iter().position(|byte| *byte == b'/')?;
    let (directory, name) = path.split_at_checked(slash)?;
    let key: DomainKey = DomainDirectory::parse(directory)?.key();
    let name = FileName::parse_of(&key, name.strip_prefix(b"/")?)?;
    let userid: Userid = name.userid();
    let flat = match name.kind() {
        Kind::Closing => Ok(FileName::closing_marker(NameFormat::Libxl, &key)),
        kind => FileName::of(NameFormat::Libxl, kind, &key, &userid),
    };
    flat.ok().map(|flat| flat.as_bytes().to_vec())
}

/// The name of the directory of a boot.
pub(crate) fn boot_directory(boot: &str) -> String {
    format!("boot-{boot}")
}
