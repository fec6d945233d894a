//! Counts this thread's ioctls, with the kernel's tracing.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::program;

const TRACING: &str = "/sys/kernel/tracing";

/// The switch of the event at the start of an ioctl.
const IOCTL: &str = "events/syscalls/sys_enter_ioctl/enable";

/// Runs `work` in this thread, and counts the ioctls that it makes.
pub(crate) fn ioctls<T>(work: impl FnOnce() -> Result<T>) -> Result<(usize, T)> {
    if !path("trace").exists() {
        program::output(&["mount", "-t", "tracefs", "tracefs", TRACING])?;
    }
    // The checks run in the main thread, whose id is that of the process.
    write("set_event_pid", &std::process::id().to_string())?;
    write("trace", "")?;
    write(IOCTL, "1")?;
    let done = work();
    write(IOCTL, "0")?;
    let trace = fs::read_to_string(path("trace")).context("no trace")?;
    let calls = trace.lines().filter(|line| line.contains("sys_ioctl("));
    Ok((calls.count(), done?))
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(TRACING).join(name)
}

fn write(name: &str, text: &str) -> Result<()> {
    fs::write(path(name), text).with_context(|| format!("cannot write {}", path(name).display()))
}
