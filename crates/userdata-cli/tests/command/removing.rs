//! `userdata remove` and `userdata destroy-all`.

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
fn to_remove_what_is_not_there_is_done_and_said() {
    let sandbox = Sandbox::with_web();
    let ran = sandbox.run(["remove", "web", "xl"]);
    assert_eq!(ran.status, 0);
    assert_eq!(ran.stderr, "userdata: there was no value to remove\n");
}

#[test]
fn a_directory_in_place_of_a_value_is_not_removed() {
    let sandbox = Sandbox::with_web();
    fs::create_dir(sandbox.file_of_web("xl")).unwrap();
    let said = sandbox.refused(5, ["remove", "web", "xl"]);
    assert!(
        said.ends_with("it is a directory and not a regular file"),
        "{said}"
    );
    let ran = sandbox.run(["destroy-all", "web"]);
    assert_eq!(ran.status, 5, "{ran:?}");
    assert!(
        ran.stderr
            .contains("it is a directory and not a regular file"),
        "{ran:?}"
    );
}

#[test]
fn a_living_domain_keeps_what_it_needs_unless_all_is_said() {
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
        sandbox.done(["destroy-all", "web"]),
        "removed b\nremoved xl\nremoved 1 file that holds no value\n\
         kept libxl-json, which the living domain needs (--all removes it)\n"
    );
    assert!(fs::exists(&lock).unwrap());
    assert_eq!(
        sandbox.done(["destroy-all", "web", "--all"]),
        "removed libxl-json\nremoved 1 file that holds no value\n"
    );
    assert_eq!(sandbox.files(), [format!("userdata-d.11.{WEB}.xl")]);
    assert_eq!(sandbox.done(["destroy-all", "web"]), "");
}

#[test]
fn what_cannot_be_removed_is_reported_and_the_rest_is_removed() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("a", b"x");
    fs::create_dir(sandbox.file_of_web("b")).unwrap();
    sandbox.store_for_web("c", b"x");
    let ran = sandbox.run(["destroy-all", "web", "--json"]);
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
