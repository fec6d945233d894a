//! `Xen`: a real host, hypervisor and xenstore together.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use userdata_core::hypervisor::{BootId, DomainNames, HypervisorError, HypervisorErrorKind};
use userdata_core::{Domain, DomainKey, Domid, Hypervisor};

use crate::abi::XenVersion;
use crate::xenstore::{Endpoint, Xenstore};
use crate::{Changes, Privcmd};

/// Where Linux names its boot. Domain 0 boots exactly when the host does.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How to use xenstore. The hypervisor needs no options.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Whether [`Hypervisor::leaving`] asks xenstore; otherwise no domain is ever said to be
    /// leaving. On, unless changed.
    ///
    /// To be turned off where the toolstack doesn't write `/local/domain/<domid>/vm`, or where
    /// there is no xenstore. A store may then leave data behind that is stored while the domain is
    /// destroyed; a sweep collects it.
    pub check_leaving: bool,
    /// Where xenstored is looked for. [`Endpoint::usual`], unless changed.
    pub xenstore: Vec<Endpoint>,
    /// How long xenstore may take for one answer, connecting included. Two seconds, unless changed.
    pub xenstore_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            check_leaving: true,
            xenstore: Endpoint::usual(),
            xenstore_timeout: Duration::from_secs(2),
        }
    }
}

/// A real Xen host.
///
/// Who a domain is comes from the hypervisor alone. xenstore tells what a domain is called, and
/// whether its toolstack has begun to take it apart; it is asked over a connection of its own each
/// time, so that a value of this type may be used from several threads, and on in a forked child.
#[derive(Debug)]
pub struct Xen {
    hypervisor: Backend,
    options: Options,
}

/// How the hypervisor is asked.
#[derive(Debug)]
enum Backend {
    Privcmd(Privcmd),
    #[cfg(feature = "xenctrl")]
    Xenctrl(crate::Xenctrl),
}

impl Xen {
    /// Opens the hypervisor's device. xenstore is asked for nothing yet.
    ///
    /// On a machine without Xen this fails after two system calls.
    ///
    /// # Errors
    ///
    /// As [`Privcmd::open`].
    pub fn open(options: Options) -> Result<Self, HypervisorError> {
        let hypervisor = Backend::Privcmd(Privcmd::open()?);
        Ok(Self {
            hypervisor,
            options,
        })
    }

    /// The same host, its hypervisor asked through libxenctrl.
    ///
    /// # Errors
    ///
    /// As [`Xenctrl::open`](crate::Xenctrl::open).
    #[cfg(feature = "xenctrl")]
    pub fn open_xenctrl(options: Options) -> Result<Self, HypervisorError> {
        let hypervisor = Backend::Xenctrl(crate::Xenctrl::open()?);
        Ok(Self {
            hypervisor,
            options,
        })
    }

    /// The hypervisor's version.
    #[must_use]
    pub const fn version(&self) -> XenVersion {
        match &self.hypervisor {
            Backend::Privcmd(privcmd) => privcmd.version(),
            #[cfg(feature = "xenctrl")]
            Backend::Xenctrl(xenctrl) => xenctrl.version(),
        }
    }

    /// Watches for domains that end. Replaces `libxl_evenable_domain_death`, as a hint.
    ///
    /// # Errors
    ///
    /// Where there is no xenstore, this user may not watch, or no answer comes in time.
    pub fn changes(&self) -> Result<Changes, HypervisorError> {
        const OPERATION: &str = "watch for domains that end";
        self.xenstore(OPERATION).and_then(|xenstore| {
            Changes::over(xenstore).map_err(|e| HypervisorError::new(OPERATION, e.into()))
        })
    }

    fn xenstore(&self, operation: &str) -> Result<Xenstore, HypervisorError> {
        Xenstore::open(&self.options.xenstore, self.options.xenstore_timeout)
            .map_err(|error| HypervisorError::new(operation, error.into()))
    }

    fn read(&self, operation: &str, path: &str) -> Result<Option<Vec<u8>>, HypervisorError> {
        let value = self.xenstore(operation)?.read(path);
        value.map_err(|error| HypervisorError::new(operation, error.into()))
    }
}

impl Hypervisor for Xen {
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        match &self.hypervisor {
            Backend::Privcmd(privcmd) => privcmd.domain(domid),
            #[cfg(feature = "xenctrl")]
            Backend::Xenctrl(xenctrl) => xenctrl.domain(domid),
        }
    }

    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        match &self.hypervisor {
            Backend::Privcmd(privcmd) => privcmd.domains(),
            #[cfg(feature = "xenctrl")]
            Backend::Xenctrl(xenctrl) => xenctrl.domains(),
        }
    }

    /// True where xenstore has no `/local/domain/<domid>/vm`: libxl writes this node as soon
    /// as it has created a domain, and removes it before it begins to delete userdata. Never for
    /// domain 0, and never where [`Options::check_leaving`] is off.
    ///
    /// No answer in time is an error, as is a host without xenstore.
    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        if !self.options.check_leaving || domain.domid == Domid::ZERO {
            return Ok(false);
        }
        let operation = format!("see whether domain {} is being destroyed", domain.domid);
        let path = format!("/local/domain/{}/vm", domain.domid);
        self.read(&operation, &path).map(|node| node.is_none())
    }

    /// Linux's `boot_id`.
    fn boot(&self) -> Result<BootId, HypervisorError> {
        boot_from(BOOT_ID)
    }
}

