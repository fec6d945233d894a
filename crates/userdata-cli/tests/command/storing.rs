//! `userdata store`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::sandbox::{Ran, Sandbox, USERDATA, WEB};

#[test]
fn a_value_is_one_file_as_libxl_writes_it() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"old");
    sandbox.store_for_web("xl", b"\0new\xff\n");
    assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
    let file = sandbox.file_of_web("xl");
    assert_eq!(fs::read(&file).unwrap(), b"\0new\xff\n");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o7777,
        0o600
    );
}

#[test]
fn a_value_comes_from_a_file_or_from_standard_input() {
    let sandbox = Sandbox::with_web();
    fs::write(sandbox.path("web.cfg"), "from a file").unwrap();
    assert_eq!(sandbox.done(["store", "web", "xl", "web.cfg"]), "");
    assert_eq!(sandbox.value_of_web("xl"), b"from a file");
    assert_eq!(
        sandbox
            .feed(["store", "web", "xl", "-"], b"from a pipe")
            .status,
        0
    );
    assert_eq!(sandbox.value_of_web("xl"), b"from a pipe");
    let message = sandbox.refused(1, ["store", "web", "xl", "missing.cfg"]);
    assert_eq!(
        message,
        "cannot open missing.cfg: No such file or directory (os error 2)"
    );
    let message = sandbox.refused(1, ["store", "web", "xl", "."]);
    assert_eq!(message, "cannot read .: Is a directory (os error 21)");
    assert_eq!(sandbox.value_of_web("xl"), b"from a pipe");
}

#[test]
fn empty_input_is_refused() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"old");
    let message = sandbox.refused(2, ["store", "web", "xl"]);
    assert_eq!(
        message,
        "standard input is empty; with --empty-removes this removes the value"
    );
    fs::write(sandbox.path("empty"), "").unwrap();
    let message = sandbox.refused(2, ["store", "web", "xl", "empty"]);
    assert!(message.starts_with("empty is empty"), "{message}");
    let ran = sandbox.run(["store", "web", "xl", "/dev/null", "--json"]);
    assert_eq!((ran.status, &ran.document()["kind"]), (2, &"usage".into()));
    sandbox.refused(2, ["store", "web", "other", "--if-absent"]);
    assert_eq!(sandbox.value_of_web("xl"), b"old");
}

#[test]
fn no_bytes_remove_the_value_if_that_is_permitted() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"old");
    let ran = sandbox.run(["store", "web", "xl", "--empty-removes"]);
    assert_eq!(ran.status, 0);
    assert_eq!(
        ran.stderr,
        "userdata: the input is empty, so the value is removed\n"
    );
    assert!(sandbox.files().is_empty());
    fs::write(sandbox.path("empty"), "").unwrap();
    let ran = sandbox.run(["store", "web", "xl", "empty", "--empty-removes"]);
    assert_eq!(ran.status, 0);
    assert!(ran.stderr.contains("nothing to remove"));
    sandbox.feed(["store", "web", "xl", "--empty-removes"], b"new");
    assert_eq!(sandbox.value_of_web("xl"), b"new");
}

#[test]
fn a_longer_value_is_refused_before_its_end_is_read() {
    let sandbox = Sandbox::with_web();
    let default = vec![7; 1 << 20];
    sandbox.store_for_web("xl", &default);
    assert_eq!(sandbox.value_of_web("xl"), default);
    let message = sandbox
        .feed(["store", "web", "xl"], &vec![8; (1 << 20) + 1])
        .refused(8);
    assert_eq!(
        message,
        "standard input has more than 1048576 bytes, the limit set by --max-size"
    );
    let message = sandbox.refused(8, ["store", "web", "xl", "/dev/zero"]);
    assert_eq!(
        message,
        "/dev/zero has more than 1048576 bytes, the limit set by --max-size"
    );
    assert_eq!(sandbox.value_of_web("xl"), default);
    let larger = vec![8; 2 << 20];
    let size = larger.len().to_string();
    assert_eq!(
        sandbox
            .feed(["store", "web", "xl", "--max-size", &size], &larger)
            .status,
        0
    );
    let ran = sandbox.run(["retrieve", "web", "xl", "--max-size", &size]);
    assert_eq!(ran.stdout, larger);
}

