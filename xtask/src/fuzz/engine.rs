//! What builds the targets: cargo-fuzz on the nightly compiler, and libFuzzer in each program.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use super::target::Target;
use crate::ci::log::Log;
use crate::ci::need::Need;
use crate::{child, project};

const NIGHTLY: Need = Need::of(
    "the nightly compiler",
    &[
        "rustup",
        "toolchain",
        "install",
        "nightly",
        "--profile",
        "minimal",
    ],
)
.probed_by(&["rustup", "run", "nightly", "rustc", "--version"]);
const CARGO_FUZZ: Need = Need::of(
    "cargo-fuzz",
    &["cargo", "install", "--locked", "cargo-fuzz"],
)
.probed_by(&["cargo", "fuzz", "--version"]);
/// libFuzzer is compiled from its source.
const CXX: Need = Need::of("g++", &["apt-get", "install", "g++"]);

/// What fuzzing needs beside the Rust toolchain.
pub(crate) const NEEDS: &[Need] = &[NIGHTLY, CARGO_FUZZ, CXX];

const BUILD: Duration = Duration::from_secs(3600);

/// The longest that one input may take, and the most memory.
const TIMEOUT_S: u32 = 20;
const MEMORY_MB: u32 = 2048;

/// What watches memory.
#[derive(Debug, Default, Clone, Copy, ValueEnum)]
pub(super) enum Sanitizer {
    #[default]
    None,
    Address,
}

/// The targets, built.
#[derive(Debug)]
pub(super) struct Engine {
    programs: PathBuf,
}

impl Engine {
    /// Gets what is needed and builds all targets.
    pub(super) fn build(sanitizer: Sanitizer) -> Result<Self> {
        let folder = project::target().join("fuzz");
        let mut log = Log::create(&folder, "build", BUILD)?;
        for need in NEEDS {
            need.provide(&mut log)?;
        }
        writeln!(io::stdout(), "building the targets")?;
        let name = match sanitizer {
            Sanitizer::None => "none",
            Sanitizer::Address => "address",
        };
        let build = folder.join("build").join(name);
        let mut command = child::command("rustup");
        command.args([
            "run",
            "nightly",
            "cargo",
            "fuzz",
            "build",
            "--features",
            "libfuzzer",
        ]);
        command
            .args(["--sanitizer", name, "--target-dir"])
            .arg(&build);
        // They would lead it back to the compiler that built us.
        command.env_remove("CARGO").env_remove("RUSTC");
        log.run(&mut command).with_context(|| {
            let text = log.text().unwrap_or_default();
            format!("building the targets:\n{}", child::tail(&text, 15))
        })?;
        Ok(Self {
            programs: build.join(host()?).join("release"),
        })
    }

    /// A command that runs a target. With a folder or file of inputs, and options of libFuzzer.
    pub(super) fn command(&self, target: &Target) -> Result<Command> {
        let program = self.programs.join(target.name());
        ensure!(program.is_file(), "{} was not built", program.display());
        let mut command = child::command(program);
        command.current_dir(project::root());
        command.arg(format!("-timeout={TIMEOUT_S}"));
        command.arg(format!("-rss_limit_mb={MEMORY_MB}"));
        command.arg("-print_final_stats=1");
        if let Some(dictionary) = target.dictionary() {
            command.arg(format!("-dict={}", dictionary.display()));
        }
        Ok(command)
    }
}

/// The compiler's name of this machine; cargo-fuzz builds below it.
fn host() -> Result<String> {
    let mut command = child::command("rustc");
    let told = child::output(command.arg("-vV"), Duration::from_secs(60))?;
    told.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc names no host")
}
