//! `userdata list`, and userids that have to be escaped.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, SystemTime};

use crate::sandbox::{Sandbox, WEB, on_a_terminal};

/// Userids that other programs may have stored under, and how they are shown.
const HOSTILE: [(&[u8], &str); 8] = [
    (b"", r#""""#),
    (b"a b ", r"a\x20b\x20"),
    (b"tab\tline\n", r"tab\tline\n"),
    (b"\x1b[2Jgone", r"\x1b[2Jgone"),
    (b"\xff\xfe", r"\xff\xfe"),
    (b"it's", r"it\'s"),
    (br"a\x41", r"a\\x41"),
    (b"aA", "aA"),
];

fn hostile() -> Sandbox {
    let sandbox = Sandbox::with_web();
    for (userid, shown) in HOSTILE {
        fs::write(sandbox.file_of_web(OsStr::from_bytes(userid)), shown).unwrap();
    }
    sandbox
}

#[test]
fn a_line_has_the_value_and_its_domain() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"12345");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_383_540);
    let file = fs::File::options()
        .write(true)
        .open(sandbox.file_of_web("xl"))
        .unwrap();
    file.set_modified(time).unwrap();
    let line = format!("1\tweb\talive\t{WEB}\txl\t5\t2026-11-22T21:39:00Z\twhole\n");
    assert_eq!(sandbox.done(["list"]), line);
    assert_eq!(sandbox.done(["list", "web"]), line);
}

#[test]
fn lines_are_in_order_of_domid_and_userid() {
    let sandbox = Sandbox::with_web();
    for domid in [10, 9, 2] {
        let file = format!("userdata-d.{domid}.{WEB}.x");
        fs::write(sandbox.store().join(file), "x").unwrap();
    }
    for userid in ["z", "a"] {
        sandbox.store_for_web(userid, b"x");
    }
    let list = sandbox.done(["list"]);
    let order: Vec<_> = list
        .lines()
        .map(|line| {
            let fields: Vec<_> = line.split('\t').collect();
            (fields[0], fields[4])
        })
        .collect();
    assert_eq!(
        order,
        [("1", "a"), ("1", "z"), ("2", "x"), ("9", "x"), ("10", "x")]
    );
}

#[test]
fn only_values_are_listed() {
    let sandbox = Sandbox::with_web();
    for name in [
        format!("userdata-l.1.{WEB}.domain-userdata-lock"),
        format!("userdata-n.1.{WEB}.xl"),
        format!("userdata-d.01.{WEB}.xl"),
        "userdata-d.xl".to_owned(),
        "qemu-save.1".to_owned(),
    ] {
        fs::write(sandbox.store().join(name), "x").unwrap();
    }
    assert_eq!(sandbox.done(["list"]), "");
    assert_eq!(sandbox.done(["list", "web"]), "");
}

#[test]
fn the_life_of_a_domain_is_listed() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    let key = format!("1.{WEB}");
    let existence = |arguments: &[&str]| {
        let list = sandbox.done(arguments);
        let fields: Vec<_> = list.trim_end().split('\t').collect();
        (fields[1].to_owned(), fields[2].to_owned())
    };
    let told = |name: &str, domain: &str| (name.to_owned(), domain.to_owned());
    assert_eq!(existence(&["list"]), told("web", "alive"));
    sandbox.done(["sim", "destroy", "web", "--stop-at", "dying"]);
    assert_eq!(existence(&["list"]), told("web", "dying"));
    sandbox.done(["sim", "destroy", "1", "--stop-at", "dead"]);
    assert_eq!(existence(&["list"]), told("web", "dead"));
    assert_eq!(existence(&["list", &key]), told("web", "dead"));
    sandbox.done(["sim", "destroy", "1"]);
    assert_eq!(existence(&["list"]), told("-", "gone"));
    sandbox.done(["sim", "create", "--name", "new", "--domid", "1"]);
    assert_eq!(existence(&["list"]), told("-", "gone"));
    fs::write(sandbox.host(), "not a host").unwrap();
    let ran = sandbox.run(["list"]);
    assert_eq!(ran.status, 0);
    assert!(ran.text().contains("\tunknown\t"), "{ran:?}");
    assert!(
        ran.stderr
            .starts_with("userdata: cannot read the simulated host "),
        "{ran:?}"
    );
}

