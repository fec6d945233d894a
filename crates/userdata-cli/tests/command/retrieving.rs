//! `userdata retrieve`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::sandbox::{Sandbox, WEB};

#[test]
fn bytes_come_back_as_they_are() {
    let sandbox = Sandbox::with_web();
    let every: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    sandbox.store_for_web("bytes", &every);
    assert_eq!(sandbox.value_of_web("bytes"), every);
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    fs::write(sandbox.path("out"), "something longer").unwrap();
    sandbox.done(["retrieve", "web", "xl", "-o", "out"]);
    assert_eq!(fs::read(sandbox.path("out")).unwrap(), b"value");
    let mode = fs::metadata(sandbox.path("out"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    sandbox.refused(4, ["retrieve", "web", "none", "-o", "out"]);
    assert_eq!(fs::read(sandbox.path("out")).unwrap(), b"value");
    let said = sandbox.refused(1, ["retrieve", "web", "xl", "-o", "none/out"]);
    assert!(said.starts_with("cannot write none/out: "), "{said}");
    assert_eq!(sandbox.done(["retrieve", "web", "xl", "-o", "-"]), "value");
    assert_eq!(
        sandbox.done(["retrieve", "web", "xl", "-o", "/dev/stdout"]),
        "value"
    );
}

#[test]
fn a_file_takes_the_document_where_json_is_asked_for() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    assert_eq!(
        sandbox.done(["retrieve", "web", "xl", "--json", "-o", "out"]),
        ""
    );
    let written = fs::read(sandbox.path("out")).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(document["value"], "dmFsdWU=");
}

#[test]
fn reading_changes_nothing_and_waits_for_nobody() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    let lock = sandbox
        .store()
        .join(format!("userdata-l.1.{WEB}.domain-userdata-lock"));
    let lock = fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    let before = fs::metadata(sandbox.store()).unwrap().modified().unwrap();
    assert_eq!(sandbox.value_of_web("xl"), b"value");
    sandbox.done(["list"]);
    sandbox.done(["list", "web"]);
    assert_eq!(
        fs::metadata(sandbox.store()).unwrap().modified().unwrap(),
        before
    );
    assert_eq!(sandbox.files().len(), 2);
}

#[test]
fn a_named_pipe_in_place_of_a_value_is_an_error_and_not_waited_for() {
    let sandbox = Sandbox::with_web();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, sandbox.file_of_web("xl"), fifo, mode, 0).unwrap();
    let said = sandbox.refused(5, ["retrieve", "web", "xl"]);
    assert!(
        said.ends_with("it is a named pipe and not a regular file"),
        "{said}"
    );
    assert!(sandbox.done(["list", "web"]).ends_with("\tnamed pipe\n"));
    sandbox.done(["remove", "web", "xl"]);
    assert!(sandbox.files().is_empty());
}
