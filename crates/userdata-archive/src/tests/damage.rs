//! Every bit of an archive counts, and so does its length.

use super::crafted::{LIMITS, archive, written};
use crate::{Archive, Damage, Part, ReadError};

/// One short value, one that needs two blocks, and one with a long name.
fn small() -> Vec<u8> {
    let long = "%".repeat(40);
    written(&archive(&[
        ("a", b"1"),
        ("b.conf", &[0x55; 600]),
        (&long, b"2"),
    ]))
}

#[test]
fn an_archive_with_one_bit_flipped_is_refused() {
    let good = small();
    assert!(Archive::read(&good[..], &LIMITS).is_ok());
    let mut bytes = good.clone();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            match Archive::read(&bytes[..], &LIMITS) {
                Err(ReadError::Damaged { .. }) => {}
                other => panic!("byte {at}, bit {bit}: {other:?}"),
            }
            bytes[at] ^= 1 << bit;
        }
    }
    assert_eq!(bytes, good);
}

#[test]
fn a_flipped_bit_is_reported_for_the_member_it_is_in() {
    let mut bytes = written(&archive(&[("a", b"1"), ("b", b"2")]));
    let end = bytes.len() - 1024;
    for at in 0..bytes.len() {
        let expected = match at {
            _ if at >= end => Part::End,
            _ if at >= end - 1024 => Part::member("values/b"),
            _ if at >= end - 2048 => Part::member("values/a"),
            _ => Part::member("userdata.json"),
        };
        // This flip makes no digit another digit, as could happen in the number of the schema.
        bytes[at] ^= 0x80;
        match Archive::read(&bytes[..], &LIMITS) {
            Err(ReadError::Damaged { part, .. }) => assert_eq!(part, expected, "byte {at}"),
            other => panic!("byte {at}: {other:?}"),
        }
        bytes[at] ^= 0x80;
    }
}

#[test]
fn an_archive_that_is_cut_off_is_refused_wherever_it_is() {
    let good = small();
    for length in 0..good.len() {
        let error = Archive::read(&good[..length], &LIMITS).expect_err("cut off");
        assert!(
            matches!(
                error,
                ReadError::Damaged {
                    damage: Damage::CutOff,
                    ..
                }
            ),
            "{length}: {error:?}"
        );
    }
}

#[test]
fn a_cut_is_reported_for_the_member_it_is_in() {
    let good = written(&archive(&[("a", b"1"), ("b", b"2")]));
    // The manifest has a header and its own blocks, each value has two blocks, the end has two.
    let end = good.len() - 1024;
    let part = |length: usize| match Archive::read(&good[..length], &LIMITS) {
        Err(ReadError::Damaged { part, .. }) => part,
        other => panic!("{other:?}"),
    };
    assert_eq!(part(0), Part::member("userdata.json"));
    assert_eq!(part(end - 2048), Part::member("values/a"));
    assert_eq!(part(end - 1025), Part::member("values/a"));
    assert_eq!(part(end - 1024), Part::member("values/b"));
    assert_eq!(part(end - 1), Part::member("values/b"));
    assert_eq!(part(end), Part::End);
    assert_eq!(part(end + 1023), Part::End);
}

#[test]
fn zeros_after_the_end_are_taken_up_to_one_record() {
    let good = small();
    let archive = Archive::read(&good[..], &LIMITS).unwrap();
    let mut padded = good.clone();
    for count in [1, 512, 10_240] {
        padded.resize(good.len() + count, 0);
        assert_eq!(Archive::read(&padded[..], &LIMITS).unwrap(), archive);
    }
    for at in good.len()..padded.len() {
        padded[at] = 1;
        assert!(trails(&padded), "{at}");
        padded[at] = 0;
    }
    padded.push(0);
    assert!(trails(&padded));
    assert!(trails(&[good.clone(), good].concat()));
}

fn trails(bytes: &[u8]) -> bool {
    matches!(
        Archive::read(bytes, &LIMITS),
        Err(ReadError::Damaged {
            part: Part::End,
            damage: Damage::Trailing
        })
    )
}
