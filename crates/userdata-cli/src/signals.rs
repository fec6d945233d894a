//! Signals: SIGXFSZ, which would hide an error, and the signals that are for the command that
//! `destroy` and `pool move` run.

use std::ffi::c_int;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, thread};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Makes a write beyond the limit of file sizes (`ulimit -f`) fail with `EFBIG`. By default the
/// signal SIGXFSZ ends the process there, without a message. A handler is used and not `SIG_IGN`,
/// because programs that this command runs would inherit `SIG_IGN`.
pub(crate) fn report_large_files() {
    if !is_ignored(SIGXFSZ) {
        // If this fails, the signal keeps its default.
        let _ = flag::register(SIGXFSZ, Arc::<AtomicBool>::default());
    }
}

/// Runs a command to its end. From now on, the signals that usually end a program do not end this
/// one, since it has to clean up after the command:
///
/// * SIGINT and SIGQUIT are left to the command: a terminal sends them to both processes;
/// * SIGTERM and SIGHUP are passed on to the command.
pub(crate) fn run(command: &mut Command) -> io::Result<ExitStatus> {
    // A signal that is ignored, as SIGHUP is under nohup, stays ignored, for the command as well.
    let all = [SIGINT, SIGQUIT, SIGTERM, SIGHUP];
    let taken = all.into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals = Signals::new(taken)?;
    let handle = signals.handle();
    let mut child = command.spawn()?;
    let running = Mutex::new(true);
    thread::scope(|threads| {
        let pass_on = || {
            for signal in signals.forever() {
                pass_on(signal, &child, &running);
            }
        };
        // If the thread cannot be started, signals are not passed on.
        let _ = thread::Builder::new().spawn_scoped(threads, pass_on);
        wait_unreaped(&child);
        *running.lock().unwrap_or_else(PoisonError::into_inner) = false;
        handle.close();
    });
    child.wait()
}

fn pass_on(signal: c_int, child: &Child, running: &Mutex<bool>) {
    let signal = match signal {
        SIGTERM => Signal::TERM,
        SIGHUP => Signal::HUP,
        _ => return,
    };
    // As long as this is true, the child has not been reaped, so no other process has its pid.
    let running = running.lock().unwrap_or_else(PoisonError::into_inner);
    if *running {
        // The child may have ended by itself.
        let _ = kill_process(Pid::from_child(child), signal);
    }
}

/// Waits until the child has ended, and does not reap it. If that fails, the caller's own wait
/// reports it.
fn wait_unreaped(child: &Child) {
    let id = WaitId::Pid(Pid::from_child(child));
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(id.clone(), options), Err(Errno::INTR)) {}
}

/// Whether the process that started this one left the signal ignored. Without /proc the answer is
/// no.
fn is_ignored(signal: c_int) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use signal_hook::consts::{SIGPIPE, SIGUSR1};

    use super::*;

    #[test]
    fn an_ignored_signal_is_found() {
        // std ignores SIGPIPE in every program.
        assert!(is_ignored(SIGPIPE));
        assert!(!is_ignored(SIGUSR1));
    }
}
