//! `Xen`: a real host, hypervisor and xenstore together.

use std::fs::File;
use std::io::{self, Read};

use userdata_core::hypervisor::{BootId, DomainNames, HypervisorError, HypervisorErrorKind};
use userdata_core::{Domain, DomainKey, Domid, Hypervisor};

use crate::xenstore::Xenstore;
use crate::{Changes, Options, Privcmd, XenVersion};

/// The file in which Linux names its boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file of xenfs that says `control_d` in the initial domain and nowhere else.
const CAPABILITIES: &str = "/proc/xen/capabilities";

/// A real Xen host.
///
/// The identity of a domain comes from the hypervisor alone. Its name, and whether its toolstack
/// has begun to destroy it, come from xenstore. Each question to xenstore goes over a connection of
/// its own, so that several threads, and forked children, may use a value of this type.
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
    /// Opens the hypervisor's device. Replaces `xc_interface_open`. It does not connect to xenstore
    /// yet.
    ///
    /// On a machine without Xen this fails after two system calls.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use hv_xen::{Options, Xen};
    ///
    /// let options = Options::new().with_xenstore_timeout(Duration::from_secs(5));
    /// let xen = Xen::open(options)?;
    /// # Ok::<(), userdata_core::hypervisor::HypervisorError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Privcmd::open`].
    pub fn open(options: Options) -> Result<Self, HypervisorError> {
        let hypervisor = Backend::Privcmd(Privcmd::open()?);
        Ok(Self {
            hypervisor,
            options,
        })
    }

    /// Opens the hypervisor's device through libxenctrl: `xc_interface_open`.
    ///
    /// ```no_run
    /// use hv_xen::{Options, Xen};
    /// use userdata_core::Hypervisor;
    ///
    /// let domains = Xen::open(Options::new())?.domains()?;
    /// assert_eq!(Xen::open_xenctrl(Options::new())?.domains()?, domains);
    /// # Ok::<(), userdata_core::hypervisor::HypervisorError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Xenctrl::open`](crate::Xenctrl::open).
    #[cfg(feature = "xenctrl")]
    pub fn open_xenctrl(options: Options) -> Result<Self, HypervisorError> {
        let hypervisor = Backend::Xenctrl(crate::Xenctrl::open()?);
        Ok(Self {
            hypervisor,
            options,
        })
    }

    /// The hypervisor's version, as it was when the device was opened.
    ///
    /// ```no_run
    /// # use hv_xen::{Options, Xen};
    /// use hv_xen::XenVersion;
    ///
    /// # let xen = Xen::open(Options::new())?;
    /// if xen.version() < XenVersion::new(4, 21) {
    ///     println!("Xen {} does not tell dying domains from living ones", xen.version());
    /// }
    /// # Ok::<(), userdata_core::hypervisor::HypervisorError>(())
    /// ```
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
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # use hv_xen::{Options, Xen};
    /// use userdata_core::Hypervisor;
    ///
    /// # let xen = Xen::open(Options::new())?;
    /// let mut changes = xen.changes()?;
    /// loop {
    ///     println!("{} domains", xen.domains()?.len());
    ///     // Look again after a minute even without a hint.
    ///     changes.wait(Duration::from_secs(60))?;
    /// }
    /// # #[expect(unreachable_code, reason = "the type of the closure's errors")]
    /// # Ok::<(), userdata_core::hypervisor::HypervisorError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no xenstore, if this user may not watch, or if no answer came in time.
    pub fn changes(&self) -> Result<Changes, HypervisorError> {
        const OPERATION: &str = "watch for domains that end";
        self.xenstore(OPERATION).and_then(|xenstore| {
            Changes::over(xenstore).map_err(|e| HypervisorError::new(OPERATION, e.into()))
        })
    }

    fn xenstore(&self, operation: &str) -> Result<Xenstore, HypervisorError> {
        Xenstore::open(&self.options.endpoints, self.options.question_timeout())
            .map_err(|error| HypervisorError::new(operation, error.into()))
    }

    fn read(&self, operation: &str, path: &str) -> Result<Option<Vec<u8>>, HypervisorError> {
        let value = self.xenstore(operation)?.read(path);
        value.map_err(|error| HypervisorError::new(operation, error.into()))
    }
}

