//! No value is stored from an archive that is damaged, too large, or made to do harm.

use std::fs;

use tar::{Builder, EntryType, Header};
use userdata::Version;

use crate::sandbox::{Sandbox, WEB};

const AGENT: (&str, &[u8]) = ("agent", b"state");
const OTHER: (&str, &[u8]) = ("other", b"more");

/// A manifest with a correct checksum.
fn manifest(schema: u32, values: &[(&str, u64, Version)]) -> Vec<u8> {
    let listed: Vec<_> = values
        .iter()
        .map(|(userid, size, version)| {
            format!(
                "    {{\n      \"userid\": \"{userid}\",\n      \"size\": {size},\n      \
                 \"version\": \"{version}\"\n    }}"
            )
        })
        .collect();
    let listed = match listed.len() {
        0 => "[]".to_owned(),
        _ => format!("[\n{}\n  ]", listed.join(",\n")),
    };
    let text = format!(
        "{{\n  \"schema\": \"userdata/archive/{schema}\",\n  \"domain\": \"1.{WEB}\",\n  \
         \"name\": \"web\",\n  \"values\": {listed}"
    );
    let checksum = Version::of(format!("{text}\n}}").as_bytes());
    format!("{text},\n  \"checksum\": \"{checksum}\"\n}}\n").into_bytes()
}

/// A manifest that lists these values with their true sizes and versions.
fn listing(values: &[(&str, &[u8])]) -> Vec<u8> {
    let values: Vec<_> = values
        .iter()
        .map(|(userid, bytes)| (*userid, bytes.len() as u64, Version::of(bytes)))
        .collect();
    manifest(1, &values)
}

