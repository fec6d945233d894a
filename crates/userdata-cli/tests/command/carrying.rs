//! `userdata carry`.

use std::fs;

use crate::sandbox::{NEVER, Sandbox, WEB};

/// Domain `web` with values, and domain `new` without.
fn web_and_new() -> Sandbox {
    let sandbox = Sandbox::with_web();
    sandbox.done(["sim", "create", "--name", "new"]);
    for userid in ["agent", "other", "xl"] {
        sandbox.store_for_web(userid, userid.as_bytes());
    }
    fs::write(sandbox.file_of_web("libxl-json"), "{}\0").unwrap();
    sandbox
}

/// The userids of the domain with this domid.
fn userids(sandbox: &Sandbox, domid: u16) -> Vec<String> {
    let list = sandbox.done(["list"]);
    let rows = list.lines().map(|row| row.split('\t').collect::<Vec<_>>());
    rows.filter(|row| row[0] == domid.to_string())
        .map(|row| row[4].to_owned())
        .collect()
}

#[test]
fn values_go_from_one_living_domain_to_another() {
    let sandbox = web_and_new();
    let carried = sandbox.done(["carry", "web", "new"]);
    assert_eq!(carried, "carried agent\ncarried other\n");
    assert_eq!(userids(&sandbox, 1), ["libxl-json", "xl"]);
    assert_eq!(userids(&sandbox, 2), ["agent", "other"]);
    assert_eq!(sandbox.done(["retrieve", "new", "agent"]), "agent");
    // Nothing is left to do.
    let ran = sandbox.run(["carry", "web", "new"]);
    let expected = (0, "", "userdata: nothing to carry\n");
    assert_eq!((ran.status, ran.text(), &*ran.stderr), expected);
    assert_eq!(sandbox.files().len(), 4, "no lock file stays");
}

#[test]
fn values_go_from_a_domain_that_is_gone_to_its_successor() {
    let sandbox = web_and_new();
    sandbox.done(["sim", "reboot", "web"]);
    sandbox.done(["carry", &format!("1.{WEB}"), "web"]);
    assert_eq!(userids(&sandbox, 3), ["agent", "other"]);
    let ran = sandbox.run(["carry", NEVER, "web"]);
    assert_eq!(
        (ran.status, ran.text()),
        (0, ""),
        "nothing to carry is not an error"
    );
    sandbox.refused(3, ["carry", "nobody", "web"]);
}

#[test]
fn the_selection_decides_what_goes() {
    for (arguments, expected) in [
        (
            &["--with", "xl"][..],
            "carried agent\ncarried other\ncarried xl\n",
        ),
        (&["--only", "xl"], "carried xl\n"),
        (&["--not", "agent"], "carried other\n"),
        (
            &["--only", "libxl-json", "--with", "xl"],
            "carried libxl-json\ncarried xl\n",
        ),
    ] {
        let sandbox = web_and_new();
        assert_eq!(
            sandbox.done([&["carry", "web", "new"], arguments].concat()),
            expected
        );
    }
}

#[test]
fn another_value_that_is_there_is_a_clash_and_nothing_is_changed() {
    let sandbox = web_and_new();
    sandbox.feed(["store", "new", "other"], b"there");
    let before = sandbox.contents();
    let message = sandbox.refused(6, ["carry", "web", "new"]);
    assert!(
        message.contains("the value is not the expected one"),
        "{message}"
    );
    assert_eq!(sandbox.contents(), before);
    // An equal value is not a clash: a carry that was killed may have moved it.
    sandbox.feed(["store", "new", "other"], b"other");
    sandbox.done(["carry", "web", "new"]);
    assert_eq!(userids(&sandbox, 2), ["agent", "other"]);
    assert_eq!(userids(&sandbox, 1), ["libxl-json", "xl"]);
}

#[test]
fn a_domain_that_cannot_have_values_gets_none() {
    let sandbox = web_and_new();
    let before = sandbox.contents();
    for domain in ["nobody", "7", NEVER] {
        sandbox.refused(3, ["carry", "web", domain]);
    }
    for (old, new) in [("web", "web"), ("1", WEB), ("web", &format!("1.{WEB}"))] {
        let message = sandbox.refused(2, ["carry", old, new]);
        assert!(message.contains("cannot be carried to itself"), "{message}");
    }
    sandbox.done(["sim", "destroy", "new", "--stop-at", "dying"]);
    sandbox.refused(10, ["carry", "web", "2"]);
    sandbox.done(["sim", "destroy", "2"]);
    sandbox.refused(3, ["carry", "web", "2"]);
    assert_eq!(sandbox.run(["carry", "web"]).status, 2);
    assert_eq!(sandbox.contents(), before);
}

#[test]
fn a_domain_that_is_marked_as_closing_gives_values_and_gets_none() {
    let sandbox = web_and_new();
    let script = "$0 carry new web; echo $?; $0 carry web new; exit 1";
    let ran = sandbox.run([
        "destroy",
        "web",
        "--",
        "sh",
        "-c",
        script,
        crate::sandbox::USERDATA,
    ]);
    assert_eq!(ran.text(), "10\ncarried agent\ncarried other\n", "{ran:?}");
    assert_eq!(userids(&sandbox, 2), ["agent", "other"]);
}