impl Hypervisor for Xen {
    /// The domain with exactly this domid, from the hypervisor: see [`Privcmd::domain`].
    ///
    /// ```no_run
    /// # use hv_xen::{Options, Xen};
    /// use userdata_core::{Domid, Hypervisor};
    ///
    /// # let xen = Xen::open(Options::new())?;
    /// match xen.domain(Domid::ZERO)? {
    ///     Some(domain) => println!("{} is {}", domain.key, domain.life),
    ///     None => println!("there is no domain 0"),
    /// }
    /// # Ok::<(), userdata_core::hypervisor::HypervisorError>(())
    /// ```
    fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        match &self.hypervisor {
            Backend::Privcmd(privcmd) => privcmd.domain(domid),
            #[cfg(feature = "xenctrl")]
            Backend::Xenctrl(xenctrl) => xenctrl.domain(domid),
        }
    }

    /// Every domain, from the hypervisor: see [`Privcmd::domains`].
    ///
    /// ```no_run
    /// # use hv_xen::{Options, Xen};
    /// use userdata_core::{Hypervisor, Life};
    ///
    /// # let xen = Xen::open(Options::new())?;
    /// let domains = xen.domains()?;
    /// let alive = domains.iter().filter(|domain| domain.life == Life::Alive);
    /// println!("{} of {} domains are alive", alive.count(), domains.len());
    /// # Ok::<(), userdata_core::hypervisor::HypervisorError>(())
    /// ```
    fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        match &self.hypervisor {
            Backend::Privcmd(privcmd) => privcmd.domains(),
            #[cfg(feature = "xenctrl")]
            Backend::Xenctrl(xenctrl) => xenctrl.domains(),
        }
    }

    /// True if xenstore has no node `/local/domain/<domid>/vm`: libxl writes this node as soon as
    /// it has created a domain, and removes it before it begins to delete userdata. False for
    /// domain 0, and false for every domain if [`Options::check_leaving`] is off.
    ///
    /// On a host without xenstore this fails, and also if the answer does not come in time.
    ///
    /// ```no_run
    /// # use hv_xen::{Options, Xen};
    /// use userdata_core::Hypervisor;
    ///
    /// # let xen = Xen::open(Options::new())?;
    /// for domain in xen.domains()? {
    ///     if xen.leaving(&domain.key)? {
    ///         println!("the toolstack is destroying {}", domain.key);
    ///     }
    /// }
    /// # Ok::<(), userdata_core::hypervisor::HypervisorError>(())
    /// ```
    fn leaving(&self, domain: &DomainKey) -> Result<bool, HypervisorError> {
        if !self.options.check_leaving || domain.domid == Domid::ZERO {
            return Ok(false);
        }
        let operation = format!(
            "find out whether domain {} is being destroyed",
            domain.domid
        );
        let path = format!("/local/domain/{}/vm", domain.domid);
        self.read(&operation, &path).map(|node| node.is_none())
    }

    /// Linux's `boot_id`, and only in the initial domain, which boots exactly when the host does:
    /// `/proc/xen/capabilities` says `control_d` there. Any other domain, also one that runs the
    /// toolstack, may restart while the others live on, so this fails there; it fails as well if
    /// xenfs is not mounted. The boot of [`Options::with_boot`] is returned there; in the initial
    /// domain it must be Linux's.
    ///
    /// ```no_run
    /// # use hv_xen::{Options, Xen};
    /// use userdata_core::Hypervisor;
    ///
    /// # let xen = Xen::open(Options::new())?;
    /// println!("incarnation numbers are those of boot {}", xen.boot()?);
    /// # Ok::<(), userdata_core::hypervisor::HypervisorError>(())
    /// ```
    fn boot(&self) -> Result<BootId, HypervisorError> {
        boot_of(self.options.boot.as_ref(), CAPABILITIES, BOOT_ID)
    }
}

impl DomainNames for Xen {
    /// The value of xenstore's `/local/domain/<domid>/name`; `None` if it is empty or missing.
    /// Bytes that are not UTF-8 are replaced by U+FFFD.
    ///
    /// ```no_run
    /// # use hv_xen::{Options, Xen};
    /// use userdata_core::Domid;
    /// use userdata_core::hypervisor::DomainNames;
    ///
    /// # let xen = Xen::open(Options::new())?;
    /// let name = xen.name(Domid::ZERO)?;
    /// println!("domain 0 is called {}", name.as_deref().unwrap_or("nothing"));
    /// # Ok::<(), userdata_core::hypervisor::HypervisorError>(())
    /// ```
    fn name(&self, domid: Domid) -> Result<Option<String>, HypervisorError> {
        let operation = format!("look up the name of domain {domid}");
        let value = self.read(&operation, &format!("/local/domain/{domid}/name"))?;
        let name = value.map(|name| String::from_utf8_lossy(&name).into_owned());
        Ok(name.filter(|name| !name.is_empty()))
    }
}

/// The boot that runs now: as Linux names it in the initial domain, else as the caller named it.
fn boot_of(
    named: Option<&BootId>,
    capabilities: &str,
    boot_id: &str,
) -> Result<BootId, HypervisorError> {
    let Some(named) = named else {
        check_initial(capabilities)?;
        return boot_from(boot_id);
    };
    if check_initial(capabilities).is_err() {
        return Ok(named.clone());
    }
    // Data of the boot that runs would count as that of another one, and be removed.
    let found = boot_from(boot_id)?;
    if found == *named {
        return Ok(found);
    }
    let what = format!("{named} was named as the boot that runs, and this host runs boot {found}");
    let kind = HypervisorErrorKind::Unsupported { what };
    Err(HypervisorError::new(
        "find out which boot of the host runs",
        kind,
    ))
}

