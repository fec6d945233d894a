//! Strategies for hostile directories.

use std::collections::BTreeMap;

use proptest::prelude::*;
use userdata_core::DomainKey;
use userdata_core::file_name::{FileName, NameFormat};

use super::{domain_key, userids};
use crate::hostile::Hostile;

/// Draws files that a hostile directory has beside those of a store, by name. The names are in libxl's
/// format. [`Hostile::plant`] makes the files; links lead to `outside`, to nowhere, or in a circle.
pub fn hostile_directories(
    outside: Vec<u8>,
    entries_max: usize,
) -> impl Strategy<Value = BTreeMap<Vec<u8>, Hostile>> {
    let name = prop_oneof![
        6 => names_of_ours(),
        3 => near_miss_names(),
        1 => foreign_names(),
    ];
    let entry = (name, hostile(outside));
    proptest::collection::btree_map(entry.0, entry.1, 0..=entries_max)
}

/// Draws a file that is neither a value nor a lock.
pub fn hostile(outside: Vec<u8>) -> impl Strategy<Value = Hostile> {
    let links = [
        outside,
        b"nowhere".to_vec(),
        b".".to_vec(),
        b"circle".to_vec(),
    ];
    prop_oneof![
        4 => proptest::sample::select(links.to_vec()).prop_map(Hostile::Link),
        2 => Just(Hostile::Fifo),
        2 => Just(Hostile::Socket),
        2 => Just(Hostile::Directory),
        1 => Just(Hostile::FullDirectory),
        1 => Just(Hostile::Device),
        1 => Just(Hostile::Huge(1 << 40)),
        2 => Just(Hostile::Empty),
    ]
}

/// Draws a name in libxl's format, of any kind, for one of the [`HOT_DOMAINS`](super::HOT_DOMAINS).
pub fn names_of_ours() -> impl Strategy<Value = Vec<u8>> {
    let letters = b"ddddlcntzAZ".to_vec();
    let own = (domain_key(), any::<u128>(), 0..4_u8).prop_map(|(key, random, which)| {
        let name = match which {
            0 => FileName::lock(NameFormat::Libxl, &key),
            1 => FileName::closing_marker(NameFormat::Libxl, &key),
            _ => FileName::temporary(NameFormat::Libxl, &key, random % 3),
        };
        name.as_bytes().to_vec()
    });
    let any_kind = (domain_key(), userids(), proptest::sample::select(letters)).prop_filter_map(
        "too long for a name",
        |(key, userid, letter)| {
            let name = assemble(letter, &key.to_string(), userid.as_bytes());
            (name.len() <= FileName::LEN_MAX).then_some(name)
        },
    );
    prop_oneof![2 => own, 5 => any_kind]
}

fn assemble(letter: u8, owner: &str, userid: &[u8]) -> Vec<u8> {
    [
        b"userdata-",
        &[letter][..],
        b".",
        owner.as_bytes(),
        b".",
        userid,
    ]
    .concat()
}

/// Draws a name that is almost in libxl's format, and which a store must ignore: the uuid in upper
/// case, the domid padded, a kind of two letters or of none, a missing part, a prefix.
pub fn near_miss_names() -> impl Strategy<Value = Vec<u8>> {
    (domain_key(), 0..12_u8).prop_map(|(key, which)| {
        let DomainKey { domid, uuid } = key;
        let upper = uuid.hyphenated().to_string().to_uppercase();
        let simple = uuid.simple();
        let text = match which {
            // The uuid of zeros has no letters.
            0 if upper != uuid.to_string() => format!("userdata-d.{domid}.{upper}.xl"),
            0 | 1 => format!("userdata-d.00{domid}.{uuid}.xl"),
            2 => format!("userdata-dd.{domid}.{uuid}.xl"),
            3 => format!("userdata-.{domid}.{uuid}.xl"),
            4 => format!("userdata-d.{domid}.{uuid}"),
            5 => format!("userdata-d.{domid}.xl"),
            6 => format!("xuserdata-d.{domid}.{uuid}.xl"),
            7 => format!("userdata-d.65535.{uuid}.xl"),
            8 => format!("userdata-d.{domid}.{simple}.xl"),
            9 => format!("Userdata-d.{domid}.{uuid}.xl"),
            10 => format!("userdata-1.{domid}.{uuid}.xl"),
            _ => format!("userdata-d.{domid}.{uuid}\n.xl"),
        };
        text.into_bytes()
    })
}

/// Draws a name that another program has in libxl's directory.
pub fn foreign_names() -> impl Strategy<Value = Vec<u8>> {
    const NAMES: &[&str] = &[
        "qemu-save.5",
        "qemu-resume.5",
        "bootloader.5.d",
        "save",
        "circle",
    ];
    proptest::sample::select(NAMES).prop_map(|name| name.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        #[test]
        fn a_name_of_ours_parses_and_a_near_miss_does_not(
            ours in names_of_ours(), miss in near_miss_names(), foreign in foreign_names(),
        ) {
            prop_assert!(FileName::parse(NameFormat::Libxl, &ours).is_some());
            prop_assert_eq!(FileName::parse(NameFormat::Libxl, &miss), None);
            prop_assert_eq!(FileName::parse(NameFormat::Libxl, &foreign), None);
        }
    }
}
