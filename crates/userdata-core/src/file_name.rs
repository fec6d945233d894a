//! `FileName`: libxl's names for userdata files, formatted and parsed.

mod domain_directory;
mod kind;
mod selection;
mod written;

use std::fmt;
use std::io::Write as _;

use thiserror::Error;
use uuid::Uuid;

pub use domain_directory::DomainDirectory;
pub use kind::Kind;
pub use selection::DomainSelection;

use crate::registry::USERDATA_LOCK;
use crate::userid::escape;
use crate::{DomainKey, Domid, Userid};

const PREFIX: &[u8] = b"userdata-";
const UUID_LEN: usize = uuid::fmt::Hyphenated::LENGTH;
/// The length of the random part of a temporary name.
const RANDOM_LEN: usize = uuid::fmt::Simple::LENGTH;

/// How a file name identifies the domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NameFormat {
    /// `userdata-<kind>.<domid>.<uuid>.<userid>`: libxl since 4.1 (`libxl__userdata_path`).
    #[default]
    Libxl,
    /// `userdata-<kind>.<uuid>.<userid>`: the first version of libxl's userdata, of April 2010,
    /// which was in no release of Xen. All domids with one uuid share their files.
    Seed,
    /// `<kind>.<userid>`, in a directory that has the domain's files alone: this library's tree
    /// layout. The directory is named `<domid>.<uuid>`, see [`DomainDirectory`]. The names do not
    /// tell the domain, so [`FileName::parse`] knows none of them, and
    /// [`FileName::parse_of`] is given the domain.
    Tree,
}

/// The domain that a file belongs to, as far as the name of the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The domid; absent in names of the seed format.
    pub domid: Option<Domid>,
    /// The domain uuid.
    pub uuid: Uuid,
}

impl Owner {
    /// The incarnation of the domain, if the name has a domid.
    #[must_use]
    pub fn key(&self) -> Option<DomainKey> {
        self.domid.map(|domid| DomainKey::new(domid, self.uuid))
    }
}

impl From<DomainKey> for Owner {
    fn from(key: DomainKey) -> Self {
        Self {
            domid: Some(key.domid),
            uuid: key.uuid,
        }
    }
}

/// The name of one file of one domain: a single path component, valid by construction.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    bytes: Box<[u8]>,
    kind: Kind,
    owner: Owner,
    rest: usize,
}

impl FileName {
    /// The longest name that file systems accept, in bytes (`NAME_MAX`).
    pub const LEN_MAX: usize = 255;

    /// The name of a value.
    ///
    /// # Errors
    ///
    /// [`NameTooLong`]: no file can have this name, so no such value exists.
    pub fn data(format: NameFormat, key: &DomainKey, userid: &Userid) -> Result<Self, NameTooLong> {
        Self::of(format, Kind::Data, key, userid)
    }

    /// The name of a record of any kind; of a [`Kind::Foreign`] one only if its letter is an ASCII
    /// letter.
    ///
    /// # Errors
    ///
    /// [`NameTooLong`]: no file can have this name, so no such record exists.
    pub fn of(
        format: NameFormat,
        kind: Kind,
        key: &DomainKey,
        userid: &Userid,
    ) -> Result<Self, NameTooLong> {
        let name = Self::assemble(format, kind, key, userid.as_bytes());
        match name.bytes.len() {
            length if length > Self::LEN_MAX => Err(NameTooLong { length }),
            _ => Ok(name),
        }
    }

    /// The name of the lock that libxl and this library share. In a tree the domain's directory is
    /// its lock, so this is the name of the directory, and not of a file in it.
    #[must_use]
    pub fn lock(format: NameFormat, key: &DomainKey) -> Self {
        match format {
            NameFormat::Tree => DomainDirectory::new(*key).into(),
            _ => Self::assemble(format, Kind::Lock, key, USERDATA_LOCK.as_bytes()),
        }
    }

    /// The name of the closing mark. libxl's clean-up passes over every name that contains
    /// `domain-userdata-lock`, as this one does, so the mark lasts until the domain is gone. In a
    /// tree the name is `c.closing`.
    #[must_use]
    pub fn closing_marker(format: NameFormat, key: &DomainKey) -> Self {
        Self::assemble(format, Kind::Closing, key, format.closing())
    }

