//! The root of a tree: it is opened, and made in an empty directory.
//!
//! The `tree` file is made under the lock of the root directory itself, and gets its name when it
//! is complete. A process that is killed before leaves a file `tree.new`, and the next open starts
//! over.

use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use userdata_core::hypervisor::BootId;
use userdata_core::store::{
    FileType, Operation, RootRefused, StoreError, StoreErrorKind, TreeOwner,
};

use crate::failure::kind_of;
use crate::layout::Layout;
use crate::tree::{TRASH, Tree, make_child};
use crate::uninterrupted::Uninterrupted;
use crate::wait::{Retries, Timeout};
use crate::{Directory, Errno, FileStore, LockMode, Name, OsDirectory};

/// The file that shows that a directory is the root of a tree.
const TREE: &[u8] = b"tree";

/// The same file before it is complete.
const UNFINISHED: &[u8] = b"tree.new";

/// What the line in the `tree` file begins with, and the version of the format.
const FORMAT: &str = "userdata-tree";
const VERSION: &str = "1";

/// The longest `tree` file that is read, in bytes.
const LINE_MAX: usize = 256;

fn failed(file: &[u8], errno: Errno) -> StoreError {
    StoreError::new(Operation::OpenStore, file, kind_of(errno))
}

fn refused(why: RootRefused) -> StoreError {
    StoreError::new(Operation::OpenStore, TREE, StoreErrorKind::Root(why))
}

fn name(bytes: &[u8]) -> Result<Name<'_>, StoreError> {
    super::name_of(bytes, Operation::OpenStore)
}

impl FileStore<OsDirectory> {
    /// `open(path, O_DIRECTORY)`, or `mkdir(path, 0700)` if the path does not exist: a store in the
    /// tree layout, for toolstacks without libxl, and for many domains. No libxl function uses this
    /// layout, so real libxl neither sees these values nor removes them.
    ///
    /// A tree is made only in an empty directory; the sightings files of the command's sweep may be
    /// there. `ROOT/tree` names its owner, and it is opened by this owner alone. `boot` names
    /// the boot of the host: the data of another boot is out of reach, that of domain 0 included,
    /// and [`Store::reclaim`] removes it. The directories of the boot and of the domains are made
    /// by the first change.
    ///
    /// A crash while the tree is made leaves an empty directory, or one that the next call makes a
    /// tree of. Two processes that make one tree at once both succeed.
    ///
    /// ```
    /// use userdata_core::{Store as _, Userid};
    /// use userdata_fs::FileStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scratch = tempfile::tempdir()?;
    /// let root = scratch.path().join("userdata");
    /// let store = FileStore::open_tree(root, &"host-1".parse()?, &"boot-1".parse()?)?;
    /// let domain = "5.11111111-2222-3333-4444-abcdef555555".parse()?;
    /// assert!(store.get(&domain, &Userid::new("xl")?)?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Root`] if the directory is not empty and not a tree, if the tree has
    /// another owner or an unknown format, or if it is on NFS, which cannot lock directories;
    /// [`StoreErrorKind::NoDirectory`] if the directory that it is to be made in does not exist;
    /// [`StoreErrorKind::NotPermitted`].
    ///
    /// [`Store::reclaim`]: userdata_core::Store::reclaim
    pub fn open_tree(
        path: impl AsRef<Path>,
        owner: &TreeOwner,
        boot: &BootId,
    ) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let at_path = |errno| failed(path.as_os_str().as_bytes(), errno);
        let directory = match OsDirectory::open(path) {
            Err(Errno::NOENT) => OsDirectory::make(path),
            opened => opened,
        };
        let directory = local(directory.map_err(at_path)?, path)?;
        let (store, is_new) = Self::tree_made(directory, owner, boot)?;
        if is_new {
            // The directory may be new as well, whichever process made it.
            store.directory.0.sync_parent().map_err(|errno| {
                let path = path.as_os_str().as_bytes();
                StoreError::new(Operation::SyncDirectory, path, kind_of(errno))
            })?;
        }
        Ok(store)
    }

    /// The same for a program that only reads: no file and no directory is made. `None` if the
    /// directory could become a tree and is not one yet, so that it has no values.
    ///
    /// ```
    /// use userdata_fs::FileStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scratch = tempfile::tempdir()?;
    /// let found = FileStore::find_tree(scratch.path(), &"host-1".parse()?, &"boot-1".parse()?)?;
    /// assert!(found.is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`FileStore::open_tree`], and [`StoreErrorKind::NoDirectory`] if the path does not exist.
    pub fn find_tree(
        path: impl AsRef<Path>,
        owner: &TreeOwner,
        boot: &BootId,
    ) -> Result<Option<Self>, StoreError> {
        let path = path.as_ref();
        let directory = OsDirectory::open(path);
        let directory = directory.map_err(|errno| failed(path.as_os_str().as_bytes(), errno))?;
        let store = Self::new(local(directory, path)?);
        match read_line(&store.directory)? {
            Some(line) => store.with_tree(&line, owner, boot).map(Some),
            None => check_empty(&store.directory).map(|()| None),
        }
    }

    /// Refuses a directory that is the root of a tree.
    pub(crate) fn refuse_tree(&self) -> Result<(), StoreError> {
        match self.directory.metadata_at(name(TREE)?) {
            Ok(found) if found.file_type == FileType::Regular => {
                match read_line(&self.directory)? {
                    Some(line) if line.starts_with(FORMAT.as_bytes()) => {
                        Err(refused(RootRefused::IsTree))
                    }
                    _ => Ok(()),
                }
            }
            // Not a file that `open_tree` makes, so it is of another program.
            _ => Ok(()),
        }
    }
}

