//! The programs in which real libxl works without a hypervisor.
//!
//! `xtask/xen/without-xen/` stands in for the hypervisor and the xenstore. Programs are linked from
//! it and Debian's libxl 4.17, with the C library of the same release. One obeys commands and is
//! compared (`cargo xtask xen libxl-diff`), two time its calls (`cargo xtask bench`, alone and
//! with `--peers`), and one makes odd calls of the drop-in (`cargo xtask capi test`).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::image::{self, Image};
use super::release::Release;
use super::wanted::LIBRARIES;
use super::{payload, tools};
use crate::debian::apt::Source;
use crate::progress::Screen;
use crate::{child, project};

/// The release whose libxl is compared: that of Debian 12.
pub(super) const RELEASE: Release = Release::V4_17;

/// The folder of the C library's header.
const HEADERS: &str = "crates/userdata-capi/include";

const COMPILE: Duration = Duration::from_secs(60);

/// The stand-ins for the hypervisor and for `/var/lib/xen`.
const STAND_INS: [&str; 2] = ["files.c", "hypervisor.c"];

/// The libraries that `libxenlight.a` needs, which names none itself. The last two have no file
/// under the name that a linker looks for.
const OF_THE_ARCHIVE: [&str; 11] = [
    "-l:libxenlight.a",
    "-lxenctrl",
    "-lxenguest",
    "-lxenstore",
    "-lxenevtchn",
    "-lxenforeignmemory",
    "-lxendevicemodel",
    "-lxenhypfs",
    "-lxentoolcore",
    "-l:libyajl.so.2",
    "-l:libuuid.so.1",
];

/// Links the program that obeys commands. libxl is the shared library, so that the program's own
/// functions come before libxl's.
pub(super) fn told(image: &Image, program: &Path) -> Result<()> {
    link(image, program, &["driver.c"], &["-lxenlight"])
}

/// Links the program that shows what the drop-in promises. As `told`, its own functions come before
/// libxl's; those of the drop-in come before both.
pub(super) fn of_drop_in(image: &Image, program: &Path) -> Result<()> {
    link(image, program, &["drop-in.c"], &["-lxenlight"])
}

/// Fetches Debian's packages if they are not here, and links the program that times its calls.
/// libxl is the static archive, which has functions that the shared library hides.
pub(crate) fn timed(source: &Source, program: &Path) -> Result<()> {
    timing(source, program, &["timed/driver.c", "timed/libraries.c"])
}

/// Does the same for the program that is one of the peers.
pub(crate) fn peer(source: &Source, program: &Path) -> Result<()> {
    let sources = ["timed.c", "libxl.c"].map(|name| format!("../../../bench/peers/c/{name}"));
    timing(source, program, &sources.each_ref().map(String::as_str))
}

fn timing(source: &Source, program: &Path, main: &[&str]) -> Result<()> {
    tools::ensure_to_compile()?;
    let lane = Screen::new().lane("libxl");
    let image = image::ready(RELEASE, source, &lane)?;
    link(&image, program, main, &OF_THE_ARCHIVE)
}

/// Compiles a program. Its dynamic linker and libraries are the package's, so that it runs the same
/// on every machine.
fn link(image: &Image, program: &Path, main: &[&str], libxl: &[&str]) -> Result<()> {
    let libraries = image.sysroot().join(LIBRARIES);
    let mut gcc = payload::gcc(image);
    gcc.args(["-rdynamic", "-Wl,--disable-new-dtags", "-o"])
        .arg(program);
    gcc.arg(format!("-Wl,-rpath,{}", libraries.display()));
    let linker = image.sysroot().join("usr/lib64/ld-linux-x86-64.so.2");
    gcc.arg(format!("-Wl,--dynamic-linker={}", linker.display()));
    let sources = project::root().join("xtask/xen/without-xen");
    gcc.arg("-I").arg(project::root().join(HEADERS));
    gcc.arg("-I").arg(&sources);
    gcc.args(main.iter().map(|name| sources.join(name)));
    gcc.args(STAND_INS.map(|name| sources.join(name)));
    gcc.args(libxl).args(["-lxentoollog", "-ldl"]);
    child::run(&mut gcc, COMPILE).with_context(|| format!("compiling {}", main.join(" and ")))
}
