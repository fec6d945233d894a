//! A command that is killed harms nobody.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{Sandbox, USERDATA, WEB};

#[test]
fn a_store_that_is_killed_while_it_reads_has_locked_and_changed_nothing() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"old");
    let mut command = sandbox.command(["store", "web", "xl"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds, so that some of it has been read when this returns.
    stdin.write_all(&vec![7; 512 << 10]).unwrap();
    assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
    // Whoever wants the lock has it at once.
    sandbox.done(["store", "web", "other", "/proc/self/comm", "--timeout", "0"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(sandbox.value_of_web("xl"), b"old");
    assert_eq!(sandbox.files().len(), 2);
    sandbox.store_for_web("xl", b"new");
}

#[test]
fn a_destroyer_that_is_killed_stops_nobody_and_loses_nothing() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"old");
    let script = "echo $$; exec sleep 600";
    let mut command = sandbox.command(["destroy", "web", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut pid = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut pid)
        .unwrap();
    let sleep = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    sandbox.feed(["store", "web", "xl"], b"new").refused(10);
    child.kill().unwrap();
    child.wait().unwrap();
    // Although its command still runs: the mark went with the process that made it.
    sandbox.store_for_web("xl", b"new");
    assert_eq!(sandbox.value_of_web("xl"), b"new");
    kill_process(sleep, Signal::KILL).unwrap();
    let ran = sandbox.run(["destroy", "web", "--", USERDATA, "sim", "destroy", "web"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(sandbox.files().is_empty());
}