/// A tar of these members, whose names are taken as they are.
fn tar(members: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (name, kind, bytes) in members {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o600);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        if *kind == EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A tar of regular files: a manifest, and these values.
fn archive(manifest: &[u8], values: &[(&str, &[u8])]) -> Vec<u8> {
    let names: Vec<_> = values
        .iter()
        .map(|(name, _)| format!("values/{name}"))
        .collect();
    let mut members = vec![("userdata.json", EntryType::Regular, manifest)];
    for (name, (_, bytes)) in names.iter().zip(values) {
        members.push((name, EntryType::Regular, bytes));
    }
    tar(&members)
}

/// The message with which an archive is refused, after which nothing is changed.
fn refused(sandbox: &Sandbox, archive: &[u8], status: i32, arguments: &[&str]) -> String {
    let before = sandbox.contents();
    fs::write(sandbox.path("archive"), archive).unwrap();
    let ran = sandbox.run([&["import", "web", "archive"], arguments].concat());
    assert_eq!(sandbox.contents(), before, "{ran:?}");
    let message = ran.refused(status);
    let message = message
        .strip_prefix("cannot import archive: ")
        .unwrap_or_else(|| panic!("{ran:?}"));
    // The same archive on standard input is refused as well.
    let piped = sandbox.feed([&["import", "web"], arguments].concat(), archive);
    let expected = format!("cannot import standard input: {message}");
    assert_eq!(piped.refused(status), expected);
    assert_eq!(sandbox.contents(), before);
    message.to_owned()
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("agent", b"before");
    sandbox
}

#[test]
fn an_archive_is_forged_here_as_the_command_writes_it() {
    let sandbox = Sandbox::with_web();
    for (userid, bytes) in [AGENT, OTHER] {
        sandbox.store_for_web(userid, bytes);
    }
    let written = sandbox.run(["export", "web"]).stdout;
    let forged = archive(&listing(&[AGENT, OTHER]), &[AGENT, OTHER]);
    assert!(written == forged);
    assert_eq!(
        sandbox.run(["export", "web", "--only", "none"]).stdout,
        archive(&listing(&[]), &[])
    );
}

#[test]
fn a_damaged_archive_is_refused_and_its_member_is_named() {
    let sandbox = sandbox();
    let both = listing(&[AGENT, OTHER]);
    let said = |userid, size, bytes: &[u8]| manifest(1, &[(userid, size, Version::of(bytes))]);
    let regular = EntryType::Regular;
    let listed_twice = listing(&[AGENT, AGENT]);
    for (damaged, member, why) in [
        (archive(&both, &[AGENT]), "values/other", "missing"),
        (archive(&both, &[OTHER]), "values/agent", "missing"),
        (archive(&both, &[OTHER, AGENT]), "values/agent", "missing"),
        (archive(&both, &[AGENT, AGENT]), "values/agent", "twice"),
        (
            archive(&both, &[AGENT, OTHER, AGENT]),
            "values/agent",
            "twice",
        ),
        (
            archive(&listed_twice, &[AGENT, AGENT]),
            "values/agent",
            "listed twice",
        ),
        (
            archive(&listing(&[AGENT]), &[AGENT, OTHER]),
            "values/other",
            "not listed",
        ),
        (
            archive(&said("agent", 6, b"state"), &[AGENT]),
            "values/agent",
            "5 bytes, and userdata.json says 6",
        ),
        (
            archive(&said("agent", 4, b"state"), &[AGENT]),
            "values/agent",
            "5 bytes, and userdata.json says 4",
        ),
        (
            archive(&said("agent", 5, b"other"), &[AGENT]),
            "values/agent",
            "version",
        ),
        (
            archive(&listing(&[("agent", b"")]), &[("agent", b"")]),
            "values/agent",
            "empty",
        ),
        (
            tar(&[
                ("userdata.json", regular, &listing(&[AGENT])),
                ("values/agent", EntryType::Symlink, b""),
            ]),
            "values/agent",
            "not a regular file",
        ),
        (
            tar(&[("userdata.json", EntryType::Symlink, b"")]),
            "userdata.json",
            "not a regular file",
        ),
        (
            tar(&[
                ("userdata.json", regular, &both),
                ("values/agent", EntryType::Fifo, b""),
            ]),
            "values/agent",
            "not a regular file",
        ),
        (
            archive(&listing(&[AGENT]), &[("../agent", b"state")]),
            "values/../agent",
            "without a slash",
        ),
        (
            archive(&listing(&[AGENT]), &[("..", b"state")]),
            "values/..",
            "without a slash",
        ),
        (
            archive(&listing(&[AGENT]), &[("a/b", b"state")]),
            "values/a/b",
            "without a slash",
        ),
        (
            tar(&[
                ("userdata.json", regular, &listing(&[AGENT])),
                ("/etc/agent", regular, b"state"),
            ]),
            "/etc/agent",
            "without a slash",
        ),
        (
            tar(&[("values/agent", regular, b"state")]),
            "values/agent",
            "that has to be userdata.json",
        ),
        (archive(b"{}", &[]), "userdata.json", "not the manifest"),
        (
            archive(b"not json", &[]),
            "userdata.json",
            "not the manifest",
        ),
        (
            archive(&both, &[AGENT, OTHER])
                .into_iter()
                .chain([1])
                .collect(),
            "the end",
            "follows",
        ),
        (
            archive(&both, &[AGENT, OTHER])
                .into_iter()
                .chain(archive(&both, &[AGENT, OTHER]))
                .collect(),
            "the end",
            "follows",
        ),
        (Vec::new(), "userdata.json", "cut off"),
        (b"backup-agent state".to_vec(), "userdata.json", "cut off"),
    ] {
        let message = refused(&sandbox, &damaged, 5, &["--replace"]);
        assert!(
            message.starts_with(&format!("{member} in the archive is damaged: ")),
            "{message}"
        );
        assert!(message.contains(why), "{message}: {why}");
    }
}

#[test]
fn every_cut_and_many_flipped_bits_are_found() {
    let sandbox = sandbox();
    let whole = archive(&listing(&[AGENT, OTHER]), &[AGENT, OTHER]);
    let wrong = |damaged: &[u8], what: &str| {
        let ran = sandbox.feed(["import", "web", "--replace"], damaged);
        assert!(ran.status == 5 || ran.status == 8, "{what}: {ran:?}");
        assert!(
            ran.stderr.contains("userdata.json")
                || ran.stderr.contains("values/")
                || ran.stderr.contains("the end"),
            "{what}: {ran:?}"
        );
    };
    for length in (0..whole.len()).step_by(509) {
        wrong(&whole[..length], &format!("cut at {length}"));
    }
    wrong(&whole[..whole.len() - 1], "the last byte");
    for (number, at) in (0..whole.len()).step_by(97).enumerate() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (number % 8);
        wrong(&damaged, &format!("a bit of byte {at}"));
    }
    assert_eq!(sandbox.value_of_web("agent"), b"before");
    assert_eq!(sandbox.files().len(), 1);
}

