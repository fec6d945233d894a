//! `Privcmd`: hypercalls through Linux's privcmd device.

pub(crate) mod hypercall;
mod interface;
mod list;

#[cfg(all(
    target_os = "linux",
    target_endian = "little",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(crate) mod device;
#[cfg(not(all(
    target_os = "linux",
    target_endian = "little",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[path = "privcmd/unsupported.rs"]
mod device;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::OnceLock;

use rustix::io::Errno;
use userdata_core::hypervisor::HypervisorError;
use userdata_core::{Domain, Domid, Life};

use crate::XenVersion;
use crate::abi::sysctl::Layout;
use crate::abi::{Arch, DomainInfo, Malformed, domctl};
use device::Device;
use hypercall::{Hypercall, Refusal, malformed, settled};
use interface::Interface;

/// Reads the identity of domains from the hypervisor, without Xen's libraries.
///
/// Replaces libxenctrl's `xc_interface_open`, `xc_domain_getinfo_single` and
/// `xc_domain_getinfolist`. One binary works with every release from 4.11 to 4.22: the interface
/// version follows from the hypervisor's version. If the hypervisor refuses it, other versions are
/// tried, and the one that works is remembered.
///
/// Several threads may share a value of this type, and forked children may go on using it.
///
/// ```no_run
/// use hv_xen::Privcmd;
/// use userdata_core::Domid;
///
/// let privcmd = Privcmd::open()?;
/// let domain = privcmd.domain(Domid::ZERO)?;
/// println!("Xen {}: {domain:?}", privcmd.version());
/// # Ok::<(), userdata_core::hypervisor::HypervisorError>(())
/// ```
pub struct Privcmd {
    hypercall: Box<dyn Hypercall>,
    arch: Arch,
    interface: Interface,
    /// Set by the first list; `Some(None)` if the hypervisor refuses lists.
    list: OnceLock<Option<Layout>>,
}

impl Privcmd {
    /// Opens `/dev/xen/privcmd`, or `/proc/xen/privcmd` if there is no such device, and agrees with
    /// the hypervisor on an interface version.
    ///
    /// On a machine without Xen this fails after two system calls.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](userdata_core::hypervisor::HypervisorErrorKind::Unavailable) if neither
    /// device exists;
    /// [`NotPermitted`](userdata_core::hypervisor::HypervisorErrorKind::NotPermitted), naming the
    /// device or the call, if this user may not open the device or this domain may not make the
    /// call; [`Unsupported`](userdata_core::hypervisor::HypervisorErrorKind::Unsupported) if the
    /// hypervisor refuses every interface version that is tried, and on
    /// [platforms](crate#platforms) without hypervisor calls.
    pub fn open() -> Result<Self, HypervisorError> {
        let device = Device::open()?;
        // On every platform where the device can be opened the architecture is known.
        Self::over(Box::new(device), Arch::HERE.unwrap_or(Arch::X86_64))
    }

    fn over(hypercall: Box<dyn Hypercall>, arch: Arch) -> Result<Self, HypervisorError> {
        let interface = Interface::agree(hypercall.as_ref())?;
        Ok(Self {
            hypercall,
            arch,
            interface,
            list: OnceLock::new(),
        })
    }

    /// The hypervisor's version, as it was when the device was opened.
    #[must_use]
    pub const fn version(&self) -> XenVersion {
        self.interface.xen
    }

    /// The domain with exactly this domid, or `None`: `XEN_DOMCTL_getdomaininfo` and, from Xen 4.21
    /// on, `XEN_DOMCTL_get_domain_state`. It makes at most two calls of the hypervisor.
    ///
    /// Before 4.21 a dying domain appears alive until it is dead, and has no incarnation number.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](userdata_core::hypervisor::HypervisorErrorKind::NotPermitted) if a security
    /// policy hides the domain: it may or may not exist.
    /// [`Malformed`](userdata_core::hypervisor::HypervisorErrorKind::Malformed) if the answer can't
    /// be read, and [`Failed`](userdata_core::hypervisor::HypervisorErrorKind::Failed) if the call
    /// fails otherwise.
    pub fn domain(&self, domid: Domid) -> Result<Option<Domain>, HypervisorError> {
        match self.first_from(domid)? {
            // Up to Xen 4.17 the hypervisor answers for an absent domain with the next one.
            Some(info) if info.key.domid != domid => Ok(None),
            Some(info) if self.interface.has_states => self.with_state(&info),
            info => Ok(info.as_ref().map(DomainInfo::domain)),
        }
    }

