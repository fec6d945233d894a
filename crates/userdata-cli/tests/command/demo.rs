//! `userdata demo`.

use std::fs;

use crate::sandbox::{Ran, Sandbox};

#[test]
fn the_demo_has_seven_steps_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("scratch")).unwrap();
    let mut command = sandbox.command(["demo"]);
    command.env("TMPDIR", sandbox.path("scratch"));
    let ran = Ran::from(command.output().unwrap());
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    let told = ran.text();
    assert!(told.is_ascii() && !told.contains('\u{1b}'), "{told}");
    for number in 1..=7 {
        assert!(told.contains(&format!("\n{number}. ")), "{told}");
    }
    let last = told.lines().last().unwrap();
    assert!(
        last.starts_with("Done: ") && last.contains("each verified"),
        "{last}"
    );
    assert_eq!(fs::read_dir(sandbox.path("scratch")).unwrap().count(), 0);
    assert!(!fs::exists(sandbox.host()).unwrap());
}

#[test]
fn the_demo_needs_a_temporary_directory() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(["demo"]);
    command.env("TMPDIR", sandbox.path("nowhere"));
    let message = Ran::from(command.output().unwrap()).refused(1);
    assert!(
        message.starts_with("cannot make a temporary directory: "),
        "{message}"
    );
}
