//! `userdata import`.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::sandbox::{NEVER, Ran, Sandbox, WEB, terminal};

/// Domain `web` with values, and domain `new` without.
fn web_and_new() -> Sandbox {
    let sandbox = Sandbox::with_web();
    sandbox.done(["sim", "create", "--name", "new"]);
    for userid in ["agent", "other", "xl"] {
        sandbox.store_for_web(userid, userid.as_bytes());
    }
    sandbox.done(["export", "web", "--with", "xl", "-o", "archive"]);
    sandbox
}

fn value_of_new(sandbox: &Sandbox, userid: &str) -> Option<String> {
    let ran = sandbox.run(["retrieve", "new", userid]);
    (ran.status == 0).then(|| ran.text().to_owned())
}

#[test]
fn an_export_goes_through_a_pipe_into_an_import() {
    let sandbox = web_and_new();
    let ran = sandbox.shell("$0 export web | $0 import new");
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    assert_eq!(ran.text(), "imported agent\nimported other\n");
    assert_eq!(value_of_new(&sandbox, "agent").as_deref(), Some("agent"));
    assert_eq!(value_of_new(&sandbox, "xl"), None);
    // A second import of the same archive changes nothing.
    let again = sandbox.shell("$0 export web | $0 import new -");
    assert_eq!(again.text(), "unchanged agent\nunchanged other\n");
    assert_eq!(sandbox.files().len(), 5, "no lock file stays");
}

#[test]
fn an_import_takes_a_file_or_standard_input() {
    for script in [
        "$0 import new archive",
        "$0 import new <archive",
        "$0 import new - <archive",
        "cat archive | $0 import --timeout 5 new",
        "$0 import --wait 60 new archive",
    ] {
        let sandbox = web_and_new();
        let ran = sandbox.shell(script);
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{script}");
        assert_eq!(ran.text(), "imported agent\nimported other\nleft out xl\n");
    }
}

#[test]
fn the_selection_is_from_what_the_archive_has() {
    for (arguments, expected) in [
        (&[][..], "imported agent\nimported other\nleft out xl\n"),
        (
            &["--with", "xl"],
            "imported agent\nimported other\nimported xl\n",
        ),
        (
            &["--only", "xl"],
            "imported xl\nleft out agent\nleft out other\n",
        ),
        (
            &["--not", "agent"],
            "imported other\nleft out agent\nleft out xl\n",
        ),
        (
            &["--with", "libxl-json", "--with", "none"],
            "imported agent\nimported other\nleft out xl\n",
        ),
    ] {
        let sandbox = web_and_new();
        assert_eq!(
            sandbox.done([&["import", "new", "archive"], arguments].concat()),
            expected
        );
    }
    let sandbox = web_and_new();
    let ran = sandbox.run(["import", "new", "archive", "--only", "none"]);
    assert_eq!(
        (ran.status, &*ran.stderr),
        (0, "userdata: nothing to import\n")
    );
}

#[test]
fn libxl_json_is_written_only_if_it_is_asked_for() {
    let sandbox = web_and_new();
    fs::write(sandbox.file_of_web("libxl-json"), "{}\0").unwrap();
    sandbox.done(["export", "web", "--with", "libxl-json", "-o", "archive"]);
    for arguments in [
        &[][..],
        &["--replace"],
        &["--not", "libxl-json", "--with", "libxl-json"],
    ] {
        sandbox.done([&["import", "new", "archive"], arguments].concat());
        assert_eq!(value_of_new(&sandbox, "libxl-json"), None);
    }
    sandbox.done(["import", "new", "archive", "--with", "libxl-json"]);
    assert_eq!(
        value_of_new(&sandbox, "libxl-json").as_deref(),
        Some("{}\0")
    );
    sandbox.done(["remove", "new", "libxl-json", "--libxl-json"]);
    sandbox.done(["import", "new", "archive", "--only", "libxl-json"]);
    assert_eq!(
        value_of_new(&sandbox, "libxl-json").as_deref(),
        Some("{}\0")
    );
}

#[test]
fn another_value_is_kept_or_replaced_only_if_that_is_said() {
    let sandbox = web_and_new();
    let there = sandbox.feed(["store", "new", "other"], b"there");
    assert_eq!(there.status, 0);
    let before = sandbox.contents();
    let message = sandbox.refused(6, ["import", "new", "archive"]);
    assert!(
        message.contains(".other: the value is not the expected one"),
        "{message}"
    );
    assert_eq!(sandbox.contents(), before, "nothing is changed");
    let ran = sandbox.run(["import", "new", "archive", "--json"]);
    let found = &ran.document()["found"];
    let version = userdata::Version::of(b"there").to_string();
    assert_eq!(found.as_str(), Some(&*version));

    let kept = sandbox.done(["import", "new", "archive", "--keep"]);
    let expected = "imported agent\nkept other; the archive has another value\nleft out xl\n";
    assert_eq!(kept, expected);
    assert_eq!(value_of_new(&sandbox, "other").as_deref(), Some("there"));
    let replaced = sandbox.done(["import", "new", "archive", "--replace"]);
    assert_eq!(replaced, "imported other\nunchanged agent\nleft out xl\n");
    assert_eq!(value_of_new(&sandbox, "other").as_deref(), Some("other"));
    let ran = sandbox.run(["import", "new", "archive", "--replace", "--keep"]);
    assert_eq!(ran.status, 2);
}

