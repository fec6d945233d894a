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

/// Folders that were merged into `/usr`.
const MERGED: &[&str] = &["bin", "lib", "lib64", "sbin"];

/// Makes an empty tree for the packages.
pub(crate) fn new_root(root: &Path) -> Result<()> {
    let failed = || format!("cannot make {}", root.display());
    for name in MERGED {
        fs::create_dir_all(root.join("usr").join(name)).with_context(failed)?;
        symlink(Path::new("usr").join(name), root.join(name)).with_context(failed)?;
    }
    Ok(())
}

/// Unpacks those files of a package into `root` whose path `wanted` accepts.
pub(crate) fn unpack(package: &Path, root: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<()> {
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
}
