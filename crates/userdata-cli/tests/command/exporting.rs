//! `userdata export`.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::sandbox::{NEVER, Ran, Sandbox, WEB, terminal};

/// The userids and values of an archive, as plain `tar` unpacks them.
pub(crate) fn unpacked(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("archive"), archive).unwrap();
    let mut tar = Command::new("tar");
    let tar = tar.args(["-x", "-f", "archive"]).current_dir(folder.path());
    assert!(tar.status().unwrap().success());
    assert!(fs::exists(folder.path().join("userdata.json")).unwrap());
    let Ok(values) = fs::read_dir(folder.path().join("values")) else {
        return Vec::new();
    };
    let mut values: Vec<_> = values
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    values.sort();
    values
}

/// An export that succeeds without a message.
fn exported(sandbox: &Sandbox, arguments: &[&str]) -> Vec<u8> {
    let ran = sandbox.run([&["export"], arguments].concat());
    assert_eq!((ran.status, &*ran.stderr), (0, ""), "{ran:?}");
    ran.stdout
}

fn names(archive: &[u8]) -> Vec<String> {
    unpacked(archive)
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn plain_tar_reads_an_export() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("agent", b"state\0\xff");
    sandbox.store_for_web("odd:name%", &vec![7; 100_000]);
    let archive = exported(&sandbox, &["web"]);
    let expected = [
        ("agent".to_owned(), b"state\0\xff".to_vec()),
        ("odd%3Aname%25".to_owned(), vec![7; 100_000]),
    ];
    assert_eq!(unpacked(&archive), expected);
    let manifest = String::from_utf8_lossy(&archive);
    assert!(manifest.contains(r#""name": "web""#));
    assert!(manifest.contains(&format!(r#""domain": "1.{WEB}""#)));
    assert_eq!(sandbox.files().len(), 2, "no lock file stays");
}

#[test]
fn the_same_values_give_the_same_bytes_wherever_they_go() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("b", b"2");
    sandbox.store_for_web("a", b"1");
    let first = exported(&sandbox, &["web"]);
    sandbox.done(["remove", "web", "b"]);
    sandbox.store_for_web("b", b"2");
    for arguments in [&["1"][..], &[WEB], &["web", "-o-"], &["-o", "-", "web"]] {
        assert_eq!(exported(&sandbox, arguments), first);
    }
    assert!(exported(&sandbox, &["web", "-o", "out"]).is_empty());
    assert_eq!(fs::read(sandbox.path("out")).unwrap(), first);
    assert_eq!(exported(&sandbox, &["web", "-o", "/dev/stdout"]), first);
    assert_eq!(
        sandbox.shell("$0 export web -o /dev/fd/1 | cat").stdout,
        first
    );
}

#[test]
fn what_its_owner_writes_again_goes_along_only_if_asked_for() {
    let sandbox = Sandbox::with_web();
    for userid in ["agent", "libvirt-xml", "other", "xl"] {
        sandbox.store_for_web(userid, b"x");
    }
    fs::write(sandbox.file_of_web("libxl-json"), "{}\0").unwrap();
    for (arguments, expected) in [
        (&[][..], &["agent", "other"][..]),
        (&["--with", "xl"], &["agent", "other", "xl"]),
        (
            &["--with", "libxl-json", "--with", "xl"],
            &["agent", "libxl-json", "other", "xl"],
        ),
        (&["--only", "xl"], &["xl"]),
        (&["--only", "xl", "--only", "agent"], &["agent", "xl"]),
        (&["--only", "agent", "--with", "xl"], &["agent", "xl"]),
        (&["--not", "agent"], &["other"]),
        (
            &["--not", "agent", "--only", "agent", "--with", "xl"],
            &["xl"],
        ),
    ] {
        let archive = exported(&sandbox, &[&["web"], arguments].concat());
        assert_eq!(names(&archive), expected, "{arguments:?}");
    }
    let message = sandbox.refused(2, ["export", "web", "--only", "a/b"]);
    assert!(message.starts_with("'a/b' is not accepted"), "{message}");
}

#[test]
fn the_values_of_a_domain_that_is_gone_are_exported_by_its_key() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("agent", b"state");
    sandbox.done(["sim", "reboot", "web"]);
    let archive = exported(&sandbox, &[&format!("1.{WEB}")]);
    assert_eq!(names(&archive), ["agent"]);
    // The name is that of another domain by now.
    assert!(String::from_utf8_lossy(&archive).contains(r#""name": null"#));
    let message = sandbox.refused(3, ["export", "nobody"]);
    assert_eq!(message, "domain called \"nobody\" does not exist");
}

#[test]
fn a_domain_without_values_has_an_archive_without_values() {
    let sandbox = Sandbox::with_web();
    let other = Sandbox::with_web();
    fs::remove_dir(other.store()).unwrap();
    for (sandbox, domain) in [(&sandbox, "web"), (&sandbox, NEVER), (&other, "web")] {
        let ran = sandbox.run(["export", domain]);
        assert_eq!(ran.status, 0, "{ran:?}");
        assert_eq!(ran.stderr, "userdata: nothing to export\n");
        assert!(unpacked(&ran.stdout).is_empty());
    }
    assert!(
        !fs::exists(other.store()).unwrap(),
        "what only reads makes nothing"
    );
}

#[test]
fn an_archive_is_not_written_to_a_terminal_or_into_a_document() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("agent", b"state");
    let (_user, end) = terminal();
    let ran = Ran::from(
        sandbox
            .command(["export", "web"])
            .stdout(end)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap(),
    );
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("not written to a terminal"), "{ran:?}");
    for arguments in [
        &["export", "web", "--json"][..],
        &["export", "web", "--json", "-o-"],
    ] {
        let ran = sandbox.run(arguments);
        assert_eq!(
            (ran.status, ran.document()["kind"].as_str()),
            (2, Some("usage"))
        );
    }
}

#[test]
fn a_file_is_replaced_whole_and_keeps_its_mode_or_stays_as_it_was() {
    let sandbox = Sandbox::with_web();
    let out = sandbox.path("out");
    sandbox.store_for_web("agent", &vec![7; 100_000]);
    let mode = || fs::metadata(&out).unwrap().permissions().mode() & 0o7777;
    exported(&sandbox, &["web", "-o", "out"]);
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&out, fs::Permissions::from_mode(0o640)).unwrap();
    sandbox.store_for_web("agent", &vec![8; 100_000]);
    exported(&sandbox, &["web", "-o", "out"]);
    assert_eq!(mode(), 0o640);
    assert_eq!(unpacked(&fs::read(&out).unwrap())[0].1, vec![8; 100_000]);

    let before = (
        fs::read(&out).unwrap(),
        fs::read_dir(sandbox.path("")).unwrap().count(),
    );
    sandbox.store_for_web("agent", b"new");
    fs::write(sandbox.file_of_web("damaged"), "").unwrap();
    sandbox.refused(5, ["export", "web", "-o", "out"]);
    fs::write(sandbox.file_of_web("damaged"), vec![1; 100_000]).unwrap();
    for (file, error) in [("out", "File too large"), ("none/out", "No such file")] {
        let ran = sandbox.shell(&format!("ulimit -f 16; $0 export web -o {file}"));
        let message = ran.refused(1);
        assert!(
            message.starts_with(&format!("cannot write {file}: ")),
            "{message}"
        );
        assert!(message.contains(error), "{message}");
    }
    let after = (
        fs::read(&out).unwrap(),
        fs::read_dir(sandbox.path("")).unwrap().count(),
    );
    assert!(after == before, "nothing is written, and nothing left");
}

#[test]
fn more_than_an_archive_may_have_is_refused_with_limit_and_number() {
    let sandbox = Sandbox::with_web();
    for number in 0..1025 {
        fs::write(sandbox.file_of_web(format!("v{number}")), "x").unwrap();
    }
    let message = sandbox.refused(8, ["export", "web", "-o", "out"]);
    assert!(
        message.ends_with("there are 1025 values and the limit is 1024"),
        "{message}"
    );
    let left = exported(&sandbox, &["web", "--not", "v7"]);
    assert_eq!(unpacked(&left).len(), 1024);

    let sandbox = Sandbox::with_web();
    for number in 0..65 {
        let value = File::create(sandbox.file_of_web(format!("v{number}"))).unwrap();
        value.set_len(1 << 20).unwrap();
    }
    let message = sandbox.refused(8, ["export", "web", "-o", "out"]);
    let expected = format!("there are {} bytes and the limit is {}", 65 << 20, 64 << 20);
    assert!(message.ends_with(&expected), "{message}");
    let message = sandbox.refused(8, ["export", "web", "-o", "out", "--max-size", "1000"]);
    assert!(
        message.ends_with("1048576 bytes and the limit is 1000"),
        "{message}"
    );
    assert!(!fs::exists(sandbox.path("out")).unwrap());
}

#[test]
fn a_value_that_could_not_be_imported_is_named() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("agent", b"state");
    let damaged = sandbox.file_of_web("damaged");
    fs::write(&damaged, "").unwrap();
    let message = sandbox.refused(5, ["export", "web"]);
    assert!(
        message.contains(".damaged: the value is empty"),
        "{message}"
    );
    assert_eq!(
        names(&exported(&sandbox, &["web", "--not", "damaged"])),
        ["agent"]
    );
    fs::remove_file(&damaged).unwrap();
    for userid in ["a b", "x-domain-userdata-lock"] {
        fs::write(sandbox.file_of_web(userid), "x").unwrap();
        let message = sandbox.refused(2, ["export", "web"]);
        assert!(
            message.contains(&format!("'{userid}' is not accepted")),
            "{message}"
        );
        assert_eq!(
            names(&exported(&sandbox, &["web", "--not", userid])),
            ["agent"]
        );
        fs::remove_file(sandbox.file_of_web(userid)).unwrap();
    }
}

#[test]
fn an_archive_that_cannot_be_written_is_a_failure() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("agent", &vec![7; 1 << 20]);
    for (redirection, error) in [
        (">&-", "Bad file descriptor"),
        ("1</dev/null", "Bad file descriptor"),
        (">/dev/full", "No space left"),
    ] {
        let ran = sandbox.shell(&format!("$0 export web {redirection}"));
        let message = ran.refused(1);
        assert!(
            message.starts_with("cannot write to standard output: "),
            "{message}"
        );
        assert!(message.contains(error), "{message}");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = Ran::from(
        sandbox
            .command(["export", "web"])
            .stdout(writer)
            .output()
            .unwrap(),
    );
    assert_eq!(
        (ran.status, &*ran.stderr),
        (1, ""),
        "a reader that goes away"
    );
}

#[test]
fn a_slow_reader_keeps_no_other_process_waiting() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("agent", &vec![7; 1 << 20]);
    let mut export = sandbox.command(["export", "web"]);
    let mut export = export.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = export.stdout.take().unwrap();
    let mut archive = vec![0; 1];
    output.read_exact(&mut archive).unwrap();
    // It is being written, and is larger than a pipe.
    sandbox.done(["store", "web", "agent", "/proc/self/comm", "--timeout", "0"]);
    output.read_to_end(&mut archive).unwrap();
    assert!(export.wait().unwrap().success());
    assert_eq!(unpacked(&archive)[0].1, vec![7; 1 << 20]);
}
