//! The bare system calls that do the same to the same files: the limit. They explain no errors, and
//! the names are made before.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use rustix::fs::{self, AtFlags, FlockOperation, Mode, OFlags, RawDir};
use rustix::io::{self, Errno};
use userdata_core::Userid;
use userdata_core::file_name::{FileName, NameFormat};

use crate::peer::Peer;
use crate::slot::{Slot, Subject};

const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
const NEW: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::CLOEXEC);
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

/// How many bytes of names one call fetches, as in the store.
const NAMES_LEN: usize = 32 * 1024;

/// What the calls are to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// No lock: the fewest calls that replace a file as a whole.
    Unlocked,
    /// libxl's lock around every change.
    Locked,
    /// libxl's lock, and a sync of the file and of the directory.
    Synced,
}

/// libxl's names in one directory.
#[derive(Debug)]
pub struct Bare {
    directory: OwnedFd,
    form: Form,
    names: Option<Names>,
    listing: Box<[MaybeUninit<u8>]>,
}

/// The names of one value, ready for the kernel.
#[derive(Debug)]
struct Names {
    of: String,
    value: CString,
    lock: CString,
    temporary: CString,
    /// With this the names of all the domain's values begin.
    values: Vec<u8>,
}

impl Names {
    fn of(domain: &Subject, userid: &Userid, name: &str) -> Result<Self> {
        let (format, key) = (NameFormat::Libxl, &domain.key);
        // Without a lock, two processes may store at once.
        let process = u128::from(std::process::id());
        let value = FileName::data(format, key, userid)?;
        let start = value.as_bytes().len() - userid.to_string().len();
        Ok(Self {
            of: name.to_owned(),
            values: value.as_bytes().iter().copied().take(start).collect(),
            value: CString::new(value.as_bytes())?,
            lock: CString::new(FileName::lock(format, key).as_bytes())?,
            temporary: CString::new(FileName::temporary(format, key, process).as_bytes())?,
        })
    }
}

impl Bare {
    /// Opens a directory.
    ///
    /// # Errors
    ///
    /// When it can't be opened.
    pub fn open(path: &Path, form: Form) -> Result<Self> {
        Ok(Self {
            directory: fs::open(path, READ.union(OFlags::DIRECTORY), Mode::empty())?,
            form,
            names: None,
            listing: Box::new_uninit_slice(NAMES_LEN),
        })
    }

    /// Makes the names of a value, unless they are those of the last one.
    fn name(&mut self, slot: &Slot) -> Result<()> {
        if self
            .names
            .as_ref()
            .is_none_or(|names| names.of != slot.name)
        {
            let userid = slot.userid.as_userid();
            self.names = Some(Names::of(&slot.domain, userid, &slot.name)?);
        }
        Ok(())
    }

    /// Makes the names of a domain, with those of any value.
    fn name_domain(&mut self, domain: &Subject) -> Result<()> {
        if self
            .names
            .as_ref()
            .is_none_or(|names| names.of != domain.uuid)
        {
            self.names = Some(Names::of(domain, &Userid::new("value")?, &domain.uuid)?);
        }
        Ok(())
    }

    fn names(&self) -> Result<&Names> {
        match &self.names {
            Some(names) => Ok(names),
            None => bail!("no names were made"),
        }
    }

    /// lock-open, flock, fstat, stat; the change; stat, unlink, close.
    fn locked(&self, change: impl FnOnce(&OwnedFd, &Names) -> Result<()>) -> Result<()> {
        let (directory, names) = (&self.directory, self.names()?);
        if self.form == Form::Unlocked {
            return change(directory, names);
        }
        let (lock, held) = loop {
            let lock = fs::openat(directory, &names.lock, NEW, PRIVATE)?;
            fs::flock(&lock, FlockOperation::LockExclusive)?;
            let held = fs::fstat(&lock)?.st_ino;
            // Another process may have removed the file that this one waited for.
            if inode(directory, names)? == Some(held) {
                break (lock, held);
            }
        };
        change(directory, names)?;
        ensure!(inode(directory, names)? == Some(held), "the lock was lost");
        fs::unlinkat(directory, &names.lock, AtFlags::empty())?;
        drop(lock);
        Ok(())
    }

    /// Calls `each` with the names of all values of the domain.
    fn each(
        &mut self,
        mut each: impl FnMut(&OwnedFd, &std::ffi::CStr) -> Result<()>,
    ) -> Result<()> {
        let Some(names) = &self.names else {
            bail!("no names were made");
        };
        let listing = fs::openat(&self.directory, c".", READ, Mode::empty())?;
        let mut entries = RawDir::new(listing, &mut self.listing);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if entry.file_name().to_bytes().starts_with(&names.values) {
                each(&self.directory, entry.file_name())?;
            }
        }
        Ok(())
    }
}

fn inode(directory: &OwnedFd, names: &Names) -> Result<Option<u64>> {
    match fs::statat(directory, &names.lock, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => Ok(Some(found.st_ino)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn unlink(directory: &OwnedFd, name: &std::ffi::CStr) -> Result<()> {
    match fs::unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Peer for Bare {
    fn store(&mut self, slot: &Slot, data: &[u8]) -> Result<()> {
        self.name(slot)?;
        let synced = self.form == Form::Synced;
        self.locked(|directory, names| {
            let file = fs::openat(directory, &names.temporary, NEW, PRIVATE)?;
            ensure!(io::write(&file, data)? == data.len(), "a short write");
            if synced {
                fs::fdatasync(&file)?;
            }
            drop(file);
            fs::renameat(directory, &names.temporary, directory, &names.value)?;
            if synced {
                fs::fsync(directory)?;
            }
            Ok(())
        })
    }

    fn retrieve(&mut self, slot: &Slot) -> Result<Option<Vec<u8>>> {
        self.name(slot)?;
        let name = &self.names()?.value;
        let file = match fs::openat(&self.directory, name, READ, Mode::empty()) {
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
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        match fs::statat(&self.directory, &self.names()?.value, flags) {
            Ok(found) => Ok(Some(u64::try_from(found.st_size)?)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn list(&mut self, domain: &Subject) -> Result<Vec<String>> {
        self.name_domain(domain)?;
        let start = self.names()?.values.len();
        let mut listed = Vec::new();
        self.each(|_, name| {
            let userid = name.to_bytes().get(start..).unwrap_or_default();
            listed.push(String::from_utf8_lossy(userid).into_owned());
            Ok(())
        })?;
        Ok(listed)
    }

    fn remove(&mut self, slot: &Slot) -> Result<()> {
        self.name(slot)?;
        let synced = self.form == Form::Synced;
        self.locked(|directory, names| {
            unlink(directory, &names.value)?;
            if synced {
                fs::fsync(directory)?;
            }
            Ok(())
        })
    }

    fn clear(&mut self, domain: &Subject) -> Result<()> {
        self.name_domain(domain)?;
        let mut values = Vec::new();
        self.each(|_, name| {
            values.push(name.to_owned());
            Ok(())
        })?;
        let synced = self.form == Form::Synced;
        self.locked(|directory, _| {
            values.iter().try_for_each(|name| unlink(directory, name))?;
            if synced {
                fs::fsync(directory)?;
            }
            Ok(())
        })
    }
}
