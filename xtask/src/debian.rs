//! Packages of a Debian suite: fetched with the suite's signed checksums, kept, and unpacked. None
//! is installed.

use crate::ci::need::Need;

pub(crate) mod apt;
pub(crate) mod deb;
pub(crate) mod kept;
pub(crate) mod sums;

/// The keys with which apt checks the suites' signatures.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What fetches and unpacks packages.
pub(crate) const NEEDS: &[Need] = &[
    Need::of(KEYRING, &["apt-get", "install", "debian-archive-keyring"])
        .probed_by(&["test", "-f", KEYRING]),
    Need::of("dpkg-deb", &["apt-get", "install", "dpkg"]),
];
