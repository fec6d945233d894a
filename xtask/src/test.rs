//! The everyday test, which a newcomer runs. It takes less than five minutes on two idle
//! processors, compilation included.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{ChildStdout, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{child, project};

/// The limit, far more than the tests take: it ends a test that hangs.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// Options of `cargo xtask test`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Passed on to `cargo test`: a filter, `--workspace`, `-p PACKAGE`, `-- --nocapture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut command = child::command(project::cargo());
        command
            .current_dir(project::root())
            .args(["test", "--locked", "--no-fail-fast"]);
        command.args(self.args).stdout(Stdio::piped());
        let (status, tally) = thread::scope(|scope| {
            let mut child = child::Child::start(&mut command, LIMIT)?;
            let lines = child.take_stdout()?;
            let tally = scope.spawn(|| forward(lines));
            let status = child.wait(|| ())?;
            let tally = tally
                .join()
                .map_err(|_| anyhow::anyhow!("reading the tests' output"))??;
            anyhow::Ok((status, tally))
        })?;
        let closing = tally.verdict();
        if !status.success() {
            bail!(
                "cargo test ended with {status}; {}",
                closing.unwrap_or_else(|e| e.to_string())
            );
        }
        writeln!(io::stdout(), "{}", closing?)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Shows the output of the tests, and counts them.
fn forward(lines: ChildStdout) -> Result<Tally> {
    let mut tally = Tally::default();
    for line in BufReader::new(lines).split(b'\n') {
        let mut line = line.context("reading the tests' output")?;
        tally.count(&String::from_utf8_lossy(&line));
        line.push(b'\n');
        io::stdout().write_all(&line)?;
    }
    Ok(tally)
}

/// How many tests passed, failed and were left out, in all test binaries together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Counts a line such as `test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; ...`.
    fn count(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|line| line.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else {
                continue;
            };
            let number = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    /// The closing line; an error if a test failed or none ran.
    fn verdict(&self) -> Result<String> {
        let Self {
            passed,
            failed,
            ignored,
        } = self;
        if *ignored > 0 {
            bail!("{ignored} tests are ignored");
        }
        if passed + failed == 0 {
            bail!("no test ran");
        }
        Ok(format!("{passed} passed, {failed} failed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_binaries_are_added() {
        let mut tally = Tally::default();
        tally.count("running 3 tests");
        tally.count("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out");
        tally.count("test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured");
        assert_eq!(
            tally,
            Tally {
                passed: 7,
                failed: 2,
                ignored: 0
            }
        );
        assert_eq!(tally.verdict().unwrap(), "7 passed, 2 failed");
    }

    #[test]
    fn a_run_without_tests_is_not_a_success() {
        assert_eq!(
            Tally::default().verdict().unwrap_err().to_string(),
            "no test ran"
        );
        let mut tally = Tally::default();
        tally.count("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
        assert_eq!(
            tally.verdict().unwrap_err().to_string(),
            "1 tests are ignored"
        );
    }
}
