//! Strategies for userids.

use proptest::prelude::*;
use userdata_core::{Userid, WritableUserid};

/// Parts of hostile userids: names in use, metacharacters of globs, shells and formats, dots, other
/// domains' names, control characters, bytes that are not UTF-8.
const PARTS: &[&[u8]] = &[
    b"xl",
    b"libvirt-xml",
    b"libxl-json",
    b".",
    b"..",
    b"-",
    b"*",
    b"?",
    b"[!x]",
    b"[a-z]",
    b"{a,b}",
    b"\\",
    b"~",
    b"%s",
    b"$x",
    b"5",
    b"50",
    b" ",
    b"\n",
    b"\r",
    b"\x1b[2J",
    b"\x7f",
    b"\xff\xfe",
    b"\xc3\xa9",
    b"userdata-d.5.",
    b"11111111-2222-3333-4444-abcdef555555.",
    b"domain-userdata-loc",
    b"k",
    b"qmp-socket-lock",
];

const HOT: &[&[u8]] = &[b"xl", b"libvirt-xml", b"a"];

/// Draws any userid that fits into a file name, mostly hostile ones. About every thirtieth has the full
/// length.
pub fn userids() -> impl Strategy<Value = Userid> {
    let parts = proptest::collection::vec(proptest::sample::select(PARTS), 0..4)
        .prop_map(|parts| parts.concat());
    let bytes = proptest::collection::vec(any::<u8>(), 0..12);
    let longest = any::<u8>().prop_map(|byte| vec![byte; Userid::LEN_MAX]);
    prop_oneof![20 => parts, 10 => bytes, 1 => longest]
        .prop_filter_map("not a file name", |bytes| Userid::new(bytes).ok())
}

/// Draws a userid that [`WritableUserid::new`] accepts, mostly `xl`
/// and two others.
pub fn writable_userids() -> impl Strategy<Value = WritableUserid> {
    let parts = proptest::collection::vec(proptest::sample::select(PARTS), 1..4)
        .prop_map(|parts| parts.concat());
    let text = proptest::collection::vec(0x21..=0x7e_u8, 1..=WritableUserid::LEN_MAX);
    let hot = proptest::sample::select(HOT).prop_map(<[u8]>::to_vec);
    prop_oneof![6 => hot, 3 => parts, 1 => text]
        .prop_filter_map("not written", |bytes| WritableUserid::new(bytes).ok())
}

#[cfg(test)]
mod tests {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    use super::*;

    #[test]
    fn hostile_userids_are_drawn() {
        let mut runner = TestRunner::deterministic();
        let drawn: Vec<_> = (0..2000)
            .map(|_| userids().new_tree(&mut runner).unwrap().current())
            .collect();
        let some = |rule: fn(&[u8]) -> bool| drawn.iter().any(|userid| rule(userid.as_bytes()));
        assert!(some(<[u8]>::is_empty));
        assert!(some(|bytes| bytes.len() == Userid::LEN_MAX));
        assert!(some(|bytes| bytes.contains(&b'*')));
        assert!(some(|bytes| bytes.starts_with(b".")));
        assert!(some(|bytes| bytes.contains(&b'\n')));
        assert!(some(|bytes| std::str::from_utf8(bytes).is_err()));
    }
}
