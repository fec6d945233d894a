//! How a domain is named.

use crate::sandbox::{NEVER, Sandbox, WEB};

#[test]
fn a_domain_is_named_by_domid_uuid_name_or_key() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    let key = format!("1.{WEB}");
    for domain in [
        "1",
        "web",
        WEB,
        &WEB.to_uppercase(),
        &key,
        &key.to_uppercase(),
    ] {
        assert_eq!(
            sandbox.done(["retrieve", domain, "xl"]),
            "value",
            "{domain}"
        );
    }
}

#[test]
fn a_uuid_of_two_domains_is_refused_and_they_are_listed() {
    let sandbox = Sandbox::with_web();
    sandbox.done(["sim", "create", "--name", "web--incoming", "--uuid", WEB]);
    let message = sandbox.refused(2, ["list", WEB]);
    let expected =
        format!("2 domains have the uuid {WEB}: 1.{WEB}, 2.{WEB}; name one by its domid");
    assert_eq!(message, expected);
    for (domain, value) in [("1", "one"), (&*format!("2.{WEB}"), "two")] {
        let ran = sandbox.feed(["store", domain, "xl"], value.as_bytes());
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    assert_eq!(sandbox.done(["retrieve", "web", "xl"]), "one");
    assert_eq!(sandbox.done(["retrieve", "web--incoming", "xl"]), "two");
    // A zombie can't be the domain whose data is meant.
    sandbox.done(["sim", "destroy", "1", "--stop-at", "dead"]);
    assert_eq!(sandbox.done(["retrieve", WEB, "xl"]), "two");
}

#[test]
fn a_number_is_a_domid_even_if_it_is_a_name_too() {
    let sandbox = Sandbox::with_web();
    sandbox.done(["sim", "create", "--name", "1"]);
    sandbox.done(["sim", "create", "--name", "7"]);
    sandbox.store_for_web("xl", b"of domain 1");
    assert_eq!(sandbox.done(["retrieve", "1", "xl"]), "of domain 1");
    assert_eq!(sandbox.refused(3, ["list", "7"]), "domain 7 does not exist");
    sandbox.done(["sim", "create", "--name", "007"]);
    assert_eq!(sandbox.done(["list", "007"]), "");
}

#[test]
fn a_gone_incarnation_is_read_and_cleared_only() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"left behind");
    sandbox.done(["sim", "reboot", "web"]);
    sandbox.store_for_web("xl", b"of the next");
    let gone = format!("1.{WEB}");
    assert_eq!(sandbox.done(["retrieve", &gone, "xl"]), "left behind");
    assert!(sandbox.done(["list", &gone]).contains("\tgone\t"));
    sandbox.feed(["store", &gone, "xl"], b"x").refused(3);
    sandbox.refused(3, ["remove", &gone, "xl"]);
    sandbox.refused(3, ["destroy", &gone, "--", "true"]);
    assert_eq!(sandbox.done(["clear", &gone]), "removed xl\n");
    assert_eq!(sandbox.done(["list", &gone]), "");
    assert_eq!(sandbox.value_of_web("xl"), b"of the next");
    assert_eq!(sandbox.done(["list", NEVER]), "");
}

#[test]
fn a_domid_with_another_uuid_is_another_domain() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"of web");
    let other = "1.6f0c2a52-9d1e-4c8b-8a53-2f3b1c7d9e10";
    sandbox.refused(4, ["retrieve", other, "xl"]);
    sandbox.feed(["store", other, "xl"], b"x").refused(3);
    sandbox.refused(3, ["sim", "destroy", other]);
    assert_eq!(sandbox.value_of_web("xl"), b"of web");
}
