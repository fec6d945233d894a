//! Checks that run in the dom0 of a real Xen host, beside real xl and real libxl.
//!
//! usage: `rig [--rounds N] RESULTS.json [PART-OF-A-NAME]`
//!        `rig [--rounds N] libvirt RESULTS.json [PART-OF-A-NAME]`: the checks with libvirt
//!        instead
//!        `rig pool RESULTS.json [PART-OF-A-NAME]`: the checks with a pool of hosts instead
//!        `rig forward HOST PORT...`: passes connections to these ports of 127.0.0.1 on to HOST
//!        `rig open`: opens the hypervisor, and prints the result
//!        `rig hold DOMID.UUID`: holds the domain's lock until it is killed
//!        `rig churn DOMID.UUID`: changes the domain's values until it is killed
//!
//! Each check is a statement, and its code shows that the statement is true. The program is built
//! once, without shared libraries, and the same file runs on every release of Xen (`cargo xtask xen
//! test`). Its folder has our command, programs that use the release's own libxl, and a tiny guest.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

mod bare;
mod check;
mod checks;
mod churn;
mod drop_in;
mod forward;
mod guest;
mod holder;
mod host;
mod libvirt;
mod libxl;
mod locks;
mod opening;
mod ours;
mod pool;
mod program;
mod rounds;
mod storm;
mod sweep;
mod system_calls;
mod xl;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Returns whether all went well.
fn run(arguments: &[&str]) -> Result<bool> {
    match *arguments {
        ["--rounds", number, ref rest @ ..] => {
            rounds::want(number.parse().context("--rounds needs a number")?)?;
            run(rest)
        }
        ["open"] => opening::report(),
        ["churn", key] => churn::until_killed(key),
        ["hold", key] => holder::hold_until_killed(key),
        ["libvirt", results] => check::run(checks::LIBVIRT, "", Path::new(results)),
        ["libvirt", results, only] => check::run(checks::LIBVIRT, only, Path::new(results)),
        ["pool", results] => check::run(checks::POOL, "", Path::new(results)),
        ["pool", results, only] => check::run(checks::POOL, only, Path::new(results)),
        ["forward", host, ref ports @ ..] => forward::until_killed(host, ports),
        [results] => check::run(checks::ALL, "", Path::new(results)),
        [results, only] => check::run(checks::ALL, only, Path::new(results)),
        _ => bail!(
            "usage: rig [--rounds N] [libvirt | pool] RESULTS.json [PART-OF-A-NAME] | open | \
             (hold | churn) DOMID.UUID | forward HOST PORT..."
        ),
    }
}
