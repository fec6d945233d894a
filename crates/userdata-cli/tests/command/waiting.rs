//! `userdata import --wait`: until the domain lives.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode};

use crate::sandbox::{Ran, Sandbox, USERDATA, WEB};

const BEING_DESTROYED: i32 = 10;

/// With an archive of one value, and a domain `web` that does not have it.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("agent", b"state");
    sandbox.done(["export", "web", "-o", "archive"]);
    sandbox.done(["clear", "web"]);
    sandbox
}

fn started(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// An import that has not ended after some time; on a slow machine it may just have begun.
fn waiting(sandbox: &Sandbox, domain: &str) -> Child {
    let mut import = started(sandbox.command(["import", "--wait", "600", domain, "archive"]));
    thread::sleep(Duration::from_millis(300));
    assert!(import.try_wait().unwrap().is_none());
    import
}

fn imported(import: Child) {
    let ran = Ran::from(import.wait_with_output().unwrap());
    let expected = (0, "imported agent\n", "");
    assert_eq!((ran.status, ran.text(), &*ran.stderr), expected);
}

#[test]
fn a_domain_that_does_not_exist_yet_gets_its_values() {
    let uuid = "6f0c2a52-9d1e-4c8b-8a53-2f3b1c7d9e10";
    for domain in ["new", "2", uuid, &format!("2.{uuid}")] {
        let sandbox = sandbox();
        sandbox.refused(3, ["import", "--wait", "0.05", domain, "archive"]);
        let import = waiting(&sandbox, domain);
        sandbox.done(["sim", "create", "--name", "new", "--uuid", uuid]);
        imported(import);
        assert_eq!(sandbox.done(["retrieve", "new", "agent"]), "state");
    }
}

#[test]
fn a_dying_or_dead_domain_is_not_the_one_that_is_waited_for() {
    for (phase, status) in [("dying", 10), ("dead", 3)] {
        for domain in ["web", WEB] {
            let sandbox = sandbox();
            sandbox.done(["sim", "destroy", "web", "--stop-at", phase]);
            sandbox.refused(status, ["import", "--wait", "0.05", "1", "archive"]);
            let import = waiting(&sandbox, domain);
            sandbox.done(["sim", "create", "--name", "web", "--uuid", WEB]);
            imported(import);
            assert_eq!(sandbox.done(["retrieve", "2", "agent"]), "state");
        }
    }
}

#[test]
fn a_domain_that_is_leaving_is_not_there_yet() {
    let sandbox = sandbox();
    let host = fs::read_to_string(sandbox.host()).unwrap();
    let (domain_0, web) = host.split_at(host.find("\"web\"").unwrap());
    let leaving = web.replacen("\"leaving\": false", "\"leaving\": true", 1);
    assert_ne!(leaving, web);
    let leaving = format!("{domain_0}{leaving}");
    fs::write(sandbox.host(), leaving).unwrap();
    let message = sandbox.refused(
        BEING_DESTROYED,
        ["import", "--wait", "0.05", "1", "archive"],
    );
    assert_eq!(message, format!("domain 1.{WEB} is being destroyed"));
    sandbox.refused(BEING_DESTROYED, ["import", "1", "archive"]);
    assert!(sandbox.files().is_empty());
    let import = waiting(&sandbox, "1");
    // Replaced at once, as the command does it: a half-written host would not be one.
    fs::write(sandbox.path("host"), host).unwrap();
    fs::rename(sandbox.path("host"), sandbox.host()).unwrap();
    imported(import);
}

#[test]
fn a_domain_that_is_marked_as_closing_is_not_there_yet() {
    let sandbox = sandbox();
    let go = sandbox.path("go");
    rustix::fs::mknodat(CWD, &go, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let script = "echo ready; read line <go; exit 1";
    let mut destroy = started(sandbox.command(["destroy", "web", "--", "sh", "-c", script]));
    let mut ready = String::new();
    let output = destroy.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    sandbox.refused(BEING_DESTROYED, ["import", "web", "archive"]);
    sandbox.refused(
        BEING_DESTROYED,
        ["import", "--wait", "0.05", "web", "archive"],
    );
    let import = waiting(&sandbox, "web");
    fs::write(&go, "go\n").unwrap();
    assert_eq!(
        destroy.wait().unwrap().code(),
        Some(1),
        "the domain lives on"
    );
    imported(import);
}

#[test]
fn a_reboot_is_waited_for() {
    let sandbox = sandbox();
    sandbox.store_for_web("agent", b"last");
    let import = "while ! test -e web.userdata; do sleep 0.01; done; \
                  $0 import --wait 600 web web.userdata";
    let reboot = "$0 destroy web --export web.userdata -- \
                  sh -c '$0 sim destroy web && sleep 0.3 && $0 sim create --name web' $0";
    let ran = sandbox.shell(&format!("{{ {import}; }} & {reboot}; wait"));
    assert_eq!((ran.status, &*ran.stderr), (0, ""), "{ran:?} {USERDATA}");
    assert!(ran.text().contains("imported agent\n"), "{ran:?}");
    assert_eq!(sandbox.done(["retrieve", "web", "agent"]), "last");
    assert!(sandbox.done(["list"]).starts_with("2\tweb\talive\t"));
}