#[test]
fn the_state_of_a_damaged_value_is_listed() {
    let sandbox = Sandbox::with_web();
    fs::write(sandbox.file_of_web("a"), "").unwrap();
    std::os::unix::fs::symlink("x", sandbox.file_of_web("b")).unwrap();
    fs::create_dir(sandbox.file_of_web("c")).unwrap();
    let list = sandbox.done(["list"]);
    let states: Vec<_> = list
        .lines()
        .filter_map(|line| line.rsplit('\t').next())
        .collect();
    assert_eq!(states, ["empty", "symbolic link", "directory"]);
}

#[test]
fn a_value_is_retrieved_and_removed_by_its_listed_userid() {
    let sandbox = hostile();
    let list = sandbox.done(["list", "web"]);
    assert!(list.is_ascii());
    let shown: Vec<_> = list
        .lines()
        .map(|line| line.split('\t').nth(4).unwrap())
        .collect();
    let mut expected: Vec<_> = HOSTILE.iter().map(|(_, shown)| *shown).collect();
    expected.sort_by_key(|shown| HOSTILE.iter().find(|(_, s)| s == shown).unwrap().0);
    assert_eq!(shown, expected);
    for userid in &shown {
        assert_eq!(
            sandbox.done(["retrieve", "web", "--escaped", userid]),
            *userid
        );
    }
    for userid in &shown {
        sandbox.done(["remove", "web", "-e", userid]);
    }
    assert!(sandbox.files().is_empty());
}

#[test]
fn userids_are_taken_byte_for_byte_unless_escaped() {
    let sandbox = hostile();
    for (userid, shown) in HOSTILE {
        let userid = OsStr::from_bytes(userid);
        let arguments = ["retrieve", "web"].map(OsString::from);
        let ran = sandbox.run([&arguments[..], &[userid.to_owned()]].concat());
        assert_eq!((ran.status, ran.text()), (0, shown));
    }
    let message = sandbox.refused(2, ["retrieve", "web", "-e", r"a\q"]);
    assert!(
        message.starts_with(r"'a\\q' is not accepted as a userid: a backslash must be followed by"),
        "{message}"
    );
    sandbox.refused(2, ["retrieve", "web", "-e", r"a\x2fb"]);
    sandbox.refused(2, ["retrieve", "web", "a/b"]);
    sandbox.refused(2, ["remove", "web", "-e", r"\x00"]);
}

#[test]
fn the_document_has_the_bytes_of_a_userid() {
    let sandbox = hostile();
    let document = sandbox.run(["list", "--json"]).document();
    let values = document["values"].as_array().unwrap();
    assert_eq!(values.len(), HOSTILE.len());
    let value = values
        .iter()
        .find(|value| value["userid"] == r"\xff\xfe")
        .unwrap();
    assert_eq!(value["userid_base64"], "//4=");
}

#[test]
fn a_terminal_gets_an_aligned_table() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"12345");
    sandbox.store_for_web("a-longer-userid", b"1");
    let text = on_a_terminal(sandbox.command(["list"]), |list, end| list.stdout(end));
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("DOMID  NAME  DOMAIN  UUID"), "{text}");
    let column = lines[0].find("SIZE").unwrap();
    assert_eq!(
        (&lines[1][column..=column], &lines[2][column..=column]),
        ("1", "5")
    );
    assert!(
        lines[2].contains(&format!("1      web   alive   {WEB}  xl")),
        "{text}"
    );
}

#[test]
fn the_seed_layout_is_listed_by_uuid() {
    let sandbox = Sandbox::with_web();
    let gone = "6f0c2a52-9d1e-4c8b-8a53-2f3b1c7d9e10";
    sandbox.feed(["store", "web", "xl", "--layout", "seed"], b"x");
    fs::write(sandbox.store().join(format!("userdata-d.{gone}.xl")), "x").unwrap();
    let list = sandbox.done(["list", "--layout", "seed"]);
    assert!(
        list.contains(&format!("-\tweb\talive\t{WEB}\txl\t")),
        "{list}"
    );
    assert!(
        list.contains(&format!("-\t-\tunknown\t{gone}\txl\t")),
        "{list}"
    );
    assert!(
        sandbox
            .done(["list", "web", "--layout", "seed"])
            .starts_with("1\tweb\talive")
    );
    assert_eq!(sandbox.done(["list"]), "");
}

#[test]
fn the_registry_has_the_userids_of_libxl() {
    let sandbox = Sandbox::new();
    let list = sandbox.done(["registry"]);
    assert_eq!(list.lines().count(), 6);
    assert!(list.starts_with("xl\tdata\txl\t4.1\t"), "{list}");
}
