//! The interface versions of each release.

use super::XenVersion;

/// A processor architecture whose layouts are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arch {
    /// x86_64, Xen's `x86_64`.
    X86_64,
    /// 64-bit Arm, Xen's `arm64`.
    Aarch64,
}

impl Arch {
    /// The architecture that this program was built for, if its layouts are known.
    pub const HERE: Option<Self> = if cfg!(target_arch = "x86_64") {
        Some(Self::X86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(Self::Aarch64)
    } else {
        None
    };
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
pub const RELEASES: &[Release] = &KNOWN;

const KNOWN: [Release; 13] = [
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
        version: XenVersion::new(4, minor),
        domctl,
        sysctl,
    }
}

/// How many numbers above the newest known one are tried, for releases that are newer still.
const BEYOND: u32 = 8;

/// The domctl versions to try on a hypervisor of this version, the likeliest first.
///
/// A record is read the same way under all of them, so numbers above the newest known one are worth
/// trying.
#[must_use]
pub fn domctl_versions_to_try(version: XenVersion) -> Vec<u32> {
    let (oldest, newest) = (0x0e, 0x18 + BEYOND);
    outwards(nearest(version).domctl, oldest, newest)
}

/// The sysctl versions to try on a hypervisor of this version, the likeliest first.
///
/// Only known versions: the [`Layout`](super::sysctl::Layout) of another one would be a guess.
#[must_use]
pub fn sysctl_versions_to_try(version: XenVersion) -> Vec<u32> {
    let (oldest, newest) = (0x10, 0x16);
    outwards(nearest(version).sysctl, oldest, newest)
}

/// The release with this version, or else the oldest or newest known one.
fn nearest(version: XenVersion) -> Release {
    let [oldest, .., newest] = KNOWN;
    let known = KNOWN.into_iter().find(|release| release.version == version);
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
    fn a_releases_own_version_is_tried_before_all_other_known_ones() {
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
        let order = domctl_versions_to_try(XenVersion::new(4, 17));
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
            assert_eq!(domctl_versions_to_try(XenVersion::new(4, minor))[0], first);
        }
        assert_eq!(domctl_versions_to_try(XenVersion::new(3, 4))[0], 0x0e);
        assert_eq!(sysctl_versions_to_try(XenVersion::new(5, 0))[0], 0x16);
    }

    #[test]
    fn only_list_versions_of_a_known_stride_are_tried() {
        for version in sysctl_versions_to_try(XenVersion::new(4, 17)) {
            for arch in [Arch::X86_64, Arch::Aarch64] {
                assert!(Layout::known(version, arch).is_some(), "{version:#x}");
            }
        }
        assert_eq!(Layout::known(0x17, Arch::X86_64), None);
        assert_eq!(Layout::known(0x0f, Arch::Aarch64), None);
    }
}
