//! `DomainSelection`: which names in a directory belong to one domain.

use crate::DomainKey;
use crate::file_name::{FileName, Kind, NameFormat, Owner, may_name_a_file};

/// Selects the file names of one domain, as libxl's clean-up does with `glob(3)` and the pattern
/// `userdata-?.<domid>.<uuid>.*`. A listing shows the names of all domains, so the check has to be
/// cheap. The names of one domain are equal up to the userid, except for the letter of the kind, so
/// comparing bytes is enough.
#[derive(Clone, Debug)]
pub struct DomainSelection {
    owner: Owner,
    /// The part of the name before the letter.
    prefix: &'static [u8],
    /// The part of the name between the letter and the userid.
    between: Box<[u8]>,
}

impl DomainSelection {
    /// Selects the names that `key` has in this format.
    #[must_use]
    pub fn new(format: NameFormat, key: &DomainKey) -> Self {
        let name = FileName::closing_marker(format, key);
        let prefix = format.prefix();
        let between = name.bytes.get(prefix.len() + 1..name.rest);
        Self {
            owner: name.owner,
            prefix,
            between: between.unwrap_or_default().into(),
        }
    }

    /// The name, if it belongs to this domain. Any bytes may follow the uuid.
    #[must_use]
    pub fn select(&self, name: &[u8]) -> Option<FileName> {
        let (&letter, tail) = name.strip_prefix(self.prefix)?.split_first()?;
        let userid = tail.strip_prefix(&*self.between)?;
        let kind = Kind::from_letter(letter)?;
        may_name_a_file(name).then(|| FileName {
            bytes: name.into(),
            kind,
            owner: self.owner,
            rest: name.len() - userid.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use glob::{MatchOptions, Pattern};
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

    /// Names that are nearly a name of one of a few domains: each part is right or almost right.
    fn near_names() -> impl Strategy<Value = Vec<u8>> {
        let pick = |parts: &'static [&'static [u8]]| proptest::sample::select(parts);
        (
            pick(&[b"userdata-", b"userdata", b"Userdata-", b"xuserdata-", b""]),
            pick(&[
                b"d",
                b"l",
                b"Z",
                b"1",
                b"?",
                b"",
                b"dd",
                b"\xc3\xa9",
                b"\xff",
            ]),
            pick(&[b".5.", b".50.", b".05.", b".?.", b".5", b"5.", b"."]),
            (0_u128..3, any::<bool>()),
            pick(&[b".", b"", b"-", b"*"]),
            prop_oneof![
                userids().prop_map(|userid| userid.as_bytes().to_vec()),
                pick(&[b"/", b"a/b", b"\0", &[b'x'; 220]]).prop_map(<[u8]>::to_vec),
            ],
        )
            .prop_map(|(prefix, kind, domid, (uuid, upper), dot, userid)| {
                let mut uuid = Uuid::from_u128(uuid | 0xabc << 80).to_string();
                if upper {
                    uuid.make_ascii_uppercase();
                }
                [prefix, kind, domid, uuid.as_bytes(), dot, &userid].concat()
            })
    }

    /// What libxl's `glob(3)` takes of this domain, if the name also parses.
    fn globbed(format: NameFormat, key: &DomainKey, name: &[u8]) -> Option<FileName> {
        let uuid = key.uuid.hyphenated();
        let owner = match format {
            NameFormat::Libxl | NameFormat::Tree => format!("{}.{uuid}.", key.domid),
            NameFormat::Seed => format!("{uuid}."),
        };
        let pattern = format!("userdata-?.{}*", Pattern::escape(&owner));
        // A userid may start with a dot, and nothing in a name is a path separator.
        let options = MatchOptions {
            case_sensitive: true,
            require_literal_separator: false,
            require_literal_leading_dot: false,
        };
        Pattern::new(&pattern)
            .unwrap()
            .matches_with(&String::from_utf8_lossy(name), options)
            .then(|| FileName::parse(format, name))
            .flatten()
    }

    proptest! {
        #[test]
        fn a_selection_takes_what_the_glob_of_libxl_takes(
            domid in prop_oneof![Just(5_u16), Just(50), 0_u16..60],
            uuid in 0_u128..3,
            name in near_names(),
        ) {
            let key = key(domid, uuid | 0xabc << 80);
            for format in [NameFormat::Libxl, NameFormat::Seed] {
                let selected = DomainSelection::new(format, &key).select(&name);
                prop_assert_eq!(selected, globbed(format, &key, &name));
            }
        }

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
                    NameFormat::Libxl | NameFormat::Tree => selected == other,
                    NameFormat::Seed => selected.uuid == other.uuid,
                };
                let found = DomainSelection::new(format, &selected).select(name.as_bytes());
                prop_assert_eq!(found, same.then_some(name));
            }
        }
    }

    #[test]
    fn in_a_tree_a_selection_takes_what_parses() {
        let key = key(5, 1);
        let selection = DomainSelection::new(NameFormat::Tree, &key);
        for name in [
            "d.xl",
            "t.0",
            "c.closing",
            "d.",
            "d.d.x",
            "",
            "d",
            "xl",
            "1.x",
            "dd.x",
            ".d",
        ] {
            let parsed = FileName::parse_of(&key, name.as_bytes());
            assert_eq!(selection.select(name.as_bytes()), parsed, "{name}");
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
