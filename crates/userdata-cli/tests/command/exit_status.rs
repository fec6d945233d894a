//! Every exit status, one by one.

use std::fs;

use crate::sandbox::{NEVER, Sandbox, WEB};

#[test]
fn status_0_is_done() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"name = \"web\"\n");
    assert_eq!(sandbox.value_of_web("xl"), b"name = \"web\"\n");
}

#[test]
fn status_1_is_any_other_failure() {
    let sandbox = Sandbox::with_web();
    let message = sandbox.refused(1, ["list", "--dir", "nowhere"]);
    let expected = "cannot open nowhere: no such directory: No such file or directory (os error 2)";
    assert_eq!(message, expected);
}

#[test]
fn status_2_is_wrong_usage_or_a_refused_userid() {
    let sandbox = Sandbox::with_web();
    assert_eq!(sandbox.run(["store"]).status, 2);
    assert_eq!(sandbox.run(["no-such-command"]).status, 2);
    let message = sandbox.refused(2, ["store", "web", "a b"]);
    let expected = "'a b' is not accepted as a userid: \
                    a userid must consist of printable ASCII characters without blanks";
    assert_eq!(message, expected);
}

#[test]
fn status_3_is_no_such_domain_absent_or_dead() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    for (domain, message) in [
        ("7", "domain 7 does not exist"),
        ("nobody", "domain called \"nobody\" does not exist"),
        (
            "6f0c2a52-9d1e-4c8b-8a53-2f3b1c7d9e10",
            "domain with the uuid 6f0c2a52-9d1e-4c8b-8a53-2f3b1c7d9e10 does not exist",
        ),
    ] {
        for command in ["retrieve", "store", "remove"] {
            assert_eq!(sandbox.refused(3, [command, domain, "xl"]), message);
        }
        assert_eq!(sandbox.refused(3, ["list", domain]), message);
        assert_eq!(sandbox.refused(3, ["clear", domain]), message);
        assert_eq!(
            sandbox.refused(3, ["destroy", domain, "--", "true"]),
            message
        );
        assert_eq!(sandbox.refused(3, ["sim", "destroy", domain]), message);
    }
    sandbox.done(["sim", "destroy", "web", "--stop-at", "dead"]);
    for domain in ["1", WEB] {
        sandbox.refused(3, ["retrieve", domain, "xl"]);
        sandbox.refused(3, ["list", domain]);
    }
    let key = format!("1.{WEB}");
    let message = format!("cannot store 'xl' of domain {key}: no such domain");
    assert_eq!(
        sandbox.feed(["store", &key, "xl"], b"x").refused(3),
        message
    );
    let message = format!("cannot store 'xl' of domain {NEVER}: no such domain");
    assert_eq!(
        sandbox.feed(["store", NEVER, "xl"], b"x").refused(3),
        message
    );
}

#[test]
fn status_4_is_no_data() {
    let sandbox = Sandbox::with_web();
    let message = sandbox.refused(4, ["retrieve", "web", "xl"]);
    assert_eq!(message, format!("domain 1.{WEB} has no value under 'xl'"));
    sandbox.refused(4, ["retrieve", NEVER, "xl"]);
}

#[test]
fn status_5_is_an_empty_or_damaged_value() {
    let sandbox = Sandbox::with_web();
    fs::write(sandbox.file_of_web("empty"), "").unwrap();
    let message = sandbox.refused(5, ["retrieve", "web", "empty"]);
    let expected = format!(
        "cannot retrieve 'empty' of domain 1.{WEB}: cannot read userdata-d.1.{WEB}.empty: \
         the value is empty"
    );
    assert_eq!(message, expected);
    std::os::unix::fs::symlink("/etc/passwd", sandbox.file_of_web("link")).unwrap();
    let message = sandbox.refused(5, ["retrieve", "web", "link"]);
    assert!(
        message.ends_with("it is a symbolic link and not a regular file"),
        "{message}"
    );
    fs::create_dir(sandbox.file_of_web("folder")).unwrap();
    sandbox.refused(5, ["retrieve", "web", "folder"]);
}

