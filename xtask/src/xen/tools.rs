//! What the rig needs of the host.

use std::env;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::child;

/// With what apt checks the suites' signatures.
pub(super) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A program or file, and the Debian package that brings it.
type Needed = (&'static str, &'static str);

/// What fetches and unpacks the packages and compiles against them.
const TO_COMPILE: [Needed; 5] = [
    (KEYRING, "debian-archive-keyring"),
    ("dpkg-deb", "dpkg"),
    ("gcc", "gcc"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
];

/// What boots the result.
const TO_BOOT: Needed = ("qemu-system-x86_64", "qemu-system-x86");

/// What builds hv-xen with libxenctrl, and what counts system calls.
const TO_TEST: [Needed; 2] = [("clang", "clang"), ("strace", "strace")];

/// How long apt may take to install what is missing.
const INSTALL: Duration = Duration::from_secs(900);

/// Makes sure that everything is there: as root by installing it, else by saying how.
pub(super) fn ensure() -> Result<()> {
    let mut needed = TO_COMPILE.to_vec();
    needed.push(TO_BOOT);
    provide(&needed)
}

/// The same for `cargo xtask xen test`.
pub(super) fn ensure_to_test() -> Result<()> {
    let mut needed = TO_COMPILE.to_vec();
    needed.push(TO_BOOT);
    needed.extend(TO_TEST);
    provide(&needed)
}

/// The same for work that boots nothing.
pub(super) fn ensure_to_compile() -> Result<()> {
    provide(&TO_COMPILE)
}

fn provide(needed: &[Needed]) -> Result<()> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        bail!("the Xen rig runs on x86_64 Linux only");
    }
    for (program, package) in [
        ("apt-get", "apt"),
        ("apt-cache", "apt"),
        ("setpriv", "util-linux"),
    ] {
        if !found(program) {
            bail!("{program} (Debian's {package}) is not on PATH, and the Xen rig needs it");
        }
    }
    let missing = missing(needed);
    if missing.is_empty() {
        return Ok(());
    }
    let names = join(missing.iter().map(|&(name, _)| name), ", ");
    let packages = join(missing.iter().map(|&(_, package)| package), " ");
    let install = format!("apt-get install --no-install-recommends {packages}");
    if !rustix::process::geteuid().is_root() {
        bail!("the Xen rig needs {names}, not found here; as root, run: {install}");
    }
    let _ = writeln!(
        io::stderr(),
        "the Xen rig needs {names}, not found here; running: {install}"
    );
    child::run(child::command("apt-get").args(["-q", "update"]), INSTALL)?;
    let mut apt = child::command("apt-get");
    apt.args(["-q", "-y", "install", "--no-install-recommends"])
        .args(packages.split(' '));
    child::run(apt.env("DEBIAN_FRONTEND", "noninteractive"), INSTALL)
        .with_context(|| format!("could not install what is missing; try: {install}"))?;
    match self::missing(needed).as_slice() {
        [] => Ok(()),
        still => bail!(
            "{packages} installed, but {} still not found on PATH",
            join(still.iter().map(|&(name, _)| name), ", ")
        ),
    }
}

fn missing(needed: &[Needed]) -> Vec<Needed> {
    needed
        .iter()
        .copied()
        .filter(|&(name, _)| !found(name))
        .collect()
}

/// Is there a file of this path, or a program of this name on PATH?
fn found(name: &str) -> bool {
    if name.starts_with('/') {
        return Path::new(name).is_file();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| {
        let file = dir.join(name).metadata();
        file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

fn join<'a>(words: impl Iterator<Item = &'a str>, by: &str) -> String {
    words.collect::<Vec<_>>().join(by)
}
