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
fn a_living_domain_keeps_its_values_if_the_command_fails() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    let message = destroy(&sandbox, &["false"]).refused(1);
    let expected = format!(
        "cannot destroy domain 1.{WEB}: the domain was not destroyed: \
         'false' ended with exit status: 1"
    );
    assert_eq!(message, expected);
    let message = destroy(&sandbox, &["./no-such-command", "web"]).refused(1);
    assert!(
        message.contains("cannot run './no-such-command': No such file"),
        "{message}"
    );
    let message = destroy(&sandbox, &["sh", "-c", "kill -9 $$"]).refused(1);
    assert!(message.contains("signal: 9"), "{message}");
    assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
    sandbox.store_for_web("xl", b"y");
}

#[test]
fn a_command_that_does_nothing_is_an_error() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    let message = destroy(&sandbox, &["true"]).refused(1);
    assert!(
        message.ends_with("still lives, although 'true' succeeded"),
        "{message}"
    );
    assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
}

#[test]
fn a_dying_or_dead_domain_is_destroyed() {
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
fn a_failure_of_the_store_does_not_keep_a_domain_alive() {
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
fn with_json_only_the_document_is_on_standard_output() {
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
fn the_command_gets_its_arguments_and_input_unchanged() {
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

#[test]
fn the_hypervisor_decides_and_not_the_exit_status() {
    for phase in [None, Some("dying"), Some("dead")] {
        let sandbox = Sandbox::with_web();
        sandbox.store_for_web("xl", b"x");
        fs::write(sandbox.file_of_web("libxl-json"), "{}").unwrap();
        let stop = phase.map_or(String::new(), |phase| format!("--stop-at {phase}"));
        let script = format!("$0 sim destroy web {stop}; exit 3");
        let ran = destroy(&sandbox, &["sh", "-c", &script, USERDATA]);
        assert_eq!((ran.status, ran.text()), (1, ""), "{ran:?}");
        let expected = format!(
            "userdata: domain 1.{WEB} is destroyed, although the command failed: \
             'sh' ended with exit status: 3\n\
             userdata: removed libxl-json\nuserdata: removed xl\n"
        );
        assert_eq!(ran.stderr, expected);
        assert!(sandbox.files().is_empty());
    }
}

#[test]
fn a_domain_that_is_gone_is_reported_with_the_failed_command() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    let script = "$0 sim destroy web; exit 3";
    let ran = sandbox.run([
        "destroy", "web", "--json", "--", "sh", "-c", script, USERDATA,
    ]);
    assert_eq!(ran.status, 1, "{ran:?}");
    let document = ran.document();
    assert_eq!(document["schema"], "userdata/destroyed/1");
    assert_eq!(document["cleared"]["removed"][0]["userid"], "xl");
    assert_eq!(document["command_error"], "'sh' ended with exit status: 3");
}

#[test]
fn an_unknown_domain_keeps_its_values() {
    for end in ["exit 0", "exit 1"] {
        let sandbox = Sandbox::with_web();
        sandbox.store_for_web("xl", b"x");
        let script = format!("echo damaged > {}; {end}", sandbox.host().display());
        let ran = destroy(&sandbox, &["sh", "-c", &script]);
        assert_eq!(ran.status, 1, "{ran:?}");
        assert!(ran.stderr.contains("not a simulated host"), "{ran:?}");
        assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
    }
}
