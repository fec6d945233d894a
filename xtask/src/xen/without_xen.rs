//! The check on this machine itself, which has no Xen.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::child;

/// Devices of which at least one exists on a host with Xen.
const DEVICES: &[&str] = &["/dev/xen/privcmd", "/proc/xen/privcmd"];

/// The most system calls that it may take to find out that there is no Xen.
const CALLS_MAX: usize = 3;

const LIMIT: Duration = Duration::from_secs(60);

/// The name of the check.
pub(super) const NAME: &str = "without_xen_opening_fails_after_three_system_calls_at_most";

/// Fails unless the rig's program, which tries to open Xen, finds out at once that there is none.
/// Returns a line about what was seen.
pub(super) fn check(rig: &Path) -> Result<String> {
    if let Some(device) = DEVICES.iter().find(|device| Path::new(device).exists()) {
        return Ok(format!("not checked: this machine has {device}"));
    }
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let log = folder.path().join("calls");
    let mut strace = child::command("strace");
    strace.arg("-f").arg("-o").arg(&log).arg(rig).arg("open");
    let output =
        child::output(&mut strace, LIMIT).context("opening Xen on a machine without it")?;
    ensure!(
        output.trim_end().ends_with("privcmd is not there"),
        "the error is not that Xen is missing: {output}"
    );
    let calls = fs::read_to_string(&log).context("strace left no log")?;
    let calls = between(&calls)?;
    ensure!(
        calls.len() <= CALLS_MAX,
        "{} system calls to see that Xen is missing:\n{}",
        calls.len(),
        calls.join("\n")
    );
    Ok(format!("{} system calls", calls.len()))
}

/// The calls between the two words that the program writes before and after.
fn between(log: &str) -> Result<Vec<&str>> {
    ensure!(
        !log.contains("write(2, "),
        "something was written to standard error"
    );
    let lines: Vec<&str> = log.lines().collect();
    let place = |word: &str| {
        lines
            .iter()
            .position(|line| line.contains(&format!("write(1, \"{word}\\n\"")))
    };
    let (before, after) = (place("opening"), place("opened"));
    let (Some(before), Some(after)) = (before, after) else {
        anyhow::bail!(
            "the program did not say when it opens Xen:\n{}",
            child::tail(log, 15)
        );
    };
    Ok(lines.get(before + 1..after).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"7 write(1, "opening\n", 8) = 8
7 openat(AT_FDCWD, "/dev/xen/privcmd", O_RDWR|O_CLOEXEC) = -1 ENOENT (No such file or directory)
7 write(1, "opened\n", 7) = 7
7 write(1, "cannot open", 11) = 11
"#;

    #[test]
    fn calls_are_those_between_the_two_words() {
        assert_eq!(between(LOG).unwrap().len(), 1);
        assert!(between("").is_err());
        assert!(between(&LOG.replace("opened", "nothing")).is_err());
    }

    #[test]
    fn a_word_on_standard_error_is_seen() {
        assert!(between(&format!("{LOG}7 write(2, \"oh\", 2) = 2\n")).is_err());
    }
}
