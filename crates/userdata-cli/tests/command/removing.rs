//! `userdata remove` and `userdata clear`.

use std::fs;

use crate::sandbox::{Sandbox, WEB};

#[test]
fn one_value_is_removed_and_no_other() {
    let sandbox = Sandbox::with_web();
    for userid in ["xl", "xl.old", "x", "*"] {
        sandbox.store_for_web(userid, b"value");
    }
    assert_eq!(sandbox.done(["remove", "web", "xl"]), "");
    assert_eq!(sandbox.done(["remove", "web", "*"]), "");
    assert_eq!(
        sandbox.files(),
        [
            format!("userdata-d.1.{WEB}.x"),
            format!("userdata-d.1.{WEB}.xl.old")
        ]
    );
}

#[test]
fn removing_nothing_succeeds_with_a_note() {
    let sandbox = Sandbox::with_web();
    let ran = sandbox.run(["remove", "web", "xl"]);
    assert_eq!(ran.status, 0);
    assert_eq!(ran.stderr, "userdata: nothing to remove\n");
}

#[test]
fn a_directory_in_place_of_a_value_is_not_removed() {
    let sandbox = Sandbox::with_web();
    fs::create_dir(sandbox.file_of_web("xl")).unwrap();
    let message = sandbox.refused(5, ["remove", "web", "xl"]);
    assert!(
        message.ends_with("it is a directory and not a regular file"),
        "{message}"
    );
    let ran = sandbox.run(["clear", "web"]);
    assert_eq!(ran.status, 5, "{ran:?}");
    assert!(
        ran.stderr
            .contains("it is a directory and not a regular file"),
        "{ran:?}"
    );
}

#[test]
fn a_living_domain_keeps_what_it_needs_without_all() {
    let sandbox = Sandbox::with_web();
    let other = sandbox.store().join(format!("userdata-d.11.{WEB}.xl"));
    let lock = sandbox
        .store()
        .join(format!("userdata-l.1.{WEB}.qmp-socket-lock"));
    let leftover = sandbox.store().join(format!("userdata-n.1.{WEB}.xl"));
    for file in [&other, &lock, &leftover, &sandbox.file_of_web("libxl-json")] {
        fs::write(file, "x").unwrap();
    }
    sandbox.store_for_web("xl", b"x");
    sandbox.store_for_web("b", b"x");
    assert_eq!(
        sandbox.done(["clear", "web"]),
        "removed b\nremoved xl\nremoved 1 file that is not a value\n\
         kept libxl-json, which the living domain needs (--all removes it)\n"
    );
    assert!(fs::exists(&lock).unwrap());
    assert_eq!(
        sandbox.done(["clear", "web", "--all"]),
        "removed libxl-json\nremoved 1 file that is not a value\n"
    );
    assert_eq!(sandbox.files(), [format!("userdata-d.11.{WEB}.xl")]);
    assert_eq!(sandbox.done(["clear", "web"]), "");
}

#[test]
fn files_that_cannot_be_removed_stop_no_other() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("a", b"x");
    fs::create_dir(sandbox.file_of_web("b")).unwrap();
    sandbox.store_for_web("c", b"x");
    let ran = sandbox.run(["clear", "web", "--json"]);
    assert_eq!(ran.status, 5, "{ran:?}");
    let document = ran.document();
    assert_eq!(document["removed"].as_array().unwrap().len(), 2);
    let failed = document["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        ran.stderr,
        format!("userdata: {}\n", failed[0].as_str().unwrap())
    );
    assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.b")]);
}

#[test]
fn a_value_is_removed_only_if_it_has_the_version() {
    let sandbox = Sandbox::with_web();
    for userid in ["xl", "libxl-json"] {
        fs::write(sandbox.file_of_web(userid), "old").unwrap();
        let remove = |version: &str| {
            let remove = ["remove", "web", userid, "--libxl-json", "--json"];
            sandbox.run([&remove[..], &["--if-version", version]].concat())
        };
        let document = sandbox
            .run(["retrieve", "web", userid, "--json"])
            .document();
        let version = document["version"].as_str().unwrap();
        let ran = remove(&"0".repeat(64));
        assert_eq!(
            (ran.status, &ran.document()["found"]),
            (6, &document["version"])
        );
        assert_eq!(sandbox.value_of_web(userid), b"old");
        let ran = remove(version);
        assert_eq!(
            (ran.status, &ran.document()["outcome"]),
            (0, &"removed".into())
        );
        let ran = remove(version);
        assert_eq!(
            (ran.status, &ran.document()["found"]),
            (6, &serde_json::Value::Null)
        );
    }
    assert!(sandbox.files().is_empty());
}
