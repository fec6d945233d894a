//! Arguments: options before and after the command, defaults from the environment, wrong ones,
//! help.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use crate::sandbox::{Ran, Sandbox, USERDATA, WEB};

const COMMANDS: [&str; 15] = [
    "store",
    "retrieve",
    "remove",
    "list",
    "clear",
    "destroy",
    "export",
    "import",
    "carry",
    "sweep",
    "registry",
    "demo",
    "sim",
    "completions",
    "man",
];

#[test]
fn options_are_taken_before_and_after_the_command() {
    let sandbox = Sandbox::with_web();
    fs::create_dir(sandbox.path("store")).unwrap();
    let host = sandbox.path("other.json").display().to_string();
    let options = [
        "--dir",
        "store",
        "--layout",
        "libxl",
        "--hypervisor",
        &format!("sim:{host}"),
        "--json",
        "--timeout",
        "1.5",
        "--durability",
        "file",
        "--max-size",
        "100",
    ];
    let run = |before: &[&str], command: &[&str], after: &[&str]| {
        let ran = sandbox.run([before, command, after].concat());
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{ran:?}");
        ran.document()
    };
    run(&options, &["sim", "create", "--name", "web"], &[]);
    assert!(fs::exists(&host).unwrap());
    for (before, after) in [
        (&options[..], &[][..]),
        (&[], &options),
        (&options[..6], &options[6..]),
    ] {
        let document = run(before, &["store", "web", "xl", "/proc/self/comm"], after);
        assert_eq!(document["durability"], "file");
    }
    assert_eq!(fs::read_dir(sandbox.path("store")).unwrap().count(), 1);
    // The last one, behind the command, counts.
    let document = run(
        &["--durability", "file"],
        &["store", "web", "xl", "/proc/self/comm"],
        &["--durability", "process", "--json"],
    );
    assert_eq!(document["durability"], "process");
}

#[test]
fn options_behind_two_dashes_are_for_the_command_that_is_run() {
    let sandbox = Sandbox::with_web();
    let ran = sandbox.run([
        "destroy",
        "web",
        "--",
        "sh",
        "-c",
        "echo $0; exit 3",
        "--json",
    ]);
    assert_eq!(ran.status, 1);
    assert_eq!(ran.text(), "--json\n");
}

#[test]
fn options_override_defaults_of_the_environment() {
    let sandbox = Sandbox::with_web();
    for folder in ["a", "b"] {
        fs::create_dir(sandbox.path(folder)).unwrap();
    }
    let store = ["store", "web", "xl", "/proc/self/comm"];
    let run = |extra: &[&str]| {
        let mut command = sandbox.command([&store[..], extra].concat());
        command
            .env("USERDATA_DIR", "a")
            .env("USERDATA_LAYOUT", "seed");
        assert!(command.status().unwrap().success());
    };
    run(&[]);
    assert!(fs::exists(sandbox.path(format!("a/userdata-d.{WEB}.xl"))).unwrap());
    run(&["--dir", "b", "--layout", "libxl"]);
    assert!(fs::exists(sandbox.path(format!("b/userdata-d.1.{WEB}.xl"))).unwrap());
    assert!(sandbox.files().is_empty());
}

#[test]
fn variables_that_are_set_to_nothing_are_unset() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    let run = |arguments: &[&str], hypervisor: &str| {
        let mut command = sandbox.command(arguments);
        command
            .env("USERDATA_DIR", "")
            .env("USERDATA_LAYOUT", "")
            .env("USERDATA_HYPERVISOR", hypervisor);
        Ran::from(command.output().unwrap())
    };
    let ran = run(&["retrieve", "web", "xl"], &sandbox.hypervisor());
    assert_eq!((ran.status, ran.text(), &*ran.stderr), (0, "x", ""));
    let ran = run(&["registry"], "");
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    let chosen = [
        "retrieve",
        "web",
        "xl",
        "--hypervisor",
        &sandbox.hypervisor(),
    ];
    assert_eq!(run(&chosen, "").text(), "x");
    // An option that is set to nothing is still a mistake.
    assert_eq!(run(&["list", "--layout", ""], "").status, 2);
}