    /// The name of a temporary file with this random number.
    #[must_use]
    pub fn temporary(format: NameFormat, key: &DomainKey, random: u128) -> Self {
        let mut digits = [0; RANDOM_LEN];
        let digits = Uuid::from_u128(random).simple().encode_lower(&mut digits);
        Self::assemble(format, Kind::Temporary, key, digits.as_bytes())
    }

    fn assemble(format: NameFormat, kind: Kind, key: &DomainKey, rest: &[u8]) -> Self {
        let domid = match format {
            NameFormat::Libxl | NameFormat::Tree => Some(key.domid),
            NameFormat::Seed => None,
        };
        // The exact length: one allocation for a name.
        let digits = |domid: Domid| 1 + domid.get().checked_ilog10().unwrap_or(0) as usize;
        let owner_len = match format {
            NameFormat::Tree => 0,
            _ => domid.map_or(0, |domid| digits(domid) + 1) + UUID_LEN + 1,
        };
        let prefix = format.prefix();
        let mut bytes = Vec::with_capacity(prefix.len() + 2 + owner_len + rest.len());
        bytes.extend_from_slice(prefix);
        bytes.extend_from_slice(&[kind.letter(), b'.']);
        if format != NameFormat::Tree {
            if let Some(domid) = domid {
                // Writing to a vector cannot fail.
                let _ = write!(bytes, "{domid}.");
            }
            let mut uuid = [0; UUID_LEN];
            bytes.extend_from_slice(key.uuid.hyphenated().encode_lower(&mut uuid).as_bytes());
            bytes.push(b'.');
        }
        let start = bytes.len();
        bytes.extend_from_slice(rest);
        let owner = Owner {
            domid,
            uuid: key.uuid,
        };
        Self {
            bytes: bytes.into(),
            kind,
            owner,
            rest: start,
        }
    }

    /// Parses a name found in a directory; `None` if it is not a name of this format. If a name
    /// parses, the result formats back to exactly the same bytes.
    #[must_use]
    pub fn parse(format: NameFormat, name: &[u8]) -> Option<Self> {
        if !may_name_a_file(name) {
            return None;
        }
        let (&letter, tail) = name.strip_prefix(PREFIX)?.split_first()?;
        let kind = Kind::from_letter(letter)?;
        let tail = tail.strip_prefix(b".")?;
        let (domid, tail) = match format {
            NameFormat::Libxl => {
                let dot = tail.iter().position(|byte| *byte == b'.')?;
                let (digits, tail) = tail.split_at_checked(dot)?;
                (
                    Some(Domid::parse_ascii(digits).ok()?),
                    tail.strip_prefix(b".")?,
                )
            }
            NameFormat::Seed => (None, tail),
            NameFormat::Tree => return None,
        };
        let (text, tail) = tail.split_at_checked(UUID_LEN)?;
        let uuid = Uuid::try_parse_ascii(text).ok()?;
        let mut canonical = [0; UUID_LEN];
        if uuid.hyphenated().encode_lower(&mut canonical).as_bytes() != text {
            return None;
        }
        let rest = name.len() - tail.strip_prefix(b".")?.len();
        Some(Self {
            bytes: name.into(),
            kind,
            owner: Owner { domid, uuid },
            rest,
        })
    }

    /// Parses a name found in the directory of a domain, in a tree; `None` if it is not a name of
    /// [`NameFormat::Tree`]. If a name parses, the result formats back to exactly the same bytes.
    #[must_use]
    pub fn parse_of(key: &DomainKey, name: &[u8]) -> Option<Self> {
        let (&letter, tail) = name.split_first()?;
        let kind = Kind::from_letter(letter)?;
        let userid = tail.strip_prefix(b".")?;
        may_name_a_file(name).then(|| Self {
            bytes: name.into(),
            kind,
            owner: Owner::from(*key),
            rest: name.len() - userid.len(),
        })
    }

    /// The name itself, a single path component.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The purpose of the file.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The domain that the file belongs to.
    #[must_use]
    pub const fn owner(&self) -> Owner {
        self.owner
    }

    /// The userid: everything after the uuid's dot, verbatim. For a lock file this is the name of
    /// the lock, for a temporary file its random part.
    #[must_use]
    pub fn userid(&self) -> Userid {
        Userid::of_file_name(self.bytes.get(self.rest..).unwrap_or_default())
    }
}

