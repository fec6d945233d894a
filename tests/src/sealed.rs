//! Values that show whether they are whole.

use userdata_core::Version;

/// The length of a version's text.
const SEAL_LEN: usize = 64;

/// A value whose bytes and length depend on `writer` and `round`, with a checksum in front.
#[must_use]
pub fn sealed(writer: u32, round: u32) -> Vec<u8> {
    let length = round
        .wrapping_mul(2111)
        .wrapping_add(writer.wrapping_mul(977))
        % 30_000;
    let text = format!("{writer} {round} ");
    let body: Vec<u8> = text
        .bytes()
        .cycle()
        .take(text.len() + length as usize)
        .collect();
    [Version::of(&body).to_string().as_bytes(), &body].concat()
}

/// Whether these bytes are exactly one sealed value.
#[must_use]
pub fn is_whole(bytes: &[u8]) -> bool {
    bytes
        .split_at_checked(SEAL_LEN)
        .is_some_and(|(seal, body)| seal == Version::of(body).to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_not_whole() {
        let (a, b) = (sealed(1, 7), sealed(2, 7));
        assert!(is_whole(&a) && is_whole(&b));
        let half = a.len() / 2;
        assert!(!is_whole(&[&a[..half], &b[half..]].concat()));
        assert!(!is_whole(&a[..a.len() - 1]));
        assert!(!is_whole(&[&a[..], b"x"].concat()));
        assert!(!is_whole(&[]));
    }
}
