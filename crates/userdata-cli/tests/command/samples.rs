//! The files that real xl 4.17 left in `/var/lib/xen`, on a host that has its domains.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;

use crate::sandbox::Sandbox;

const SAMPLES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/var-lib-xen.tar"
);
const WEB: &str = "dd0432cd-1e00-4034-a9f8-262cf3743e99";
const DB: &str = "6f0c2a52-9d1e-4c8b-8a53-2f3b1c7d9e10";

/// Each file's bytes, mode, and time of its last change.
type Files = BTreeMap<String, (Vec<u8>, u32, i64)>;

/// The host that `xl list` showed, with its files.
fn host() -> (Sandbox, Files) {
    let sandbox = Sandbox::new();
    for (name, uuid) in [("web", WEB), ("db", DB)] {
        sandbox.done(["sim", "create", "--name", name, "--uuid", uuid]);
    }
    fs::create_dir(sandbox.store()).unwrap();
    let mut archive = tar::Archive::new(File::open(SAMPLES).unwrap());
    archive.set_preserve_permissions(true);
    archive.unpack(sandbox.store()).unwrap();
    let files = files(&sandbox);
    assert_eq!(files.len(), 6);
    (sandbox, files)
}

fn files(sandbox: &Sandbox) -> Files {
    let read = |name: String| {
        let path = sandbox.store().join(&name);
        let metadata = fs::metadata(&path).unwrap();
        let found = (
            fs::read(path).unwrap(),
            metadata.mode() & 0o7777,
            metadata.mtime(),
        );
        (name, found)
    };
    sandbox.files().into_iter().map(read).collect()
}

#[test]
fn every_value_is_listed_with_its_domain() {
    let (sandbox, _) = host();
    let list = sandbox.done(["list"]);
    let told: Vec<Vec<&str>> = list
        .lines()
        .map(|line| {
            line.split('\t')
                .enumerate()
                .filter(|(n, _)| *n != 6)
                .map(|(_, f)| f)
                .collect()
        })
        .collect();
    let zero = "00000000-0000-0000-0000-000000000000";
    assert_eq!(
        told,
        [
            ["0", "Domain-0", "alive", zero, "libxl-json", "209", "whole"],
            ["1", "web", "alive", WEB, "backup-agent", "25", "whole"],
            ["1", "web", "alive", WEB, "libxl-json", "677", "whole"],
            ["1", "web", "alive", WEB, "xl", "62", "whole"],
            ["2", "db", "alive", DB, "libvirt-xml", "149", "whole"],
            ["2", "db", "alive", DB, "libxl-json", "691", "whole"],
        ]
    );
    assert_eq!(sandbox.done(["list", "db"]).lines().count(), 2);
}

#[test]
fn each_value_is_retrieved_byte_for_byte() {
    let (sandbox, before) = host();
    for (name, (bytes, ..)) in &before {
        let parts: Vec<_> = name.splitn(4, '.').collect();
        let [_, domid, _, userid] = parts[..] else {
            panic!("{name}")
        };
        let ran = sandbox.run(["retrieve", domid, userid]);
        assert_eq!((ran.status, &ran.stdout), (0, bytes), "{name}");
        assert!(userid != "libxl-json" || bytes.ends_with(b"\0"));
    }
    assert_eq!(files(&sandbox), before);
}

#[test]
fn store_and_remove_change_exactly_one_value() {
    let (sandbox, before) = host();
    let xl = format!("userdata-d.1.{WEB}.xl");
    sandbox.feed(["store", "web", "xl"], b"new");
    let mut after = files(&sandbox);
    let (bytes, mode, _) = after.remove(&xl).unwrap();
    assert_eq!((&*bytes, mode), (&b"new"[..], 0o600));
    let mut expected = before.clone();
    expected.remove(&xl);
    assert_eq!(after, expected);
    sandbox.done(["remove", "web", "xl"]);
    assert_eq!(files(&sandbox), expected);
    sandbox.done(["remove", "db", "libvirt-xml"]);
    expected.remove(&format!("userdata-d.2.{DB}.libvirt-xml"));
    assert_eq!(files(&sandbox), expected);
}

#[test]
fn clear_changes_exactly_the_files_that_it_names() {
    let (sandbox, mut expected) = host();
    assert_eq!(
        sandbox.done(["clear", "web"]),
        "removed backup-agent\nremoved xl\n\
         kept libxl-json, which the living domain needs (--all removes it)\n"
    );
    expected.remove(&format!("userdata-d.1.{WEB}.backup-agent"));
    expected.remove(&format!("userdata-d.1.{WEB}.xl"));
    assert_eq!(files(&sandbox), expected);
    sandbox.done(["clear", "web", "--all"]);
    expected.remove(&format!("userdata-d.1.{WEB}.libxl-json"));
    assert_eq!(files(&sandbox), expected);
    sandbox.done(["sim", "destroy", "db"]);
    sandbox.done(["clear", &format!("2.{DB}")]);
    expected.retain(|name, _| !name.contains(DB));
    assert_eq!(files(&sandbox), expected);
    assert_eq!(expected.len(), 1);
}
