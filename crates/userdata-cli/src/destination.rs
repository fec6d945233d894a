//! `Destination`: where `retrieve -o` and `export -o` write.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use tempfile::NamedTempFile;

use crate::standard;

/// How many symbolic links are followed: as many as Linux follows.
const LINKS_MAX: usize = 40;

/// What writes all that is to be written.
pub(crate) type Write<'a> = &'a dyn Fn(&mut File) -> io::Result<()>;

/// Where `retrieve -o` and `export -o` write.
#[derive(Debug)]
pub(crate) enum Destination {
    /// An open descriptor, named by a path: `/dev/stdout`, `/dev/fd/3`.
    Descriptor(File),
    /// Any other path, after its symbolic links were followed. The file need not exist.
    Path(PathBuf),
}

impl Destination {
    /// The destination that a path names. To be called before this command opens files of its own,
    /// so that every open descriptor is one of the caller.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let mut path = path.to_owned();
        for _ in 0..=LINKS_MAX {
            if let Some(number) = own_descriptor(&path) {
                return descriptor(number).map(Self::Descriptor);
            }
            match fs::read_link(&path) {
                // A file that another process has open is written in place: a link in /proc is not
                // a name that could be replaced.
                Ok(_) if path.starts_with("/proc") => return Ok(Self::Path(path)),
                Ok(target) => path = folder(&path).join(target),
                // The path is not a link, or does not exist.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::InvalidInput | io::ErrorKind::NotFound
                    ) =>
                {
                    return Ok(Self::Path(path));
                }
                Err(error) => return Err(error),
            }
        }
        Err(Errno::LOOP.into())
    }

    /// Writes all bytes. A regular file is replaced as a whole, so that no reader sees a part of
    /// it, and the new file gets its mode and owner. (Other hard links keep the old bytes.) A file
    /// that can't be replaced is written in place.
    pub(crate) fn write(self, bytes: &[u8]) -> io::Result<()> {
        self.write_by(&|file| file.write_all(bytes))
    }

    /// The same with the bytes that `write` writes. If a file can't be replaced it is called again,
    /// to write to the file itself.
    pub(crate) fn write_by(self, write: Write<'_>) -> io::Result<()> {
        match self {
            Self::Descriptor(mut file) => write(&mut file),
            Self::Path(path) => write_file(&path, write),
        }
    }
}

/// The number of a descriptor of this process, if the path names one in `/proc`, `/dev/fd` or the
/// like.
fn own_descriptor(path: &Path) -> Option<i32> {
    let number = path.file_name()?.to_str()?.parse().ok()?;
    let folder = fs::canonicalize(folder(path)).ok()?;
    let own = fs::canonicalize("/proc/self").ok()?;
    (folder.starts_with(own) && folder.ends_with("fd")).then_some(number)
}

/// The file that the caller has opened, at its position and in its mode. To open the path again
/// would begin at offset 0 and overwrite what others have written.
fn descriptor(number: i32) -> io::Result<File> {
    match number {
        0 => return standard::input(),
        1 => return standard::output(),
        2 => return standard::error(),
        _ => {}
    }
    let own = pidfd_open(getpid(), PidfdFlags::empty());
    match own.and_then(|own| pidfd_getfd(own, number, PidfdGetfdFlags::empty())) {
        Ok(descriptor) => Ok(File::from(descriptor)),
        // Linux before 5.6, or a sandbox: opening to append at least overwrites nothing.
        Err(Errno::NOSYS | Errno::PERM) => OpenOptions::new()
            .append(true)
            .open(format!("/proc/self/fd/{number}")),
        Err(error) => Err(error.into()),
    }
}

fn write_file(path: &Path, write: Write<'_>) -> io::Result<()> {
    let old = match fs::metadata(path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match &old {
        // A device or a named pipe, or a link in /proc.
        Some(old) if !old.is_file() || path.starts_with("/proc") => {
            return write(&mut OpenOptions::new().append(true).open(path)?);
        }
        // Standard output or error goes to this file, so its content, and later output, must stay.
        Some(old) => {
            if let Some(mut file) = standard_file(old) {
                return write(&mut file);
            }
        }
        None => {}
    }
    match replace(path, old.as_ref(), write) {
        // The file is a mount point, or its folder permits no new file, or only a superuser can set
        // its owner. The file itself may be writable all the same.
        Err(error) if old.is_some() && is_refusal(&error) => {
            let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
            write(&mut file)
        }
        done => done,
    }
}

/// Standard output or error, if it is this file.
fn standard_file(old: &Metadata) -> Option<File> {
    let standard = [standard::output(), standard::error()];
    standard.into_iter().flatten().find(|file| {
        let is_it = |it: Metadata| (it.dev(), it.ino()) == (old.dev(), old.ino());
        file.metadata().is_ok_and(is_it)
    })
}

/// Only the owner can read a new file, as is the case for the value.
fn replace(path: &Path, old: Option<&Metadata>, write: Write<'_>) -> io::Result<()> {
    let mut new = NamedTempFile::new_in(folder(path))?;
    if let Some(old) = old {
        let made = new.as_file().metadata()?;
        if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
            fchown(new.as_file(), Some(old.uid()), Some(old.gid()))?;
        }
        let mode = Permissions::from_mode(old.mode() & 0o7777);
        new.as_file().set_permissions(mode)?;
    }
    write(new.as_file_mut())?;
    new.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ResourceBusy
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// The folder of a file.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
        Destination::of(path)?.write(bytes)
    }

    #[test]
    fn a_file_is_replaced_behind_its_link_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old and longer").unwrap();
        symlink("file", &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_dangling_link_is_followed_and_its_target_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        fs::create_dir(path("below")).unwrap();
        symlink("second", path("first")).unwrap();
        symlink("below/file", path("second")).unwrap();
        write(&path("first"), b"new").unwrap();
        assert_eq!(fs::read(path("below/file")).unwrap(), b"new");
        assert!(fs::symlink_metadata(path("first")).unwrap().is_symlink());
        symlink("circle", path("circle")).unwrap();
        let error = write(&path("circle"), b"new").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::LOOP.raw_os_error()));
    }

    #[test]
    fn a_device_is_written_to_and_stays() {
        write(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn an_open_descriptor_is_written_at_its_position() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"before ").unwrap();
        let name = format!("/proc/self/fd/{}", file.as_raw_fd());
        write(Path::new(&name), b"value").unwrap();
        file.write_all(b" after").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before value after");
        let error = write(Path::new("/dev/fd/999"), b"x").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::BADF.raw_os_error()));
    }

    #[test]
    fn a_file_in_a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(&folder.path().join("none/file"), b"x").is_err());
        assert!(write(folder.path(), b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
