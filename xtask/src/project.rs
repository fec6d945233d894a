//! Where the project's folders are, and how its programs are built.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child;

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The folder of build results.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The cargo that started us.
pub(crate) fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// The command that builds these programs without optimisation.
///
/// Packages that are chosen by `--package` get the features that they ask for themselves; here they
/// get those of the whole workspace, as in `cargo test --workspace`. So nothing is built twice.
pub(crate) fn build(programs: &[&str]) -> Command {
    let mut command = child::command(cargo());
    command.current_dir(root());
    command.args(["build", "--locked", "--workspace"]);
    command.args(programs.iter().flat_map(|program| ["--bin", program]));
    command
}
