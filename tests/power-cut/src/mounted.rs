//! `Mounted`: a file system that is mounted until the value is dropped.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, Result, anyhow};
use rustix::mount::{UnmountFlags, unmount};

use crate::file_system::FileSystem;

/// A mounted file system.
#[derive(Debug)]
pub(crate) struct Mounted {
    at: Option<PathBuf>,
}

/// The reason why a file system is not mounted.
#[derive(Debug)]
pub(crate) enum NotMounted {
    /// The kernel refuses the content of the disk.
    Refused(String),
    /// Any other failure.
    Error(Error),
}

impl Mounted {
    /// Mounts a disk through a loop device, which the kernel removes at the unmount.
    pub(crate) fn new(file_system: FileSystem, disk: &Path, at: &Path) -> Result<Self, NotMounted> {
        match mount(file_system, disk, at) {
            // btrfs may remember an earlier disk with the same name on another loop device.
            Err(NotMounted::Refused(_)) if file_system == FileSystem::Btrfs => {
                let mut forget = Command::new("btrfs");
                let forgot = forget.args(["device", "scan", "--forget"]).output();
                forgot
                    .context("cannot start btrfs")
                    .map_err(NotMounted::Error)?;
                mount(file_system, disk, at)
            }
            done => done,
        }
    }

    pub(crate) fn unmount(mut self) -> Result<()> {
        let Some(at) = self.at.take() else {
            return Ok(());
        };
        unmount(&at, UnmountFlags::empty()).with_context(|| format!("unmounting {}", at.display()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(at) = self.at.take() {
            let _ = unmount(&at, UnmountFlags::DETACH);
        }
    }
}

impl fmt::Display for NotMounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::Error(error) => write!(f, "{error:#}"),
        }
    }
}

impl std::error::Error for NotMounted {}

fn mount(file_system: FileSystem, disk: &Path, at: &Path) -> Result<Mounted, NotMounted> {
    let mut options = String::from("loop,noatime");
    if !file_system.options().is_empty() {
        options.push(',');
        options.push_str(file_system.options());
    }
    let mounted = Command::new("mount")
        .args([
            "--no-mtab",
            "--types",
            file_system.kind(),
            "--options",
            &options,
        ])
        .arg(disk)
        .arg(at)
        .output()
        .context("cannot start mount")
        .map_err(NotMounted::Error)?;
    if mounted.status.success() {
        return Ok(Mounted {
            at: Some(at.to_owned()),
        });
    }
    let why = String::from_utf8_lossy(&mounted.stderr).trim().to_owned();
    if why.contains("loop device") {
        return Err(NotMounted::Error(anyhow!("{why}")));
    }
    Err(NotMounted::Refused(why))
}
