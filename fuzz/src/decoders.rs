//! Decoders of answers of the hypervisor and of xenstored.

use hv_xen::abi::{Arch, XenVersion};
use hv_xen::abi::{domctl, sysctl};
use hv_xen::xenstore::wire;
use userdata_core::Domid;

/// No answer of a hypervisor makes a decoder panic, and no list is longer than its buffer.
pub fn privcmd(data: &[u8]) {
    let _ = domctl::domain_info(data);
    let _ = domctl::domain_state(data);
    if let Some((version, rest)) = data.split_first_chunk::<4>() {
        let version = XenVersion::decode(u32::from_le_bytes(*version));
        assert!(!hv_xen::abi::domctl_versions_to_try(version).is_empty());
        for arch in [Arch::X86_64, Arch::Aarch64] {
            for interface in hv_xen::abi::sysctl_versions_to_try(version) {
                let Some(layout) = sysctl::Layout::known(interface, arch) else {
                    continue;
                };
                let head = rest.get(..sysctl::SIZE).unwrap_or(rest);
                let answer = sysctl::Answer::new(zero_padded(head), rest.to_vec());
                if let Ok(domains) = sysctl::domain_info_list(&answer, layout, Domid::ZERO) {
                    assert!(domains.len() * layout.stride() <= rest.len());
                    assert!(domains.is_sorted_by_key(|domain| domain.key.domid));
                }
            }
        }
    }
}

fn zero_padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    padded
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    padded
}

/// The messages do not depend on the pieces that bytes arrive in, and no message makes a decoder panic.
pub fn xenstore(data: &[u8]) {
    let Some((&piece, stream)) = data.split_first() else {
        return;
    };
    let whole = messages(std::iter::once(stream));
    assert_eq!(messages(stream.chunks(usize::from(piece).max(1))), whole);
    for message in &whole {
        let _ = wire::event(&message.payload);
        let _ = wire::names(&message.payload);
        let _ = wire::error_name(&message.payload);
    }
}

fn messages<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<wire::Message> {
    let mut decoder = wire::Decoder::default();
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Ok(Some(message)) = decoder.message() {
            messages.push(message);
        }
    }
    messages
}
