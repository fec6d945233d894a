//! Checks that run in the dom0 of a real Xen host, beside real xl and real libxl.
//!
//! usage: `rig RESULTS.json [PART-OF-A-NAME]`
//!
//! Each check is a statement that is shown by running it. The program is built once, without shared
//! libraries, and the same file runs on every release of Xen (`cargo xtask xen test`). In its
//! folder it finds the programs that use the release's own libxl, and a tiny guest.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

mod check;
mod checks;
mod guest;
mod host;
mod libxl;
mod program;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let Some(results) = arguments.next().map(PathBuf::from) else {
        let _ = writeln!(io::stderr(), "usage: rig RESULTS.json [PART-OF-A-NAME]");
        return ExitCode::from(2);
    };
    let only = arguments.next().unwrap_or_default();
    match check::run(checks::ALL, &only.to_string_lossy(), &results) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}