#[test]
fn a_domain_that_cannot_have_values_gets_none() {
    let sandbox = web_and_new();
    let before = sandbox.contents();
    sandbox.refused(3, ["import", "nobody", "archive"]);
    sandbox.refused(3, ["import", NEVER, "archive"]);
    sandbox.done(["sim", "destroy", "new", "--stop-at", "dying"]);
    for arguments in [&[][..], &["--wait", "0"], &["--wait", "0.05"]] {
        let ran = sandbox.run([&["import", "2", "archive"], arguments].concat());
        assert!(ran.refused(10).ends_with("is being destroyed"), "{ran:?}");
    }
    let host = fs::read_to_string(sandbox.host()).unwrap();
    fs::write(
        sandbox.host(),
        host.replace("\"hidden\": false", "\"hidden\": true"),
    )
    .unwrap();
    sandbox.refused(9, ["import", "2", "archive", "--wait", "600"]);
    assert_eq!(sandbox.contents(), before);
}

#[test]
fn an_archive_without_values_is_imported_into_a_living_domain_only() {
    let sandbox = web_and_new();
    let ran = sandbox.run(["export", "web", "--only", "none", "-o", "archive"]);
    assert_eq!(ran.status, 0);
    let before = sandbox.contents();
    for arguments in [&[][..], &["--wait", "60"]] {
        let ran = sandbox.run([&["import", "new", "archive"], arguments].concat());
        let expected = (0, "", "userdata: nothing to import\n");
        assert_eq!((ran.status, ran.text(), &*ran.stderr), expected);
    }
    sandbox.refused(3, ["import", NEVER, "archive"]);
    assert_eq!(sandbox.contents(), before);
}

#[test]
fn an_input_that_is_not_an_archive_or_not_a_file_is_an_error() {
    let sandbox = web_and_new();
    let message = sandbox.refused(1, ["import", "web", "none"]);
    assert!(
        message.starts_with("cannot open none: No such file"),
        "{message}"
    );
    let ran = sandbox.shell("$0 import web <&-");
    assert!(
        ran.refused(1)
            .starts_with("cannot read standard input: Bad file"),
        "{ran:?}"
    );
    let ran = sandbox.shell("$0 import web .");
    assert!(ran.refused(1).contains("Is a directory"), "{ran:?}");
    let message = sandbox.refused(5, ["import", "web"]);
    assert!(
        message.starts_with("cannot import standard input: userdata.json"),
        "{message}"
    );
    let (_user, end) = terminal();
    let import = sandbox
        .command(["import", "web"])
        .stdin(end)
        .output()
        .unwrap();
    let message = Ran::from(import).refused(2);
    assert!(message.contains("not read from a terminal"), "{message}");
    for seconds in ["-1", "NaN", "x"] {
        assert_eq!(
            sandbox
                .run(["import", "web", "archive", "--wait", seconds])
                .status,
            2
        );
    }
}

#[test]
fn an_import_is_made_even_if_its_report_cannot_be_written() {
    let sandbox = web_and_new();
    for redirection in [">&-", ">/dev/full"] {
        let ran = sandbox.shell(&format!("$0 import new archive {redirection}"));
        assert!(
            ran.refused(1)
                .starts_with("cannot write to standard output"),
            "{ran:?}"
        );
        assert_eq!(value_of_new(&sandbox, "agent").as_deref(), Some("agent"));
    }
}

#[test]
fn a_full_disk_leaves_no_value_and_no_file() {
    let sandbox = web_and_new();
    sandbox.store_for_web("zzz", &vec![7; 100_000]);
    sandbox.done(["export", "web", "-o", "archive"]);
    let before = sandbox.contents();
    let message = sandbox
        .shell("ulimit -f 16; $0 import new archive")
        .refused(1);
    assert!(message.contains("File too large"), "{message}");
    assert_eq!(sandbox.contents(), before);
}

#[test]
fn an_import_that_was_killed_is_completed_by_the_same_command() {
    let sandbox = Sandbox::with_web();
    let userids: Vec<_> = (0..300).map(|number| format!("v{number:03}")).collect();
    for userid in &userids {
        fs::write(sandbox.file_of_web(userid), userid.repeat(100)).unwrap();
    }
    sandbox.done(["export", "web", "-o", "archive"]);
    sandbox.done(["clear", "web"]);
    let prefix = format!("userdata-d.1.{WEB}.v");
    let values = || {
        let files = sandbox.files().into_iter();
        files.filter(|name| name.starts_with(&prefix)).count()
    };
    // The import is killed before, between and after the values. Each try continues with the values
    // that the last one left.
    for delay in [0, 5, 20, 40, 80] {
        let mut import = sandbox.command(["import", "web", "archive"]);
        let mut import = import.stdout(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(delay));
        import.kill().unwrap();
        import.wait().unwrap();
    }
    // The import is killed as soon as one of the values is there.
    sandbox.done(["clear", "web"]);
    let mut import = sandbox.command(["import", "web", "archive"]);
    let mut import = import.stdout(Stdio::null()).spawn().unwrap();
    while values() == 0 && import.try_wait().unwrap().is_none() {}
    import.kill().unwrap();
    import.wait().unwrap();
    assert!(values() > 0);
    for (name, bytes) in sandbox.contents() {
        if let Some(number) = name.strip_prefix(&prefix) {
            assert_eq!(
                bytes,
                format!("v{number}").repeat(100).as_bytes(),
                "each is whole"
            );
        }
    }
    let report = sandbox.done(["import", "web", "archive"]);
    assert_eq!(report.lines().count(), 300);
    assert_eq!(
        (values(), sandbox.files().len()),
        (300, 300),
        "nothing else is left"
    );
}
