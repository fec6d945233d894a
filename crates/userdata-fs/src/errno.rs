//! `Errno`: the error number of a system call.

use std::fmt;
use std::io;

/// The number of the error with which a system call failed.
///
/// A type of this crate, so that simulated directories can make and compare errors, and no public
/// signature has a type of another crate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(i32);

macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        impl Errno {
            $($(#[$doc])* pub const $name: Self = Self(rustix::io::Errno::$name.raw_os_error());)*

            const NAMES: &[(Self, &str)] =
                &[$((Self::$name, concat!("E", stringify!($name)))),*];
        }
    };
}

constants! {
    /// Permission denied by the file's or directory's mode.
    ACCESS,
    /// Another process has a lock or a lease on the file (`EWOULDBLOCK`).
    AGAIN,
    /// The descriptor is not open.
    BADF,
    /// The quota is used up.
    DQUOT,
    /// A file has the name already.
    EXIST,
    /// The file is too large.
    FBIG,
    /// A signal came in between.
    INTR,
    /// An argument makes no sense.
    INVAL,
    /// The device failed.
    IO,
    /// The name belongs to a directory.
    ISDIR,
    /// The name belongs to a symbolic link, which is not followed.
    LOOP,
    /// The process has no descriptor left.
    MFILE,
    /// The file has too many names.
    MLINK,
    /// The name is too long.
    NAMETOOLONG,
    /// The system has no descriptor left.
    NFILE,
    /// The device is not there.
    NODEV,
    /// There is no file of this name.
    NOENT,
    /// No lock records left.
    NOLCK,
    /// No memory left.
    NOMEM,
    /// No space left on the device.
    NOSPC,
    /// The call is not implemented.
    NOSYS,
    /// The name does not belong to a directory.
    NOTDIR,
    /// The directory is not empty.
    NOTEMPTY,
    /// A socket, or a device without a driver.
    NXIO,
    /// The connection to the file server is lost.
    NOTCONN,
    /// The file system cannot do this.
    OPNOTSUPP,
    /// A number does not fit into the type that the caller uses.
    OVERFLOW,
    /// The operation is not permitted.
    PERM,
    /// The file system is mounted read-only.
    ROFS,
    /// The file handle is stale.
    STALE,
    /// The file is a program that runs.
    TXTBSY,
    /// The file system or device is busy.
    BUSY,
    /// The rename crosses file systems.
    XDEV,
}

impl Errno {
    /// The error with this number, as in `errno(3)`.
    #[must_use]
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// The number, as in `errno(3)`.
    #[must_use]
    pub const fn raw(self) -> i32 {
        self.0
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Self {
        Self(errno.raw_os_error())
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(*self).fmt(f)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(errno, _)| errno == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "Errno({})", self.0),
        }
    }
}

impl std::error::Error for Errno {}