#[test]
fn more_than_an_archive_may_have_is_not_read() {
    let sandbox = sandbox();
    let names: Vec<_> = (0..1025).map(|number| format!("v{number:04}")).collect();
    let many: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), &b"x"[..]))
        .collect();
    let message = refused(&sandbox, &archive(&listing(&many), &many), 8, &[]);
    assert_eq!(message, "the archive has 1025 values and the limit is 1024");

    let large: Vec<_> = names
        .iter()
        .take(65)
        .map(|name| (name.as_str(), 1 << 20, Version::of(b"x")))
        .collect();
    let message = refused(&sandbox, &archive(&manifest(1, &large), &[]), 8, &[]);
    let expected = format!(
        "have {} bytes together and the limit is {}",
        65 << 20,
        64 << 20
    );
    assert!(message.ends_with(&expected), "{message}");

    let message = refused(&sandbox, &archive(&vec![b' '; (1 << 20) + 1], &[]), 8, &[]);
    assert_eq!(
        message,
        "userdata.json has 1048577 bytes and the limit is 1048576"
    );

    let agent = archive(&listing(&[AGENT]), &[AGENT]);
    let message = refused(&sandbox, &agent, 8, &["--max-size", "4"]);
    assert_eq!(message, "values/agent has 5 bytes and the limit is 4");
}

#[test]
fn a_newer_form_is_named_with_the_one_that_is_understood() {
    let newer = archive(&manifest(2, &[]), &[]);
    let message = refused(&sandbox(), &newer, 1, &[]);
    assert!(message.contains("userdata/archive/2"), "{message}");
    assert!(message.contains("userdata/archive/1"), "{message}");
}

#[test]
fn a_userid_that_may_not_be_written_is_refused_if_left_out_too() {
    let sandbox = sandbox();
    for userid in [
        "domain-userdata-lock",
        "libxl-device-changes-lock",
        "qmp-socket-lock",
        "my-domain-userdata-lock-2",
        "with a blank",
        "",
    ] {
        let values = [(userid, &b"x"[..]), ("zzz", b"y")];
        let forged = archive(&listing(&values), &values);
        for arguments in [&[][..], &["--not", userid], &["--only", "zzz"]] {
            let message = refused(&sandbox, &forged, 2, arguments);
            let expected = format!("'{userid}' in the archive is not accepted as a userid: ");
            assert!(message.starts_with(&expected), "{message}");
        }
    }
}

#[test]
fn a_damaged_archive_is_found_before_any_wait_or_lock() {
    let sandbox = sandbox();
    fs::write(sandbox.path("archive"), "damaged").unwrap();
    sandbox.refused(5, ["import", "nobody", "archive", "--wait", "1e19"]);
    let lock = sandbox
        .store()
        .join(format!("userdata-l.1.{WEB}.domain-userdata-lock"));
    let lock = fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    sandbox.refused(5, ["import", "web", "archive"]);
}
