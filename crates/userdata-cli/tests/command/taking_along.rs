//! `userdata destroy DOMAIN --export FILE -- COMMAND...`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::exporting::unpacked;
use crate::sandbox::{Ran, Sandbox, USERDATA, WEB};

const DESTROY: [&str; 4] = [USERDATA, "sim", "destroy", "web"];

/// Domain `web` with values.
fn web() -> Sandbox {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("agent", b"state");
    sandbox.store_for_web("xl", b"config");
    sandbox
}

/// Runs `destroy web --export out`.
fn destroy(sandbox: &Sandbox, options: &[&str], command: &[&str]) -> Ran {
    let destroy = ["destroy", "web", "--export", "out"];
    sandbox.run([&destroy[..], options, &["--"], command].concat())
}

fn script(sandbox: &Sandbox, script: &str) -> Ran {
    destroy(sandbox, &[], &["sh", "-c", script, USERDATA])
}

fn values(sandbox: &Sandbox) -> Vec<(String, Vec<u8>)> {
    unpacked(&fs::read(sandbox.path("out")).unwrap())
}

/// Checks that there is no file except those of the host.
fn nothing_else_is_there(sandbox: &Sandbox) {
    let names = fs::read_dir(sandbox.path("")).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.starts_with("host.json"));
    assert_eq!(names, [""; 0]);
}