/// The same directory, unless it is on NFS.
fn local(directory: OsDirectory, path: &Path) -> Result<OsDirectory, StoreError> {
    match directory.is_on_nfs() {
        Ok(false) => Ok(directory),
        Ok(true) => Err(refused(RootRefused::Nfs)),
        Err(errno) => Err(failed(path.as_os_str().as_bytes(), errno)),
    }
}

impl<D: Directory> FileStore<D> {
    /// A store in the tree layout whose root is this directory, see `FileStore::open_tree`. Makes
    /// the tree if the directory is empty.
    ///
    /// # Errors
    ///
    /// As `FileStore::open_tree`.
    pub fn tree(directory: D, owner: &TreeOwner, boot: &BootId) -> Result<Self, StoreError> {
        Self::tree_made(directory, owner, boot).map(|(store, _)| store)
    }

    /// The same, and whether this call made the tree.
    fn tree_made(
        directory: D,
        owner: &TreeOwner,
        boot: &BootId,
    ) -> Result<(Self, bool), StoreError> {
        let store = Self::new(directory);
        let found = match read_line(&store.directory)? {
            Some(line) => Some(line),
            None => store.make_root(owner)?,
        };
        let is_new = found.is_none();
        let line = found.unwrap_or_else(|| line_of(owner));
        Ok((store.with_tree(&line, owner, boot)?, is_new))
    }

    /// The same store in the tree layout, if this line of the `tree` file names its owner.
    fn with_tree(self, line: &[u8], owner: &TreeOwner, boot: &BootId) -> Result<Self, StoreError> {
        check_line(line, owner)?;
        check_case(&self.directory)?;
        let tree = Layout::Tree(Arc::new(Tree::new(boot)));
        Ok(self.with_layout(tree))
    }

    /// Makes the `tree` file under the lock of the root. If another process made it meanwhile, the
    /// result is its line.
    fn make_root(&self, owner: &TreeOwner) -> Result<Option<Vec<u8>>, StoreError> {
        let root = &*self.directory;
        let timeout = Timeout::start(root, self.read_timeout);
        let mut retries = Retries::new(root, timeout);
        loop {
            match root.lock_itself(LockMode::Exclusive) {
                Ok(()) => break,
                Err(Errno::AGAIN) => retries
                    .pause()
                    .map_err(|kind| StoreError::new(Operation::OpenStore, TREE, kind))?,
                Err(Errno::BADF) => return Err(refused(RootRefused::Nfs)),
                Err(errno) => return Err(failed(TREE, errno)),
            }
        }
        let made = read_line(root).and_then(|line| match line {
            None => make_files(root, owner).map(|()| None),
            line => Ok(line),
        });
        // If this fails, the lock ends when the store is dropped.
        let _ = root.unlock_itself();
        made
    }
}

impl<D: Directory> FileStore<D> {
    /// The `tree` file of the root, opened.
    pub(crate) fn open_tree_file(&self) -> Option<D::File> {
        let name = Name::new(TREE)?;
        self.directory.open(name).ok()
    }
}