/// Whether a file can have this name, as far as its length, slashes and NULs tell.
fn may_name_a_file(name: &[u8]) -> bool {
    name.len() <= FileName::LEN_MAX && !name.contains(&b'/') && !name.contains(&0)
}

impl AsRef<[u8]> for FileName {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&escape(&self.bytes))
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileName(\"{self}\")")
    }
}

/// The userid is too long for a file name of this domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the file name would have {length} bytes, and the limit is {}",
    FileName::LEN_MAX
)]
pub struct NameTooLong {
    /// The length of the name in bytes.
    pub length: usize,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "11111111-2222-3333-4444-abcdef555555";
    const BOTH: [NameFormat; 2] = [NameFormat::Libxl, NameFormat::Seed];

    fn keys() -> impl Strategy<Value = DomainKey> {
        (0..=Domid::MAX.get(), any::<u128>()).prop_map(|(domid, uuid)| {
            DomainKey::new(Domid::new(domid).unwrap(), Uuid::from_u128(uuid))
        })
    }

    fn userids() -> impl Strategy<Value = Userid> {
        let byte = prop_oneof![
            any::<u8>(),
            proptest::sample::select(b"*?[]!.-\\ \nd5".to_vec()),
        ];
        proptest::collection::vec(byte, 0..60)
            .prop_filter_map("not a userid", |bytes| Userid::new(bytes).ok())
    }

    fn kinds() -> impl Strategy<Value = Kind> {
        proptest::char::ranges(vec!['a'..='z', 'A'..='Z'].into())
            .prop_map(|letter| Kind::from_letter(u8::try_from(letter).unwrap()).unwrap())
    }

    #[test]
    fn names_are_those_that_libxl_writes() {
        let key = DomainKey::new(Domid::new(5).unwrap(), UUID.parse().unwrap());
        let xl = Userid::new("xl").unwrap();
        assert_eq!(
            FileName::data(NameFormat::Libxl, &key, &xl)
                .unwrap()
                .to_string(),
            format!("userdata-d.5.{UUID}.xl"),
        );
        assert_eq!(
            FileName::data(NameFormat::Seed, &key, &xl)
                .unwrap()
                .to_string(),
            format!("userdata-d.{UUID}.xl"),
        );
        assert_eq!(
            FileName::lock(NameFormat::Libxl, &key).to_string(),
            format!("userdata-l.5.{UUID}.domain-userdata-lock"),
        );
        assert_eq!(
            FileName::closing_marker(NameFormat::Libxl, &key).to_string(),
            format!("userdata-c.5.{UUID}.domain-userdata-lock"),
        );
        assert_eq!(
            FileName::temporary(NameFormat::Libxl, &key, 0xab).to_string(),
            format!("userdata-t.5.{UUID}.000000000000000000000000000000ab"),
        );
    }

    #[test]
    fn what_is_not_canonical_is_not_ours() {
        let upper = UUID.to_uppercase();
        let plain = UUID.replace('-', "");
        for name in [
            String::new(),
            "userdata-".into(),
            "userdata-d".into(),
            "userdata-d.".into(),
            "userdata-d.5".into(),
            "userdata-d.5.".into(),
            format!("userdata-d.5.{UUID}"),
            format!("userdata-d.5.{upper}.xl"),
            format!("userdata-d.5.{plain}.xl"),
            format!("userdata-d.5.{{{UUID}}}.xl"),
            format!("userdata-d.5.urn:uuid:{UUID}.xl"),
            format!("userdata-d.007.{UUID}.xl"),
            format!("userdata-d.05.{UUID}.xl"),
            format!("userdata-d.+5.{UUID}.xl"),
            format!("userdata-d..{UUID}.xl"),
            format!("userdata-d.32752.{UUID}.xl"),
            format!("userdata-dd.5.{UUID}.xl"),
            format!("userdata-.5.{UUID}.xl"),
            format!("userdata-1.5.{UUID}.xl"),
            format!("userdata-?.5.{UUID}.xl"),
            format!("Userdata-d.5.{UUID}.xl"),
            format!(" userdata-d.5.{UUID}.xl"),
            format!("userdata-d.{UUID}.xl"),
            format!("userdata-d.5.{UUID}.a/b"),
            format!("userdata-d.5.{UUID}.a\0b"),
            format!("userdata-d.5.{UUID}.{}", "x".repeat(206)),
        ] {
            assert_eq!(
                FileName::parse(NameFormat::Libxl, name.as_bytes()),
                None,
                "{name}"
            );
        }
        let libxl = format!("userdata-d.5.{UUID}.xl");
        assert_eq!(FileName::parse(NameFormat::Seed, libxl.as_bytes()), None);
    }