#[test]
fn preconditions_make_a_compare_and_swap() {
    let sandbox = Sandbox::with_web();
    let version = || {
        let document = sandbox.run(["retrieve", "web", "xl", "--json"]).document();
        document["version"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        sandbox
            .feed(["store", "web", "xl", "--if-absent"], b"1")
            .status,
        0
    );
    let first = version();
    let swap = ["store", "web", "xl", "--if-version", &first];
    assert_eq!(sandbox.feed(swap, b"2").status, 0);
    let ran = sandbox.feed([&swap[..], &["--json"]].concat(), b"3");
    assert_eq!(ran.status, 6);
    assert_eq!(ran.document()["found"], *version());
    assert_eq!(sandbox.value_of_web("xl"), b"2");
    // No bytes remove, on the same condition.
    let remove = ["store", "web", "xl", "--empty-removes", "--if-version"];
    let ran = sandbox.run([&remove[..], &[&first]].concat());
    assert_eq!(ran.status, 6);
    let ran = sandbox.run([&remove[..], &[&version()]].concat());
    assert_eq!(ran.status, 0);
    assert!(sandbox.files().is_empty());
}

#[test]
fn libxl_json_is_changed_only_if_that_is_permitted() {
    let sandbox = Sandbox::with_web();
    fs::write(sandbox.file_of_web("libxl-json"), "{}\0").unwrap();
    let message = sandbox
        .feed(["store", "web", "libxl-json"], b"x")
        .refused(2);
    assert!(
        message.contains("--libxl-json permits changes to it"),
        "{message}"
    );
    let message = sandbox.refused(2, ["remove", "web", "libxl-json"]);
    assert!(
        message.contains("--libxl-json permits changes to it"),
        "{message}"
    );
    assert_eq!(sandbox.value_of_web("libxl-json"), b"{}\0");
    let ran = sandbox.feed(["store", "web", "libxl-json", "--libxl-json"], b"[]\0");
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(sandbox.value_of_web("libxl-json"), b"[]\0");
    sandbox.done(["remove", "web", "libxl-json", "--libxl-json"]);
    assert!(sandbox.files().is_empty());
}

#[test]
fn nothing_is_stored_under_an_invalid_userid() {
    let sandbox = Sandbox::with_web();
    for userid in [
        "",
        ".",
        "..",
        "a/b",
        "a b",
        "a\n",
        "domain-userdata-lock",
        "x-domain-userdata-lock",
        "qmp-socket-lock",
        "libxl-device-changes-lock",
        "\u{e9}",
        &"x".repeat(129),
    ] {
        sandbox.feed(["store", "web", userid], b"x").refused(2);
        // --libxl-json permits that userid alone.
        sandbox
            .feed(["store", "web", userid, "--libxl-json"], b"x")
            .refused(2);
    }
    assert!(sandbox.files().is_empty());
    for userid in [
        "*",
        "[x]",
        "a.b",
        "...",
        "it's",
        r"a\x41",
        "--",
        &"x".repeat(128),
    ] {
        let ran = sandbox.feed(["store", "web", "--", userid], userid.as_bytes());
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    for userid in [
        "*",
        "[x]",
        "a.b",
        "...",
        "it's",
        r"a\x41",
        "--",
        &"x".repeat(128),
    ] {
        assert_eq!(sandbox.done(["retrieve", "web", "--", userid]), userid);
    }
}

#[test]
fn a_damaged_value_is_repaired_by_storing() {
    let sandbox = Sandbox::with_web();
    fs::write(sandbox.file_of_web("xl"), "").unwrap();
    sandbox.store_for_web("xl", b"whole");
    assert_eq!(sandbox.value_of_web("xl"), b"whole");
    std::os::unix::fs::symlink("target", sandbox.file_of_web("link")).unwrap();
    fs::write(sandbox.store().join("target"), "untouched").unwrap();
    let ran = sandbox.feed(["store", "web", "link", "--json"], b"whole");
    assert_eq!(ran.status, 0);
    assert!(
        ran.stderr
            .contains("the value replaced a symbolic link, which was not followed")
    );
    let document: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(document["displaced"], "symbolic link");
    assert_eq!(sandbox.value_of_web("link"), b"whole");
    assert_eq!(
        fs::read(sandbox.store().join("target")).unwrap(),
        b"untouched"
    );
}

#[test]
fn a_missing_directory_is_named_and_not_made() {
    let sandbox = Sandbox::with_web();
    let message = sandbox.refused(
        1,
        ["store", "web", "xl", "/proc/self/comm", "--dir", "nowhere"],
    );
    assert!(
        message.starts_with("cannot open nowhere: no such directory"),
        "{message}"
    );
    fs::write(sandbox.path("file"), "").unwrap();
    let message = sandbox.refused(1, ["list", "--dir", "file"]);
    assert!(message.contains("Not a directory"), "{message}");
    assert!(!fs::exists(sandbox.path("nowhere")).unwrap());
}

#[test]
fn a_file_beyond_the_size_limit_is_an_error_and_not_fatal() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"old");
    let environment = sandbox.command([""; 0]);
    let mut command = Command::new("sh");
    let script = "ulimit -f 0; head -c 4000 /dev/zero | \"$0\" store web xl --json";
    command.args(["-c", script, USERDATA]);
    command.envs(
        environment
            .get_envs()
            .map(|(name, value)| (name, value.unwrap())),
    );
    let ran = Ran::from(command.output().unwrap());
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("File too large"), "{ran:?}");
    assert_eq!(ran.document()["changed"], false);
    assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
    assert_eq!(sandbox.value_of_web("xl"), b"old");
}
