//! `struct xen_domctl_getdomaininfo`: the record the hypervisor keeps of a domain.

use userdata_core::{Domain, DomainKey, Domid, Life, Uuid};

use super::Malformed;
use super::field::{bytes_at, u16_at, u32_at};

/// How far into a record the fields that are read here reach, in bytes. The same in every release.
pub const RECORD_READ: usize = 92;

const DOMID: usize = 0;
const FLAGS: usize = 4;
const HANDLE: usize = 76;

/// What a record says about who a domain is and how it fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DomainInfo {
    /// The domain's number and its handle, the uuid that the toolstack set.
    pub key: DomainKey,
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
        let handle = bytes_at(record, HANDLE)?;
        Self::new(u16_at(record, DOMID)?, handle, u32_at(record, FLAGS)?)
    }

    /// What a record with these fields says.
    ///
    /// # Errors
    ///
    /// [`Malformed::Reserved`].
    pub fn new(domid: u16, handle: [u8; 16], flags: u32) -> Result<Self, Malformed> {
        let uuid = Uuid::from_bytes(handle);
        let domid = Domid::new(domid).map_err(|_| Malformed::Reserved { domid })?;
        Ok(Self {
            key: DomainKey::new(domid, uuid),
            flags,
        })
    }

    /// What a record alone tells of a domain: nothing of its incarnation, and that it is alive
    /// until it [is dead](Self::is_dead).
    #[must_use]
    pub const fn domain(&self) -> Domain {
        let life = if self.is_dead() {
            Life::Dead
        } else {
            Life::Alive
        };
        Domain::new(self.key, life)
    }

    /// `XEN_DOMINF_dying`: the domain is dead, and only its record is left.
    ///
    /// The name in Xen's header misleads: while a domain's memory is still being taken away the
    /// flag is clear, and the domain looks paused.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        self.flags & 1 != 0
    }

    /// `XEN_DOMINF_shutdown`: the guest has shut down or crashed; the domain still exists.
    #[must_use]
    pub const fn is_shut_down(&self) -> bool {
        self.flags & (1 << 2) != 0
    }
}

/// Accepts a list in strictly rising order of domid that does not start before `first`.
///
/// # Errors
///
/// [`Malformed::Order`].
pub fn in_order(first: Domid, list: &[DomainInfo]) -> Result<(), Malformed> {
    let mut least = first.get();
    for info in list {
        let domid = info.key.domid.get();
        if domid < least {
            return Err(Malformed::Order { domid });
        }
        // A domid is far below the greatest u16.
        least = domid.saturating_add(1);
    }
    Ok(())
}