fn line_of(owner: &TreeOwner) -> Vec<u8> {
    format!("{FORMAT} {VERSION} {owner}\n").into_bytes()
}

/// Makes sure that the directory has only names that a tree may be made beside.
fn check_empty<D: Directory>(root: &Uninterrupted<D>) -> Result<(), StoreError> {
    let mut is_empty = true;
    let listed = root.list(&mut |found| {
        is_empty = found.as_bytes() == UNFINISHED || is_of_sweep(found);
        match is_empty {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    });
    listed.map_err(|errno| failed(TREE, errno))?;
    match is_empty {
        true => Ok(()),
        false => Err(refused(RootRefused::NotEmpty)),
    }
}

fn make_files<D: Directory>(root: &Uninterrupted<D>, owner: &TreeOwner) -> Result<(), StoreError> {
    check_empty(root)?;
    let unfinished = |errno| failed(UNFINISHED, errno);
    match root.unlink(name(UNFINISHED)?) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(unfinished(errno)),
    }
    let file = root.create(name(UNFINISHED)?).map_err(unfinished)?;
    let written = crate::replace::write_all(root, &file, &line_of(owner));
    let synced = written.and_then(|()| root.sync_file(&file));
    let closed = root.close(file);
    synced.and(closed).map_err(unfinished)?;
    root.rename(name(UNFINISHED)?, name(TREE)?)
        .map_err(|errno| failed(TREE, errno))?;
    make_child(root, TRASH, Operation::OpenStore)?;
    root.sync()
        .map_err(|errno| StoreError::new(Operation::SyncDirectory, TREE, kind_of(errno)))
}

/// Whether it is a file in which the command's sweeps keep their sightings, complete or not. By
/// default these files are in the directory that is the root of a tree by default.
fn is_of_sweep(name: Name<'_>) -> bool {
    let name = name.as_bytes();
    matches!(name, b"sightings.json" | b"sightings-tree.json") || name.starts_with(b".sightings")
}

/// The bytes of the `tree` file; `None` if there is none.
fn read_line<D: Directory>(root: &Uninterrupted<D>) -> Result<Option<Vec<u8>>, StoreError> {
    let tree_failed = |errno| failed(TREE, errno);
    let file = match root.open(name(TREE)?) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => {
            let kind = match root.metadata_at(name(TREE)?) {
                Ok(found) if errno == Errno::LOOP || errno == Errno::NXIO => {
                    StoreErrorKind::NotRegular(found.file_type)
                }
                _ => kind_of(errno),
            };
            return Err(StoreError::new(Operation::OpenStore, TREE, kind));
        }
    };
    let mut line = vec![0; LINE_MAX];
    let mut filled = 0;
    let read = loop {
        let rest = line.get_mut(filled..).unwrap_or_default();
        match root.read(&file, rest) {
            Ok(0) => break Ok(()),
            Ok(count) => filled += count,
            Err(errno) => break Err(errno),
        }
    };
    root.close_unwritten(file);
    read.map_err(tree_failed)?;
    line.truncate(filled);
    Ok(Some(line))
}

fn check_line(line: &[u8], owner: &TreeOwner) -> Result<(), StoreError> {
    let unknown = || refused(RootRefused::UnknownFormat);
    let text = std::str::from_utf8(line).map_err(|_| unknown())?;
    let text = text.strip_suffix('\n').ok_or_else(unknown)?;
    let mut words = text.splitn(3, ' ');
    let found: TreeOwner = match (words.next(), words.next(), words.next()) {
        (Some(FORMAT), Some(VERSION), Some(found)) => found.parse().map_err(|_| unknown())?,
        _ => return Err(unknown()),
    };
    if found == *owner {
        return Ok(());
    }
    Err(refused(RootRefused::OwnedByAnother {
        found: found.to_string(),
        expected: owner.to_string(),
    }))
}

/// Makes sure that the directory distinguishes names by case.
fn check_case<D: Directory>(root: &Uninterrupted<D>) -> Result<(), StoreError> {
    let capitals = TREE.to_ascii_uppercase();
    match root.metadata_at(name(&capitals)?) {
        Ok(found)
            if root
                .metadata_at(name(TREE)?)
                .is_ok_and(|tree| tree.identity == found.identity) =>
        {
            let kind = StoreErrorKind::FoldsCase;
            Err(StoreError::new(Operation::OpenStore, TREE, kind))
        }
        Ok(_) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(failed(TREE, errno)),
    }
}
