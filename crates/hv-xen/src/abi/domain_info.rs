//! `struct xen_domctl_getdomaininfo`: the record the hypervisor keeps of a domain.

use super::field::{bytes_at, u16_at, u32_at};
use super::{DOMID_FIRST_RESERVED, Malformed};

/// How far into a record the fields that are read here reach, in bytes. The same in every release.
pub const RECORD_READ: usize = 92;

const DOMID: usize = 0;
const FLAGS: usize = 4;
const HANDLE: usize = 76;

/// What a record says about who a domain is and how it fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DomainInfo {
    /// The domain's number.
    pub domid: u16,
    /// The domain's uuid, most significant byte first, as the toolstack set it.
    pub handle: [u8; 16],
    /// `XEN_DOMINF_*`, as they stand.
    pub flags: u32,
}

impl DomainInfo {
    /// Reads the record at the start of `record`; what follows it is ignored.
    ///
    /// # Errors
    ///
    /// [`Malformed::Short`] below [`RECORD_READ`] bytes, [`Malformed::Reserved`] for a domid that
    /// no domain has.
    pub fn decode(record: &[u8]) -> Result<Self, Malformed> {
        let info = Self {
            handle: bytes_at(record, HANDLE)?,
            domid: u16_at(record, DOMID)?,
            flags: u32_at(record, FLAGS)?,
        };
        if info.domid >= DOMID_FIRST_RESERVED {
            return Err(Malformed::Reserved { domid: info.domid });
        }
        Ok(info)
    }

    /// `XEN_DOMINF_dying`: the domain is dead, and only its record is left.
    ///
    /// The name in Xen's header misleads: while a domain's memory is still being taken away the
    /// flag is clear, and the domain looks paused.
    pub const fn is_dead(&self) -> bool {
        self.flags & 1 != 0
    }

    /// `XEN_DOMINF_shutdown`: the guest has shut down or crashed; the domain still exists.
    pub const fn is_shut_down(&self) -> bool {
        self.flags & (1 << 2) != 0
    }
}
