//! The bugs of a pool of hosts are found by the tests of `userdata-pool`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::child::{self, Ended};

/// The test that takes most of the time, and finds no bug that no other test finds.
const SKIPPED: [&str; 2] = ["--skip", "whichever_one_or_two_answers_are_lost"];

/// Runs this test, or all of them; returns how many were run, and the first that fails.
pub(super) fn run(tests: &Path, test: Option<&str>, minutes: f64) -> Result<(u64, Option<Value>)> {
    let limit = Duration::try_from_secs_f64(60.0 * minutes)?;
    let chosen = test.map_or(SKIPPED, |test| ["--exact", test]);
    let Ended {
        status, out, err, ..
    } = child::ended(child::command(tests).args(chosen), limit)?;
    let is_outcome = |line: &&str| line.starts_with("test ") && line.contains(" ... ");
    let outcomes = out.lines().filter(is_outcome).count();
    let failure = failure(&out);
    // A harness that ran all its tests ends with 101 if some of them failed.
    let told = if failure.is_some() { 101 } else { 0 };
    if outcomes == 0 || status.code() != Some(told) {
        let end = child::tail(&format!("{out}{err}"), 15);
        bail!("the tests of the pool ended with {status}:\n{end}");
    }
    Ok((u64::try_from(outcomes)?, failure))
}

/// The first test that failed, in order of name, in the form of a failure of `simulate`.
fn failure(out: &str) -> Option<Value> {
    let (_, failures) = out.split_once("\n---- ")?;
    let (name, told) = failures.split_once(" stdout ----\n")?;
    let end = told.find("\n---- ").or_else(|| told.find("\nfailures:"));
    let told = end.and_then(|end| told.get(..end)).unwrap_or(told).trim();
    let (_, panic) = told.split_once("panicked at ").unwrap_or(("", told));
    let why = panic.lines().nth(1).unwrap_or("it panicked");
    Some(json!({
        "guarantee": name,
        "why": why.trim_end_matches([':', ' ']),
        "after": told,
        // The test repeats it, not a case of `simulate`.
        "replay": "",
        "tree": "",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = "\
running 3 tests
test a::one ... ok
test a::two ... FAILED
test b::three ... FAILED

failures:

---- a::two stdout ----

thread 'a::two' (7) panicked at crates/x.rs:1:2:
a value is lost: 
  Create(0)
note: run with `RUST_BACKTRACE=1`

---- b::three stdout ----

thread 'b::three' (8) panicked at crates/x.rs:3:4:
other


failures:
    a::two
    b::three

test result: FAILED. 1 passed; 2 failed
";

    fn harness(script: &str) -> Result<(u64, Option<Value>)> {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("tests");
        std::fs::write(&program, format!("#!/bin/sh\n{script}"))?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        run(&program, None, 1.0)
    }

    #[test]
    fn the_first_test_that_fails_is_named_with_its_reason() {
        let script = format!("cat <<'END'\n{FAILED}END\nexit 101");
        let (tests, failure) = harness(&script).unwrap();
        let failure = failure.unwrap();
        assert_eq!(failure["guarantee"], "a::two");
        assert_eq!(failure["why"], "a value is lost");
        let after = failure["after"].as_str().unwrap();
        assert!(after.contains("Create(0)") && !after.contains("other"));
        assert_eq!(tests, 3);
    }

    #[test]
    fn tests_that_pass_find_nothing() {
        assert_eq!(harness("echo 'test a ... ok'").unwrap(), (1, None));
    }

    #[test]
    fn a_harness_that_breaks_off_has_found_nothing() {
        for script in ["exit 101", "exit 0", "echo 'test a ... ok'; kill -ABRT $$"] {
            assert!(harness(script).is_err(), "{script}");
        }
    }
}
