//! `DomainSelection`: which names in a directory belong to one domain.

use glob::{MatchOptions, Pattern};

use crate::DomainKey;
use crate::file_name::{FileName, NameFormat, Owner};

/// Selects the file names of one domain, as libxl's clean-up does with `glob(3)`: a pattern rejects
/// most names cheaply, then [`FileName::parse`] decides.
#[derive(Clone, Debug)]
pub struct DomainSelection {
    format: NameFormat,
    owner: Owner,
    pattern: Pattern,
}

impl DomainSelection {
    /// Selects the names that `key` has in this format.
    #[must_use]
    pub fn new(format: NameFormat, key: &DomainKey) -> Self {
        let uuid = key.uuid.hyphenated();
        let (domid, owned) = match format {
            NameFormat::Libxl => (Some(key.domid), format!("{}.{uuid}.", key.domid)),
            NameFormat::Seed => (None, format!("{uuid}.")),
        };
        let pattern = Pattern::new(&format!("userdata-?.{}*", Pattern::escape(&owned)));
        Self {
            format,
            owner: Owner {
                domid,
                uuid: key.uuid,
            },
            // Invariant: the only unescaped metacharacters are one `?` and one `*`.
            pattern: pattern.expect("a valid pattern"),
        }
    }

    /// The name, if it is one of this domain's; bytes that are not UTF-8 are names like any other.
    #[must_use]
    pub fn select(&self, name: &[u8]) -> Option<FileName> {
        // A userid may start with a dot, and nothing in a name is a path separator.
        let options = MatchOptions {
            case_sensitive: true,
            require_literal_separator: false,
            require_literal_leading_dot: false,
        };
        self.pattern
            .matches_with(&String::from_utf8_lossy(name), options)
            .then(|| FileName::parse(self.format, name))
            .flatten()
            .filter(|name| name.owner() == self.owner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Domid, Userid, Uuid};

    fn key(domid: u16, uuid: u128) -> DomainKey {
        DomainKey::new(Domid::new(domid).unwrap(), Uuid::from_u128(uuid))
    }

    /// Userids made to confuse a pattern or a parser: metacharacters, dots, other domains' names.
    fn userids() -> impl Strategy<Value = Userid> {
        let parts: &[&[u8]] = &[
            b"*",
            b"?",
            b"[!]",
            b"[a-z]",
            b".",
            b"-",
            b"5",
            b"50",
            b" ",
            b"\n",
            b"\xff\xfe",
            b"userdata-d.5.",
            b"00000000-0000-0000-0000-000000000001.",
        ];
        let part = proptest::sample::select(parts);
        proptest::collection::vec(part, 0..4).prop_map(|parts| Userid::new(parts.concat()).unwrap())
    }

    proptest! {
        #[test]
        fn a_selection_takes_exactly_its_own_domain(
            selected in (0_u16..60, 0_u128..4),
            other in (0_u16..60, 0_u128..4),
            userid in userids(),
        ) {
            let (selected, other) = (key(selected.0, selected.1), key(other.0, other.1));
            for format in [NameFormat::Libxl, NameFormat::Seed] {
                let name = FileName::data(format, &other, &userid).unwrap();
                let same = match format {
                    NameFormat::Libxl => selected == other,
                    NameFormat::Seed => selected.uuid == other.uuid,
                };
                let found = DomainSelection::new(format, &selected).select(name.as_bytes());
                prop_assert_eq!(found, same.then_some(name));
            }
        }
    }

    #[test]
    fn domid_5_does_not_select_domid_50() {
        let selection = DomainSelection::new(NameFormat::Libxl, &key(5, 1));
        let uuid = Uuid::from_u128(1);
        for name in [
            format!("userdata-d.50.{uuid}.xl"),
            format!("userdata-d.5.{}.xl", Uuid::from_u128(2)),
            format!("userdata-dd.5.{uuid}.xl"),
            format!("userdata-1.5.{uuid}.xl"),
            format!("userdata-d.5.{uuid}"),
            format!("xuserdata-d.5.{uuid}.xl"),
        ] {
            assert_eq!(selection.select(name.as_bytes()), None, "{name}");
        }
        for rest in ["xl", "", ".", "a b", "*", "x-domain-userdata-lock-y"] {
            assert!(
                selection
                    .select(format!("userdata-z.5.{uuid}.{rest}").as_bytes())
                    .is_some()
            );
        }
    }
}
