//! `xen_sysctl`: all domains in one list.
//!
//! `struct xen_sysctl` is 136 bytes in every release: command at 0, interface version at 4, and the
//! command's own fields from 8 on. The hypervisor writes the list to a second buffer, whose address
//! is in the request; its records lie one [stride](Layout::stride) apart.

use userdata_core::Domid;

use super::field::{u32_at, write_at, zeroed_with};
use super::{Arch, DomainInfo, Malformed, in_order};

/// Size of `struct xen_sysctl` in bytes.
pub const SIZE: usize = 136;

const GET_DOMAIN_INFO_LIST: u32 = 6;

const COMMAND: usize = 0;
const INTERFACE_VERSION: usize = 4;
const FIRST_DOMAIN: usize = 8;
const MAX_DOMAINS: usize = 12;
const BUFFER: usize = 16;
const NUM_DOMAINS: usize = 24;

/// The layout of lists in one version of the interface on one architecture. Values exist for known
/// layouts only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    interface_version: u32,
    stride: usize,
}

impl Layout {
    /// The layout of an interface version, if it is known.
    #[must_use]
    pub const fn known(interface_version: u32, arch: Arch) -> Option<Self> {
        let stride = match (interface_version, arch) {
            (0x10, _) => 96,
            (0x11..=0x13, Arch::X86_64) => 104,
            (0x11..=0x13, Arch::Aarch64) | (0x14..=0x16, Arch::X86_64) => 112,
            (0x14..=0x16, Arch::Aarch64) => 120,
            _ => return None,
        };
        Some(Self {
            interface_version,
            stride,
        })
    }

    /// Bytes from one record to the next: `sizeof(struct xen_domctl_getdomaininfo)`.
    #[must_use]
    pub const fn stride(self) -> usize {
        self.stride
    }
}

/// The bytes reserved for one record. No record of a known layout is longer.
const RECORD_ROOM: usize = 128;

/// A request to the hypervisor, without the address of the buffer for the list.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: [u8; SIZE],
    domains_max: u16,
}

impl Request {
    /// How long that buffer has to be, in bytes.
    #[must_use]
    pub fn records_len(&self) -> usize {
        usize::from(self.domains_max) * RECORD_ROOM
    }

    /// `struct xen_sysctl`, in the hypervisor's form, with the address of that buffer.
    #[must_use]
    pub fn to_buffer(&self, address: u64) -> [u8; SIZE] {
        let mut bytes = self.bytes;
        write_at(&mut bytes, BUFFER, &address.to_le_bytes());
        bytes
    }
}

/// The hypervisor's answer.
#[derive(Debug, Clone)]
pub struct Answer {
    bytes: [u8; SIZE],
    records: Vec<u8>,
}

impl Answer {
    /// Takes the request as the hypervisor changed it, and the buffer with the list.
    #[must_use]
    pub const fn new(bytes: [u8; SIZE], records: Vec<u8>) -> Self {
        Self { bytes, records }
    }
}

/// `XEN_SYSCTL_getdomaininfolist`: asks for the records of up to `domains_max` domains, in order
/// of domid, from `first` on.
#[must_use]
pub fn get_domain_info_list(layout: Layout, first: Domid, domains_max: u16) -> Request {
    let bytes = zeroed_with(&[
        (COMMAND, &GET_DOMAIN_INFO_LIST.to_le_bytes()),
        (INTERFACE_VERSION, &layout.interface_version.to_le_bytes()),
        (FIRST_DOMAIN, &first.get().to_le_bytes()),
        (MAX_DOMAINS, &u32::from(domains_max).to_le_bytes()),
    ]);
    Request { bytes, domains_max }
}

/// Decodes the answer to [`get_domain_info_list`]; `layout` and `first` are those of the request.
///
/// ```
/// use hv_xen::abi::{Arch, sysctl};
/// use userdata_core::Domid;
///
/// // Xen 4.17, where `struct xen_domctl_getdomaininfo` is 112 bytes long.
/// let layout = sysctl::Layout::known(0x15, Arch::X86_64).unwrap();
/// assert_eq!(layout.stride(), 112);
/// let mut request = [0; sysctl::SIZE];
/// request[24] = 2; // num_domains
/// let mut records = vec![0; 2 * layout.stride()];
/// records[layout.stride()] = 7; // the domid of the second record
/// let answer = sysctl::Answer::new(request, records);
/// let domains = sysctl::domain_info_list(&answer, layout, Domid::ZERO)?;
/// assert_eq!(domains[1].key.domid.get(), 7);
/// # Ok::<(), hv_xen::abi::Malformed>(())
/// ```
///
/// # Errors
///
/// [`Malformed::TooMany`] if the answer claims more records than fit into its buffer;
/// [`Malformed::Order`] if their domids do not rise; and those of [`DomainInfo::decode`].
pub fn domain_info_list(
    answer: &Answer,
    layout: Layout,
    first: Domid,
) -> Result<Vec<DomainInfo>, Malformed> {
    let claimed = u32_at(&answer.bytes, NUM_DOMAINS)?;
    let room = answer.records.len() / layout.stride;
    let count = usize::try_from(claimed).unwrap_or(usize::MAX);
    if count > room {
        return Err(Malformed::TooMany { room, got: count });
    }
    let records = answer.records.chunks_exact(layout.stride).take(count);
    let domains = records
        .map(DomainInfo::decode)
        .collect::<Result<Vec<_>, _>>()?;
    in_order(first, &domains)?;
    Ok(domains)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(count: u8, domids: [u8; 2]) -> Answer {
        let record = |domid| zeroed_with::<104>(&[(0, &[domid])]);
        let bytes = zeroed_with(&[(NUM_DOMAINS, &[count])]);
        Answer::new(bytes, domids.map(record).concat())
    }

    const LAYOUT: Layout = Layout {
        interface_version: 0x13,
        stride: 104,
    };

    #[test]
    fn more_records_than_fit_are_refused() {
        let read = |count| domain_info_list(&answer(count, [1, 2]), LAYOUT, Domid::ZERO);
        assert_eq!(read(2).unwrap().len(), 2);
        assert_eq!(read(3), Err(Malformed::TooMany { room: 2, got: 3 }));
    }

    #[test]
    fn a_list_must_rise_and_start_at_the_domid_asked_for() {
        let read = |domids, first: u16| {
            domain_info_list(&answer(2, domids), LAYOUT, Domid::new(first).unwrap())
        };
        assert!(read([5, 6], 5).is_ok());
        assert_eq!(read([5, 6], 6), Err(Malformed::Order { domid: 5 }));
        assert_eq!(read([5, 5], 5), Err(Malformed::Order { domid: 5 }));
        assert_eq!(read([6, 5], 5), Err(Malformed::Order { domid: 5 }));
    }

    #[test]
    fn there_is_room_for_the_longest_record_of_any_version() {
        let mut known = 0;
        for version in 0..0x40 {
            for arch in [Arch::X86_64, Arch::Aarch64] {
                let Some(layout) = Layout::known(version, arch) else {
                    continue;
                };
                let room = get_domain_info_list(layout, Domid::ZERO, 3).records_len();
                assert!(3 * layout.stride() <= room);
                known += 1;
            }
        }
        assert_eq!(known, 2 * (0x10..=0x16).count());
    }
}
