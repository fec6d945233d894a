//! Every domain: by lists, or one by one if the hypervisor refuses lists.

use rustix::io::Errno;
use userdata_core::Domid;
use userdata_core::hypervisor::{HypervisorError, HypervisorErrorKind};

use super::Privcmd;
use super::hypercall::{Hypercall, Refusal, malformed, settled};
use crate::abi::sysctl::{self, Layout};
use crate::abi::{DomainInfo, sysctl_versions_to_try};

const OPERATION: &str = "list the domains";

/// How many domains one call asks for. After a full list, one more call finds out whether more
/// domains follow.
const DOMAINS_MAX: u16 = 256;

/// Reads the whole list in parts; each part begins after the last domain of the part before it.
pub(super) fn read(
    hypercall: &dyn Hypercall,
    layout: Layout,
) -> Result<Vec<DomainInfo>, HypervisorError> {
    let first = Part::ask(hypercall, layout, Domid::ZERO).map_err(|r| r.into_error(OPERATION))?;
    read_after(hypercall, layout, &first)
}

/// The rest of a list after its first part, and that part.
fn read_after(
    hypercall: &dyn Hypercall,
    layout: Layout,
    first: &Part,
) -> Result<Vec<DomainInfo>, HypervisorError> {
    let mut domains = first.decode(layout)?;
    let mut is_full = domains.len() >= usize::from(DOMAINS_MAX);
    // The loop ends because each part starts at a higher domid than the one before.
    while is_full && let Some(next) = domains.last().and_then(following) {
        let part = Part::ask(hypercall, layout, next).map_err(|r| r.into_error(OPERATION))?;
        let more = part.decode(layout)?;
        is_full = more.len() >= usize::from(DOMAINS_MAX);
        domains.extend(more);
    }
    Ok(domains)
}

/// One of the answers that make up a list.
struct Part {
    first: Domid,
    answer: sysctl::Answer,
}

impl Part {
    fn ask(hypercall: &dyn Hypercall, layout: Layout, first: Domid) -> Result<Self, Refusal> {
        let request = sysctl::get_domain_info_list(layout, first, DOMAINS_MAX);
        let answer = settled(|| hypercall.sysctl(&request))?;
        Ok(Self { first, answer })
    }

    fn decode(&self, layout: Layout) -> Result<Vec<DomainInfo>, HypervisorError> {
        sysctl::domain_info_list(&self.answer, layout, self.first)
            .map_err(|what| malformed(OPERATION, &what))
    }
}

impl Privcmd {
    /// Reads the first list, and finds the interface version for lists, if the hypervisor has one.
    pub(super) fn first_list(&self) -> Result<Vec<DomainInfo>, HypervisorError> {
        let hypercall = self.hypercall.as_ref();
        let versions = sysctl_versions_to_try(self.interface.xen);
        for layout in versions
            .into_iter()
            .filter_map(|v| Layout::known(v, self.arch))
        {
            match Part::ask(hypercall, layout, Domid::ZERO) {
                Ok(first) => {
                    // Another thread may have stored the same layout meanwhile.
                    let _ = self.list.set(Some(layout));
                    return read_after(hypercall, layout, &first);
                }
                Err(Refusal::Hypervisor(Errno::ACCESS)) => {}
                Err(Refusal::Hypervisor(Errno::PERM | Errno::NOSYS)) => break,
                Err(refusal) => return Err(refusal.into_error(OPERATION)),
            }
        }
        let _ = self.list.set(None);
        self.one_by_one()
    }

    /// Looks up every possible domid. Domains that a policy hides are left out.
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
                // A hypervisor that answers with the next domain has no further domain.
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