#[test]
fn values_are_taken_along_before_the_command_runs() {
    let sandbox = web();
    let ran = script(&sandbox, "cat out; $0 sim destroy web; exit 0");
    assert_eq!((ran.status, &*ran.stderr), (0, ""));
    let there = fs::read(sandbox.path("out")).unwrap();
    assert!(ran.stdout == there, "it was complete before");
    assert_eq!(values(&sandbox), [("agent".to_owned(), b"state".to_vec())]);
    let mode = fs::metadata(sandbox.path("out"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(sandbox.files().is_empty());
    sandbox.done(["sim", "create", "--name", "web"]);
    sandbox.done(["import", "web", "out"]);
    assert_eq!(sandbox.value_of_web("agent"), b"state");
}

#[test]
fn the_selection_decides_what_is_taken_along() {
    for (options, expected) in [
        (&["--with", "xl"][..], &["agent", "xl"][..]),
        (&["--only", "xl"], &["xl"]),
        (&["--not", "agent"], &[]),
    ] {
        let sandbox = web();
        assert_eq!(destroy(&sandbox, options, &DESTROY).status, 0);
        let names: Vec<_> = values(&sandbox).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected);
        assert!(sandbox.files().is_empty());
    }
    let sandbox = web();
    for option in ["--only", "--not", "--with"] {
        let ran = sandbox.run(["destroy", "web", option, "xl", "--", "true"]);
        assert_eq!(ran.status, 2, "{option}");
        assert!(ran.stderr.contains("--export <FILE>"), "{ran:?}");
    }
}

#[test]
fn an_existing_file_is_refused_before_anything() {
    let sandbox = web();
    fs::write(sandbox.path("file"), "old").unwrap();
    std::os::unix::fs::symlink("nowhere", sandbox.path("link")).unwrap();
    for file in ["file", "link", "/dev/null", "."] {
        let ran = sandbox.run(["destroy", "nobody", "--export", file, "--", "touch", "ran"]);
        let message = ran.refused(1);
        assert_eq!(
            message,
            format!("cannot create {file}: File exists (os error 17)")
        );
    }
    let ran = sandbox.run([
        "destroy", "web", "--export", "none/out", "--", "touch", "ran",
    ]);
    assert!(ran.refused(1).contains("No such file"), "{ran:?}");
    let ran = sandbox.run(["destroy", "web", "--export", "-", "--", "touch", "ran"]);
    assert!(
        ran.refused(2).contains("needs a file of its own"),
        "{ran:?}"
    );
    let ran = sandbox.run(["destroy", "nobody", "--export", "out", "--", "touch", "ran"]);
    ran.refused(3);
    assert_eq!(fs::read(sandbox.path("file")).unwrap(), b"old");
    for name in ["ran", "out", "nowhere"] {
        assert!(!sandbox.path(name).exists(), "{name}");
    }
    assert_eq!(sandbox.value_of_web("agent"), b"state");
}

#[test]
fn a_living_domain_keeps_its_values_and_the_file_is_removed() {
    let sandbox = web();
    let before = sandbox.contents();
    for (command, error) in [
        (&["false"][..], "'false' ended with exit status: 1"),
        (&["true"], "still lives, although 'true' succeeded"),
        (&["./none"], "cannot run './none'"),
        (&["sh", "-c", "kill -9 $$"], "signal: 9"),
    ] {
        let ran = destroy(&sandbox, &[], command);
        assert_eq!((ran.status, ran.text()), (1, ""), "{ran:?}");
        let mut lines = ran.stderr.lines();
        let removed = "userdata: out is removed, since the domain lives";
        assert_eq!(lines.next(), Some(removed));
        assert!(lines.next().unwrap().contains(error), "{ran:?}");
        assert_eq!(lines.next(), None);
        assert_eq!(sandbox.contents(), before);
        nothing_else_is_there(&sandbox);
    }
    sandbox.store_for_web("agent", b"later");
}

#[test]
fn a_file_that_the_command_put_there_is_not_removed() {
    let sandbox = web();
    let ran = script(&sandbox, "rm out; echo mine >out; exit 1");
    assert_eq!(ran.status, 1);
    let expected = "userdata: cannot remove out, although the domain lives: it is another file";
    assert!(ran.stderr.starts_with(expected), "{ran:?}");
    assert_eq!(fs::read(sandbox.path("out")).unwrap(), b"mine\n");
    fs::remove_file(sandbox.path("out")).unwrap();
    let ran = script(&sandbox, "mv out moved; exit 1");
    assert!(ran.stderr.contains("out is removed"), "{ran:?}");
    assert_eq!(unpacked(&fs::read(sandbox.path("moved")).unwrap()).len(), 1);
}

#[test]
fn the_file_of_a_gone_domain_stays_whatever_the_command_returns() {
    for phase in ["", "--stop-at dying", "--stop-at dead"] {
        for end in ["exit 0", "exit 3", "kill -9 $$"] {
            let sandbox = web();
            let ran = script(&sandbox, &format!("$0 sim destroy web {phase}; {end}"));
            let failed = end != "exit 0";
            assert_eq!(ran.status, i32::from(failed), "{ran:?}");
            let told =
                "userdata: out stays: it has the values as they were when they were exported";
            assert_eq!(
                ran.stderr.ends_with(&format!("{told}\n")),
                failed,
                "{ran:?}"
            );
            assert_eq!(values(&sandbox).len(), 1);
            assert!(sandbox.files().is_empty());
        }
    }
}

#[test]
fn file_and_values_stay_if_the_hypervisor_does_not_answer() {
    for end in ["exit 0", "exit 3"] {
        let sandbox = web();
        let before = sandbox.contents();
        let ran = script(
            &sandbox,
            &format!("echo damaged >{}; {end}", sandbox.host().display()),
        );
        assert_eq!(ran.status, 1);
        assert!(
            ran.stderr
                .contains("userdata: out stays: it has the values"),
            "{ran:?}"
        );
        assert_eq!(values(&sandbox).len(), 1);
        assert_eq!(sandbox.contents(), before);
    }
}

#[test]
fn the_command_does_not_run_if_the_values_cannot_be_taken_along() {
    let sandbox = web();
    fs::write(sandbox.file_of_web("large"), vec![7; 100_000]).unwrap();
    let before = sandbox.contents();
    // The disk is full.
    let ran = sandbox.shell("ulimit -f 16; $0 destroy web --export out -- touch ran");
    let message = ran.refused(1);
    let expected = format!(
        "cannot destroy domain 1.{WEB}: the domain was not destroyed, because its userdata could \
         not be exported: cannot write out: cannot write values/large of the archive: File too \
         large"
    );
    assert!(message.starts_with(&expected), "{message}");
    assert_eq!(sandbox.contents(), before);
    nothing_else_is_there(&sandbox);

    for (file, bytes, status, error) in [
        ("damaged", 0, 5, "the value is empty"),
        ("with blank", 1, 2, "'with blank' is not accepted"),
        (
            "huge",
            (1 << 20) + 1,
            8,
            "1048577 bytes and the limit is 1048576",
        ),
    ] {
        fs::write(sandbox.file_of_web(file), vec![7; bytes]).unwrap();
        let message = destroy(&sandbox, &[], &["touch", "ran"]).refused(status);
        assert!(message.contains(error), "{message}");
        nothing_else_is_there(&sandbox);
        fs::remove_file(sandbox.file_of_web(file)).unwrap();
    }
    for number in 0..1024 {
        fs::write(sandbox.file_of_web(format!("v{number}")), "x").unwrap();
    }
    let message = destroy(&sandbox, &[], &["touch", "ran"]).refused(8);
    assert!(message.ends_with("the limit is 1024"), "{message}");
    nothing_else_is_there(&sandbox);
    // The mark is gone, too.
    sandbox.store_for_web("agent", b"later");
}

#[test]
fn a_mark_that_cannot_be_made_ends_it_before_the_command() {
    let sandbox = web();
    let lock = format!("userdata-l.1.{WEB}.domain-userdata-lock");
    let lock = fs::File::create(sandbox.store().join(lock)).unwrap();
    lock.lock().unwrap();
    destroy(&sandbox, &["--timeout", "0.02"], &["touch", "ran"]).refused(7);
    nothing_else_is_there(&sandbox);
}

#[test]
fn a_file_that_was_made_meanwhile_is_not_replaced() {
    let sandbox = web();
    // The first destroy has looked, and waits for the lock, which this process holds.
    let lock = sandbox
        .store()
        .join(format!("userdata-l.1.{WEB}.domain-userdata-lock"));
    let held = fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    let mut command = sandbox.command([
        "destroy",
        "web",
        "--timeout",
        "600",
        "--export",
        "out",
        "--",
        "touch",
        "ran",
    ]);
    let mut destroy = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let temporary = || {
        fs::read_dir(sandbox.path("")).unwrap().any(|entry| {
            let name = entry.unwrap().file_name();
            name.to_string_lossy().starts_with(".tmp")
        })
    };
    while !temporary() {
        assert!(destroy.try_wait().unwrap().is_none());
        thread::yield_now();
    }
    fs::write(sandbox.path("out"), "first").unwrap();
    fs::remove_file(lock).unwrap();
    held.unlock().unwrap();
    let ran = Ran::from(destroy.wait_with_output().unwrap());
    assert!(ran.refused(1).contains("File exists"), "{ran:?}");
    assert_eq!(fs::read(sandbox.path("out")).unwrap(), b"first");
    assert!(!sandbox.path("ran").exists() && !temporary());
}

#[test]
fn a_store_beside_it_is_refused_or_taken_along() {
    let sandbox = web();
    let sandbox = &sandbox;
    let last = thread::scope(|threads| {
        let storing = threads.spawn(move || {
            let mut last = 0_u32;
            loop {
                let next = last + 1;
                let ran = sandbox.feed(["store", "web", "count"], next.to_string().as_bytes());
                match ran.status {
                    0 => last = next,
                    // The domain is marked as closing, and then gone.
                    3 | 10 => return last,
                    _ => panic!("{ran:?}"),
                }
            }
        });
        while !sandbox.file_of_web("count").exists() {
            thread::yield_now();
        }
        let late = "$0 store web agent /proc/self/comm; echo $?; $0 sim destroy web";
        let ran = script(sandbox, late);
        assert_eq!((ran.status, ran.text()), (0, "10\n"), "{ran:?}");
        storing.join().unwrap()
    });
    let expected = [
        ("agent".to_owned(), b"state".to_vec()),
        ("count".to_owned(), last.to_string().into_bytes()),
    ];
    assert_eq!(values(sandbox), expected, "the last value that was stored");
    assert!(sandbox.files().is_empty());
}

#[test]
fn the_document_says_what_was_taken_along() {
    let sandbox = web();
    let ran = destroy(&sandbox, &["--json"], &DESTROY);
    let document = ran.document();
    assert_eq!(document["schema"], "userdata/destroyed/1");
    assert_eq!(document["export"]["file"], "out");
    assert_eq!(document["export"]["values"][0]["userid"], "agent");
    let sandbox = web();
    let ran = destroy(&sandbox, &["--json"], &["false"]);
    assert_eq!(
        (ran.status, ran.document()["status"].as_i64()),
        (1, Some(1))
    );
    let ran = sandbox.run([&["destroy", "web", "--json", "--"], &DESTROY[..]].concat());
    assert!(ran.document().get("export").is_none());
}

#[test]
fn a_domain_behind_two_dashes_is_taken_along_as_well() {
    let sandbox = Sandbox::new();
    sandbox.done(["sim", "create", "--name=-web"]);
    sandbox.done(["store", "--", "-web", "agent", "/proc/self/comm"]);
    let command = ["--", "-web", "--", USERDATA, "sim", "destroy", "--", "-web"];
    sandbox.done([&["destroy", "--export", "out"], &command[..]].concat());
    assert_eq!(values(&sandbox).len(), 1);
}

/// A `destroy web --export out` whose command waits for a signal.
fn destroying(sandbox: &Sandbox) -> (Child, Pid) {
    let script = "echo $$; exec sleep 600";
    let destroy = [
        "destroy", "web", "--export", "out", "--", "sh", "-c", script,
    ];
    let mut command = sandbox.command(destroy);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pid = String::new();
    let output = child.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut pid).unwrap();
    (child, Pid::from_raw(pid.trim().parse().unwrap()).unwrap())
}

#[test]
fn a_terminated_command_leaves_a_living_domain_without_the_file() {
    let sandbox = web();
    let (mut child, _) = destroying(&sandbox);
    assert!(Path::new(&sandbox.path("out")).exists());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut messages = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut messages)
        .unwrap();
    assert!(messages.contains("out is removed"), "{messages}");
    assert!(messages.contains("signal: 15"), "{messages}");
    nothing_else_is_there(&sandbox);
    sandbox.store_for_web("agent", b"later");
}

#[test]
fn a_killed_destroy_leaves_a_whole_archive_and_the_values() {
    let sandbox = web();
    let (mut child, command) = destroying(&sandbox);
    child.kill().unwrap();
    child.wait().unwrap();
    kill_process(command, Signal::KILL).unwrap();
    assert_eq!(values(&sandbox).len(), 1);
    assert_eq!(sandbox.value_of_web("agent"), b"state");
    let message = destroy(&sandbox, &[], &DESTROY).refused(1);
    assert!(message.contains("File exists"), "{message}");
    fs::remove_file(sandbox.path("out")).unwrap();
    assert_eq!(destroy(&sandbox, &[], &DESTROY).status, 0);
    assert_eq!(values(&sandbox).len(), 1);
}
