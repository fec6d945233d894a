//! What README promises to newcomers.

use std::fs;

use anyhow::{Context, Result, bail};

use super::log::Log;
use crate::{child, project};

const DEMO: &str = "cargo run --release -p userdata-cli -- demo";
/// The step `test` runs this one.
const TEST: &str = "cargo xtask test";

/// Runs the first command that README names; the second is the step `test`.
pub(crate) fn check(log: &mut Log) -> Result<String> {
    let readme = project::root().join("README.md");
    let readme = fs::read_to_string(readme).context("reading README.md")?;
    let commands = commands(&readme);
    let [demo, TEST] = commands.as_slice() else {
        bail!("README's first block of sh is not {DEMO:?} and {TEST:?}, but {commands:?}");
    };
    if *demo != DEMO {
        bail!("README's demo is not {DEMO:?}, but {demo:?}");
    }
    log.run(child::command("sh").args(["-euc", demo]))?;
    let told = log.last_line();
    if told.starts_with("Running `") {
        bail!("the demo tells nothing");
    }
    Ok(told)
}

/// The lines of the first block of sh, without comments.
fn commands(readme: &str) -> Vec<&str> {
    let block = readme.lines().skip_while(|line| *line != "```sh").skip(1);
    let lines = block.take_while(|line| *line != "```");
    lines
        .map(|line| {
            line.split_once(" #")
                .map_or(line, |(command, _)| command)
                .trim()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_of_sh_is_read() {
        let readme =
            "# A\n\n```rust\nx\n```\n\n```sh\none # first\ntwo\n```\n\n```sh\nthree\n```\n";
        assert_eq!(commands(readme), ["one", "two"]);
        assert_eq!(commands("# A\n"), Vec::<&str>::new());
    }
}
