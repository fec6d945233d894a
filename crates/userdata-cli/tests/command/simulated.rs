//! `userdata sim`.

use std::fs;

use crate::sandbox::{Sandbox, WEB};

fn phases(sandbox: &Sandbox) -> Vec<(String, String, String)> {
    let list = sandbox.done(["sim", "list"]);
    list.lines()
        .map(|line| {
            let fields: Vec<_> = line.split('\t').map(str::to_owned).collect();
            (fields[0].clone(), fields[1].clone(), fields[3].clone())
        })
        .collect()
}

fn row(domid: &str, name: &str, phase: &str) -> (String, String, String) {
    (domid.to_owned(), name.to_owned(), phase.to_owned())
}

#[test]
fn a_host_begins_with_domain_0_and_listing_makes_no_file() {
    let sandbox = Sandbox::new();
    assert_eq!(phases(&sandbox), [row("0", "Domain-0", "running")]);
    assert!(!fs::exists(sandbox.host()).unwrap());
}

#[test]
fn a_domain_lives_and_dies() {
    let sandbox = Sandbox::new();
    let zero = row("0", "Domain-0", "running");
    let created = sandbox.done([
        "sim", "create", "--name", "web", "--uuid", WEB, "--domid", "5",
    ]);
    assert_eq!(created, format!("5.{WEB}\n"));
    assert_eq!(sandbox.done(["sim", "shutdown", "web"]), "");
    assert_eq!(
        phases(&sandbox),
        [zero.clone(), row("5", "web", "shut down (poweroff)")]
    );
    assert_eq!(sandbox.done(["sim", "reboot", "web"]), format!("1.{WEB}\n"));
    assert_eq!(phases(&sandbox), [zero.clone(), row("1", "web", "running")]);
    for phase in ["dying", "dead"] {
        assert_eq!(
            sandbox.done(["sim", "destroy", "web", "--stop-at", phase]),
            ""
        );
        assert_eq!(phases(&sandbox), [zero.clone(), row("1", "web", phase)]);
    }
    assert_eq!(sandbox.done(["sim", "destroy", WEB]), "");
    assert_eq!(phases(&sandbox), [zero]);
}

#[test]
fn a_paused_domain_is_listed_as_paused_until_it_is_unpaused() {
    let sandbox = Sandbox::with_web();
    let zero = row("0", "Domain-0", "running");
    let listed = |phase, paused: bool| {
        assert_eq!(
            phases(&sandbox)[..],
            [zero.clone(), row("1", "web", phase)][..]
        );
        let document = sandbox.run(["sim", "list", "--json"]).document();
        let web = &document["domains"][1];
        assert_eq!(web["paused"].as_bool(), Some(paused), "{web}");
        web["phase"].as_str().unwrap().to_owned()
    };
    assert_eq!(listed("running", false), "running");
    let document = sandbox.run(["sim", "pause", "web", "--json"]).document();
    assert_eq!(document["event"], "pause");
    assert_eq!(document["domain"]["domid"], 1);
    assert_eq!(listed("paused", true), "running");
    // As in Xen, a domain that has shut down may be paused.
    sandbox.done(["sim", "shutdown", "web", "--reason", "suspend"]);
    let suspended = "shut down (suspend)";
    assert_eq!(listed("shut down (suspend), paused", true), suspended);
    let document = sandbox.run(["sim", "unpause", "web", "--json"]).document();
    assert_eq!(document["event"], "unpause");
    assert_eq!(listed(suspended, false), suspended);
    sandbox.done(["sim", "reboot", "web"]);
    assert_eq!(phases(&sandbox), [zero, row("2", "web", "running")]);
}

#[test]
fn a_domain_shuts_down_for_every_reason_of_xen() {
    for (reason, phase) in [
        ("poweroff", "shut down (poweroff)"),
        ("reboot", "shut down (reboot)"),
        ("suspend", "shut down (suspend)"),
        ("crash", "shut down (crash)"),
        ("watchdog", "shut down (watchdog)"),
        ("soft-reset", "shut down (soft reset)"),
    ] {
        let sandbox = Sandbox::with_web();
        sandbox.done(["sim", "shutdown", "web", "--reason", reason]);
        assert_eq!(phases(&sandbox)[1], row("1", "web", phase));
    }
    let sandbox = Sandbox::with_web();
    let ran = sandbox.run(["sim", "shutdown", "web", "--reason", "boredom"]);
    assert!(
        ran.status == 2 && ran.stderr.contains("'boredom'"),
        "{ran:?}"
    );
    assert_eq!(phases(&sandbox)[1], row("1", "web", "running"));
}

