//! `Endpoint`: where to reach xenstored. `Stream`: the bytes to and from it.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use super::limit::Limit;
use super::{XenstoreError, XenstoreErrorKind};

const OPERATION: &str = "connect to";

/// A place at which xenstored may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// The socket of a xenstored in this domain.
    Socket(PathBuf),
    /// The kernel's device, which leads to a xenstored in any domain.
    Device(PathBuf),
}

impl Endpoint {
    /// The usual endpoints, in the order of `xs_open`: the likeliest first.
    ///
    /// ```
    /// use hv_xen::xenstore::Endpoint;
    ///
    /// assert_eq!(Endpoint::usual()[0].to_string(), "/run/xenstored/socket");
    /// ```
    #[must_use]
    pub fn usual() -> Vec<Self> {
        vec![
            Self::Socket("/run/xenstored/socket".into()),
            Self::Socket("/var/run/xenstored/socket".into()),
            Self::Device("/dev/xen/xenbus".into()),
            Self::Device("/proc/xen/xenbus".into()),
        ]
    }

    fn path(&self) -> &Path {
        match self {
            Self::Socket(path) | Self::Device(path) => path,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}

/// An open connection to xenstored. Reads and writes never block.
#[derive(Debug)]
pub(super) enum Stream {
    Socket(OwnedFd),
    Device(OwnedFd),
}

impl Stream {
    /// Opens the first endpoint that answers. If none does, the error is that of the first endpoint
    /// that exists.
    pub(super) fn open(endpoints: &[Endpoint], limit: Limit) -> Result<Self, XenstoreError> {
        let mut refused = None;
        for endpoint in endpoints {
            let opened = match endpoint {
                Endpoint::Socket(path) => connect(path, limit).map(Self::Socket),
                Endpoint::Device(path) => open_device(path).map(Self::Device),
            };
            match opened {
                Err(XenstoreErrorKind::Unavailable) => {}
                Err(kind) => {
                    let error = XenstoreError::new(OPERATION, &endpoint.to_string(), kind);
                    refused = refused.or(Some(error));
                }
                Ok(stream) => return Ok(stream),
            }
        }
        let missing = || {
            let places: Vec<String> = endpoints.iter().map(Endpoint::to_string).collect();
            XenstoreError::new(
                OPERATION,
                &places.join(", "),
                XenstoreErrorKind::Unavailable,
            )
        };
        Err(refused.unwrap_or_else(missing))
    }

    /// Sends all bytes.
    pub(super) fn send(&self, mut bytes: &[u8], limit: Limit) -> Result<(), XenstoreErrorKind> {
        while !bytes.is_empty() {
            let sent = match self {
                Self::Socket(fd) => {
                    limit.ready(fd.as_fd(), PollFlags::OUT)?;
                    // Without this flag a closed connection raises SIGPIPE, which ends a C program.
                    rustix::net::send(fd, bytes, SendFlags::NOSIGNAL)
                }
                // The device never polls as writable, and can always be written to.
                Self::Device(fd) => rustix::io::write(fd, bytes),
            };
            match sent {
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(Errno::AGAIN | Errno::INTR) => limit.pause()?,
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(XenstoreErrorKind::Closed),
                Err(errno) => return Err(failed(errno)),
            }
        }
        Ok(())
    }

    /// Waits for bytes, and returns their number, which is at least one.
    pub(super) fn receive(
        &self,
        into: &mut [u8],
        limit: Limit,
    ) -> Result<usize, XenstoreErrorKind> {
        loop {
            limit.ready(self.as_fd(), PollFlags::IN)?;
            match rustix::io::read(self, &mut *into) {
                Ok(0) | Err(Errno::CONNRESET) => return Err(XenstoreErrorKind::Closed),
                Ok(count) => return Ok(count),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Socket(fd) | Self::Device(fd) => fd.as_fd(),
        }
    }
}

fn connect(path: &Path, limit: Limit) -> Result<OwnedFd, XenstoreErrorKind> {
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(failed)?;
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) => return Ok(socket),
            // EAGAIN: the listener's queue is full.
            Err(Errno::AGAIN | Errno::INTR) => limit.pause()?,
            Err(Errno::CONNREFUSED) => return Err(XenstoreErrorKind::Unavailable),
            Err(errno) => return Err(not_open(errno)),
        }
    }
}

fn open_device(path: &Path) -> Result<OwnedFd, XenstoreErrorKind> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(not_open)
}

fn not_open(errno: Errno) -> XenstoreErrorKind {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::NXIO | Errno::NODEV => XenstoreErrorKind::Unavailable,
        Errno::ACCESS | Errno::PERM => XenstoreErrorKind::NotPermitted(errno.into()),
        _ => failed(errno),
    }
}

fn failed(errno: Errno) -> XenstoreErrorKind {
    XenstoreErrorKind::Failed(io::Error::from(errno))
}
