//! Files that a hostile directory may have under the names of a store, and a way to plant them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType as NodeType, Mode, mknodat};
use rustix::io::Errno;
use userdata_core::store::FileType;

/// A file that is not a value of a reasonable size.
///
/// ```
/// use userdata_testkit::hostile::Hostile;
/// use userdata_testkit::userdata_core::store::FileType;
///
/// let scratch = tempfile::tempdir()?;
/// assert!(Hostile::Fifo.plant(scratch.path(), b"userdata-d.1.a")?);
/// assert_eq!(Hostile::Fifo.file_type(), FileType::Fifo);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hostile {
    /// A symbolic link with this target, which need not exist.
    Link(Vec<u8>),
    /// A named pipe that no process has open: an open that waits for the other end waits for ever.
    Fifo,
    /// A socket that no process listens on.
    Socket,
    /// The null device. Making one needs a privilege that root in a container may lack.
    Device,
    /// An empty directory.
    Directory,
    /// A directory with a file in it.
    FullDirectory,
    /// A sparse regular file of this many bytes.
    Huge(u64),
    /// An empty regular file.
    Empty,
}

impl Hostile {
    /// The type that a store must report.
    #[must_use]
    pub const fn file_type(&self) -> FileType {
        match self {
            Self::Link(_) => FileType::Symlink,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
            Self::Device => FileType::Device,
            Self::Directory | Self::FullDirectory => FileType::Directory,
            Self::Huge(_) | Self::Empty => FileType::Regular,
        }
    }

    /// Makes this file under a free name of a real directory: `symlink`, `mknod`, `mkdir` or
    /// `open`. Returns false if this user may not make devices, or if the file system has no files
    /// of this size.
    ///
    /// # Errors
    ///
    /// Those of the system calls; the name may be taken, for example.
    pub fn plant(&self, directory: &Path, name: &[u8]) -> io::Result<bool> {
        let path = directory.join(OsStr::from_bytes(name));
        let planted = match self {
            Self::Link(target) => symlink(OsStr::from_bytes(target), &path),
            Self::Fifo => make_node(&path, NodeType::Fifo, 0),
            Self::Socket => make_node(&path, NodeType::Socket, 0),
            Self::Device => make_node(&path, NodeType::CharacterDevice, rustix::fs::makedev(1, 3)),
            Self::Directory => fs::DirBuilder::new().mode(0o700).create(&path),
            Self::FullDirectory => plant_full_directory(&path),
            Self::Huge(bytes) => plant_file(&path, *bytes),
            Self::Empty => plant_file(&path, 0),
        };
        match planted {
            Ok(()) => Ok(true),
            Err(error) if self.may_be_refused(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn may_be_refused(&self, error: &io::Error) -> bool {
        let refusals: &[Errno] = match self {
            Self::Device => &[Errno::PERM],
            Self::Huge(_) => &[Errno::FBIG, Errno::INVAL],
            _ => &[],
        };
        error
            .raw_os_error()
            .is_some_and(|number| refusals.iter().any(|errno| errno.raw_os_error() == number))
    }
}

fn make_node(path: &Path, file_type: NodeType, device: u64) -> io::Result<()> {
    Ok(mknodat(
        CWD,
        path,
        file_type,
        Mode::RUSR | Mode::WUSR,
        device,
    )?)
}

fn plant_full_directory(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::write(path.join("inside"), b"inside")
}

fn plant_file(path: &PathBuf, bytes: u64) -> io::Result<()> {
    let planted = File::create_new(path)?.set_len(bytes);
    if planted.is_err() {
        fs::remove_file(path)?;
    }
    planted
}
