//! The checks of the C libraries.

use std::io::{self, Write};
use std::process::Command;

use anyhow::Result;

use super::{DROP_IN, LIBRARIES, LIMIT, shared_object};
use crate::child::Child;
use crate::project;
use crate::xen::libxl_diff;

/// Builds the libraries and checks them. Returns the status that the comparison of the drop-in with
/// real libxl ended with.
pub(super) fn run(options: &libxl_diff::Options) -> Result<u8> {
    let mut run = |command: &mut Command| Child::start(command, LIMIT)?.succeed();
    for (library, path) in LIBRARIES.iter().zip(super::build(&mut run)?) {
        let seen = shared_object::check(library, &path)?;
        writeln!(io::stdout(), "ok {seen}")?;
    }
    let folder = project::target().join("capi/test");
    let drop_in = DROP_IN.build(&["probe", "simulated"], &folder, &mut run)?;
    libxl_diff::of_drop_in(&drop_in, options)
}
