//! The tree layout: each domain has a directory of its own, below that of the boot.
//!
//! `ROOT/tree` names the format and the owner, `ROOT/boot-<BootId>/<domid>.<uuid>/<kind>.<userid>`
//! are the files, and `ROOT/trash/` has the directories that are to be emptied. Below its own
//! directory, a domain's files are read and changed as those of a flat layout are: the store of
//! [`FileStore::view`] works there.

mod discard;
mod hold;
pub(crate) mod reading;
mod reclaim;
mod root;
mod stage;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::hypervisor::BootId;
use userdata_core::store::{Operation, StoreError, StoreErrorKind};

use crate::failure::kind_of;
use crate::uninterrupted::Uninterrupted;
use crate::{Directory, Errno, FileStore, Identity, Name};

pub(crate) use hold::{Content, HeldDirectory};
pub(crate) use stage::STAGE;

/// The directories below the root, and what the store has found out about the kernel.
#[derive(Debug)]
pub(crate) struct Tree<D> {
    /// `boot-<BootId>`.
    boot_name: Box<[u8]>,
    /// Opened when it is first used: what only reads makes no directory.
    boot: OnceLock<Boot<D>>,
    trash: OnceLock<Uninterrupted<D>>,
    /// Until a call shows that the kernel, or a seccomp filter, has no `openat2`.
    has_openat2: AtomicBool,
    /// Whether this store has synced the root, which has the name of the boot's directory.
    root_is_synced: AtomicBool,
    /// The names in the trash: a random number, and how many were added to it.
    random: OnceLock<u128>,
    drawn: AtomicU64,
}

/// The directory of the boot, which has those of the domains.
#[derive(Debug)]
pub(crate) struct Boot<D> {
    pub(crate) directory: Uninterrupted<D>,
    identity: Identity,
}

/// The name of the directory of this boot begins with it.
pub(crate) const BOOT: &[u8] = b"boot-";

pub(crate) const TRASH: &[u8] = b"trash";

/// The name with these bytes, which have neither slash nor NUL.
fn name_of<'a>(bytes: &'a [u8], operation: Operation) -> Result<Name<'a>, StoreError> {
    Name::new(bytes).ok_or_else(|| StoreError::new(operation, bytes, StoreErrorKind::Unsupported))
}

impl<D: Directory> Tree<D> {
    fn new(boot: &BootId) -> Self {
        Self {
            boot_name: [BOOT, boot.as_str().as_bytes()].concat().into(),
            boot: OnceLock::new(),
            trash: OnceLock::new(),
            has_openat2: AtomicBool::new(true),
            root_is_synced: AtomicBool::new(false),
            random: OnceLock::new(),
            drawn: AtomicU64::new(0),
        }
    }

    /// The directory of this boot, if it exists.
    pub(crate) fn boot(
        &self,
        root: &Uninterrupted<D>,
        operation: Operation,
    ) -> Result<Option<&Boot<D>>, StoreError> {
        if let Some(boot) = self.boot.get() {
            return Ok(Some(boot));
        }
        let Some(directory) = open_child(root, &self.boot_name, operation)? else {
            return Ok(None);
        };
        let own = directory.own_metadata();
        let own = own.map_err(|errno| failed(operation, &self.boot_name, errno))?;
        let identity = own.identity;
        // Not initialised by a closure: after a fork another thread would wait for it for ever.
        let _ = self.boot.set(Boot {
            directory,
            identity,
        });
        Ok(self.boot.get())
    }

    /// The directory of this boot, made if it does not exist.
    pub(crate) fn boot_made(
        &self,
        root: &Uninterrupted<D>,
        operation: Operation,
    ) -> Result<&Boot<D>, StoreError> {
        if let Some(boot) = self.boot(root, operation)? {
            return Ok(boot);
        }
        make_child(root, &self.boot_name, operation)?;
        let made = self.boot(root, operation)?;
        made.ok_or_else(|| failed(operation, &self.boot_name, Errno::NOENT))
    }

