//! What is done with an input that a target fails on.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::engine::Engine;
use super::target::Target;
use crate::child::{self, Child};
use crate::project;

const REPLAY: Duration = Duration::from_secs(1800);

/// Shows why a target failed and what to do next.
pub(super) fn explain(target: &Target, log: &str, crashes: &[PathBuf]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(reason(log).as_bytes())?;
    let name = target.name();
    for file in crashes {
        let file = file.strip_prefix(project::root()).unwrap_or(file).display();
        writeln!(out, "  failed on: {file}")?;
        writeln!(out, "  replay it: cargo xtask fuzz {name} --replay {file}")?;
        writeln!(out, "  shrink it: cargo xtask fuzz {name} --shrink {file}")?;
    }
    Ok(())
}

/// What the target said when it panicked, or the end of the log if it did not.
fn reason(log: &str) -> String {
    let said: Vec<&str> = log
        .lines()
        .skip_while(|line| !line.contains("panicked at"))
        .take_while(|line| !line.starts_with("stack backtrace:") && !line.starts_with("=="))
        .take(20)
        .collect();
    if said.is_empty() {
        return child::tail(log, 20);
    }
    said.iter().map(|line| format!("  {line}\n")).collect()
}

/// Runs a target on inputs, files or folders of them, with the compiler that there is.
pub(super) fn replay(target: &Target, inputs: &[PathBuf]) -> Result<()> {
    let mut command = child::command(project::cargo());
    command.args(["run", "--quiet", "--locked", "-p", "userdata-fuzz"]);
    command.args(["--example", "replay", "--", target.name()]);
    for input in inputs {
        let whole = input.canonicalize();
        command.arg(whole.with_context(|| format!("cannot find {}", input.display()))?);
    }
    command.current_dir(project::root());
    let status = Child::start(&mut command, REPLAY)?.wait(|| ())?;
    ensure!(status.success(), "{} fails on it", target.name());
    Ok(())
}

/// Makes an input smaller for so long as it fails all the same.
pub(super) fn shrink(engine: &Engine, target: &Target, file: &Path, span: Duration) -> Result<()> {
    let size = |path: &Path| fs::metadata(path).map(|metadata| metadata.len());
    let before = size(file).with_context(|| format!("cannot find {}", file.display()))?;
    let file = file.canonicalize()?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let small = target.artifacts()?.join(format!("small-{name}"));
    let mut command = engine.command(target)?;
    command.arg("-minimize_crash=1");
    command.arg(format!("-max_total_time={}", span.as_secs()));
    command.arg(format!("-exact_artifact_path={}", small.display()));
    let ended = child::run(command.arg(&file), span + REPLAY);
    let after = size(&small).ok();
    let Some(after) = after else {
        ended?;
        writeln!(
            io::stdout(),
            "{name} cannot be made smaller than {before} bytes"
        )?;
        return Ok(());
    };
    let small = small.strip_prefix(project::root()).unwrap_or(&small);
    writeln!(
        io::stdout(),
        "{} bytes instead of {before}: {}\nreplay it: cargo xtask fuzz {} --replay {}",
        after,
        small.display(),
        target.name(),
        small.display()
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_the_panic_said() {
        let log = "#5 NEW\n\nthread '<unnamed>' panicked at a.rs:1:2:\nG10: xl is lost\nafter it\n\
                   stack backtrace:\n   0: x\n==5== ERROR: libFuzzer: deadly signal\n";
        let expected =
            "  thread '<unnamed>' panicked at a.rs:1:2:\n  G10: xl is lost\n  after it\n";
        assert_eq!(reason(log), expected);
        assert_eq!(reason("a\nALARM: timeout\n"), "  a\n  ALARM: timeout\n");
    }
}