#[test]
fn a_name_that_begins_with_a_dash_is_put_behind_two_dashes() {
    let sandbox = Sandbox::new();
    sandbox.done(["sim", "create", "--name=-web"]);
    let store = ["store", "--", "-web", "xl", "/proc/self/comm"];
    sandbox.done(store);
    assert_eq!(sandbox.done(["retrieve", "--", "-web", "xl"]), "userdata\n");
    assert_eq!(sandbox.done(["list", "--", "-web"]).lines().count(), 1);
    sandbox.done(["remove", "--", "-web", "xl"]);
    sandbox.done(store);
    assert_eq!(sandbox.done(["clear", "--", "-web"]), "removed xl\n");
    sandbox.done(store);
    sandbox.done(["sim", "shutdown", "--", "-web"]);
    let destroy = ["destroy", "--", "-web", "--", USERDATA];
    sandbox.done([&destroy[..], &["sim", "destroy", "--", "-web"]].concat());
    assert!(sandbox.files().is_empty());
    sandbox.refused(3, destroy);
}

#[test]
fn wrong_arguments_are_explained() {
    let sandbox = Sandbox::with_web();
    for (arguments, why) in [
        (&["store", "web"][..], "<USERID>"),
        (
            &["store", "", "xl"],
            "a domain is named by its domid, its uuid",
        ),
        (
            &["store", "40000", "xl"],
            "no domain can have a domid above 32751",
        ),
        (&["store", "web", "xl", "f", "g"], "unexpected argument 'g'"),
        (
            &["store", "web", "xl", "--if-version", "1"],
            "a version is written as 64",
        ),
        (
            &["list", "--timeout", "-1"],
            "must be a number of seconds that is not negative",
        ),
        (
            &["list", "--timeout", "NaN"],
            "must be a number of seconds that is not negative",
        ),
        (
            &["list", "--timeout", "inf"],
            "must be a number of seconds that is not negative",
        ),
        (&["list", "--max-size", "1k"], "invalid digit"),
        (&["list", "--durability", "disk"], "process, file, full"),
        (
            &["list", "--hypervisor", "kvm"],
            "must be auto, xen or sim:FILE",
        ),
        (
            &["list", "--hypervisor", "sim:"],
            "must be auto, xen or sim:FILE",
        ),
        (&["destroy", "web"], "<COMMAND>"),
        (&["destroy", "--", "true"], "no domain is named"),
        (&["destroy", "--", "-web", "--"], "no domain is named"),
        (&["destroy", "--", "", "--", "true"], "a domain is named by"),
        (&["destroy", "web", "true"], "unexpected argument 'true'"),
        (&["sim", "create", "--uuid", "x"], "invalid value 'x'"),
        (
            &["sim", "create", "--domid", "007"],
            "without sign or padding",
        ),
        (&["sim", "destroy", "1", "--stop-at", "gone"], "dying, dead"),
        (&["completions", "tcsh"], "bash"),
        (&["import", "web", "f", "--wait", "-1"], "not negative"),
        (&["import", "web", "f", "g"], "unexpected argument 'g'"),
        (&["export", "--replace", "web"], "unexpected argument"),
        (&["carry", "web"], "<NEW>"),
        (&["sweep", "web"], "unexpected argument 'web'"),
        (&["help"], "unrecognized subcommand 'help'"),
    ] {
        let ran = sandbox.run(arguments);
        assert_eq!(ran.status, 2, "{arguments:?}");
        assert!(ran.stdout.is_empty(), "{arguments:?}");
        assert!(ran.stderr.contains(why), "{arguments:?}: {}", ran.stderr);
    }
    let absent_and_version = ["--if-absent", "--if-version", &"0".repeat(64)];
    let ran = sandbox.run([&["store", "web", "xl"], &absent_and_version[..]].concat());
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("cannot be used with"), "{}", ran.stderr);
    assert!(sandbox.files().is_empty());
}

