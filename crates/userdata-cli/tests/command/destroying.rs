//! `userdata destroy DOMAIN -- COMMAND...`.

use std::fs;

use crate::sandbox::{Ran, Sandbox, USERDATA, WEB};

fn destroy(sandbox: &Sandbox, command: &[&str]) -> Ran {
    sandbox.run([&["destroy", "web", "--"], command].concat())
}

#[test]
fn the_domain_and_its_values_go_together() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    fs::write(sandbox.file_of_web("libxl-json"), "{}").unwrap();
    let ran = destroy(&sandbox, &[USERDATA, "sim", "destroy", "web"]);
    assert_eq!((ran.status, ran.text(), &*ran.stderr), (0, "", ""));
    assert!(sandbox.files().is_empty());
    sandbox.refused(3, ["list", "web"]);
}

#[test]
fn nothing_can_be_stored_while_the_command_runs() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    let script = "$0 store web late /proc/self/comm; echo $?; $0 retrieve web xl; \
                  $0 destroy web -- true; echo $?; $0 sim destroy web";
    let ran = destroy(&sandbox, &["sh", "-c", script, USERDATA]);
    assert_eq!((ran.status, ran.text()), (0, "10\nx10\n"), "{ran:?}");
    let expected = format!(
        "userdata: cannot store 'late' of domain 1.{WEB}: the domain is being destroyed\n\
         userdata: cannot destroy the userdata of domain 1.{WEB}: the domain is being destroyed\n"
    );
    assert_eq!(ran.stderr, expected);
    assert!(sandbox.files().is_empty());
}

#[test]
fn a_command_that_fails_leaves_everything_as_it_was() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    let said = destroy(&sandbox, &["false"]).refused(1);
    let expected = format!(
        "cannot destroy domain 1.{WEB}: the domain was not destroyed: \
         'false' ended with exit status: 1"
    );
    assert_eq!(said, expected);
    let said = destroy(&sandbox, &["./no-such-command", "web"]).refused(1);
    assert!(
        said.contains("cannot run './no-such-command': No such file"),
        "{said}"
    );
    let said = destroy(&sandbox, &["sh", "-c", "kill -9 $$"]).refused(1);
    assert!(said.contains("signal: 9"), "{said}");
    assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
    sandbox.store_for_web("xl", b"y");
}

#[test]
fn a_command_that_does_nothing_is_found_out() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    let said = destroy(&sandbox, &["true"]).refused(1);
    assert!(
        said.ends_with("the domain still lives, although the function that destroys it succeeded"),
        "{said}"
    );
    assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
}

#[test]
fn a_domain_that_never_comes_back_is_destroyed_although_it_is_not_gone() {
    for phase in ["dying", "dead"] {
        let sandbox = Sandbox::with_web();
        sandbox.store_for_web("xl", b"x");
        let ran = destroy(
            &sandbox,
            &[USERDATA, "sim", "destroy", "web", "--stop-at", phase],
        );
        assert_eq!(ran.status, 0, "{ran:?}");
        assert!(sandbox.files().is_empty());
    }
}

#[test]
fn trouble_with_storage_does_not_keep_a_domain_alive() {
    let sandbox = Sandbox::with_web();
    fs::create_dir(sandbox.file_of_web("xl")).unwrap();
    let ran = destroy(&sandbox, &[USERDATA, "sim", "destroy", "web"]);
    assert_eq!(ran.status, 5);
    assert!(
        ran.stderr
            .ends_with("it is a directory and not a regular file\n"),
        "{ran:?}"
    );
    sandbox.refused(3, ["list", "web"]);

    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    let lock = sandbox
        .store()
        .join(format!("userdata-l.1.{WEB}.domain-userdata-lock"));
    let lock = fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    let command = ["--", USERDATA, "sim", "destroy", "web"];
    let ran = sandbox.run([&["destroy", "web", "--timeout", "0.02"], &command[..]].concat());
    assert_eq!(ran.status, 7, "{ran:?}");
    assert!(
        ran.stderr
            .ends_with("userdata: the domain is destroyed all the same\n"),
        "{ran:?}"
    );
    sandbox.refused(3, ["list", "web"]);
    assert!(sandbox.done(["list"]).contains("\tgone\t"));
}

#[test]
fn with_json_standard_output_is_for_the_document_alone() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    let script = "echo from the command; $0 sim destroy web";
    let ran = sandbox.run([
        "destroy", "web", "--json", "--", "sh", "-c", script, USERDATA,
    ]);
    assert_eq!((ran.status, &*ran.stderr), (0, "from the command\n"));
    assert_eq!(ran.document()["cleared"]["removed"][0]["userid"], "xl");
}

#[test]
fn the_command_gets_its_arguments_and_input_as_they_are() {
    let sandbox = Sandbox::with_web();
    let mut command = sandbox.command([
        "destroy",
        "web",
        "--",
        "sh",
        "-c",
        "cat; echo \"$1\"; exit 1",
    ]);
    command.args(["sh", "a  b*"]);
    fs::write(sandbox.path("input"), "input ").unwrap();
    command.stdin(fs::File::open(sandbox.path("input")).unwrap());
    let output = command.output().unwrap();
    assert_eq!(output.stdout, b"input a  b*\n");
}
