//! `Value`, `NonEmpty` and `Version`: the bytes that are stored, and how two values are
//! distinguished.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::store::StoreErrorKind;

/// The bytes of one value, exactly as they were stored.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Value(Vec<u8>);

impl Value {
    /// A value of these bytes.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, not copied.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Copies the bytes to the beginning of a buffer, and returns how many they are.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::BufferTooSmall`]; then the buffer is as it was.
    pub fn copy_to(&self, buffer: &mut [u8]) -> Result<usize, StoreErrorKind> {
        let size = self.0.len();
        let too_small = StoreErrorKind::BufferTooSmall { size: size as u64 };
        let place = buffer.get_mut(..size).ok_or(too_small)?;
        place.copy_from_slice(&self.0);
        Ok(size)
    }

    /// The version of these bytes, computed by this call.
    #[must_use]
    pub fn version(&self) -> Version {
        Version::of(&self.0)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Value {
    /// Shows the length only: a value may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.0.len())
    }
}

/// Bytes that can be stored: at least one.
///
/// A value is never empty, because a power cut may leave an empty file after a store that was not
/// synced. To libxl's callers, storing no bytes means removing the value; the caller of a
/// [`Store`](crate::Store) decides whether to do that.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NonEmpty<'a>(&'a [u8]);

impl<'a> NonEmpty<'a> {
    /// These bytes, or `None` if there are none.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.is_empty() {
            None
        } else {
            Some(Self(bytes))
        }
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for NonEmpty<'_> {
    /// Shows the length only: a value may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NonEmpty({} bytes)", self.0.len())
    }
}

/// Identifies the content of a value: the SHA-256 of its bytes. Two versions are equal if and only
/// if the bytes are equal, no matter which program wrote them and when. A version is written as 64
/// hexadecimal digits.
///
/// Inode numbers and times do not identify a value: file systems reuse them at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version([u8; 32]);

impl Version {
    /// The version of a value with these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The version with this SHA-256.
    #[must_use]
    pub const fn from_bytes(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The SHA-256.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An archive has a version for each value, and `{:02x}` would take a third of its export.
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let mut text = [0; 64];
        for (place, digit) in text.iter_mut().zip(digits) {
            *place = if digit < 10 {
                b'0' + digit
            } else {
                b'a' + (digit - 10)
            };
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({self})")
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let digit = |byte: &u8| {
            char::from(*byte)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        let mut version = [0; 32];
        if text.len() != 64 {
            return Err(VersionError);
        }
        for (byte, pair) in version.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            match pair {
                [high, low] => {
                    let (high, low) = (
                        digit(high).ok_or(VersionError)?,
                        digit(low).ok_or(VersionError)?,
                    );
                    *byte = high << 4 | low;
                }
                _ => return Err(VersionError),
            }
        }
        Ok(Self(version))
    }
}

/// The text is not a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a version is written as 64 hexadecimal digits")]
pub struct VersionError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_version_is_the_published_sha256() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Version::of(b"abc").to_string(), abc);
    }

    #[test]
    fn a_value_does_not_show_its_bytes() {
        assert_eq!(
            format!("{:?}", Value::new(b"secret".to_vec())),
            "Value(6 bytes)"
        );
    }

    #[test]
    fn text_that_is_not_64_digits_is_refused() {
        for text in [
            "",
            "ab",
            &"g".repeat(64),
            &"a".repeat(63),
            &"a".repeat(65),
            &"\u{e9}".repeat(32),
        ] {
            assert_eq!(text.parse::<Version>(), Err(VersionError));
        }
    }

    proptest! {
        #[test]
        fn versions_are_equal_exactly_when_bytes_are(a: Vec<u8>, b: Vec<u8>) {
            prop_assert_eq!(Version::of(&a) == Version::of(&b), a == b);
            prop_assert_eq!(Version::of(&a).to_string().parse(), Ok(Version::of(&a)));
            prop_assert_eq!(Version::from_bytes(Version::of(&a).to_bytes()), Version::of(&a));
        }
    }
}
