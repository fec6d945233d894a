//! The programs of the host that the rig needs. Missing ones are installed if the user is root.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::ci::log::Log;
use crate::ci::need::Need;
use crate::{debian, project};

/// The programs that unpack the packages of every suite, and compile against them.
const TO_COMPILE: &[Need] = &[
    Need::of("gcc", &["apt-get", "install", "gcc"]),
    Need::of("xz", &["apt-get", "install", "xz-utils"]),
    Need::of("zstd", &["apt-get", "install", "zstd"]),
];

/// The program that boots the result.
const TO_BOOT: &[Need] = &[Need::of(
    "qemu-system-x86_64",
    &["apt-get", "install", "qemu-system-x86"],
)];

/// The programs that build hv-xen with libxenctrl, and that count system calls.
const TO_TEST: &[Need] = &[
    Need::of("clang", &["apt-get", "install", "clang"]),
    Need::of("strace", &["apt-get", "install", "strace"]),
];

/// How long apt may take to install the missing programs.
const INSTALL: Duration = Duration::from_secs(900);

/// Makes sure that everything to build and boot is there. The error names what can't be installed.
pub(super) fn ensure() -> Result<()> {
    provide(&[debian::NEEDS, TO_COMPILE, TO_BOOT])
}

/// The same for `cargo xtask xen test`.
pub(super) fn ensure_to_test() -> Result<()> {
    provide(&[debian::NEEDS, TO_COMPILE, TO_BOOT, TO_TEST])
}

/// The same for work that boots nothing.
pub(super) fn ensure_to_compile() -> Result<()> {
    provide(&[debian::NEEDS, TO_COMPILE])
}

fn provide(needs: &[&[Need]]) -> Result<()> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        bail!("the Xen rig runs on x86_64 Linux only");
    }
    let mut log = Log::create(&project::target().join("xen"), "install", INSTALL)?;
    let mut needs = needs.iter().copied().flatten();
    needs.try_for_each(|need| need.provide(&mut log))
}
