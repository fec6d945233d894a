//! Descriptors 0, 1 and 2 that are closed, or open the wrong way.

use std::fs;

use crate::sandbox::{Ran, Sandbox, USERDATA, WEB};

const OUTPUT: &str = "userdata: cannot write to standard output: Bad file descriptor";

/// Runs the command with a shell's redirections, which alone can close a descriptor.
fn redirected(sandbox: &Sandbox, arguments: &str, redirections: &str) -> Ran {
    let mut command = sandbox.command([""; 0]);
    let script = format!("exec \"$0\" {arguments} {redirections}");
    let shell = std::mem::replace(&mut command, std::process::Command::new("sh"));
    command.args(["-c", &script, USERDATA]);
    for (name, value) in shell.get_envs() {
        command.env(name, value.unwrap());
    }
    command.current_dir(sandbox.path(""));
    Ran::from(command.output().unwrap())
}

#[test]
fn an_output_that_is_closed_is_never_lost() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    fs::write(sandbox.path("readable"), "").unwrap();
    for redirection in [">&-", "1<readable", "<&- >&-"] {
        for arguments in [
            "retrieve web xl",
            "retrieve web xl --json",
            "retrieve web xl -o -",
            "list",
            "list --json",
            "store web xl --json /proc/self/comm",
            "sim create",
            "sim list",
            "registry",
            "demo",
            "man",
            "completions bash",
            "--help",
            "list --help",
            "sim create --help",
            "--version",
        ] {
            let ran = redirected(&sandbox, arguments, redirection);
            assert_eq!(ran.status, 1, "{arguments} {redirection}: {ran:?}");
            assert!(ran.stderr.starts_with(OUTPUT), "{arguments}: {ran:?}");
        }
    }
    assert_eq!(fs::read(sandbox.path("readable")).unwrap(), b"");
    let ran = redirected(&sandbox, "retrieve web xl -o /dev/stdout", ">&-");
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("/dev/stdout: Bad file"), "{ran:?}");
}

/// Python's and Node's way to discard an output, which looks as std's own `/dev/null` does.
#[test]
fn an_output_that_is_discarded_is_not_an_error() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    for arguments in ["retrieve web xl", "list --json", "clear web", "--version"] {
        let ran = redirected(&sandbox, arguments, "1<>/dev/null");
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{arguments}");
    }
}

#[test]
fn a_command_without_output_needs_no_standard_output() {
    let sandbox = Sandbox::with_web();
    for arguments in [
        "store web xl /proc/self/comm",
        "retrieve web xl -o out",
        "export web --with xl -o archive",
        "remove web xl",
        "sim shutdown web",
    ] {
        let ran = redirected(&sandbox, arguments, ">&-");
        assert_eq!((ran.status, &*ran.stderr), (0, ""), "{arguments}");
    }
    assert_eq!(fs::read(sandbox.path("out")).unwrap(), b"userdata\n");
}

#[test]
fn an_input_that_is_closed_is_not_an_empty_one() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"value");
    for redirection in ["<&-", "0>writable"] {
        for arguments in ["store web xl", "store web xl - --empty-removes"] {
            let ran = redirected(&sandbox, arguments, redirection);
            assert_eq!(ran.status, 1, "{arguments} {redirection}: {ran:?}");
            let expected = "userdata: cannot read standard input: Bad file descriptor";
            assert!(ran.stderr.starts_with(expected), "{ran:?}");
        }
    }
    assert_eq!(sandbox.value_of_web("xl"), b"value");
    // These are read, and are empty.
    for redirection in ["</dev/null", "<writable"] {
        let ran = redirected(&sandbox, "store web xl", redirection);
        assert_eq!(ran.status, 2, "{redirection}: {ran:?}");
    }
    let ran = redirected(&sandbox, "store web xl --empty-removes", "</dev/null");
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(sandbox.files().is_empty());
    // What is read from FILE needs no standard input.
    let ran = redirected(&sandbox, "store web xl /proc/self/comm", "<&-");
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
}

#[test]
fn messages_are_never_written_into_another_file() {
    let sandbox = Sandbox::with_web();
    fs::write(sandbox.file_of_web("damaged"), "").unwrap();
    fs::write(sandbox.path("readable"), "kept").unwrap();
    for redirection in ["2>&-", "<&- >&- 2>&-", "2<readable"] {
        for (arguments, status) in [
            ("store web xl /proc/self/comm", 0),
            ("retrieve web damaged", 5),
            ("retrieve web none -o out", 4),
            ("remove web none", 0),
            ("list 77", 3),
            ("no-such-command", 2),
        ] {
            let ran = redirected(&sandbox, arguments, redirection);
            assert_eq!((ran.status, ran.text()), (status, ""), "{arguments}");
        }
        assert_eq!(sandbox.value_of_web("xl"), b"userdata\n");
        let host = fs::read_to_string(sandbox.host()).unwrap();
        assert!(!host.contains("userdata:"), "{host}");
        assert_eq!(sandbox.files().len(), 2, "{:?} {WEB}", sandbox.files());
    }
    assert_eq!(fs::read(sandbox.path("readable")).unwrap(), b"kept");
}
