//! What a program does without a library: a directory for each domain and a file for each value.
//! `std::fs::write` writes the file in place; tempfile and atomic-write-file replace it.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::NamedTempFile;

use crate::peer::Peer;
use crate::slot::{Slot, Subject};

/// Puts bytes into the file at a path.
pub type Put = fn(&Path, &[u8]) -> io::Result<()>;

/// A directory with directories.
pub struct Folders {
    path: PathBuf,
    put: Put,
}

impl fmt::Debug for Folders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folders").field("path", &self.path).finish()
    }
}

impl Folders {
    /// In this directory, with files that are written in this way.
    #[must_use]
    pub fn new(path: &Path, put: Put) -> Self {
        Self {
            path: path.to_owned(),
            put,
        }
    }
}

/// `std::fs::write`: truncates the file and writes it; a reader may see a part.
///
/// # Errors
///
/// When it fails.
pub fn write(path: &Path, data: &[u8]) -> io::Result<()> {
    fs::write(path, data)
}

/// `NamedTempFile::persist`: a temporary file beside it, renamed over it; not synced.
///
/// # Errors
///
/// When it fails.
pub fn persist(path: &Path, data: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(path.parent().unwrap_or(path))?;
    file.write_all(data)?;
    file.persist(path)?;
    Ok(())
}

/// `AtomicWriteFile::commit`: a temporary file beside it, synced and renamed over it.
///
/// # Errors
///
/// When it fails.
pub fn commit(path: &Path, data: &[u8]) -> io::Result<()> {
    let mut file = atomic_write_file::AtomicWriteFile::open(path)?;
    file.write_all(data)?;
    file.commit()
}

/// `None` if the thing is not there.
fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Peer for Folders {
    fn store(&mut self, slot: &Slot, data: &[u8]) -> Result<()> {
        let path = self.path.join(&slot.name);
        if there((self.put)(&path, data))?.is_none() {
            fs::create_dir_all(self.path.join(&slot.domain.uuid))?;
            (self.put)(&path, data)?;
        }
        Ok(())
    }

    fn retrieve(&mut self, slot: &Slot) -> Result<Option<Vec<u8>>> {
        Ok(there(fs::read(self.path.join(&slot.name)))?)
    }

    fn size(&mut self, slot: &Slot) -> Result<Option<u64>> {
        let found = there(fs::metadata(self.path.join(&slot.name)))?;
        Ok(found.map(|metadata| metadata.len()))
    }

    fn list(&mut self, domain: &Subject) -> Result<Vec<String>> {
        let Some(entries) = there(fs::read_dir(self.path.join(&domain.uuid)))? else {
            return Ok(Vec::new());
        };
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn remove(&mut self, slot: &Slot) -> Result<()> {
        there(fs::remove_file(self.path.join(&slot.name)))?;
        Ok(())
    }

    fn clear(&mut self, domain: &Subject) -> Result<()> {
        there(fs::remove_dir_all(self.path.join(&domain.uuid)))?;
        Ok(())
    }
}