    /// The trash, made if it does not exist.
    pub(crate) fn trash(
        &self,
        root: &Uninterrupted<D>,
        operation: Operation,
    ) -> Result<&Uninterrupted<D>, StoreError> {
        if let Some(trash) = self.trash.get() {
            return Ok(trash);
        }
        let opened = match open_child(root, TRASH, operation)? {
            None => {
                make_child(root, TRASH, operation)?;
                open_child(root, TRASH, operation)?
            }
            opened => opened,
        };
        let opened = opened.ok_or_else(|| failed(operation, TRASH, Errno::NOENT))?;
        let _ = self.trash.set(opened);
        let trash = self.trash.get();
        trash.ok_or_else(|| failed(operation, TRASH, Errno::NOENT))
    }

    /// Syncs the directory of the boot, which has the names of the domains' directories, and, once,
    /// the root, which has the name of the boot's.
    pub(crate) fn sync_boot(&self, root: &Uninterrupted<D>) -> Result<(), Errno> {
        if let Some(boot) = self.boot.get() {
            boot.directory.sync()?;
        }
        if !self.root_is_synced.load(Ordering::Relaxed) {
            root.sync()?;
            self.root_is_synced.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// A random name. Only the first one takes a call. A forked child draws the same names, so a
    /// name may be taken.
    pub(crate) fn draw(&self, root: &Uninterrupted<D>) -> Result<String, StoreError> {
        let random = match self.random.get() {
            Some(random) => *random,
            None => {
                let drawn = root.random();
                let drawn = drawn.map_err(|errno| failed(Operation::Create, TRASH, errno))?;
                let _ = self.random.set(drawn);
                drawn
            }
        };
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        Ok(format!("{:032x}", random.wrapping_add(drawn.into())))
    }
}

fn failed(operation: Operation, file: &[u8], errno: Errno) -> StoreError {
    StoreError::new(operation, file, kind_of(errno))
}

/// Opens a child directory, if it exists.
fn open_child<D: Directory>(
    parent: &Uninterrupted<D>,
    bytes: &[u8],
    operation: Operation,
) -> Result<Option<Uninterrupted<D>>, StoreError> {
    let name = name_of(bytes, operation)?;
    let errno = match parent.open_directory(name) {
        Ok(child) => return Ok(Some(child)),
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => errno,
    };
    let kind = match (errno, parent.metadata_at(name)) {
        (Errno::NOTDIR | Errno::LOOP, Ok(found)) => StoreErrorKind::NotDirectory(found.file_type),
        // It was there, and is not any more.
        (Errno::NOTDIR | Errno::LOOP, Err(Errno::NOENT)) => return Ok(None),
        _ => kind_of(errno),
    };
    Err(StoreError::new(operation, bytes, kind))
}

/// Makes a child directory, unless another process does.
fn make_child<D: Directory>(
    parent: &Uninterrupted<D>,
    bytes: &[u8],
    operation: Operation,
) -> Result<(), StoreError> {
    match parent.make_directory(name_of(bytes, operation)?) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(failed(operation, bytes, errno)),
    }
}

impl<D: Directory> FileStore<D> {
    /// A store in the directory of one domain, which reads and changes its files as a flat layout
    /// does; `None` if the domain has no directory.
    pub(crate) fn view(
        &self,
        boot: &Boot<D>,
        domain: &DomainKey,
        operation: Operation,
    ) -> Result<Option<Self>, StoreError> {
        let name = FileName::lock(NameFormat::Tree, domain);
        let directory = open_child(&boot.directory, name.as_bytes(), operation)?;
        Ok(directory.map(|directory| self.in_directory(directory, *domain)))
    }

    /// Makes sure that the root is at its path and has the directory of this boot that is open.
    /// Otherwise other processes use another directory, and a value that is absent here may exist
    /// there.
    pub(crate) fn check_boot(
        &self,
        tree: &Tree<D>,
        operation: Operation,
        file: impl AsRef<[u8]>,
    ) -> Result<(), StoreError> {
        let kind = match tree.boot.get() {
            None => match self.directory.is_at_path() {
                Ok(true) => return Ok(()),
                Ok(false) => StoreErrorKind::DirectoryReplaced,
                Err(errno) => kind_of(errno),
            },
            Some(boot) => {
                let name = name_of(&tree.boot_name, operation)?;
                match self.directory.metadata_by_path(name) {
                    Ok(found) if found.identity == boot.identity => return Ok(()),
                    Ok(_) => StoreErrorKind::DirectoryReplaced,
                    Err(errno) => kind_of(errno),
                }
            }
        };
        Err(StoreError::new(operation, file, kind))
    }
}
