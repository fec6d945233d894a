//! `xen_domctl`: one domain asked about by its number.
//!
//! `struct xen_domctl` is 144 bytes in every release: command at 0, interface version at 4, domid
//! at 8, and from 16 on what belongs to the command.

use userdata_core::Domid;

use super::field::{u16_at, u64_at, zeroed_with};
use super::{DomainInfo, Malformed};

/// Size of `struct xen_domctl` in bytes.
pub const SIZE: usize = 144;

/// The first 4.x release with [`get_domain_state`].
pub const STATE_SINCE: super::XenVersion = super::XenVersion {
    major: 4,
    minor: 21,
};

const GET_DOMAIN_INFO: u32 = 5;
const GET_DOMAIN_STATE: u32 = 90;

const COMMAND: usize = 0;
const INTERFACE_VERSION: usize = 4;
const DOMAIN: usize = 8;
const BODY: usize = 16;

/// What is passed to the hypervisor. It holds no address, so that nothing can be written but the
/// answer in its place.
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
/// Hypervisors up to 4.17 answer for an absent domain with the *next* one that exists: compare
/// the number in the answer.
#[must_use]
pub fn get_domain_info(interface_version: u32, domid: Domid) -> Request {
    request(GET_DOMAIN_INFO, interface_version, domid)
}

/// The record that [`get_domain_info`] brought.
///
/// # Errors
///
/// As [`DomainInfo::decode`].
pub fn domain_info(answer: &[u8]) -> Result<DomainInfo, Malformed> {
    DomainInfo::decode(answer.get(BODY..).unwrap_or_default())
}

/// `XEN_DOMCTL_get_domain_state` (Xen 4.21 and later): asks how far `domid` has come in its life.
///
/// This call is stable; its interface version is always 0. Asked about no domain in particular it
/// would hand out, and thereby use up, the changes that xenstored waits for: a [`Domid`] always
/// names one.
#[must_use]
pub fn get_domain_state(domid: Domid) -> Request {
    request(GET_DOMAIN_STATE, 0, domid)
}

/// What [`get_domain_state`] brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DomainState {
    /// `XEN_DOMCTL_GETDOMSTATE_STATE_*`, as they stand.
    pub state: u16,
    /// Names this incarnation of the domain: no other domain of this boot has it.
    pub unique_id: u64,
}

impl DomainState {
    /// The domain's memory is being taken away; it will not run again.
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

/// The state that [`get_domain_state`] brought.
///
/// # Errors
///
/// [`Malformed::Short`].
pub fn domain_state(answer: &[u8]) -> Result<DomainState, Malformed> {
    Ok(DomainState {
        unique_id: u64_at(answer, BODY + 8)?,
        state: u16_at(answer, BODY)?,
    })
}

/// The bytes every request starts with.
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