#[test]
fn a_host_reboots_and_domids_start_again() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    sandbox.done(["sim", "create"]);
    sandbox.done(["sim", "boot-host"]);
    assert_eq!(phases(&sandbox), [row("0", "Domain-0", "running")]);
    assert!(sandbox.done(["sim", "create"]).starts_with("1."));
    // Values that no toolstack removed are still there.
    assert!(sandbox.done(["list"]).contains("\tgone\t"));
}

#[test]
fn values_are_never_touched() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    for arguments in [
        &["sim", "pause", "web"][..],
        &["sim", "unpause", "web"],
        &["sim", "shutdown", "web"],
        &["sim", "reboot", "web"],
        &["sim", "destroy", "web"],
        &["sim", "boot-host"],
    ] {
        sandbox.done(arguments);
        assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
    }
}

#[test]
fn an_event_that_cannot_happen_changes_nothing() {
    let sandbox = Sandbox::with_web();
    let before = fs::read(sandbox.host()).unwrap();
    for (arguments, why) in [
        (
            &["sim", "create", "--name", "web"][..],
            "domain 1 has the name \"web\"",
        ),
        (&["sim", "create", "--domid", "1"], "domid 1 is taken"),
        (
            &["sim", "destroy", "0"],
            "Domain-0 lives as long as the host",
        ),
        (&["sim", "pause", "0"], "Domain-0 lives as long as the host"),
        (
            &["sim", "reboot", "Domain-0"],
            "Domain-0 lives as long as the host",
        ),
    ] {
        let message = sandbox.refused(1, arguments);
        assert!(
            message.starts_with("cannot change the simulated host "),
            "{message}"
        );
        assert!(message.ends_with(why), "{message}");
    }
    assert_eq!(fs::read(sandbox.host()).unwrap(), before);
    sandbox.done(["sim", "destroy", "web", "--stop-at", "dead"]);
    for event in ["shutdown", "pause", "unpause"] {
        let message = sandbox.refused(1, ["sim", event, "1"]);
        assert!(message.ends_with("domain 1 is dead"), "{message}");
    }
}

#[test]
fn a_file_that_is_not_a_host_is_left_alone() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.host(), "my diary\n").unwrap();
    let message = sandbox.refused(1, ["sim", "create"]);
    assert!(
        message.contains("not a simulated host of the form hv-sim/host/1"),
        "{message}"
    );
    assert_eq!(fs::read(sandbox.host()).unwrap(), b"my diary\n");
}

#[test]
fn an_event_waits_for_the_lock_until_the_timeout() {
    let sandbox = Sandbox::with_web();
    let lock = fs::File::open(sandbox.path("host.json.lock")).unwrap();
    lock.lock().unwrap();
    let message = sandbox.refused(7, ["sim", "shutdown", "web", "--timeout", "0.02"]);
    assert!(
        message.contains("is locked by another process"),
        "{message}"
    );
    // Not the ten seconds that are the default.
    assert!(!message.contains("waited 10."), "{message}");
    lock.unlock().unwrap();
    sandbox.done(["sim", "shutdown", "web"]);
}

#[test]
fn a_hostile_name_is_shown_on_one_line() {
    let sandbox = Sandbox::new();
    sandbox.done(["sim", "create", "--name", "a\n\u{1b}[2J\tb's\u{202e}"]);
    let list = sandbox.done(["sim", "list"]);
    assert_eq!(list.lines().count(), 2);
    assert!(list.contains("\ta\\n\\u{1b}[2J\\tb's\\u{202e}\t"), "{list}");
}

#[test]
fn there_is_no_simulation_on_a_real_host() {
    let sandbox = Sandbox::new();
    let message = sandbox.refused(2, ["sim", "list", "--hypervisor", "xen"]);
    assert!(message.contains("--hypervisor sim:FILE"), "{message}");
}
