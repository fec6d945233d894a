//! The file systems that lose their power.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::image::Image;

/// A file system of the kernel, and how it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileSystem {
    Ext4,
    Xfs,
    Btrfs,
    /// ext4 without a journal, repaired by e2fsck after each power cut
    Ext4NoJournal,
}

impl FileSystem {
    pub(crate) const ALL: [Self; 4] = [Self::Ext4, Self::Xfs, Self::Btrfs, Self::Ext4NoJournal];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Ext4NoJournal => "ext4-no-journal",
        }
    }

    /// Its name for `mount -t`.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Ext4 | Self::Ext4NoJournal => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }

    /// Its mount options: it commits once a second, so that a short run has many commits.
    pub(crate) const fn options(self) -> &'static str {
        match self {
            Self::Ext4 | Self::Btrfs => "commit=1",
            Self::Xfs | Self::Ext4NoJournal => "",
        }
    }

    /// Whether every change of a name is atomic across a power cut.
    pub(crate) const fn is_journalled(self) -> bool {
        !matches!(self, Self::Ext4NoJournal)
    }

    /// The size of the disk in bytes: near the smallest that the file system accepts.
    pub(crate) const fn size(self) -> u64 {
        match self {
            Self::Ext4 | Self::Ext4NoJournal => 32 << 20,
            Self::Xfs => 320 << 20,
            Self::Btrfs => 160 << 20,
        }
    }

    const fn make(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Ext4 => (
                "mkfs.ext4",
                &["-q", "-F", "-b", "4096", "-J", "size=4", "-E", EAGER],
            ),
            Self::Ext4NoJournal => (
                "mkfs.ext4",
                &["-q", "-F", "-b", "4096", "-O", "^has_journal", "-E", EAGER],
            ),
            Self::Xfs => ("mkfs.xfs", &["-q", "-f"]),
            Self::Btrfs => ("mkfs.btrfs", &["-q", "-f", "-m", "single"]),
        }
    }

    /// Whether this kernel can mount it.
    pub(crate) fn is_known(self) -> Result<bool> {
        // The file system may be a module. If the module does not exist, the list below shows that.
        let mut load = Command::new("modprobe");
        let _ = load.arg(self.kind()).stderr(Stdio::null()).status();
        let known = fs::read_to_string("/proc/filesystems").context("reading /proc/filesystems")?;
        Ok(known
            .lines()
            .any(|line| line.split_whitespace().next_back() == Some(self.kind())))
    }

    /// Makes an empty file system in the file `scratch`, and returns its image.
    pub(crate) fn format(self, scratch: &Path) -> Result<Image> {
        File::create(scratch)
            .and_then(|file| file.set_len(self.size()))
            .with_context(|| format!("making {}", scratch.display()))?;
        let (program, arguments) = self.make();
        let made = Command::new(program).args(arguments).arg(scratch).output();
        let made = made.with_context(|| format!("cannot start {program}"))?;
        if !made.status.success() {
            bail!(
                "{program}: {}",
                String::from_utf8_lossy(&made.stderr).trim()
            );
        }
        Image::of_file(scratch)
    }

    /// Repairs the file system as an administrator does after a power cut, before the mount.
    pub(crate) fn repair(self, disk: &Path) -> Result<()> {
        if self.is_journalled() {
            return Ok(());
        }
        let status = Command::new("e2fsck")
            .args(["-f", "-y"])
            .arg(disk)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        // 1 means repaired. After any other failure the mount fails.
        status.map(drop).context("cannot start e2fsck")
    }
}

/// Options by which `mkfs` writes everything at once and leaves nothing for the kernel to write later.
const EAGER: &str = "lazy_itable_init=0,lazy_journal_init=0,nodiscard";
