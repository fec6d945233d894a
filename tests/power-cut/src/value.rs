//! Values that contain their key and version, so that a torn or mixed value is recognized.

use userdata_sim::random::Random;

/// The length of the head before the letters: `K02 V000017 L004096 `.
const HEAD_LEN: usize = 20;

/// The value of a key in a version, of `len` bytes but at least a head. Its letters depend on the
/// key, the version and the length.
pub(crate) fn value(key: usize, version: u32, len: usize) -> Vec<u8> {
    let len = len.max(HEAD_LEN);
    let mut bytes = format!("K{key:02} V{version:06} L{len:06} ").into_bytes();
    let seed = (key as u64) << 56 | u64::from(version) << 24 | len as u64;
    let mut random = Random::new(seed);
    while bytes.len() < len {
        let letters = random.draw().to_le_bytes();
        bytes.extend(letters.map(|byte| b'a' + byte % 26));
    }
    bytes.truncate(len);
    bytes
}

/// The version of the key's value with these bytes, if they are a whole value.
pub(crate) fn version(key: usize, bytes: &[u8]) -> Option<u32> {
    let head = std::str::from_utf8(bytes.get(..HEAD_LEN)?).ok()?;
    let number = |at: usize, len: usize| head.get(at..at + len)?.parse().ok();
    let version = number(5, 6)?;
    (value(key, version, bytes.len()) == bytes).then_some(version)
}

/// Whether this block is content of a file of the workload and not metadata of a file system. Only
/// content begins with 64 printable bytes.
pub(crate) fn is_content(block: &[u8]) -> bool {
    block
        .get(..64)
        .is_some_and(|start| start.iter().all(|byte| (b' '..=b'z').contains(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_value_has_its_version() {
        for len in [0, 20, 21, 512, 4096, 18_000] {
            assert_eq!(version(3, &value(3, 17, len)), Some(17));
        }
    }

    #[test]
    fn any_other_bytes_have_no_version() {
        let whole = value(3, 17, 9000);
        let mut torn = whole.clone();
        torn.truncate(4096);
        let mut holed = whole.clone();
        holed[4096..8192].fill(0);
        let mut mixed = value(3, 16, 9000);
        mixed[4096..].copy_from_slice(&whole[4096..]);
        for bytes in [
            vec![],
            vec![0; 9000],
            torn,
            holed,
            mixed,
            value(2, 17, 9000),
        ] {
            assert_eq!(version(3, &bytes), None);
        }
    }

    #[test]
    fn every_block_of_a_value_is_content_and_metadata_is_not() {
        let whole = value(3, 17, 3 * 4096);
        assert!(whole.chunks(512).all(is_content));
        assert!(!is_content(&[0; 4096]));
        let mut directory = [b'a'; 4096];
        directory[0] = 12;
        assert!(!is_content(&directory));
    }
}
