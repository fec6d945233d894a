//! Little-endian fields at fixed offsets. Xen is little-endian on both architectures.

use super::Malformed;

/// The `N` bytes at offset `at`.
pub(super) fn bytes_at<const N: usize>(from: &[u8], at: usize) -> Result<[u8; N], Malformed> {
    from.get(at..)
        .and_then(|rest| rest.first_chunk::<N>())
        .copied()
        .ok_or(Malformed::Short {
            needed: at.saturating_add(N),
            got: from.len(),
        })
}

pub(super) fn u16_at(from: &[u8], at: usize) -> Result<u16, Malformed> {
    bytes_at(from, at).map(u16::from_le_bytes)
}

pub(super) fn u32_at(from: &[u8], at: usize) -> Result<u32, Malformed> {
    bytes_at(from, at).map(u32::from_le_bytes)
}

pub(super) fn u64_at(from: &[u8], at: usize) -> Result<u64, Malformed> {
    bytes_at(from, at).map(u64::from_le_bytes)
}

/// `SIZE` bytes, all zero except the fields, which are given as (offset, little-endian bytes).
pub(super) fn zeroed_with<const SIZE: usize>(fields: &[(usize, &[u8])]) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    for (at, value) in fields {
        write_at(&mut bytes, *at, value);
    }
    bytes
}

/// Writes a field. Its offset is a constant of this crate and lies inside.
pub(super) fn write_at(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(at).zip(value) {
        *to = *from;
    }
}
