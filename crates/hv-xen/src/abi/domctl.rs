//! `xen_domctl`: questions about one domain, which its domid names.
//!
//! `struct xen_domctl` is 144 bytes in every release: command at 0, interface version at 4, domid
//! at 8, and the command's own fields from 16 on.

use userdata_core::Domid;

use super::field::{u16_at, u64_at, zeroed_with};
use super::{DomainInfo, Malformed, XenVersion};

/// Size of `struct xen_domctl` in bytes.
pub const SIZE: usize = 144;

/// The first 4.x release with [`get_domain_state`].
pub const STATE_SINCE: XenVersion = XenVersion::new(4, 21);

const GET_DOMAIN_INFO: u32 = 5;
const GET_DOMAIN_STATE: u32 = 90;

const COMMAND: usize = 0;
const INTERFACE_VERSION: usize = 4;
const DOMAIN: usize = 8;
const BODY: usize = 16;

/// A request to the hypervisor. It holds no address, so the hypervisor writes nothing but the answer
/// in its place.
#[derive(Debug, Clone)]
pub struct Request([u8; SIZE]);

impl Request {
    /// `struct xen_domctl`, in the hypervisor's form.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; SIZE] {
        &self.0
    }
}

/// `XEN_DOMCTL_getdomaininfo`: asks for the record of `domid`.
///
/// Hypervisors up to 4.17 answer for an absent domain with the record of the *next* one that exists:
/// compare the domid in the answer.
///
/// ```
/// use hv_xen::abi::domctl;
/// use userdata_core::Domid;
///
/// let request = domctl::get_domain_info(0x15, Domid::ZERO);
/// assert_eq!(request.bytes()[..8], [5, 0, 0, 0, 0x15, 0, 0, 0]);
/// ```
#[must_use]
pub fn get_domain_info(interface_version: u32, domid: Domid) -> Request {
    request(GET_DOMAIN_INFO, interface_version, domid)
}

/// Decodes the answer to [`get_domain_info`].
///
/// # Errors
///
/// Those of [`DomainInfo::decode`].
pub fn domain_info(answer: &[u8]) -> Result<DomainInfo, Malformed> {
    DomainInfo::decode(answer.get(BODY..).unwrap_or_default())
}

/// `XEN_DOMCTL_get_domain_state` (Xen 4.21 and later): asks how far `domid` has come in its life.
///
/// This call is stable; its interface version is always 0. Without a domid it would return, and
/// thereby consume, the changes that xenstored waits for; a [`Domid`] always names one domain.
#[must_use]
pub fn get_domain_state(domid: Domid) -> Request {
    request(GET_DOMAIN_STATE, 0, domid)
}

/// The decoded answer to [`get_domain_state`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DomainState {
    /// The `XEN_DOMCTL_GETDOMSTATE_STATE_*` flags, unchanged.
    pub state: u16,
    /// The number of this incarnation of the domain: no other domain of this boot has it.
    pub unique_id: u64,
}

impl DomainState {
    /// Xen is freeing the domain's memory; the domain will not run again.
    #[must_use]
    pub const fn is_dying(&self) -> bool {
        self.state & 4 != 0
    }

    /// The domain is dead, and only its record is left.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        self.state & 8 != 0
    }
}

/// Decodes the answer to [`get_domain_state`].
///
/// # Errors
///
/// [`Malformed::Short`] if the answer ends before the last field.
pub fn domain_state(answer: &[u8]) -> Result<DomainState, Malformed> {
    Ok(DomainState {
        unique_id: u64_at(answer, BODY + 8)?,
        state: u16_at(answer, BODY)?,
    })
}

/// A request with the fields that every command has.
fn request(command: u32, interface_version: u32, domid: Domid) -> Request {
    Request(zeroed_with(&[
        (COMMAND, &command.to_le_bytes()),
        (INTERFACE_VERSION, &interface_version.to_le_bytes()),
        (DOMAIN, &domid.get().to_le_bytes()),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_answers_are_refused_at_every_length() {
        for length in 0..108 {
            let short = vec![0; length];
            assert!(
                matches!(domain_info(&short), Err(Malformed::Short { .. })),
                "{length}"
            );
            assert_eq!(domain_state(&short).is_ok(), length >= 32, "{length}");
        }
        assert!(domain_info(&[0; 108]).is_ok());
    }
}
