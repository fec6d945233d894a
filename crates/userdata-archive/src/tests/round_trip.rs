//! An archive that was written is read back, and has exactly one form.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use userdata_core::{DomainKey, Domid, Userid, Uuid, Value};

use super::crafted::{LIMITS, archive, file, listed, manifest, tar, written};
use crate::{Archive, ContentsError, Limit, LimitExceeded, Limits, WriteError};

fn userids() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(0x21_u8..=0x7e, 1..=128),
        1 => Just(b"libxl-json".to_vec()),
        1 => "\\.[a-z.%]{0,3}".prop_map(String::into_bytes),
    ]
    .prop_filter("a userid that may be written", |bytes| {
        Userid::new(bytes).is_ok_and(|userid| Archive::writable(&userid).is_ok())
    })
}

fn archives() -> impl Strategy<Value = Archive> {
    let values = btree_map(userids(), vec(any::<u8>(), 1..1100), 0..6);
    let key = (0..Domid::MAX.get(), any::<u128>());
    (key, any::<Option<String>>(), values).prop_map(|((domid, uuid), name, values)| {
        let domain = DomainKey::new(Domid::new(domid).unwrap(), Uuid::from_u128(uuid));
        let values = values
            .into_iter()
            .map(|(userid, value)| (Userid::new(userid).unwrap(), Value::new(value)));
        Archive::new(domain, name, values).unwrap()
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(archive in archives()) {
        let bytes = written(&archive);
        prop_assert_eq!(bytes.len() % 512, 0);
        let read = Archive::read(&bytes[..], &LIMITS).unwrap();
        prop_assert_eq!(&read, &archive);
        prop_assert_eq!(written(&read), bytes);
    }

    #[test]
    fn the_order_of_the_values_does_not_matter(archive in archives(), turn: usize) {
        let mut values: Vec<_> = archive.values().to_vec();
        let at = turn % values.len().max(1);
        values.rotate_left(at);
        let values = values.into_iter().map(|(userid, value)| (userid.into(), value));
        let name = archive.name().map(str::to_owned);
        let turned = Archive::new(archive.domain(), name, values).unwrap();
        prop_assert_eq!(written(&turned), written(&archive));
    }
}

#[test]
fn the_form_of_an_archive_is_the_documented_one() {
    let archive = archive(&[(r#"a"b"#, b"2"), ("xl", b"name = \"web\"\n")]);
    let listed = [
        // Once for `Display` of a userid, which escapes a quote, and once for JSON.
        listed(r#"a\\\"b"#, b"2"),
        listed("xl", b"name = \"web\"\n"),
    ];
    let expected = tar(&[
        file("userdata.json", &manifest(&listed)),
        file("values/a%22b", b"2"),
        file("values/xl", b"name = \"web\"\n"),
    ]);
    assert_eq!(written(&archive), expected);
}

#[test]
fn the_document_of_the_crate_is_a_manifest() {
    let archive = archive(&[("xl", b"name = \"web\"\n")]);
    let bytes = written(&archive);
    let text = include_str!("../lib.rs");
    let example = text.split("```json\n").nth(1).unwrap();
    let example = example.split("//!    ```").next().unwrap();
    let example: String = example
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("//!    ").unwrap()))
        .collect();
    assert_eq!(
        String::from_utf8_lossy(&bytes[512..512 + example.len()]),
        example
    );
}

#[test]
fn values_that_could_not_be_read_back_are_refused() {
    let domain = archive(&[]).domain();
    let value =
        |userid: &str, bytes: &[u8]| (Userid::new(userid).unwrap(), Value::new(bytes.to_vec()));
    let refused = |values: &[(Userid, Value)]| {
        Archive::new(domain, None, values.to_vec()).expect_err("refused")
    };
    assert!(matches!(
        refused(&[value("a", b"")]),
        ContentsError::Empty { userid } if userid.as_bytes() == b"a"
    ));
    assert!(matches!(
        refused(&[value("a", b"1"), value("b", b"1"), value("a", b"2")]),
        ContentsError::Twice { userid } if userid.as_bytes() == b"a"
    ));
    for userid in ["a b", "", "..", "qmp-socket-lock", "domain-userdata-lock"] {
        assert!(matches!(
            refused(&[value(userid, b"1")]),
            ContentsError::Userid { userid: named, .. } if named.as_bytes() == userid.as_bytes()
        ));
    }
}

#[test]
fn an_archive_beyond_a_limit_is_not_begun() {
    let archive = archive(&[("a", b"123"), ("b", b"4567")]);
    for (limits, text) in [
        (Limits::new(3), "values/b has 4 bytes and the limit is 3"),
        (
            LIMITS.with_values(1),
            "the archive has 2 values and the limit is 1",
        ),
        (
            LIMITS.with_total(6),
            "the values of the archive have 7 bytes together and the limit is 6",
        ),
        (
            LIMITS.with_manifest(9),
            "userdata.json has 478 bytes and the limit is 9",
        ),
    ] {
        let mut out = Vec::new();
        let error = archive.write(&mut out, &limits).expect_err("too much");
        assert_eq!(error.to_string(), text);
        assert_eq!(out, b"");
    }
    let exact = Limits::new(4)
        .with_values(2)
        .with_total(7)
        .with_manifest(478);
    let mut out = Vec::new();
    archive.write(&mut out, &exact).unwrap();
    assert_eq!(Archive::read(&out[..], &exact).unwrap(), archive);
}

#[test]
fn as_many_values_as_are_allowed_fit_whatever_their_userids() {
    let values = |count: usize| {
        // Both escapes make a backslash longer.
        (0..count).map(|at| {
            let userid = format!("{}{at:04}", r"\".repeat(124));
            (Userid::new(userid).unwrap(), Value::new(vec![1]))
        })
    };
    let domain = archive(&[]).domain();
    let most = Archive::new(domain, None, values(1024)).unwrap();
    assert_eq!(Archive::read(&written(&most)[..], &LIMITS).unwrap(), most);
    let more = Archive::new(domain, None, values(1025)).unwrap();
    assert!(matches!(
        more.write(Vec::new(), &LIMITS),
        Err(WriteError::Limit(LimitExceeded {
            limit: Limit::Values,
            allowed: 1024,
            found: 1025,
        }))
    ));
}
