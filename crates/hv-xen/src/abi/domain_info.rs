//! `struct xen_domctl_getdomaininfo`: the hypervisor's record of a domain.

use userdata_core::{Domain, DomainKey, Domid, Life, Shutdown, Uuid};

use super::Malformed;
use super::field::{bytes_at, u16_at, u32_at};

/// The end of the last field that is read here, in bytes from the start of a record. It is the same
/// in every release.
pub const RECORD_READ: usize = 92;

const DOMID: usize = 0;
const FLAGS: usize = 4;
const HANDLE: usize = 76;

/// A domain's identity and state, as its record gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DomainInfo {
    /// The domain's number and its handle, the uuid that the toolstack set.
    pub key: DomainKey,
    /// The `XEN_DOMINF_*` flags, unchanged.
    pub flags: u32,
}

impl DomainInfo {
    /// Reads the record at the start of `record`, and ignores the bytes after it.
    ///
    /// ```
    /// use hv_xen::abi::{DomainInfo, RECORD_READ};
    ///
    /// let mut record = [0; RECORD_READ];
    /// record[0] = 7; // the domid
    /// record[4] = 1; // XEN_DOMINF_dying
    /// let info = DomainInfo::decode(&record)?;
    /// assert_eq!(info.key.domid.get(), 7);
    /// assert!(info.is_dead());
    /// assert!(DomainInfo::decode(&record[1..]).is_err());
    /// # Ok::<(), hv_xen::abi::Malformed>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Malformed::Short`] for less than [`RECORD_READ`] bytes; [`Malformed::Reserved`] for a
    /// reserved domid.
    pub fn decode(record: &[u8]) -> Result<Self, Malformed> {
        let handle = bytes_at(record, HANDLE)?;
        Self::new(u16_at(record, DOMID)?, handle, u32_at(record, FLAGS)?)
    }

    /// Makes the value that a record with these fields decodes to.
    ///
    /// # Errors
    ///
    /// [`Malformed::Reserved`] for a reserved domid.
    pub fn new(domid: u16, handle: [u8; 16], flags: u32) -> Result<Self, Malformed> {
        let uuid = Uuid::from_bytes(handle);
        let domid = Domid::new(domid).map_err(|_| Malformed::Reserved { domid })?;
        Ok(Self {
            key: DomainKey::new(domid, uuid),
            flags,
        })
    }

    /// The domain as the record alone describes it: without an incarnation, and alive until it
    /// [is dead](Self::is_dead).
    #[must_use]
    pub const fn domain(&self) -> Domain {
        let life = if self.is_dead() {
            Life::Dead
        } else {
            Life::Alive
        };
        Domain::new(self.key, life)
            .with_paused(self.is_paused())
            .with_shutdown(self.shutdown())
    }

    /// `XEN_DOMINF_dying`: the domain is dead, and only its record is left.
    ///
    /// The name in Xen's header misleads: while Xen is still freeing the domain's memory, the flag
    /// is clear and the domain looks paused.
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        self.flags & 1 != 0
    }

    /// `XEN_DOMINF_paused`: the toolstack has paused the domain.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.flags & (1 << 3) != 0
    }

    /// The reason of a shutdown (`XEN_DOMINF_shutdownshift`), if the guest has shut down.
    #[must_use]
    pub const fn shutdown(&self) -> Option<Shutdown> {
        if self.is_shut_down() {
            // The reason is the byte from bit 16 on.
            Some(Shutdown::from_number(self.flags.to_le_bytes()[2]))
        } else {
            None
        }
    }

    /// `XEN_DOMINF_shutdown`: the guest has shut down or crashed; the domain still exists.
    #[must_use]
    pub const fn is_shut_down(&self) -> bool {
        self.flags & (1 << 2) != 0
    }
}

/// Checks that a list is in strictly rising order of domid and does not start before `first`.
///
/// # Errors
///
/// [`Malformed::Order`] with the first domid that is out of order.
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
