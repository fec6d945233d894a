//! `xen_sysctl`: all domains in one list.
//!
//! `struct xen_sysctl` is 136 bytes in every release: command at 0, interface version at 4, and
//! from 8 on what belongs to the command. The list itself is written elsewhere, where the request
//! points to; its records lie one [`stride`] apart.

use super::field::{u32_at, zeroed_with};
use super::{Arch, DomainInfo, Malformed};

/// Size of `struct xen_sysctl` in bytes.
pub const SIZE: usize = 136;

/// Where in a request the address of the list's buffer is, 8 bytes.
pub const BUFFER: usize = 16;

const GET_DOMAIN_INFO_LIST: u32 = 6;

const COMMAND: usize = 0;
const INTERFACE_VERSION: usize = 4;
const FIRST_DOMAIN: usize = 8;
const MAX_DOMAINS: usize = 12;
const NUM_DOMAINS: usize = 24;

/// Bytes from one record of a list to the next: `sizeof(struct xen_domctl_getdomaininfo)`.
///
/// `None` for an interface version whose layout is not known.
pub const fn stride(interface_version: u32, arch: Arch) -> Option<usize> {
    match (interface_version, arch) {
        (0x10, _) => Some(96),
        (0x11..=0x13, Arch::X86_64) => Some(104),
        (0x11..=0x13, Arch::Aarch64) => Some(112),
        (0x14..=0x16, Arch::X86_64) => Some(112),
        (0x14..=0x16, Arch::Aarch64) => Some(120),
        _ => None,
    }
}

/// `XEN_SYSCTL_getdomaininfolist`: asks for the records of up to `domains_max` domains, in order
/// of domid, from `first` on, written to the memory at `buffer`.
pub fn get_domain_info_list(
    interface_version: u32,
    first: u16,
    domains_max: u32,
    buffer: u64,
) -> [u8; SIZE] {
    zeroed_with(&[
        (COMMAND, &GET_DOMAIN_INFO_LIST.to_le_bytes()),
        (INTERFACE_VERSION, &interface_version.to_le_bytes()),
        (FIRST_DOMAIN, &first.to_le_bytes()),
        (MAX_DOMAINS, &domains_max.to_le_bytes()),
        (BUFFER, &buffer.to_le_bytes()),
    ])
}

/// The records that [`get_domain_info_list`] brought: `answer` is the request as it came back,
/// `list` the memory it pointed to, `first` and `stride` what was asked for and how.
///
/// # Errors
///
/// [`Malformed`] where more records are claimed than `list` holds or where they are not in rising
/// order, and as [`DomainInfo::decode`].
pub fn domain_info_list(
    answer: &[u8],
    list: &[u8],
    stride: usize,
    first: u16,
) -> Result<Vec<DomainInfo>, Malformed> {
    let claimed = u32_at(answer, NUM_DOMAINS)?;
    let room = list.len().checked_div(stride).unwrap_or(0);
    let count = usize::try_from(claimed).unwrap_or(usize::MAX);
    if count > room {
        return Err(Malformed::TooMany { room, got: count });
    }
    let mut domains = Vec::with_capacity(count);
    let mut least = first;
    for record in list.chunks_exact(stride.max(1)).take(count) {
        let info = DomainInfo::decode(record)?;
        if info.domid < least {
            return Err(Malformed::Order { domid: info.domid });
        }
        // A domid that decodes is far below the greatest u16.
        least = info.domid.saturating_add(1);
        domains.push(info);
    }
    Ok(domains)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(count: u8) -> [u8; SIZE] {
        zeroed_with(&[(NUM_DOMAINS, &[count])])
    }

    fn record(domid: u8) -> [u8; 104] {
        zeroed_with(&[(0, &[domid])])
    }

    #[test]
    fn more_records_than_fit_are_refused() {
        let list = [record(1), record(2)].concat();
        let read = |count| domain_info_list(&answer(count), &list, 104, 0);
        assert_eq!(read(2).unwrap().len(), 2);
        assert_eq!(read(3), Err(Malformed::TooMany { room: 2, got: 3 }));
        let none = domain_info_list(&answer(1), &list, 0, 0);
        assert_eq!(none, Err(Malformed::TooMany { room: 0, got: 1 }));
    }

    #[test]
    fn a_list_must_rise_and_start_where_asked() {
        let read = |domids: [u8; 2], first| {
            domain_info_list(&answer(2), &domids.map(record).concat(), 104, first)
        };
        assert!(read([5, 6], 5).is_ok());
        assert_eq!(read([5, 6], 6), Err(Malformed::Order { domid: 5 }));
        assert_eq!(read([5, 5], 5), Err(Malformed::Order { domid: 5 }));
        assert_eq!(read([6, 5], 5), Err(Malformed::Order { domid: 5 }));
    }
}