#[test]
fn status_6_is_a_precondition_that_failed() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"old");
    let message = sandbox
        .feed(["store", "web", "xl", "--if-absent"], b"new")
        .refused(6);
    assert!(message.contains("its version is "), "{message}");
    let none = "0".repeat(64);
    sandbox
        .feed(["store", "web", "xl", "--if-version", &none], b"new")
        .refused(6);
    let message = sandbox
        .feed(["store", "web", "other", "--if-version", &none], b"new")
        .refused(6);
    assert!(message.ends_with("it is absent"), "{message}");
    assert_eq!(sandbox.value_of_web("xl"), b"old");
}

#[test]
fn status_7_is_a_deadline_that_passed() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"old");
    let lock = sandbox
        .store()
        .join(format!("userdata-l.1.{WEB}.domain-userdata-lock"));
    let lock = fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    let message = sandbox
        .feed(["store", "web", "xl", "--timeout", "0.05"], b"new")
        .refused(7);
    assert!(
        message.contains("another process held it for "),
        "{message}"
    );
    // Not the ten seconds that are the default.
    assert!(!message.contains("for 10."), "{message}");
    sandbox.refused(7, ["--timeout", "0", "remove", "web", "xl"]);
    // Reading takes no lock.
    assert_eq!(sandbox.value_of_web("xl"), b"old");
    lock.unlock().unwrap();
    sandbox.store_for_web("xl", b"new");
}

#[test]
fn status_8_is_a_value_beyond_the_limit() {
    let sandbox = Sandbox::with_web();
    let message = sandbox
        .feed(["store", "web", "xl", "--max-size", "5"], b"123456")
        .refused(8);
    assert_eq!(
        message,
        "standard input has more than 5 bytes, the limit set by --max-size"
    );
    assert!(sandbox.files().is_empty());
    sandbox.store_for_web("xl", b"123456");
    let message = sandbox.refused(8, ["retrieve", "web", "xl", "--max-size", "5"]);
    assert!(
        message.ends_with("the value has 6 bytes and the limit is 5"),
        "{message}"
    );
}

#[test]
fn status_9_is_not_permitted_by_the_hypervisor() {
    let sandbox = Sandbox::with_web();
    let host = fs::read_to_string(sandbox.host()).unwrap();
    // A security policy hides every domain.
    fs::write(
        sandbox.host(),
        host.replace("\"hidden\": false", "\"hidden\": true"),
    )
    .unwrap();
    let message = sandbox.refused(9, ["list", "1"]);
    assert!(
        message.starts_with("cannot look up domain 1: not permitted"),
        "{message}"
    );
    sandbox
        .feed(["store", &format!("1.{WEB}"), "xl"], b"x")
        .refused(9);
    assert!(sandbox.files().is_empty());
}

#[test]
fn status_9_is_not_permitted_by_the_file_system() {
    let sandbox = Sandbox::with_web();
    fs::set_permissions(
        sandbox.store(),
        std::os::unix::fs::PermissionsExt::from_mode(0o500),
    )
    .unwrap();
    let ran = sandbox.run_confined(["store", "web", "xl", "/proc/self/comm"]);
    let message = ran.refused(9);
    assert!(
        message.contains("not permitted: Permission denied"),
        "{message}"
    );
    assert!(sandbox.files().is_empty());
}

#[test]
fn status_10_is_a_domain_that_is_being_destroyed() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"old");
    sandbox.done(["sim", "destroy", "web", "--stop-at", "dying"]);
    let message = sandbox.feed(["store", "web", "xl"], b"new").refused(10);
    let expected = format!("cannot store 'xl' of domain 1.{WEB}: the domain is being destroyed");
    assert_eq!(message, expected);
    // Reading and removing go on.
    assert_eq!(sandbox.done(["retrieve", "1", "xl"]), "old");
    sandbox.done(["remove", "1", "xl"]);
}
