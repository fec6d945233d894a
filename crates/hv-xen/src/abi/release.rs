//! Which release speaks which version of the interface.

use std::fmt;

/// The processor architectures whose layouts are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arch {
    /// x86_64, Xen's `x86_64`.
    X86_64,
    /// 64-bit Arm, Xen's `arm64`.
    Aarch64,
}

impl Arch {
    /// The architecture this program was built for, where it is known.
    pub const HERE: Option<Self> = if cfg!(target_arch = "x86_64") {
        Some(Self::X86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(Self::Aarch64)
    } else {
        None
    };
}

/// A hypervisor's version, such as 4.17.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct XenVersion {
    /// The 4 of 4.17.
    pub major: u16,
    /// The 17 of 4.17.
    pub minor: u16,
}

impl XenVersion {
    /// Reads what `XENVER_version` answers: the major number in the upper half.
    #[must_use]
    pub const fn decode(answer: u32) -> Self {
        let [a, b, c, d] = answer.to_be_bytes();
        Self {
            major: u16::from_be_bytes([a, b]),
            minor: u16::from_be_bytes([c, d]),
        }
    }
}

impl fmt::Display for XenVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The interface versions of one release. Its stable updates keep them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// The release.
    pub version: XenVersion,
    /// `XEN_DOMCTL_INTERFACE_VERSION`.
    pub domctl: u32,
    /// `XEN_SYSCTL_INTERFACE_VERSION`.
    pub sysctl: u32,
}

/// Every release whose layouts are known, oldest first.
pub const RELEASES: [Release; 13] = [
    release(10, 0x0e, 0x10),
    release(11, 0x10, 0x11),
    release(12, 0x11, 0x12),
    release(13, 0x12, 0x12),
    release(14, 0x12, 0x13),
    release(15, 0x13, 0x13),
    release(16, 0x14, 0x14),
    release(17, 0x15, 0x15),
    release(18, 0x16, 0x15),
    release(19, 0x17, 0x15),
    release(20, 0x17, 0x15),
    release(21, 0x17, 0x16),
    release(22, 0x18, 0x16),
];

const fn release(minor: u16, domctl: u32, sysctl: u32) -> Release {
    Release {
        version: XenVersion { major: 4, minor },
        domctl,
        sysctl,
    }
}

/// How far above the newest known number a newer release's is looked for.
const BEYOND: u32 = 8;

/// The domctl versions to try on a hypervisor of this version, the likeliest first.
///
/// A record is read the same way under all of them, so that numbers above the newest known one
/// are worth a try.
#[must_use]
pub fn domctl_versions_to_try(version: XenVersion) -> Vec<u32> {
    let (oldest, newest) = (0x0e, 0x18 + BEYOND);
    outwards(nearest(version).domctl, oldest, newest)
}

/// The sysctl versions to try on a hypervisor of this version, the likeliest first.
///
/// Only known ones: under another the [`Layout`](super::sysctl::Layout) would be a guess.
#[must_use]
pub fn sysctl_versions_to_try(version: XenVersion) -> Vec<u32> {
    let (oldest, newest) = (0x10, 0x16);
    outwards(nearest(version).sysctl, oldest, newest)
}

/// The release with this version, or the one next to it.
fn nearest(version: XenVersion) -> Release {
    let [oldest, .., newest] = RELEASES;
    let known = RELEASES
        .into_iter()
        .find(|release| release.version == version);
    known.unwrap_or(if version < oldest.version {
        oldest
    } else {
        newest
    })
}

/// `start`, then its neighbours above and below, nearest first, within the bounds.
fn outwards(start: u32, least: u32, greatest: u32) -> Vec<u32> {
    let distance = |number: &u32| (number.abs_diff(start), *number < start);
    let mut numbers: Vec<u32> = (least..=greatest).collect();
    numbers.sort_by_key(distance);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::sysctl::Layout;

    #[test]
    fn a_version_is_read_from_both_halves() {
        assert_eq!(
            XenVersion::decode(0x0004_0011),
            XenVersion {
                major: 4,
                minor: 17
            }
        );
        assert_eq!(
            XenVersion::decode(u32::MAX),
            XenVersion {
                major: 0xffff,
                minor: 0xffff
            }
        );
        assert_eq!(XenVersion::decode(0x0004_0011).to_string(), "4.17");
    }

    #[test]
    fn the_releases_own_versions_are_tried_first_and_every_other_known_one_after() {
        for release in RELEASES {
            let domctl = domctl_versions_to_try(release.version);
            let sysctl = sysctl_versions_to_try(release.version);
            assert_eq!((domctl[0], sysctl[0]), (release.domctl, release.sysctl));
            for other in RELEASES {
                assert!(domctl.contains(&other.domctl) && sysctl.contains(&other.sysctl));
            }
        }
    }

    #[test]
    fn neighbours_are_tried_nearest_first_and_once() {
        let order = domctl_versions_to_try(XenVersion {
            major: 4,
            minor: 17,
        });
        assert_eq!(order[..5], [0x15, 0x16, 0x14, 0x17, 0x13]);
        assert_eq!(order.len(), (0x0e..=0x20).count());
        let mut sorted = order.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted, (0x0e..=0x20).collect::<Vec<_>>());
    }

    #[test]
    fn an_unknown_release_is_tried_from_the_nearest_known_one() {
        for (minor, first) in [(0, 0x0e), (9, 0x0e), (23, 0x18), (99, 0x18)] {
            assert_eq!(
                domctl_versions_to_try(XenVersion { major: 4, minor })[0],
                first
            );
        }
        assert_eq!(
            domctl_versions_to_try(XenVersion { major: 3, minor: 4 })[0],
            0x0e
        );
        assert_eq!(
            sysctl_versions_to_try(XenVersion { major: 5, minor: 0 })[0],
            0x16
        );
    }

    #[test]
    fn a_list_is_asked_for_only_where_its_stride_is_known() {
        for version in sysctl_versions_to_try(XenVersion {
            major: 4,
            minor: 17,
        }) {
            for arch in [Arch::X86_64, Arch::Aarch64] {
                assert!(Layout::known(version, arch).is_some(), "{version:#x}");
            }
        }
        assert_eq!(Layout::known(0x17, Arch::X86_64), None);
        assert_eq!(Layout::known(0x0f, Arch::Aarch64), None);
    }
}
