//! Unpacks the needed files of a Debian package.
//!
//! Packages that are used together are unpacked into one tree, in which `/bin`, `/sbin`, `/lib` and
//! `/lib64` are folders of `/usr`, in every suite, and no link is absolute. So it serves as a
//! system root for the compiler and as the root of dom0.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tar::{Archive, EntryType};

use crate::child::{self, Child};

const UNPACK: Duration = Duration::from_secs(120);

/// The libraries, for programs and for the linker.
pub(super) const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// Debian's name for the headers and libraries of our processor.
const MULTIARCH: &str = "x86_64-linux-gnu";

/// Programs of dom0.
const PROGRAMS: &[&str] = &[
    "busybox",
    "libxl-save-helper",
    "xen-init-dom0",
    "xenconsoled",
    "xenstore",
    "xenstore-list",
    "xenstore-ls",
    "xenstore-read",
    "xenstore-rm",
    "xenstore-watch",
    "xenstore-write",
    "xenstored",
    "xl",
];

/// Modules of dom0's kernel, in the order in which they are loaded.
pub(super) const MODULES: &[&str] = &[
    "xen-evtchn",
    "xen-gntdev",
    "xen-gntalloc",
    "xen-privcmd",
    "xenfs",
];

/// Folders that were merged into `/usr`.
const MERGED: &[&str] = &["bin", "lib", "lib64", "sbin"];

/// Makes an empty tree for the packages.
pub(super) fn new_root(root: &Path) -> Result<()> {
    let failed = || format!("cannot make {}", root.display());
    for name in MERGED {
        fs::create_dir_all(root.join("usr").join(name)).with_context(failed)?;
        symlink(Path::new("usr").join(name), root.join(name)).with_context(failed)?;
    }
    Ok(())
}

/// Unpacks those files of a package into `root` whose path `wanted` accepts.
pub(super) fn unpack(package: &Path, root: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<()> {
    let name = || format!("unpacking {}", package.display());
    let mut command = child::command("dpkg-deb");
    command
        .arg("--fsys-tarfile")
        .arg(package)
        .stdout(Stdio::piped());
    let mut child = Child::start(&mut command, UNPACK)?;
    let mut archive = Archive::new(child.take_stdout()?);
    for entry in archive.entries().with_context(name)? {
        child::check_interrupt()?;
        let mut entry = entry.with_context(name)?;
        let path = usr_merged(&entry.path().with_context(name)?)?;
        if !wanted(&path) {
            continue;
        }
        let kind = entry.header().entry_type();
        let mode = entry.header().mode().with_context(name)?;
        let target = entry
            .link_name()
            .with_context(name)?
            .map(|link| link.into_owned());
        let file = root.join(&path);
        fs::create_dir_all(file.parent().unwrap_or(root)).with_context(name)?;
        match (kind, target) {
            (EntryType::Regular, _) => write(&mut entry, &file, mode),
            (EntryType::Symlink, Some(target)) => symlink(relative(&path, &target)?, &file),
            (EntryType::Link, Some(target)) => {
                fs::hard_link(root.join(usr_merged(&target)?), &file)
            }
            _ => Ok(()),
        }
        .with_context(|| format!("{}: {}", name(), path.display()))?;
    }
    drop(archive);
    child.succeed()
}

fn write(from: &mut impl io::Read, file: &Path, mode: u32) -> io::Result<()> {
    let mode = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
    let mut to = File::options()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(file)?;
    io::copy(from, &mut to).map(drop)
}

/// The parts of the release's packages that dom0 or the compiler needs.
pub(super) fn is_of_dom0(path: &Path) -> bool {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return false;
    };
    let (dir, name) = (dir.to_string_lossy(), name.to_string_lossy());
    match &*dir {
        "boot" => name.starts_with("vmlinuz-") || name.starts_with("xen-"),
        LIBRARIES | "usr/lib64" => true,
        _ if dir.starts_with("usr/lib/linux/uapi/x86") => true,
        _ if dir.starts_with("usr/include") => {
            let mut folders = dir.split('/').skip(2);
            folders.all(|folder| folder == MULTIARCH || !folder.contains("-linux-gnu"))
        }
        _ if dir.starts_with("usr/lib/modules") => {
            MODULES.contains(&name.split('.').next().unwrap_or_default())
        }
        _ => dir.ends_with("/bin") && PROGRAMS.contains(&&*name),
    }
}

/// A path of a package, with `/usr` before the folders that were merged into it.
fn usr_merged(path: &Path) -> Result<PathBuf> {
    let mut merged = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                let first = merged.as_os_str().is_empty();
                if first && MERGED.iter().any(|&one| name == one) {
                    merged.push("usr");
                }
                merged.push(name);
            }
            Component::CurDir | Component::RootDir => {}
            _ => bail!("a package names {}, which leads outside", path.display()),
        }
    }
    Ok(merged)
}

/// The target of a link at `path`, without naming the root of the file system.
fn relative(path: &Path, target: &Path) -> Result<PathBuf> {
    if target.is_relative() {
        return Ok(target.to_owned());
    }
    let up: PathBuf = path.components().skip(1).map(|_| "..").collect();
    Ok(up.join(usr_merged(target)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_links_become_relative_and_merged() {
        let link = |path: &str, target: &str| {
            relative(Path::new(path), Path::new(target))
                .unwrap()
                .display()
                .to_string()
        };
        assert_eq!(
            link("usr/lib64/ld.so.2", "/lib/x/ld.so"),
            "../../usr/lib/x/ld.so"
        );
        assert_eq!(link("usr/lib/x/libdl.so", "libdl.so.2"), "libdl.so.2");
    }

    #[test]
    fn paths_are_merged_and_never_lead_outside() {
        assert_eq!(
            usr_merged(Path::new("./bin/busybox")).unwrap(),
            Path::new("usr/bin/busybox")
        );
        assert_eq!(
            usr_merged(Path::new("./usr/bin/xl")).unwrap(),
            Path::new("usr/bin/xl")
        );
        assert_eq!(
            usr_merged(Path::new("boot/lib/x")).unwrap(),
            Path::new("boot/lib/x")
        );
        assert!(usr_merged(Path::new("../etc/passwd")).is_err());
    }

    #[test]
    fn only_what_dom0_or_the_compiler_needs_is_wanted() {
        for path in [
            "boot/xen-4.17-amd64.gz",
            "usr/lib/xen-4.17/bin/xl",
            "usr/bin/busybox",
            "usr/lib/modules/6.1.0-1-amd64/kernel/drivers/xen/xenfs/xenfs.ko.xz",
            "usr/lib/x86_64-linux-gnu/libc.so.6",
            "usr/include/x86_64-linux-gnu/bits/types.h",
            "usr/include/libxl.h",
            "usr/lib/linux/uapi/x86/asm/errno.h",
        ] {
            assert!(is_of_dom0(Path::new(path)), "{path}");
        }
        for path in [
            "boot/config-6.1.0-1-amd64",
            "usr/lib/xen-4.17/bin/oxenstored",
            "usr/lib/modules/6.1.0-1-amd64/kernel/fs/ext4/ext4.ko",
            "usr/lib/x86_64-linux-gnu/gconv/IBM037.so",
            "usr/include/s390x-linux-gnu/asm",
            "usr/lib/linux/uapi/mips/asm/errno.h",
        ] {
            assert!(!is_of_dom0(Path::new(path)), "{path}");
        }
    }
}
