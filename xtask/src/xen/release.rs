//! The releases of Xen that the rig knows, and the Debian packages of each.

use std::fmt;
use std::path::PathBuf;

use clap::ValueEnum;

use crate::project;

/// A release of Xen, with the Debian suite that carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Release {
    /// Xen 4.14 and Linux 5.10, from Debian 11
    #[value(name = "4.14")]
    V4_14,
    /// Xen 4.17 and Linux 6.1, from Debian 12
    #[default]
    #[value(name = "4.17")]
    V4_17,
    /// Xen 4.20 and Linux 6.12, from Debian 13
    #[value(name = "4.20")]
    V4_20,
}

/// Packages that have one name in all three suites.
const PACKAGES: &[&str] = &[
    "busybox-static",
    "libbz2-1.0",
    "libc6",
    "libc6-dev",
    "libgcc-s1",
    "liblzma5",
    "liblzo2-2",
    "libuuid1",
    "libxen-dev",
    "libxencall1",
    "libxendevicemodel1",
    "libxenevtchn1",
    "libxenforeignmemory1",
    "libxengnttab1",
    "libxenhypfs1",
    "libxentoolcore1",
    "libxentoollog1",
    "libyajl2",
    "libzstd1",
    "linux-libc-dev",
    "xenstore-utils",
    "zlib1g",
];

impl Release {
    /// Debian's name for the suite.
    pub(crate) fn suite(self) -> &'static str {
        match self {
            Self::V4_14 => "bullseye",
            Self::V4_17 => "bookworm",
            Self::V4_20 => "trixie",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::V4_14 => "4.14",
            Self::V4_17 => "4.17",
            Self::V4_20 => "4.20",
        }
    }

    /// The packages of the rig, without the kernel, whose name changes with every update.
    pub(crate) fn packages(self) -> Vec<String> {
        let version = self.version();
        let xenstore = if self == Self::V4_14 {
            "libxenstore3.0"
        } else {
            "libxenstore4"
        };
        let mut names: Vec<String> = PACKAGES.iter().map(|&name| name.to_owned()).collect();
        names.push(format!("libxenmisc{version}"));
        names.push(xenstore.to_owned());
        names.push(format!("xen-hypervisor-{version}-amd64"));
        names.push(format!("xen-utils-{version}"));
        names
    }

    /// The folder of this release: its packages, its image and its results.
    pub(crate) fn dir(self) -> PathBuf {
        project::target().join("xen").join(self.version())
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.version())
    }
}

/// The release that was asked for, or all of them.
pub(crate) fn chosen(release: Option<Release>) -> Vec<Release> {
    release.map_or_else(|| Release::value_variants().to_vec(), |one| vec![one])
}