impl DomainNames for Xen {
    /// xenstore's `/local/domain/<domid>/name`; an empty one is none. Bytes that are not UTF-8 are
    /// replaced by U+FFFD.
    fn name(&self, domid: Domid) -> Result<Option<String>, HypervisorError> {
        let operation = format!("look up the name of domain {domid}");
        let value = self.read(&operation, &format!("/local/domain/{domid}/name"))?;
        let name = value.map(|name| String::from_utf8_lossy(&name).into_owned());
        Ok(name.filter(|name| !name.is_empty()))
    }
}

fn boot_from(path: &str) -> Result<BootId, HypervisorError> {
    let error = |kind| HypervisorError::new(format!("read {path}"), kind);
    let failed = |source| {
        error(HypervisorErrorKind::Failed {
            source: Box::new(source),
        })
    };
    let mut text = String::new();
    // One more than the longest id there can be and its newline.
    let file = File::open(path).map_err(failed)?;
    file.take(66).read_to_string(&mut text).map_err(failed)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    text.parse()
        .map_err(|e: userdata_core::hypervisor::BootIdError| {
            error(HypervisorErrorKind::Malformed {
                what: e.to_string(),
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privcmd::fake::FakeXen;
    use crate::xenstore::fake::{FakeXenstored, PATIENCE};

    fn xen(xenstored: &FakeXenstored) -> Xen {
        let options = Options {
            xenstore: vec![Endpoint::Socket(xenstored.socket())],
            xenstore_timeout: PATIENCE,
            ..Options::default()
        };
        let hypervisor = Backend::Privcmd(FakeXen::new(17, [5, 7]).open().0.unwrap());
        Xen {
            hypervisor,
            options,
        }
    }

    fn key(xen: &Xen, domid: u16) -> DomainKey {
        xen.domain(Domid::new(domid).unwrap()).unwrap().unwrap().key
    }

    #[test]
    fn a_domain_is_leaving_once_its_vm_node_is_gone() {
        let xenstored = FakeXenstored::start(&[("/local/domain/5/vm", "/vm/whatever")]);
        let xen = xen(&xenstored);
        assert!(!xen.leaving(&key(&xen, 5)).unwrap());
        assert!(xen.leaving(&key(&xen, 7)).unwrap());
        xenstored.remove("/local/domain/5/vm");
        assert!(xen.leaving(&key(&xen, 5)).unwrap());
    }

    #[test]
    fn domain_0_never_leaves_and_without_the_check_nobody_does() {
        let xenstored = FakeXenstored::start(&[]);
        let mut xen = xen(&xenstored);
        assert!(!xen.leaving(&key(&xen, 0)).unwrap());
        xen.options.check_leaving = false;
        xen.options.xenstore = Vec::new();
        assert!(!xen.leaving(&key(&xen, 5)).unwrap());
    }

    #[test]
    fn without_xenstore_a_domain_is_not_said_to_stay() {
        let mut xen = xen(&FakeXenstored::start(&[]));
        xen.options.xenstore = vec![Endpoint::Socket("/nowhere/socket".into())];
        let domain = key(&xen, 5);
        let error = xen.leaving(&domain).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot see whether domain 5 is being destroyed"
        );
        assert_eq!(
            error.kind().to_string(),
            "xenstore (/nowhere/socket) is not there"
        );
        assert!(xen.name(domain.domid).is_err());
        assert!(xen.changes().is_err());
        assert_eq!(xen.domains().unwrap().len(), 3);
    }

    #[test]
    fn a_silent_xenstored_fails_the_question() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let mut xen = xen(&FakeXenstored::start(&[]));
        xen.options.xenstore = vec![Endpoint::Socket(socket)];
        xen.options.xenstore_timeout = Duration::from_millis(20);
        let error = xen.leaving(&key(&xen, 5)).unwrap_err();
        assert!(matches!(
            error.kind(),
            HypervisorErrorKind::DeadlinePassed { .. }
        ));
    }

    #[test]
    fn names_are_xenstores() {
        let xenstored = FakeXenstored::start(&[("/local/domain/5/name", "web")]);
        xenstored.write("/local/domain/7/name", b"");
        xenstored.write("/local/domain/0/name", b"d\xff0");
        let xen = xen(&xenstored);
        let name = |domid| xen.name(Domid::new(domid).unwrap()).unwrap();
        assert_eq!(name(5).as_deref(), Some("web"));
        assert_eq!(name(7), None);
        assert_eq!(name(6), None);
        assert_eq!(name(0).as_deref(), Some("d\u{fffd}0"));
    }

    #[test]
    fn the_boot_is_linuxs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("boot_id");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            boot_from(path.to_str().unwrap())
        };
        let id = "3b241101-e2bb-4255-8caf-4136c566a962";
        assert_eq!(read(&format!("{id}\n")).unwrap().as_str(), id);
        let longest = "a".repeat(64);
        assert_eq!(read(&format!("{longest}\n")).unwrap().as_str(), longest);
        let too_long = [format!("{longest}a\n"), format!("{longest}\na")];
        for nonsense in ["", "\n", "a b\n", "a\n\n", &too_long[0], &too_long[1]] {
            let error = read(nonsense).unwrap_err();
            assert!(
                matches!(error.kind(), HypervisorErrorKind::Malformed { .. }),
                "{nonsense:?}"
            );
        }
        assert!(matches!(
            boot_from("/nowhere").unwrap_err().kind(),
            HypervisorErrorKind::Failed { .. }
        ));
    }
}
