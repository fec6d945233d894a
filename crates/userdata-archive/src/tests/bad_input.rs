//! Archives that are wrong in one way each, and the errors for them.

use tar::EntryType;
use userdata_core::userid::UseridError;

use super::crafted::{
    KEY, LIMITS, archive, chain, file, file_with, header, listed, listed_as, manifest, refused,
    sealed, tar, written,
};
use crate::member::head;
use crate::{Archive, Limit, LimitExceeded, Limits, ReadError};

/// An archive that lists the values `a` and `b`, with these members after the manifest.
fn with_members(members: &[Vec<u8>]) -> Vec<u8> {
    let listed = [listed("a", b"1"), listed("b", b"2")];
    let mut all = vec![file("userdata.json", &manifest(&listed))];
    all.extend_from_slice(members);
    tar(&all)
}

fn a() -> Vec<u8> {
    file("values/a", b"1")
}

fn b() -> Vec<u8> {
    file("values/b", b"2")
}

#[test]
fn the_archive_that_the_others_differ_from_is_right() {
    let read = Archive::read(&with_members(&[a(), b()])[..], &LIMITS).unwrap();
    assert_eq!(read, archive(&[("a", b"1"), ("b", b"2")]));
}

#[test]
fn damage_is_refused_and_the_member_is_named() {
    let link = |kind, name: &[u8]| {
        header(name, 0, |header| {
            header.set_entry_type(kind);
            header.set_link_name("/etc/passwd").unwrap();
        })
    };
    let named = |name: &[u8]| file_with(header(name, 1, |_| ()), b"2");
    for (members, expected) in [
        (
            vec![a()],
            "values/b in the archive is damaged: it is missing, or not in its place",
        ),
        (
            vec![b()],
            "values/a in the archive is damaged: it is missing, or not in its place",
        ),
        (
            vec![b(), a()],
            "values/a in the archive is damaged: it is missing, or not in its place",
        ),
        (
            vec![a(), a(), b()],
            "values/a in the archive is damaged: it is there twice",
        ),
        (
            vec![a(), b(), b()],
            "values/b in the archive is damaged: it is there twice",
        ),
        (
            vec![a(), b(), file("userdata.json", b"{}")],
            "userdata.json in the archive is damaged: it is there twice",
        ),
        (
            vec![a(), b(), file("values/c", b"3")],
            "values/c in the archive is damaged: it is not listed in userdata.json",
        ),
        (
            vec![a(), file("values/c", b"3"), b()],
            "values/c in the archive is damaged: it is not listed in userdata.json",
        ),
        (
            vec![a(), file("values/b", b"23")],
            "values/b in the archive is damaged: it has 2 bytes, and userdata.json says 1",
        ),
        (
            vec![a(), file("values/b", b"")],
            "values/b in the archive is damaged: it has 0 bytes, and userdata.json says 1",
        ),
        (
            vec![a(), link(EntryType::Symlink, b"values/b")],
            "values/b in the archive is damaged: it is not a regular file, but of the tar type '2'",
        ),
        (
            vec![a(), link(EntryType::Link, b"values/b")],
            "values/b in the archive is damaged: it is not a regular file, but of the tar type '1'",
        ),
        (
            vec![a(), link(EntryType::Directory, b"values/b")],
            "values/b in the archive is damaged: it is not a regular file, but of the tar type '5'",
        ),
        (
            vec![a(), link(EntryType::Fifo, b"values/b")],
            "values/b in the archive is damaged: it is not a regular file, but of the tar type '6'",
        ),
        (
            vec![a(), b(), link(EntryType::Char, b"values/c\n")],
            "values/c\\n in the archive is damaged: it is not a regular file, but of the tar type \
             '3'",
        ),
        (
            vec![a(), link(EntryType::GNULongName, b"././@LongLink")],
            "././@LongLink in the archive is damaged: it is not a regular file, but of the tar \
             type 'L'",
        ),
        (
            vec![a(), named(b"values/../b")],
            "values/../b in the archive is damaged: its name is not values/ and one name without a \
             slash",
        ),
        (
            vec![a(), named(b"values/b/c")],
            "values/b/c in the archive is damaged: its name is not values/ and one name without a \
             slash",
        ),
        (
            vec![a(), b(), named(b"/etc/passwd")],
            "/etc/passwd in the archive is damaged: its name is not values/ and one name without a \
             slash",
        ),
        (
            vec![a(), named(b"values/..")],
            "values/.. in the archive is damaged: its name is not values/ and one name without a \
             slash",
        ),
        (
            vec![a(), named(b"values/\x1b[2J\xff")],
            "values/\\x1b[2J\\xff in the archive is damaged: it is not listed in userdata.json",
        ),
        (
            vec![
                a(),
                file_with(header(b"values/b", 1, |h| h.set_mtime(1)), b"2"),
            ],
            "values/b in the archive is damaged: its header is not as it was written",
        ),
        (
            vec![
                a(),
                file_with(header(b"values/b", 1, |h| h.set_mode(0o644)), b"2"),
            ],
            "values/b in the archive is damaged: its header is not as it was written",
        ),
        (
            vec![a(), file("values/b", b"2")[..600].to_vec()],
            "values/b in the archive is damaged: the archive is cut off there",
        ),
    ] {
        let mut bytes = with_members(&members);
        if expected.ends_with("cut off there") {
            bytes.truncate(bytes.len() - 1024);
        }
        assert_eq!(chain(&refused(&bytes)), expected);
    }
}

