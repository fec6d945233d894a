//! `BootId`: the name of one boot of the host.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Names one boot of the host; two boots never have the same name.
///
/// After a reboot of the host Xen numbers domains from 1 again, so a guest with a fixed uuid can
/// get the domid *and* the uuid that it had before. Only the boot distinguishes the two
/// incarnations. The text has 1 to 64 of the characters `a`-`z`, `0`-`9` and `-`, so that it can be
/// part of a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootId(Box<str>);

impl BootId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for BootId {
    type Err = BootIdError;

    fn from_str(text: &str) -> Result<Self, BootIdError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if matches!(text.len(), 1..=64) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(BootIdError)
        }
    }
}

/// The text cannot name a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a boot is named by 1 to 64 of a-z, 0-9 and -")]
pub struct BootIdError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_id_can_stand_in_a_file_name() {
        assert!(
            "3b241101-e2bb-4255-8caf-4136c566a962"
                .parse::<BootId>()
                .is_ok()
        );
        for text in ["", "a/b", "..", "A", "a b", "\n", &"a".repeat(65)] {
            assert_eq!(text.parse::<BootId>(), Err(BootIdError), "{text:?}");
        }
    }
}
