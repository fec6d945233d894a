//! The checks of the C libraries.

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::{DROP_IN, LIBRARIES, LIMIT, Library, Run, shared_object};
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
    let seen = a_version_is_found(&folder.join("versioned"), &mut run)?;
    writeln!(io::stdout(), "ok a version is found: {seen}")?;
    let drop_in = DROP_IN.build(&["probe", "simulated"], &folder, &mut run)?;
    libxl_diff::of_drop_in(&drop_in, options)
}

/// Links the drop-in with a version of our own, and fails unless the check refuses it.
fn a_version_is_found(folder: &Path, run: Run<'_>) -> Result<String> {
    let versioned = Library {
        version_script: Some("xtask/src/capi/versioned.map"),
        ..DROP_IN
    };
    let path = versioned.build(&[], folder, run)?;
    match shared_object::check(&DROP_IN, &path) {
        Err(refused) if refused.to_string().contains("@@USERDATA_0.1") => Ok(refused.to_string()),
        Err(refused) => Err(refused.context("refused for another reason")),
        Ok(seen) => bail!("functions with a version are passed over: {seen}"),
    }
}
