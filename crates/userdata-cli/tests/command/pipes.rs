//! A standard output whose reader has gone, or which is full.

use std::fs::File;
use std::process::Stdio;

use crate::sandbox::{Ran, Sandbox};

#[test]
fn a_reader_that_goes_away_ends_the_command_quietly() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", &vec![7; 1 << 20]);
    for arguments in [
        &["retrieve", "web", "xl"][..],
        &["retrieve", "web", "xl", "--json"],
        &["list"],
        &["registry"],
        &["man"],
        &["completions", "bash"],
        &["demo"],
        &["--help"],
        &["--version"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = sandbox.command(arguments);
        let ran = Ran::from(command.stdout(writer).output().unwrap());
        assert_eq!((ran.status, &*ran.stderr), (1, ""), "{arguments:?}");
    }
}

#[test]
fn a_full_standard_output_is_a_failure() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    for arguments in [
        &["retrieve", "web", "xl"][..],
        &["list"],
        &["demo"],
        &["--help"],
        &["-h"],
        &["store", "--help"],
        &["sim", "create", "--help"],
        &["--version"],
    ] {
        let ran = Ran::from(sandbox.command(arguments).stdout(full()).output().unwrap());
        assert_eq!(ran.status, 1, "{arguments:?}");
        assert!(
            ran.stderr
                .starts_with("userdata: cannot write to standard output: No space left"),
            "{ran:?}"
        );
    }
}

#[test]
fn a_standard_error_without_a_reader_changes_nothing() {
    let sandbox = Sandbox::with_web();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = Ran::from(
        sandbox
            .command(["retrieve", "web", "xl"])
            .stderr(writer)
            .output()
            .unwrap(),
    );
    assert_eq!(ran.status, 4);
}
