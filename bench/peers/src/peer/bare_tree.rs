//! The bare system calls that do the same as the tree layout to the same files, with the same lock.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rustix::fs::{self, AtFlags, FlockOperation, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::{self, Errno};
use userdata_core::file_name::DomainDirectory;

use crate::peer::Peer;
use crate::slot::{Slot, Subject};

const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
const NEW: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);
const DIRECTORY: OFlags = READ.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW);
const TEMPORARY: &CStr = c"t.0";

/// How many bytes of names one call fetches, as in the store.
const NAMES_LEN: usize = 32 * 1024;

/// A directory for each domain, and one for what is to be removed.
#[derive(Debug)]
pub struct BareTree {
    boot: OwnedFd,
    trash: OwnedFd,
    names: Names,
}

/// The names of the last value, ready for the kernel.
#[derive(Debug, Default)]
struct Names {
    of: String,
    domain: CString,
    value: CString,
    /// Both, from the boot's directory on.
    path: CString,
}

impl BareTree {
    /// Opens a directory, and makes the two that it needs.
    ///
    /// # Errors
    ///
    /// When a call fails.
    pub fn open(path: &Path) -> Result<Self> {
        let directory = |name| -> Result<OwnedFd> {
            std::fs::create_dir_all(path.join(name))?;
            Ok(fs::open(path.join(name), DIRECTORY, Mode::empty())?)
        };
        Ok(Self {
            boot: directory("boot")?,
            trash: directory("trash")?,
            names: Names::default(),
        })
    }

    fn name(&mut self, slot: &Slot) -> Result<()> {
        if self.names.of != slot.name {
            self.names = Names::of(&slot.domain, slot.userid(), &slot.name)?;
        }
        Ok(())
    }

    fn name_domain(&mut self, domain: &Subject) -> Result<()> {
        if self.names.of != domain.uuid {
            self.names = Names::of(domain, "value", &domain.uuid)?;
        }
        Ok(())
    }

    /// open, flock, fstat, stat; the change; close. `None` if the domain has no directory, and none
    /// is to be made.
    fn locked<T>(
        &self,
        make: bool,
        change: impl FnOnce(&OwnedFd) -> Result<T>,
    ) -> Result<Option<T>> {
        let domain = &self.names.domain;
        loop {
            let directory = match fs::openat(&self.boot, domain, DIRECTORY, Mode::empty()) {
                Err(Errno::NOENT) if make => match fs::mkdirat(&self.boot, domain, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => continue,
                    Err(error) => return Err(error.into()),
                },
                Err(Errno::NOENT) => return Ok(None),
                opened => opened?,
            };
            fs::flock(&directory, FlockOperation::LockExclusive)?;
            let held = fs::fstat(&directory)?.st_ino;
            if self.inode()? == Some(held) {
                return change(&directory).map(Some);
            }
        }
    }

    fn inode(&self) -> Result<Option<u64>> {
        match fs::statat(&self.boot, &self.names.domain, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(found.st_ino)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Calls `each` with the names of all values in a directory.
    fn each(directory: &OwnedFd, mut each: impl FnMut(&CStr) -> Result<()>) -> Result<()> {
        let mut buffer = Vec::with_capacity(NAMES_LEN);
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if entry.file_name().to_bytes().starts_with(b"d.") {
                each(entry.file_name())?;
            }
        }
        Ok(())
    }
}

impl Names {
    fn of(domain: &Subject, userid: &str, name: &str) -> Result<Self> {
        let directory = DomainDirectory::new(domain.key).to_string();
        let value = format!("d.{userid}");
        Ok(Self {
            of: name.to_owned(),
            path: CString::new(format!("{directory}/{value}"))?,
            domain: CString::new(directory)?,
            value: CString::new(value)?,
        })
    }
}

impl Peer for BareTree {
    fn store(&mut self, slot: &Slot, data: &[u8]) -> Result<()> {
        self.name(slot)?;
        let value = &self.names.value;
        let stored = self.locked(true, |directory| {
            let file = fs::openat(directory, TEMPORARY, NEW, PRIVATE)?;
            ensure!(io::write(&file, data)? == data.len(), "a short write");
            drop(file);
            fs::renameat(directory, TEMPORARY, directory, value)?;
            Ok(())
        });
        stored?.context("a directory was made")
    }

    fn retrieve(&mut self, slot: &Slot) -> Result<Option<Vec<u8>>> {
        self.name(slot)?;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let opened = fs::openat2(&self.boot, &self.names.path, READ, Mode::empty(), resolve);
        let file = match opened {
            Err(Errno::NOENT) => return Ok(None),
            opened => opened?,
        };
        let length = usize::try_from(fs::fstat(&file)?.st_size)?;
        let mut value = Vec::with_capacity(length);
        let read = io::read(&file, rustix::buffer::spare_capacity(&mut value))?;
        ensure!(read == length, "a short read");
        Ok(Some(value))
    }

    fn size(&mut self, slot: &Slot) -> Result<Option<u64>> {
        self.name(slot)?;
        match fs::statat(&self.boot, &self.names.path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(u64::try_from(found.st_size)?)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn list(&mut self, domain: &Subject) -> Result<Vec<String>> {
        self.name_domain(domain)?;
        let directory = match fs::openat(&self.boot, &self.names.domain, DIRECTORY, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(Vec::new()),
            opened => opened?,
        };
        let mut listed = Vec::new();
        Self::each(&directory, |name| {
            let userid = name.to_bytes().get(2..).unwrap_or_default();
            listed.push(String::from_utf8_lossy(userid).into_owned());
            Ok(())
        })?;
        Ok(listed)
    }

    fn remove(&mut self, slot: &Slot) -> Result<()> {
        self.name(slot)?;
        let (value, domain) = (&self.names.value, &self.names.domain);
        self.locked(false, |directory| {
            match fs::unlinkat(directory, value, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
            match fs::unlinkat(&self.boot, domain, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOTEMPTY) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })?;
        Ok(())
    }

    /// One rename into the trash, which is then emptied.
    fn clear(&mut self, domain: &Subject) -> Result<()> {
        self.name_domain(domain)?;
        let name = &self.names.domain;
        self.locked(false, |directory| {
            fs::renameat(&self.boot, name, &self.trash, name)?;
            Self::each(directory, |value| {
                Ok(fs::unlinkat(directory, value, AtFlags::empty())?)
            })?;
            Ok(fs::unlinkat(&self.trash, name, AtFlags::REMOVEDIR)?)
        })?;
        Ok(())
    }
}
