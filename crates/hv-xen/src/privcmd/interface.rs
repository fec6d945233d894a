//! The interface versions of the running hypervisor.

use rustix::io::Errno;
use userdata_core::Domid;
use userdata_core::hypervisor::{HypervisorError, HypervisorErrorKind};

use super::hypercall::{Hypercall, Refusal, malformed, settled};
use crate::abi::{RELEASES, XenVersion, domctl, domctl_versions_to_try};

const OPERATION: &str = "agree with the hypervisor on an interface version";

/// The result of the agreement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interface {
    pub(super) xen: XenVersion,
    /// The interface version of domctl.
    pub(super) domctl: u32,
    /// Whether the hypervisor has the stable call for a domain's state, and permits it.
    pub(super) has_states: bool,
}

impl Interface {
    /// Asks for the hypervisor's version, and then about domain 0 with one interface version after
    /// another until one is accepted.
    ///
    /// The hypervisor refuses a version that is not its own with EACCES, and it refuses a call that
    /// its security policy forbids with EACCES too. So a refused version proves nothing by itself.
    /// Only if all versions of a known release are refused, the cause must be the policy, since one
    /// of the versions is right.
    pub(super) fn agree(hypercall: &dyn Hypercall) -> Result<Self, HypervisorError> {
        let answer = settled(|| hypercall.xen_version()).map_err(|r| r.into_error(OPERATION))?;
        let xen = XenVersion::decode(answer);
        let tried = domctl_versions_to_try(xen);
        for version in &tried {
            let request = domctl::get_domain_info(*version, Domid::ZERO);
            match settled(|| hypercall.domctl(&request)) {
                Err(Refusal::Hypervisor(Errno::ACCESS)) => {}
                Err(refusal) => return Err(refusal.into_error(OPERATION)),
                Ok(answer) => {
                    let info =
                        domctl::domain_info(&answer).map_err(|m| malformed(OPERATION, &m))?;
                    if info.key.domid != Domid::ZERO {
                        return Err(wrong_domain(info.key.domid));
                    }
                    return Ok(Self {
                        xen,
                        domctl: *version,
                        has_states: has_states(hypercall, xen),
                    });
                }
            }
        }
        Err(all_refused(xen, &tried))
    }
}

/// Whether the stable call for a domain's state works for domain 0.
fn has_states(hypercall: &dyn Hypercall, xen: XenVersion) -> bool {
    let request = domctl::get_domain_state(Domid::ZERO);
    xen >= domctl::STATE_SINCE && settled(|| hypercall.domctl(&request)).is_ok()
}

fn wrong_domain(domid: Domid) -> HypervisorError {
    let what = format!("the record of domain {domid} instead of domain 0's");
    HypervisorError::new(OPERATION, HypervisorErrorKind::Malformed { what })
}

fn all_refused(xen: XenVersion, tried: &[u32]) -> HypervisorError {
    let tried: Vec<String> = tried
        .iter()
        .map(|version| format!("{version:#x}"))
        .collect();
    let tried = tried.join(", ");
    let kind = if RELEASES.iter().any(|release| release.version == xen) {
        HypervisorErrorKind::NotPermitted {
            what: format!(
                "domctl of Xen {xen}, refused with every interface version ({tried}): a security \
                 policy (XSM) forbids it, or this build of Xen has a version of its own"
            ),
            source: Some(Box::new(std::io::Error::from(Errno::ACCESS))),
        }
    } else {
        HypervisorErrorKind::Unsupported {
            what: format!(
                "Xen {xen}, an unknown release, refuses domctl with every interface version tried \
                 ({tried}); or a security policy (XSM) forbids the call"
            ),
        }
    };
    HypervisorError::new(OPERATION, kind)
}
