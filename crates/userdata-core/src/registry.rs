//! The registry: the userids of known programs.
//!
//! The table is that of `libxl.h` ("registered userids") and the two names of locks that libxl uses
//! and does not list there. The registry does not restrict programs: a program may use a userid
//! that is not in it.

use crate::Userid;
use crate::file_name::Kind;

/// The userid of libxl's own record of a domain's configuration.
///
/// Every program may read it. libxl writes it, and takes a domain without it for one that is being
/// created or destroyed.
pub const LIBXL_JSON: &str = "libxl-json";

/// The name of libxl's lock. libxl's clean-up passes over every file whose name contains this text,
/// so data under such a name would outlive its domain.
pub const USERDATA_LOCK: &str = "domain-userdata-lock";

/// The userids of libxl's lock files.
pub const LOCKS: &[&str] = &[
    USERDATA_LOCK,
    "libxl-device-changes-lock",
    "qmp-socket-lock",
];

/// A userid that a known program uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registered {
    /// The userid.
    pub userid: &'static str,
    /// The kind of file it names.
    pub kind: Kind,
    /// The program that writes it.
    pub owner: &'static str,
    /// The format of its content.
    pub format: &'static str,
    /// The first Xen release that has it.
    pub since: &'static str,
    /// Whether it stays behind when the data of a domain is carried, exported or imported: its
    /// owner writes it again for the new domain.
    pub stays_behind: bool,
}

/// The userids that known programs use, in libxl's order.
pub const REGISTERED: &[Registered] = &[
    Registered {
        userid: "xl",
        kind: Kind::Data,
        owner: "xl",
        format: "domain config file in xl format, Unix line endings",
        since: "4.1",
        stays_behind: true,
    },
    Registered {
        userid: "libvirt-xml",
        kind: Kind::Data,
        owner: "libvirt",
        format: "domain XML of libvirt, with a trailing NUL",
        since: "4.2",
        stays_behind: true,
    },
    Registered {
        userid: USERDATA_LOCK,
        kind: Kind::Lock,
        owner: "libxl",
        format: "empty lock file, not to be touched by applications",
        since: "4.5",
        stays_behind: true,
    },
    Registered {
        userid: LIBXL_JSON,
        kind: Kind::Data,
        owner: "libxl",
        format: "libxl_domain_config as JSON, with a trailing NUL",
        since: "4.5",
        stays_behind: true,
    },
    Registered {
        userid: "libxl-device-changes-lock",
        kind: Kind::Lock,
        owner: "libxl",
        format: "empty lock file",
        since: "4.13",
        stays_behind: true,
    },
    Registered {
        userid: "qmp-socket-lock",
        kind: Kind::Lock,
        owner: "libxl",
        format: "empty lock file",
        since: "4.13",
        stays_behind: true,
    },
];

/// Whether the value of a userid stays behind when a domain's data follows it, unless it is asked
/// for. Values of programs that are not registered go along.
#[must_use]
pub fn stays_behind(userid: &Userid) -> bool {
    REGISTERED
        .iter()
        .any(|known| known.stays_behind && known.userid.as_bytes() == userid.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_its_owner_writes_again_stays_behind() {
        let stays = |userid| stays_behind(&Userid::new(userid).unwrap());
        assert!(["libxl-json", "libvirt-xml", "xl"].into_iter().all(stays));
        assert!(!["backup-agent", "xl2", ""].into_iter().any(stays));
    }

    #[test]
    fn every_lock_is_registered_as_one() {
        let locks: Vec<_> = REGISTERED
            .iter()
            .filter(|r| r.kind == Kind::Lock)
            .map(|r| r.userid)
            .collect();
        assert_eq!(locks, LOCKS);
    }
}