/// Makes sure that this is the domain that boots when the host does.
fn check_initial(path: &str) -> Result<(), HypervisorError> {
    let error = |kind| HypervisorError::new("find out which boot of the host runs", kind);
    let text = read_start(path, 1024).map_err(|source| {
        error(HypervisorErrorKind::Unavailable {
            what: path.to_owned(),
            source: Some(Box::new(source)),
        })
    })?;
    if text
        .split_ascii_whitespace()
        .any(|word| word == "control_d")
    {
        return Ok(());
    }
    let what = "this is not the initial domain, the one that boots when the host does".to_owned();
    Err(error(HypervisorErrorKind::Unsupported { what }))
}

fn read_start(path: &str, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    let file = File::open(path)?;
    file.take(bytes_max).read_to_string(&mut text)?;
    Ok(text)
}

fn boot_from(path: &str) -> Result<BootId, HypervisorError> {
    let error = |kind| HypervisorError::new(format!("read {path}"), kind);
    // One byte more than the longest id with its newline, to notice a longer one.
    let text = read_start(path, 66).map_err(|source| {
        error(HypervisorErrorKind::Failed {
            source: Box::new(source),
        })
    })?;
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
    use std::time::Duration;

    use super::*;
    use crate::privcmd::fake::FakeXen;
    use crate::xenstore::Endpoint;
    use crate::xenstore::fake::{FakeXenstored, LONG};

    fn xen(xenstored: &FakeXenstored) -> Xen {
        let options = Options::new()
            .with_endpoints([Endpoint::Socket(xenstored.socket())])
            .with_xenstore_timeout(LONG);
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
    fn domain_0_never_leaves_and_without_the_check_no_domain_does() {
        let xenstored = FakeXenstored::start(&[]);
        let mut xen = xen(&xenstored);
        assert!(!xen.leaving(&key(&xen, 0)).unwrap());
        xen.options.check_leaving = false;
        xen.options.endpoints = Vec::new();
        assert!(!xen.leaving(&key(&xen, 5)).unwrap());
    }

    #[test]
    fn without_xenstore_no_domain_is_reported_as_staying() {
        let mut xen = xen(&FakeXenstored::start(&[]));
        xen.options.endpoints = vec![Endpoint::Socket("/nowhere/socket".into())];
        let domain = key(&xen, 5);
        let error = xen.leaving(&domain).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot find out whether domain 5 is being destroyed"
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
    fn a_silent_xenstored_fails_the_question_after_the_least_time() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let mut xen = xen(&FakeXenstored::start(&[]));
        xen.options.endpoints = vec![Endpoint::Socket(socket)];
        xen.options.xenstore_timeout = Duration::ZERO;
        let error = xen.leaving(&key(&xen, 5)).unwrap_err();
        let HypervisorErrorKind::DeadlinePassed { waited } = error.kind() else {
            panic!("{error:?}");
        };
        assert_eq!(*waited, Options::XENSTORE_TIMEOUT_MIN);
    }

    #[test]
    fn names_are_read_from_xenstore() {
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
    fn the_boot_that_the_caller_names_is_the_boot() {
        let mut xen = xen(&FakeXenstored::start(&[]));
        let boot: BootId = "boot-7".parse().unwrap();
        xen.options = Options::new().with_boot(boot.clone());
        assert_eq!(xen.boot().unwrap(), boot);
    }

    #[test]
    fn the_initial_domain_refuses_another_boot_than_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (capabilities, boot_id) = (path("capabilities"), path("boot_id"));
        std::fs::write(&capabilities, "control_d\n").unwrap();
        std::fs::write(&boot_id, "boot-7\n").unwrap();
        let boot = |named: &str| boot_of(Some(&named.parse().unwrap()), &capabilities, &boot_id);
        assert_eq!(boot("boot-7").unwrap().as_str(), "boot-7");
        let error = boot("boot-8").unwrap_err();
        assert!(matches!(
            error.kind(),
            HypervisorErrorKind::Unsupported { .. }
        ));
        std::fs::write(&capabilities, "\n").unwrap();
        assert_eq!(boot("boot-8").unwrap().as_str(), "boot-8");
    }

    #[test]
    fn only_the_initial_domain_names_the_boot_of_the_host() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("capabilities");
        let check = |text: &str| {
            std::fs::write(&path, text).unwrap();
            check_initial(path.to_str().unwrap())
        };
        check("control_d\n").unwrap();
        check("other control_d").unwrap();
        for text in ["", "\n", "control_domain\n"] {
            let error = check(text).unwrap_err();
            assert!(matches!(
                error.kind(),
                HypervisorErrorKind::Unsupported { .. }
            ));
        }
        assert!(matches!(
            check_initial("/nowhere").unwrap_err().kind(),
            HypervisorErrorKind::Unavailable { .. }
        ));
    }

    #[test]
    fn the_boot_is_named_by_linux() {
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
