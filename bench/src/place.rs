//! `Place`: a file system to measure on, and a directory in it with many other files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::fs::statfs;
use userdata_core::file_name::{FileName, NameFormat};
use userdata_core::{DomainKey, Domid, Userid, Uuid};

use crate::subject::FIRST_DOMID;

/// The values that each other domain has.
pub(crate) const USERIDS: [&str; 5] = [
    "libxl-json",
    "xl",
    "libvirt-xml",
    "toolstack.console",
    "toolstack.backup-plan",
];

/// A directory on some file system, empty at first.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where it is.
    pub path: PathBuf,
    /// The name of its file system in tables and files.
    pub name: String,
}

impl Place {
    /// The file system under this path.
    ///
    /// # Errors
    ///
    /// If the directory does not exist.
    pub fn at(path: &Path) -> Result<Self> {
        let fs = statfs(path).with_context(|| format!("cannot look at {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            name: name(u64::try_from(fs.f_type).unwrap_or_default()).to_owned(),
        })
    }

    /// The file system of a disk image, mounted beside it for as long as this process's mount
    /// namespace lasts.
    ///
    /// # Errors
    ///
    /// When it can't be mounted.
    pub fn mounted(image: &Path) -> Result<Self> {
        let path = image.with_extension("mounted");
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let status = Command::new("mount")
            .args(["-o", "loop"])
            .args([image, &path])
            .status()
            .context("cannot start mount")?;
        ensure!(status.success(), "cannot mount {}", image.display());
        let place = Self::at(&path)?;
        Ok(Self {
            name: format!("{}-image", place.name),
            ..place
        })
    }

    /// A new directory in it that holds this many files of other domains. They are empty: only
    /// their names make work.
    ///
    /// # Errors
    ///
    /// When they can't be made.
    pub fn with_others(&self, others: u32) -> Result<PathBuf> {
        let path = self.path.join(others.to_string());
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let userids: Vec<Userid> = USERIDS.iter().map(Userid::new).collect::<Result<_, _>>()?;
        let names = (0_u32..).flat_map(|domain| userids.iter().map(move |userid| (domain, userid)));
        for (domain, userid) in names.take(usize::try_from(others)?) {
            let domid = Domid::new(u16::try_from(domain + 1)?.min(FIRST_DOMID - 1))?;
            let key = DomainKey::new(domid, uuid(domain));
            let name = FileName::data(NameFormat::Libxl, &key, userid)?.to_string();
            File::create_new(path.join(&name)).with_context(|| format!("cannot make {name}"))?;
        }
        Ok(path)
    }
}

/// A uuid that looks random, the same in every run (splitmix64).
pub(crate) fn uuid(number: u32) -> Uuid {
    let mix = |state: u64| {
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let step = |n: u64| mix(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let number = u64::from(number);
    Uuid::from_u64_pair(step(2 * number + 1), step(2 * number + 2))
}

/// The name of a file system by its number in `statfs(2)`.
fn name(number: u64) -> &'static str {
    match number {
        0x0102_1994 => "tmpfs",
        0xef53 => "ext4",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x794c_7630 => "overlayfs",
        0x2fc1_2fc1 => "zfs",
        _ => "other file system",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_other_files_are_userdata_of_other_domains() {
        let scratch = tempfile::tempdir().unwrap();
        let path = Place::at(scratch.path()).unwrap().with_others(23).unwrap();
        let owners: BTreeSet<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_encoded_bytes())
            .map(|name| FileName::parse(NameFormat::Libxl, &name).unwrap().owner())
            .collect();
        assert_eq!(owners.len(), 5);
    }
}
