//! The privcmd device: its paths, and the errors for a device that can't be opened.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use userdata_core::hypervisor::{HypervisorError, HypervisorErrorKind};

const OPERATION: &str = "open the hypervisor's device";

/// A device and, on old kernels, a file of xenfs.
const PRIVCMD: [&str; 2] = ["/dev/xen/privcmd", "/proc/xen/privcmd"];

/// The device for memory that the kernel never moves, since Linux 4.18.
const BUFFERS: &str = "/dev/xen/hypercall";

/// An open privcmd device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) privcmd: OwnedFd,
    pub(crate) buffers: Option<OwnedFd>,
}

impl Device {
    /// `open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC)`, else `/proc/xen/privcmd`.
    pub(crate) fn open() -> Result<Self, HypervisorError> {
        let privcmd = first_of(&PRIVCMD)?;
        let buffers = open(BUFFERS).ok();
        Ok(Self { privcmd, buffers })
    }
}

/// Opens the first of these paths that exists.
fn first_of(paths: &[&str]) -> Result<OwnedFd, HypervisorError> {
    for path in paths {
        match open(path) {
            Err(Errno::NOENT | Errno::NXIO | Errno::NODEV) => {}
            outcome => return outcome.map_err(|errno| refused(path, errno)),
        }
    }
    let kind = HypervisorErrorKind::Unavailable {
        what: paths.join(" or "),
        source: None,
    };
    Err(HypervisorError::new(OPERATION, kind))
}

fn open(path: &str) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

/// The error for a device that exists and can't be opened.
fn refused(path: &str, errno: Errno) -> HypervisorError {
    let source = Box::new(io::Error::from(errno));
    let kind = match errno {
        Errno::ACCESS | Errno::PERM => HypervisorErrorKind::NotPermitted {
            what: format!("{path} must be opened for reading and writing, which takes root"),
            source: Some(source),
        },
        _ => HypervisorErrorKind::Failed { source },
    };
    HypervisorError::new(format!("open {path}"), kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_xen_the_error_names_the_missing_devices() {
        let error = first_of(&["/nowhere/privcmd", "/dev/null/privcmd"]).unwrap_err();
        // ENOTDIR: a part of the second path exists, so it is not merely missing.
        assert!(matches!(error.kind(), HypervisorErrorKind::Failed { .. }));
        let error = first_of(&["/nowhere/a", "/nowhere/b"]).unwrap_err();
        assert_eq!(
            error.kind().to_string(),
            "/nowhere/a or /nowhere/b is not there"
        );
        assert!(matches!(
            error.kind(),
            HypervisorErrorKind::Unavailable { .. }
        ));
    }

    #[test]
    fn the_second_device_is_opened_if_the_first_is_missing() {
        assert!(first_of(&["/nowhere/a", "/dev/null"]).is_ok());
    }

    #[test]
    fn without_rights_the_error_names_the_device_and_the_right() {
        for errno in [Errno::ACCESS, Errno::PERM] {
            let error = refused("/dev/xen/privcmd", errno);
            assert_eq!(error.to_string(), "cannot open /dev/xen/privcmd");
            assert_eq!(
                error.kind().to_string(),
                "not permitted: /dev/xen/privcmd must be opened for reading and writing, which \
                 takes root"
            );
        }
    }
}