#[test]
fn a_value_with_other_bytes_is_refused_with_its_version() {
    let error = refused(&with_members(&[a(), file("values/b", b"3")]));
    assert_eq!(
        chain(&error),
        "values/b in the archive is damaged: it has version \
         4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce, and userdata.json says \
         d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35"
    );
}

#[test]
fn a_name_hidden_in_a_pax_header_is_not_a_path() {
    let long = format!("values/{}/../../../etc/passwd", "x".repeat(100));
    let bytes = with_members(&[a(), file_with(head(&long, 1).unwrap(), b"2")]);
    assert_eq!(
        chain(&refused(&bytes)),
        format!(
            "{long} in the archive is damaged: its name is not values/ and one name without a slash"
        )
    );
    // A name that needs no pax header, but is in one.
    let pax = "19 path=values/b\n";
    let bytes = [
        file_with(
            header(b"", pax.len() as u64, |h| {
                h.set_entry_type(EntryType::XHeader)
            }),
            pax.as_bytes(),
        ),
        b(),
    ]
    .concat();
    assert_eq!(
        chain(&refused(&with_members(&[a(), bytes]))),
        "values/b in the archive is damaged: its header is not as it was written"
    );
}

#[test]
fn a_first_member_that_is_not_the_manifest_is_refused() {
    let manifest = file("userdata.json", &manifest(&[listed("a", b"1")]));
    assert_eq!(
        chain(&refused(&tar(&[a(), manifest]))),
        "values/a in the archive is damaged: it is the first member, and that has to be \
         userdata.json"
    );
    assert_eq!(
        chain(&refused(&tar(&[]))),
        "userdata.json in the archive is damaged: it is missing, or not in its place"
    );
}

#[test]
fn a_manifest_that_is_not_one_is_refused() {
    let of = |json: &str| chain(&refused(&tar(&[file("userdata.json", json.as_bytes())])));
    let start = "userdata.json in the archive is damaged: ";
    for json in ["", "{}", "[]", "{", "{\"schema\": 1}"] {
        let text = of(json);
        let expected = format!("{start}it is not the manifest of an archive of userdata: ");
        assert!(text.starts_with(&expected), "{text}");
    }
    for schema in [
        "userdata/list/1",
        "userdata/archive/0",
        "userdata/archive/\u{e9}",
    ] {
        let text = of(&format!("{{\"schema\": \"{schema}\"}}"));
        assert!(text.ends_with(" is not a form of the manifest"), "{text}");
        assert!(text.is_ascii());
    }
    let good = manifest(&[listed("a", b"1")]);
    let good = std::str::from_utf8(&good).unwrap();
    for other in [
        good.replace(": \"web\"", ": \"wab\""),
        good.replace("  \"name\"", "\"name\""),
        good.replace("abcdef", "ABCDEF"),
        good.replace("\"name\"", "\"more\": 1, \"name\""),
        format!("{good}\n"),
    ] {
        assert_ne!(other, good);
        assert_eq!(
            of(&other),
            format!("{start}its text and its checksum differ")
        );
    }
}

#[test]
fn a_newer_form_is_not_damage() {
    let json = br#"{"what": "ever", "schema": "userdata/archive/12"}"#;
    let error = refused(&tar(&[file("userdata.json", json)]));
    assert!(matches!(
        error,
        ReadError::NewerSchema {
            found: 12,
            understood: 1
        }
    ));
    assert_eq!(
        error.to_string(),
        "the archive has the form userdata/archive/12, and this program understands \
         userdata/archive/1"
    );
}

