//! The files that a release boots from: hypervisor, kernel and dom0's file system; and the tree
//! against which programs for dom0 are compiled. Made once and kept, with checksums.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;

use super::boot::Machine;
use super::release::Release;
use super::{dom0, kernel, wanted};
use crate::debian::apt::{self, Packages, Selection};
use crate::debian::{deb, kept, sums};
use crate::progress::Lane;

/// The sources that determine the image.
const RECIPE: &[&str] = &[
    include_str!("archive.rs"),
    include_str!("../debian/deb.rs"),
    include_str!("wanted.rs"),
    include_str!("dom0.rs"),
    include_str!("image.rs"),
    include_str!("kernel.rs"),
];

/// A release, ready to boot.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) release: Release,
    dir: PathBuf,
    /// Archives over that of dom0's file system.
    overlays: Vec<PathBuf>,
    pub(super) machine: Machine,
}

impl Image {
    /// The hypervisor: an ELF32 multiboot image, which qemu loads itself.
    pub(super) fn hypervisor(&self) -> PathBuf {
        self.dir.join("xen")
    }

    /// The kernel of dom0.
    pub(super) fn kernel(&self) -> PathBuf {
        self.dir.join("vmlinux")
    }

    /// The archives of dom0's file system, in the order in which the kernel unpacks them.
    pub(super) fn dom0(&self) -> Vec<PathBuf> {
        let mut archives = vec![self.dir.join("dom0.cpio")];
        archives.extend(self.overlays.iter().cloned());
        archives
    }

    /// The unpacked packages: a system root for the compiler.
    pub(super) fn sysroot(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// The same with the files of another archive in dom0, on another machine.
    pub(super) fn with(mut self, overlay: PathBuf, machine: Machine) -> Self {
        self.overlays.push(overlay);
        self.machine = machine;
        self
    }
}

/// Fetches, unpacks and makes the missing files, and checks the others.
pub(super) fn ready(release: Release, source: &apt::Source, lane: &Lane) -> Result<Image> {
    let dir = release.dir();
    let _lock = kept::lock(&dir, lane)?;
    let selection = Selection {
        suite: release.suite(),
        apt: release.dir().join("apt"),
        dir: dir.join("debs"),
        names: release.packages(),
        kernel: true,
    };
    let packages = apt::packages(selection, source, lane)?;
    let made_of = sums::of_texts(&[&packages.sums.text(), &RECIPE.concat()]);
    let dir = kept::folder(&dir, "image", &made_of, lane, |fresh| {
        make(&packages, fresh)
    })?;
    Ok(Image {
        release,
        dir,
        overlays: Vec::new(),
        machine: Machine::default(),
    })
}

fn make(packages: &Packages, dir: &Path) -> Result<()> {
    let root = dir.join("root");
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    deb::new_root(&root)?;
    for name in packages.sums.0.keys() {
        deb::unpack(&packages.dir.join(name), &root, &wanted::is_of_dom0)?;
    }
    gunzip(&boot_file(&root, "xen-", ".gz")?, &dir.join("xen"))?;
    kernel::unpack(&boot_file(&root, "vmlinuz-", "")?, &dir.join("vmlinux"))?;
    dom0::archive(&root, scratch.path(), &dir.join("dom0.cpio"))
}

fn boot_file(root: &Path, start: &str, end: &str) -> Result<PathBuf> {
    let boot = root.join("boot");
    let found = fs::read_dir(&boot)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(start) && name.ends_with(end)
        });
    found.with_context(|| format!("no {start}*{end} in {}", boot.display()))
}

fn gunzip(from: &Path, to: &Path) -> Result<()> {
    let name = || format!("unpacking {}", from.display());
    let mut packed = GzDecoder::new(File::open(from).with_context(name)?);
    io::copy(&mut packed, &mut File::create(to).with_context(name)?).with_context(name)?;
    Ok(())
}
