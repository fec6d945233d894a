//! Signals, and commands that are killed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::fs::{CWD, FileType};
use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{Sandbox, USERDATA, WEB};

#[test]
fn a_store_that_is_killed_while_it_reads_changed_nothing() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"old");
    let mut command = sandbox.command(["store", "web", "xl"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // More than a pipe holds, so that some of it has been read when this returns.
    stdin.write_all(&vec![7; 512 << 10]).unwrap();
    assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
    // Another process gets the lock at once.
    sandbox.done(["store", "web", "other", "/proc/self/comm", "--timeout", "0"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(sandbox.value_of_web("xl"), b"old");
    assert_eq!(sandbox.files().len(), 2);
    sandbox.store_for_web("xl", b"new");
}

#[test]
fn a_killed_destroy_blocks_nothing_and_loses_nothing() {
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
    // Although COMMAND still runs: the mark ended with the process that held it.
    sandbox.store_for_web("xl", b"new");
    assert_eq!(sandbox.value_of_web("xl"), b"new");
    kill_process(sleep, Signal::KILL).unwrap();
    let ran = sandbox.run(["destroy", "web", "--", USERDATA, "sim", "destroy", "web"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(sandbox.files().is_empty());
}

/// A `destroy web` that runs a script, once the script has printed its first line.
fn destroying(
    sandbox: &Sandbox,
    wrapper: &[&str],
    script: &str,
) -> (Child, BufReader<ChildStdout>) {
    let environment = sandbox.command([""; 0]);
    let mut words = [wrapper, &[USERDATA, "destroy", "web", "--", "sh", "-c"]].concat();
    words.extend([script, USERDATA]);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command.envs(
        environment
            .get_envs()
            .map(|(name, value)| (name, value.unwrap())),
    );
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut ready = String::new();
    output.read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    (child, output)
}

fn ended(mut child: Child, mut output: BufReader<ChildStdout>) -> (Option<i32>, String, String) {
    let (mut text, mut messages) = (String::new(), String::new());
    output.read_to_string(&mut text).unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut messages)
        .unwrap();
    (child.wait().unwrap().code(), text, messages)
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn interrupts_are_for_the_command_alone() {
    for signal in [Signal::INT, Signal::QUIT] {
        let sandbox = Sandbox::with_web();
        sandbox.store_for_web("xl", b"x");
        let script = "echo ready; read line <$HOME/go; $0 sim destroy web";
        let go = sandbox.path("go");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(CWD, &go, FileType::Fifo, mode, 0).unwrap();
        let (child, output) = destroying(&sandbox, &[], script);
        // The command does not get it: a terminal would have sent it to both.
        send(&child, signal);
        send(&child, signal);
        std::fs::write(&go, "go\n").unwrap();
        let ended = ended(child, output);
        assert_eq!(ended, (Some(0), String::new(), String::new()));
        assert!(sandbox.files().is_empty());
    }
}

#[test]
fn a_terminating_signal_is_passed_on_and_the_values_are_removed() {
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::HUP, "HUP")] {
        let sandbox = Sandbox::with_web();
        sandbox.store_for_web("xl", b"x");
        let script = format!(
            "trap 'echo got {name}; kill $!; $0 sim destroy web; exit 4' {name}; \
             sleep 600 >/dev/null 2>&1 & echo ready; wait"
        );
        let (child, output) = destroying(&sandbox, &[], &script);
        send(&child, signal);
        let (status, text, messages) = ended(child, output);
        assert_eq!(
            (status, text),
            (Some(1), format!("got {name}\n")),
            "{messages}"
        );
        assert!(messages.contains("ended with exit status: 4"), "{messages}");
        assert!(sandbox.files().is_empty());
    }
}

#[test]
fn a_domain_that_outlives_a_terminated_command_stays_as_it_was() {
    let sandbox = Sandbox::with_web();
    sandbox.store_for_web("xl", b"x");
    let (child, output) = destroying(&sandbox, &[], "echo ready; exec sleep 600");
    send(&child, Signal::TERM);
    let (status, _, messages) = ended(child, output);
    assert_eq!(status, Some(1));
    assert!(messages.contains("signal: 15"), "{messages}");
    assert_eq!(sandbox.files(), [format!("userdata-d.1.{WEB}.xl")]);
    sandbox.store_for_web("xl", b"y");
}

#[test]
fn the_command_gets_default_signals_but_those_that_were_ignored() {
    // The mask of ignored signals, as the command finds it.
    let script = "echo ready; grep SigIgn /proc/self/status";
    let ignored = |wrapper: &[&str]| {
        let sandbox = Sandbox::with_web();
        let (child, output) = destroying(&sandbox, wrapper, script);
        let (_, text, _) = ended(child, output);
        let mask = text.trim().rsplit('\t').next().unwrap().to_owned();
        u64::from_str_radix(&mask, 16).unwrap()
    };
    let bit = |signal: Signal| 1 << (signal.as_raw() - 1);
    let all = bit(Signal::INT) | bit(Signal::QUIT) | bit(Signal::TERM) | bit(Signal::HUP);
    let all = all | bit(Signal::XFSZ);
    assert_eq!(ignored(&["env", "--default-signal"]) & all, 0);
    let wrapper = ["env", "--default-signal", "--ignore-signal=HUP,XFSZ"];
    assert_eq!(
        ignored(&wrapper) & all,
        bit(Signal::HUP) | bit(Signal::XFSZ)
    );
}