#[test]
fn a_manifest_that_lists_wrongly_is_refused() {
    let of = |listed: &[String]| chain(&refused(&tar(&[file("userdata.json", &manifest(listed))])));
    let (a, b) = (listed("a", b"1"), listed("b", b"2"));
    assert_eq!(
        of(&[a.clone(), a.clone()]),
        "values/a in the archive is damaged: it is listed twice in userdata.json"
    );
    assert_eq!(
        of(&[b, a]),
        "values/a in the archive is damaged: it is not listed in the order of userids in \
         userdata.json"
    );
    assert_eq!(
        of(&[listed("a", b"")]),
        "values/a in the archive is damaged: userdata.json says that it is empty, and a value has \
         at least one byte"
    );
    assert_eq!(
        of(&[listed(r"\\x61", b"1")]),
        "userdata.json in the archive is damaged: '\\x61' is not the form in which a userid is \
         written"
    );
}

#[test]
fn a_userid_that_may_not_be_written_is_named() {
    let long = "x".repeat(129);
    let longer = "x".repeat(400);
    for (text, shown, rule) in [
        ("a b", "a b", UseridError::NotPrintable),
        (r"\\xff", r"\xff", UseridError::NotPrintable),
        ("\u{e9}", r"\u{e9}", UseridError::NotPrintable),
        ("", "", UseridError::Empty),
        ("..", "..", UseridError::Dots),
        ("../../etc/passwd", "../../etc/passwd", UseridError::Slash),
        (r"\\x00", r"\x00", UseridError::Nul),
        (r"\\q", r"\q", UseridError::Escape),
        (
            "domain-userdata-lock",
            "domain-userdata-lock",
            UseridError::Lock,
        ),
        ("qmp-socket-lock", "qmp-socket-lock", UseridError::Lock),
        (
            &long,
            &long,
            UseridError::TooLong {
                length: 129,
                limit: 128,
            },
        ),
        (
            &longer,
            &longer,
            UseridError::TooLong {
                length: 400,
                limit: 207,
            },
        ),
    ] {
        let listed = [listed(text, b"1")];
        let error = refused(&tar(&[file("userdata.json", &manifest(&listed))]));
        assert_eq!(
            error.to_string(),
            format!("'{shown}' in the archive is not accepted as a userid")
        );
        assert!(
            matches!(&error, ReadError::Userid { source, .. } if *source == rule),
            "{error:?}"
        );
    }
}

#[test]
fn an_archive_beyond_a_limit_is_not_read() {
    let bytes = written(&archive(&[("a", b"123"), ("b", b"4567")]));
    let found = |limits: &Limits| match Archive::read(&bytes[..], limits) {
        Err(ReadError::Limit(LimitExceeded {
            limit,
            allowed,
            found,
        })) => (limit, allowed, found),
        other => panic!("{other:?}"),
    };
    let (limit, allowed, size) = found(&Limits::new(3));
    assert!(matches!(limit, Limit::Value(part) if part.to_string() == "values/b"));
    assert_eq!((allowed, size), (3, 4));
    assert_eq!(found(&LIMITS.with_values(1)), (Limit::Values, 1, 2));
    assert_eq!(found(&LIMITS.with_total(6)), (Limit::Total, 6, 7));
    assert_eq!(
        found(&LIMITS.with_manifest(477)),
        (Limit::Manifest, 477, 478)
    );

    // Sizes whose sum is beyond every number.
    let listed = [listed_as("a", u64::MAX, b"1"), listed_as("b", 2, b"2")];
    let bytes = tar(&[file("userdata.json", &manifest(&listed))]);
    let error = Archive::read(&bytes[..], &Limits::new(u64::MAX)).expect_err("too much");
    assert!(matches!(
        error,
        ReadError::Limit(LimitExceeded {
            limit: Limit::Total,
            found: u64::MAX,
            ..
        })
    ));
}

#[test]
fn the_domain_of_an_archive_is_checked() {
    let text = |key: &str| {
        format!(
            "{{\n  \"schema\": \"userdata/archive/1\",\n  \"domain\": \"{key}\",\n  \
             \"name\": null,\n  \"values\": []\n}}"
        )
    };
    let read = |key| {
        Archive::read(
            &tar(&[file("userdata.json", &sealed(&text(key)))])[..],
            &LIMITS,
        )
    };
    assert_eq!(read(KEY).unwrap().name(), None);
    assert!(matches!(read("5.x"), Err(ReadError::Damaged { .. })));
}