#[test]
fn a_domain_that_is_not_text_is_wrong_usage() {
    let sandbox = Sandbox::with_web();
    let ran = sandbox.run([OsStr::new("list"), OsStr::from_bytes(b"we\xff")]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("UTF-8"), "{}", ran.stderr);
}

#[test]
fn a_timeout_beyond_all_clocks_is_a_timeout() {
    let sandbox = Sandbox::with_web();
    sandbox.done(["store", "web", "xl", "/proc/self/comm", "--timeout", "1e19"]);
    sandbox.done(["sim", "shutdown", "web", "--timeout", "1e19"]);
}

#[test]
fn without_arguments_the_command_shows_its_usage() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run([""; 0]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("Usage: userdata [OPTIONS] <COMMAND>"));
}

#[test]
fn help_has_every_command_option_and_status() {
    let sandbox = Sandbox::new();
    let help = sandbox.done(["--help"]);
    for word in COMMANDS {
        assert!(help.contains(&format!("\n  {word} ")), "{word}");
        let help = sandbox.done([word, "--help"]);
        assert!(help.contains("Usage: userdata "), "{word}");
        let examples = !matches!(word, "registry" | "demo");
        assert_eq!(help.contains("\nExamples:\n"), examples, "{word}");
    }
    for option in [
        "--dir",
        "--layout",
        "--hypervisor",
        "--json",
        "--timeout",
        "--durability",
        "--max-size",
        "USERDATA_DIR",
        "USERDATA_LAYOUT",
        "USERDATA_HYPERVISOR",
        "10  the domain is being destroyed",
    ] {
        assert!(help.contains(option), "{option}");
    }
    assert!(help.lines().all(|line| line.len() <= 100));
    let version = sandbox.done(["--version"]);
    assert_eq!(
        version,
        concat!("userdata ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn the_manual_page_has_every_command_option_and_status() {
    let sandbox = Sandbox::new();
    let page = sandbox.done(["man"]);
    assert!(page.contains(".TH userdata 1"), "{page}");
    let plain = page.replace("\\-", "-");
    for word in COMMANDS.iter().filter(|word| **word != "sim") {
        assert!(plain.contains(&format!("userdata {word}")), "{word}");
    }
    for word in [
        "create",
        "destroy",
        "pause",
        "unpause",
        "shutdown",
        "reboot",
        "list",
        "boot-host",
    ] {
        assert!(plain.contains(&format!("userdata sim {word}")), "{word}");
    }
    for heading in [
        "DATA FOLLOWS ITS DOMAIN",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "JSON",
        "INTERRUPTION",
        "EXAMPLES",
    ] {
        assert!(plain.contains(heading), "{heading}");
    }
    for option in [
        "--if-version",
        "--escaped",
        "--libxl-json",
        "--stop-at",
        "--reason",
        "--max-size",
        "--export",
        "--only",
        "--wait 60 web",
        "xl reboot -ww web",
        "xl restore -p web.save",
        "soft reset",
        "xendomains",
    ] {
        assert!(plain.contains(option), "{option}");
    }
    assert_eq!(
        plain.matches("--max-size").count(),
        2,
        "once as an option, and in another text"
    );
}

#[test]
fn completions_are_written_for_every_shell() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.done(["completions", shell]);
        for word in ["boot-host", "export", "import", "carry", "replace"] {
            assert!(script.contains(word), "{shell} {word}");
        }
    }
    for arguments in [&["man"][..], &["completions", "bash"]] {
        let ran = sandbox.run([arguments, &["--json"]].concat());
        assert_eq!(
            (ran.status, ran.document()["kind"].as_str()),
            (2, Some("usage"))
        );
    }
}