    /// Adds the answer of the stable call to a record.
    fn with_state(&self, info: &DomainInfo) -> Result<Option<Domain>, HypervisorError> {
        let domid = info.key.domid;
        let request = domctl::get_domain_state(domid);
        let state = match settled(|| self.hypercall.domctl(&request)) {
            Ok(answer) => domctl::domain_state(&answer).map_err(|m| unreadable(domid, &m))?,
            // The policy denies only this call. The record alone still has the fields that it had
            // before Xen 4.21.
            Err(Refusal::Hypervisor(Errno::ACCESS | Errno::PERM)) => {
                return Ok(Some(info.domain()));
            }
            // The domain has disappeared since its record was read.
            Err(Refusal::Hypervisor(Errno::SRCH)) => return Ok(None),
            Err(refusal) => return Err(refusal.into_error(&looking_up(domid))),
        };
        let domain = info.domain();
        let life = match domain.life {
            Life::Alive if state.is_dead() => Life::Dead,
            Life::Alive if state.is_dying() => Life::Dying,
            life => life,
        };
        Ok(Some(
            Domain::new(domain.key, life)
                .with_incarnation(state.unique_id)
                .with_paused(domain.paused)
                .with_shutdown(domain.shutdown),
        ))
    }

    /// The record of this domain or, up to Xen 4.17, of the next one that exists.
    fn first_from(&self, domid: Domid) -> Result<Option<DomainInfo>, HypervisorError> {
        let request = domctl::get_domain_info(self.interface.domctl, domid);
        match settled(|| self.hypercall.domctl(&request)) {
            Ok(answer) => match domctl::domain_info(&answer) {
                Ok(info) if info.key.domid >= domid => Ok(Some(info)),
                Ok(info) => {
                    let lower = info.key.domid.get();
                    Err(unreadable(domid, &Malformed::Order { domid: lower }))
                }
                Err(what) => Err(unreadable(domid, &what)),
            },
            Err(Refusal::Hypervisor(Errno::SRCH)) => Ok(None),
            Err(refusal) => Err(refusal.into_error(&looking_up(domid))),
        }
    }

    /// Every domain, in order of domid: `XEN_SYSCTL_getdomaininfolist`, one call of the hypervisor
    /// for up to 255 domains. If the hypervisor refuses lists, every domid is looked up instead.
    ///
    /// Domains that a security policy hides are missing. No entry has an incarnation number, and a
    /// dying domain appears alive: [`domain`](Self::domain) reports both.
    ///
    /// # Errors
    ///
    /// [`Malformed`](userdata_core::hypervisor::HypervisorErrorKind::Malformed) if an answer can't
    /// be read, and [`Failed`](userdata_core::hypervisor::HypervisorErrorKind::Failed) if both ways
    /// fail.
    pub fn domains(&self) -> Result<Vec<Domain>, HypervisorError> {
        let infos = match self.list.get() {
            Some(Some(layout)) => list::read(self.hypercall.as_ref(), *layout)?,
            Some(None) => self.one_by_one()?,
            None => self.first_list()?,
        };
        Ok(infos.iter().map(DomainInfo::domain).collect())
    }
}

impl fmt::Debug for Privcmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Privcmd")
            .field("interface", &self.interface)
            .field("list", &self.list)
            .finish_non_exhaustive()
    }
}

fn looking_up(domid: Domid) -> String {
    format!("look up domain {domid}")
}

fn unreadable(domid: Domid, what: &Malformed) -> HypervisorError {
    malformed(&looking_up(domid), what)
}
