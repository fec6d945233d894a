//! `NewFile`: a file that replaces none, and gets its name when it is complete.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::destination::{Write, folder};

/// A file that is to be created at a free path. Until it is complete, it has a temporary name in
/// the same folder.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    temporary: NamedTempFile,
}

/// A file that was made, complete and synced.
#[derive(Debug)]
pub(crate) struct Made {
    path: PathBuf,
    file: File,
}

impl NewFile {
    /// Creates the temporary file. If anything exists at the path, that is an error.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(_) => return Err(Errno::EXIST.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Self {
            path: path.to_owned(),
            temporary: NamedTempFile::new_in(folder(path))?,
        })
    }

    /// The path that it is to have.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file, syncs it, and gives it its name durably. Only its owner can read it. If
    /// this fails, the file does not exist afterwards.
    pub(crate) fn complete(mut self, write: Write<'_>) -> io::Result<Made> {
        write_synced(&mut self.temporary, write)?;
        let persisted = self.temporary.persist_noclobber(&self.path);
        let made = Made {
            file: persisted.map_err(|error| error.error)?,
            path: self.path,
        };
        match sync_folder(&made.path) {
            Ok(()) => Ok(made),
            Err(error) => {
                made.remove()?;
                Err(error)
            }
        }
    }
}

impl Made {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file. If another file has the path by now, that one stays, and the call fails.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match self.is_there()? {
            true => fs::remove_file(&self.path),
            false => Ok(()),
        }
    }

    /// Writes the file anew, as a whole and durably, so that no reader sees a part of it. If the
    /// new one cannot be written, or if another file has the path by now, what is there stays.
    pub(crate) fn replace(&mut self, write: Write<'_>) -> io::Result<()> {
        let mut temporary = NamedTempFile::new_in(folder(&self.path))?;
        write_synced(&mut temporary, write)?;
        self.file = match self.is_there()? {
            true => temporary.persist(&self.path),
            false => temporary.persist_noclobber(&self.path),
        }
        .map_err(|error| error.error)?;
        sync_folder(&self.path)
    }

    /// Whether the path still has this file. If it has another one, that is an error.
    fn is_there(&self) -> io::Result<bool> {
        let there = match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            there => there?,
        };
        let made = self.file.metadata()?;
        if (there.dev(), there.ino()) != (made.dev(), made.ino()) {
            return Err(io::Error::other("it is another file by now"));
        }
        Ok(true)
    }
}

fn write_synced(temporary: &mut NamedTempFile, write: Write<'_>) -> io::Result<()> {
    write(temporary.as_file_mut())?;
    temporary.as_file().sync_all()
}

/// Syncs the folder of a path.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn it_is_made_private_and_is_removed_if_it_is_still_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let new = NewFile::at(&path).unwrap();
        assert!(!path.exists());
        let made = new.complete(&|file| file.write_all(b"all")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"all");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!((mode & 0o7777, names(folder.path())), (0o600, 1));

        fs::rename(&path, folder.path().join("moved")).unwrap();
        made.remove().unwrap();
        fs::write(&path, "another").unwrap();
        assert!(made.remove().is_err());
        assert_eq!(fs::read(&path).unwrap(), b"another");
        fs::rename(folder.path().join("moved"), &path).unwrap();
        made.remove().unwrap();
        assert_eq!(names(folder.path()), 0);
    }

    #[test]
    fn nothing_that_exists_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        fs::write(path("file"), "old").unwrap();
        symlink("nowhere", path("link")).unwrap();
        for there in [path("file"), path("link"), folder.path().to_owned()] {
            let error = NewFile::at(&there).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        }
        let late = NewFile::at(&path("late")).unwrap();
        fs::write(path("late"), "first").unwrap();
        let error = late.complete(&|_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(path("late")).unwrap(), b"first");
        assert_eq!(names(folder.path()), 3);
    }

    #[test]
    fn a_made_file_is_replaced_as_a_whole_or_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let new = NewFile::at(&path).unwrap();
        let mut made = new.complete(&|file| file.write_all(b"first")).unwrap();
        let failed = made.replace(&|file| {
            file.write_all(b"a part")?;
            Err(io::Error::other("broken"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let replaced = made.replace(&|file| {
            assert_eq!(fs::read(&path).unwrap(), b"first");
            file.write_all(b"second")
        });
        replaced.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!((mode & 0o7777, names(folder.path())), (0o600, 1));

        fs::remove_file(&path).unwrap();
        made.replace(&|file| file.write_all(b"third")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        fs::write(folder.path().join("another"), "another").unwrap();
        fs::rename(folder.path().join("another"), &path).unwrap();
        made.replace(&|file| file.write_all(b"fourth")).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"another");
        assert_eq!(names(folder.path()), 1);
    }

    #[test]
    fn a_file_that_was_not_written_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let new = NewFile::at(&folder.path().join("new")).unwrap();
        let failed = new.complete(&|file| {
            file.write_all(b"a part")?;
            Err(io::Error::other("broken"))
        });
        assert!(failed.is_err());
        assert_eq!(names(folder.path()), 0);
        assert!(NewFile::at(&folder.path().join("none/new")).is_err());
    }
}