    #[test]
    fn a_userid_that_fits_no_name_is_refused_by_length() {
        let key = DomainKey::new(Domid::MAX, Uuid::nil());
        let fits = Userid::new("x".repeat(201)).unwrap();
        let longer = Userid::new("x".repeat(202)).unwrap();
        assert_eq!(
            FileName::data(NameFormat::Libxl, &key, &fits)
                .unwrap()
                .as_bytes()
                .len(),
            255
        );
        assert_eq!(
            FileName::data(NameFormat::Libxl, &key, &longer),
            Err(NameTooLong { length: 256 }),
        );
    }

    proptest! {
        #[test]
        fn parse_is_the_inverse_of_format(key in keys(), userid in userids(), kind in kinds()) {
            for format in BOTH {
                let name = FileName::assemble(format, kind, &key, userid.as_bytes());
                let parsed = FileName::parse(format, name.as_bytes()).unwrap();
                prop_assert_eq!(&parsed, &name);
                prop_assert_eq!(parsed.kind(), kind);
                prop_assert_eq!(parsed.userid(), userid.clone());
                prop_assert_eq!(parsed.owner().uuid, key.uuid);
                let domid = (format == NameFormat::Libxl).then_some(key.domid);
                prop_assert_eq!(parsed.owner().domid, domid);
            }
        }

        #[test]
        fn in_a_tree_parse_is_the_inverse_of_format(
            key in keys(), userid in userids(), kind in kinds(),
        ) {
            let name = FileName::of(NameFormat::Tree, kind, &key, &userid).unwrap();
            let parsed = FileName::parse_of(&key, name.as_bytes()).unwrap();
            prop_assert_eq!(&parsed, &name);
            prop_assert_eq!(parsed.kind(), kind);
            prop_assert_eq!(parsed.userid(), userid);
            prop_assert_eq!(parsed.owner().key(), Some(key));
            prop_assert_eq!(FileName::parse(NameFormat::Tree, name.as_bytes()), None);
        }

        #[test]
        fn in_a_tree_what_parses_formats_back(
            key in keys(), name in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            if let Some(parsed) = FileName::parse_of(&key, &name) {
                let (kind, userid) = (parsed.kind(), parsed.userid());
                let again = FileName::of(NameFormat::Tree, kind, &key, &userid).unwrap();
                prop_assert_eq!(again.as_bytes(), &name[..]);
            }
        }

        #[test]
        fn whatever_parses_formats_back_to_the_same_bytes(
            key in keys(), userid in userids(), kind in kinds(), at in 0_usize..80, byte: u8,
        ) {
            for format in BOTH {
                // One byte of a good name is replaced: most are refused, the rest stay exact.
                let mut bytes =
                    FileName::assemble(format, kind, &key, userid.as_bytes()).as_bytes().to_vec();
                let at = at % bytes.len();
                bytes[at] = byte;
                if let Some(name) = FileName::parse(format, &bytes) {
                    let owner = name.owner();
                    let key = DomainKey::new(owner.domid.unwrap_or(Domid::ZERO), owner.uuid);
                    let again =
                        FileName::assemble(format, name.kind(), &key, name.userid().as_bytes());
                    prop_assert_eq!(again.as_bytes(), &bytes[..]);
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            for format in BOTH {
                let _ = FileName::parse(format, &bytes);
            }
        }

        #[test]
        fn two_values_never_share_a_name(
            a in keys(), b in keys(), first in userids(), second in userids(),
        ) {
            let name = |key, userid| FileName::data(NameFormat::Libxl, key, userid).unwrap();
            prop_assert_eq!(name(&a, &first) == name(&b, &second), a == b && first == second);
            prop_assert_eq!(name(&a, &first) == name(&a, &second), first == second);
            // One uuid under two domids, and one domid with two uuids.
            let migrated = DomainKey::new(b.domid, a.uuid);
            prop_assert_eq!(name(&a, &first) == name(&migrated, &first), a == migrated);
            let reused = DomainKey::new(a.domid, b.uuid);
            prop_assert_eq!(name(&a, &first) == name(&reused, &first), a == reused);
        }
    }
}
