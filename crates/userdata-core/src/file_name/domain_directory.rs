//! `DomainDirectory`: the name of a domain's directory in a tree.

use std::fmt;

use crate::DomainKey;
use crate::file_name::{FileName, Kind, Owner, may_name_a_file};

/// The name of the directory that has a domain's files in the tree layout: `<domid>.<uuid>`, as
/// [`DomainKey`] is written, byte for byte.
///
/// ```
/// use userdata_core::file_name::DomainDirectory;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let name = b"5.11111111-2222-3333-4444-abcdef555555";
/// let directory = DomainDirectory::parse(name).ok_or("not the name of a domain's directory")?;
/// assert_eq!(directory.key().domid.get(), 5);
/// assert_eq!(directory.to_string().as_bytes(), name);
/// assert_eq!(DomainDirectory::parse(b"05.11111111-2222-3333-4444-abcdef555555"), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainDirectory(DomainKey);

impl DomainDirectory {
    /// The name of this domain's directory.
    #[must_use]
    pub const fn new(key: DomainKey) -> Self {
        Self(key)
    }

    /// Parses a name found in a directory; `None` if it is not the name of a domain's directory. If
    /// a name parses, the result formats back to exactly the same bytes.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        let key: DomainKey = std::str::from_utf8(name).ok()?.parse().ok()?;
        // A key is also read in upper case.
        let is_same = may_name_a_file(name) && key.to_string().as_bytes() == name;
        is_same.then_some(Self(key))
    }

    /// The domain.
    #[must_use]
    pub const fn key(&self) -> DomainKey {
        self.0
    }
}

impl fmt::Display for DomainDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<DomainDirectory> for FileName {
    /// The directory as the lock that it is.
    fn from(directory: DomainDirectory) -> Self {
        let bytes: Box<[u8]> = directory.to_string().into_bytes().into();
        Self {
            rest: bytes.len(),
            bytes,
            kind: Kind::Lock,
            owner: Owner::from(directory.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::file_name::NameFormat;
    use crate::{Domid, Uuid};

    const UUID: &str = "11111111-2222-3333-4444-abcdef555555";

    #[test]
    fn a_name_that_is_not_canonical_is_not_a_domains() {
        for name in [
            String::new(),
            "5".into(),
            format!("5.{}", UUID.to_uppercase()),
            format!("5.{}", UUID.replace('-', "")),
            format!("05.{UUID}"),
            format!("5.{UUID}."),
            format!("5.{UUID} "),
            format!(".{UUID}"),
            format!("32752.{UUID}"),
            format!("stage-5.{UUID}"),
        ] {
            assert_eq!(DomainDirectory::parse(name.as_bytes()), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn the_name_of_a_domains_directory_reads_back(domid in 0..=Domid::MAX.get(), uuid: u128) {
            let key = DomainKey::new(Domid::new(domid).unwrap(), Uuid::from_u128(uuid));
            let directory = DomainDirectory::new(key);
            let name = directory.to_string();
            prop_assert_eq!(DomainDirectory::parse(name.as_bytes()), Some(directory));
            let lock = FileName::lock(NameFormat::Tree, &key);
            prop_assert_eq!(lock.as_bytes(), name.as_bytes());
            prop_assert_eq!(lock.owner().key(), Some(key));
            prop_assert_eq!(lock.kind(), Kind::Lock);
        }

        #[test]
        fn a_directory_name_formats_back_to_the_same_bytes(
            name in "[05]{0,2}[.]?[0-9a-fA-F]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}[.]?",
        ) {
            if let Some(directory) = DomainDirectory::parse(name.as_bytes()) {
                prop_assert_eq!(directory.to_string(), name);
            }
        }
    }
}
