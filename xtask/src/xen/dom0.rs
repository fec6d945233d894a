//! The file system of dom0: busybox, Xen's tools, the libraries of the packages, kernel modules.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::archive::Archive;
use super::kernel;
use super::wanted::{LIBRARIES, MODULES};

/// Empty folders to mount on, and for Xen's tools.
const FOLDERS: &[&str] = &[
    "dev",
    "etc/xen",
    "proc",
    "run",
    "sys",
    "tmp",
    "var/lib/xen",
    "var/log/xen",
];

/// Makes the archive of dom0's file system from the unpacked packages. `/init` is not in it.
pub(super) fn archive(root: &Path, scratch: &Path, to: &Path) -> Result<()> {
    let mut archive = Archive::default();
    for folder in FOLDERS {
        archive.folder(folder);
    }
    archive.link("var/run", "../run");
    archive.tree("", root, &runs_in_dom0)?;
    for (number, name) in MODULES.iter().enumerate() {
        let module = module(&root.join("usr/lib/modules"), name, scratch)?;
        archive.copy(&format!("modules/{number}-{name}.ko"), &module);
    }
    archive.text("etc/passwd", 0o644, "root:x:0:0:root:/:/bin/sh\n");
    archive.text("etc/group", 0o644, "root:x:0:\n");
    // dom0's memory is fixed on Xen's command line.
    archive.text("etc/xen/xl.conf", 0o644, "autoballoon=\"off\"\n");
    let file = File::create(to).with_context(|| format!("cannot make {}", to.display()))?;
    let mut file = BufWriter::new(file);
    archive.write(&mut file)?;
    file.flush()?;
    Ok(())
}

/// Whether this path of the unpacked packages is for dom0, not for the compiler or for the boot.
fn runs_in_dom0(path: &str) -> bool {
    let compiled_with = path.ends_with(".a") || path.ends_with(".o") || path.ends_with(".pc");
    let elsewhere = ["boot", "usr/include", "usr/lib/linux", "usr/lib/modules"].contains(&path);
    let not_a_library = path.starts_with(LIBRARIES) && compiled_with;
    !elsewhere && !not_a_library
}

/// A kernel module, unpacked.
fn module(modules: &Path, name: &str, scratch: &Path) -> Result<PathBuf> {
    let packed = find(modules, name)?.with_context(|| format!("the kernel has no {name}.ko"))?;
    if packed.extension() == Some(OsStr::new("ko")) {
        return Ok(packed);
    }
    let program = match packed.extension().and_then(OsStr::to_str) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => bail!("{} is packed in a way not known here", packed.display()),
    };
    let plain = scratch.join(format!("{name}.ko"));
    kernel::decompress(program, &packed, &plain)?;
    Ok(plain)
}

/// The file below a folder whose name, up to its first dot, is this.
fn find(dir: &Path, name: &str) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let entry = entry?;
        let found = if entry.file_type()?.is_dir() {
            find(&entry.path(), name)?
        } else {
            let file = entry.file_name();
            let stem = file.to_str().and_then(|file| file.split('.').next());
            (stem == Some(name)).then(|| entry.path())
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}
