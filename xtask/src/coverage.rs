//! Which lines the tests reach: cargo-llvm-cov, with LLVM's tools from rustup or from Debian.

use std::io::{self, Write};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::child::{self, Child};
use crate::ci::log::Log;
use crate::ci::need::Need;
use crate::project;

const CARGO_LLVM_COV: Need = Need::of(
    "cargo-llvm-cov",
    &["cargo", "install", "--locked", "cargo-llvm-cov"],
)
.probed_by(&["cargo", "llvm-cov", "--version"]);
const COMPONENT: Need = Need::of("llvm-tools", &["rustup", "component", "add", "llvm-tools"])
    .probed_by(&[
        "sh",
        "-c",
        "test -x $(rustc --print target-libdir)/../bin/llvm-cov",
    ]);
/// The oldest that reads what our compiler writes, and the newest in Debian 12.
const DEBIANS: Need = Need::of("llvm-cov-19", &["apt-get", "install", "llvm-19"]);

const LIMIT: Duration = Duration::from_secs(2 * 3600);

/// Options of `cargo xtask coverage`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Passed on to `cargo test`: a filter, `-p PACKAGE` [default: the everyday test]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let folder = project::target().join("coverage");
        let mut log = Log::create(&folder, "install", LIMIT)?;
        CARGO_LLVM_COV.provide(&mut log)?;
        let debians = COMPONENT.provide(&mut log).is_err();
        if debians {
            DEBIANS.provide(&mut log)?;
        }
        let llvm_cov = |args: &[&str]| {
            let mut command = child::command(project::cargo());
            command
                .current_dir(project::root())
                .arg("llvm-cov")
                .args(args);
            if debians {
                command.env("LLVM_COV", "llvm-cov-19");
                command.env("LLVM_PROFDATA", "llvm-profdata-19");
            }
            command
        };
        let run = |command: &mut Command| Child::start(command, LIMIT)?.succeed();
        run(llvm_cov(&["test", "--locked", "--no-report"]).args(&self.args))?;
        run(llvm_cov(&["report", "--html", "--output-dir"]).arg(&folder))?;
        run(&mut llvm_cov(&["report", "--summary-only"]))?;
        let index = folder.join("html/index.html");
        let index = index.strip_prefix(project::root()).unwrap_or(&index);
        writeln!(io::stdout(), "every line: {}", index.display())?;
        Ok(ExitCode::SUCCESS)
    }
}
