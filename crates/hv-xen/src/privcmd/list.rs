//! Every domain: by lists, or one by one where lists are refused.

use rustix::io::Errno;
use userdata_core::{Domid, HypervisorError, HypervisorErrorKind};

use super::Privcmd;
use super::hypercall::{Hypercall, Refusal, malformed, settled};
use crate::abi::{Arch, DomainInfo, sysctl, sysctl_versions_to_try};

const OPERATION: &str = "list the domains";

/// How many domains are asked for at once. One more call tells that a full list was the last.
const DOMAINS_MAX: u16 = 256;

/// How this hypervisor lists domains.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListInterface {
    version: u32,
    stride: usize,
}

impl ListInterface {
    fn known(version: u32, arch: Arch) -> Option<Self> {
        sysctl::stride(version, arch).map(|stride| Self { version, stride })
    }

    /// The whole list, each part from behind the last domain of the one before.
    pub(super) fn read(
        self,
        hypercall: &dyn Hypercall,
    ) -> Result<Vec<DomainInfo>, HypervisorError> {
        let part = self.part(hypercall, Domid::ZERO);
        self.read_after(hypercall, part.map_err(|r| r.into_error(OPERATION))?)
    }

    /// The list whose first part is there.
    fn read_after(
        self,
        hypercall: &dyn Hypercall,
        first: Part,
    ) -> Result<Vec<DomainInfo>, HypervisorError> {
        let mut domains = self.decode(&first)?;
        // Each part starts at a higher domid than the one before, so that this ends.
        let mut full = domains.len() == usize::from(DOMAINS_MAX);
        while full && let Some(next) = domains.last().and_then(following) {
            let part = self
                .part(hypercall, next)
                .map_err(|r| r.into_error(OPERATION))?;
            let more = self.decode(&part)?;
            full = more.len() == usize::from(DOMAINS_MAX);
            domains.extend(more);
        }
        Ok(domains)
    }

    fn part(self, hypercall: &dyn Hypercall, first: Domid) -> Result<Part, Refusal> {
        let request = sysctl::get_domain_info_list(self.version, first, DOMAINS_MAX);
        let answer = settled(|| hypercall.sysctl(&request))?;
        Ok(Part { first, answer })
    }

    fn decode(self, part: &Part) -> Result<Vec<DomainInfo>, HypervisorError> {
        sysctl::domain_info_list(&part.answer, self.stride, part.first)
            .map_err(|m| malformed(OPERATION, &m))
    }
}

/// One answer of a list that may take several.
struct Part {
    first: Domid,
    answer: sysctl::Answer,
}

impl Privcmd {
    /// The first list of all: finds out which version of the interface lists take, if any.
    pub(super) fn first_list(&self) -> Result<Vec<DomainInfo>, HypervisorError> {
        let versions = sysctl_versions_to_try(self.interface.xen);
        let interfaces = versions
            .into_iter()
            .filter_map(|v| ListInterface::known(v, self.arch));
        for interface in interfaces {
            match interface.part(self.hypercall.as_ref(), Domid::ZERO) {
                // Another thread may have found out the same meanwhile.
                Ok(first) => {
                    let _ = self.list.set(Some(interface));
                    return interface.read_after(self.hypercall.as_ref(), first);
                }
                Err(Refusal::Hypervisor(Errno::ACCESS)) => {}
                Err(Refusal::Hypervisor(Errno::PERM | Errno::NOSYS)) => break,
                Err(refusal) => return Err(refusal.into_error(OPERATION)),
            }
        }
        let _ = self.list.set(None);
        self.one_by_one()
    }

    /// Asks about each domid there can be. Domains that a policy hides are left out.
    pub(super) fn one_by_one(&self) -> Result<Vec<DomainInfo>, HypervisorError> {
        let mut domains = Vec::new();
        let mut next = Some(Domid::ZERO);
        let mut skips_absent = false;
        while let Some(domid) = next {
            next = Domid::new(domid.get() + 1).ok();
            match self.first_from(domid) {
                Ok(Some(info)) => {
                    skips_absent |= info.key.domid > domid;
                    next = following(&info).filter(|after| *after > domid);
                    domains.push(info);
                }
                // One that answers with the next domain has no further one.
                Ok(None) if skips_absent => break,
                Ok(None) => {}
                Err(error) if hides(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(domains)
    }
}

/// The domid after this domain's.
fn following(info: &DomainInfo) -> Option<Domid> {
    Domid::new(info.key.domid.get() + 1).ok()
}

fn hides(error: &HypervisorError) -> bool {
    matches!(error.kind(), HypervisorErrorKind::NotPermitted { .. })
}
