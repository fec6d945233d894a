//! The files that a release boots from: hypervisor, kernel and dom0's file system; and the tree
//! against which programs for dom0 are compiled. Made once and kept, with checksums.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;

use super::apt::{self, Packages};
use super::progress::Lane;
use super::release::Release;
use super::sums::{self, Sums};
use super::{deb, dom0, kernel};

/// The sources that determine the image.
const RECIPE: &[&str] = &[
    include_str!("archive.rs"),
    include_str!("deb.rs"),
    include_str!("dom0.rs"),
    include_str!("image.rs"),
    include_str!("kernel.rs"),
];

/// The file that records what the image was made from.
const MADE_OF: &str = "MADE-OF";

/// A release, ready to boot.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) release: Release,
    dir: PathBuf,
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

    /// The archive of dom0's file system.
    pub(super) fn dom0(&self) -> PathBuf {
        self.dir.join("dom0.cpio")
    }

    /// The unpacked packages: a system root for the compiler.
    pub(super) fn sysroot(&self) -> PathBuf {
        self.dir.join("root")
    }
}

/// Fetches, unpacks and makes the missing files, and checks the others.
pub(super) fn ready(release: Release, source: &apt::Source, lane: &Lane) -> Result<Image> {
    let dir = release.dir();
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let lock = File::create(dir.join("lock"))?;
    lane.moved("waiting for another run that fetches or builds");
    lock.lock()
        .context("cannot lock the folder of the release")?;
    lane.moved("checking what is here");
    let packages = apt::packages(release, source, lane)?;
    let image = Image {
        release,
        dir: dir.join("image"),
    };
    let made_of = sums::of_texts(&[&packages.sums.text(), &RECIPE.concat()]);
    match usable(&image.dir, &made_of) {
        Ok(()) => return Ok(image),
        Err(why) if image.dir.exists() => lane.say(&format!("making the image again: {why}")),
        Err(_) => lane.say("making the image"),
    }
    let fresh = dir.join("image.new");
    for old in [&fresh, &image.dir] {
        if old.exists() {
            fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
    }
    make(&packages, &fresh, &made_of)?;
    fs::rename(&fresh, &image.dir).context("cannot name the new image")?;
    lane.say("the image is made");
    Ok(image)
}

/// Whether there is an undamaged image of exactly these packages.
fn usable(dir: &Path, made_of: &str) -> Result<()> {
    let recorded = fs::read_to_string(dir.join(MADE_OF)).unwrap_or_default();
    ensure!(recorded == made_of, "it was made of something else");
    let sums = Sums::recorded(dir);
    ensure!(sums.0.contains_key(MADE_OF), "it has no checksums");
    let broken = sums.broken(dir);
    ensure!(
        broken.is_empty(),
        "{} is damaged or gone",
        broken.join(", ")
    );
    Ok(())
}

fn make(packages: &Packages, dir: &Path, made_of: &str) -> Result<()> {
    let root = dir.join("root");
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    deb::new_root(&root)?;
    for name in packages.sums.0.keys() {
        deb::unpack(&packages.dir.join(name), &root)?;
    }
    gunzip(&boot_file(&root, "xen-", ".gz")?, &dir.join("xen"))?;
    kernel::unpack(&boot_file(&root, "vmlinuz-", "")?, &dir.join("vmlinux"))?;
    dom0::archive(&root, scratch.path(), &dir.join("dom0.cpio"))?;
    fs::write(dir.join(MADE_OF), made_of)?;
    Sums::of_tree(dir)?.record(dir)
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
