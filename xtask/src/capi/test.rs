//! The checks of the C libraries.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::{DROP_IN, LIBRARIES, LIMIT, Library, Run, abi, shared_object, test_in_c};
use crate::child::Child;
use crate::project;
use crate::xen::libxl_diff;

/// How the names begin of the variables that the drop-in reads if it is built for tests.
const OF_TESTS: &[u8] = b"USERDATA_LIBXL_";

/// Builds the libraries and checks them. Returns the status that the comparison of the drop-in with
/// real libxl ended with.
pub(super) fn run(options: &libxl_diff::Options) -> Result<u8> {
    let mut run = |command: &mut Command| Child::start(command, LIMIT)?.succeed();
    for (library, path) in LIBRARIES.iter().zip(super::build(&mut run)?) {
        let seen = shared_object::check(library, &path)?;
        writeln!(io::stdout(), "ok {seen}")?;
        ensure!(!is_for_tests(&path)?, "{} is built for tests", library.file);
    }
    test_in_c::run(&mut run)?;
    writeln!(io::stdout(), "ok {}", abi::check(&mut run)?)?;
    let folder = project::target().join("capi/test");
    let seen = a_version_is_found(&folder.join("versioned"), &mut run)?;
    writeln!(io::stdout(), "ok a version is found: {seen}")?;
    let drop_in = DROP_IN.build(&["probe", "simulated"], &folder, &mut run)?;
    ensure!(is_for_tests(&drop_in)?, "what is built for tests is not");
    libxl_diff::of_drop_in(&drop_in, options)
}

fn is_for_tests(library: &Path) -> Result<bool> {
    let bytes = fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
    Ok(bytes.windows(OF_TESTS.len()).any(|part| part == OF_TESTS))
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
