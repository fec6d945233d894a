//! The one entry point for every check, rig and report.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

mod bench;
mod campaign;
mod canaries;
mod capi;
mod child;
mod ci;
mod coverage;
mod debian;
mod dist;
mod fuzz;
mod pool;
mod power_cut;
mod progress;
mod project;
mod side_by_side;
mod site;
mod test;
mod tidy;
mod xen;

/// Every check, rig and report of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Every check there is: what continuous integration runs
    Ci(ci::Task),
    /// The everyday test: unit, integration and doc tests of what others use
    ///
    /// Runs the unit, integration and doc tests of the default members of the workspace: the
    /// published crates, the simulation with its exhaustive walks, the tests of the whole on real
    /// files and processes, the committed inputs of every fuzz target, and the examples. Not in
    /// it are the tests of the rigs and tools (`bench`, `tests/libxl`,
    /// `tests/power-cut`, `tests/rig`, `xtask`): `--workspace` adds them, and `cargo xtask ci`
    /// runs them all.
    Test(test::Task),
    /// The house rules that rustfmt and clippy do not know, in a second
    Tidy(tidy::Task),
    /// What the store costs, against the fewest system calls that could do the same and real libxl
    Bench(bench::Task),
    /// Everything that the simulation has, for some minutes: figures, targets and a page
    Campaign(campaign::Task),
    /// The C libraries: shared objects, and their checks
    #[command(subcommand)]
    Capi(capi::Task),
    /// Bugs planted in a copy of the source, each of which the simulation has to find
    Canaries(canaries::Task),
    /// Every fuzz target for some minutes, with the nightly compiler
    Fuzz(fuzz::Task),
    /// Which lines the tests reach
    Coverage(coverage::Task),
    /// The source tarball and the packages for Debian
    Dist(dist::Task),
    /// The documents as a site, with the last reports and plots
    Site(site::Task),
    /// Power cuts on the kernel's own file systems: ext4, xfs and btrfs
    PowerCut(power_cut::Task),
    /// Real etcd clusters, from Debian's packages
    #[command(subcommand)]
    Pool(pool::Task),
    /// Real Xen with a real dom0, in qemu, from Debian's packages
    #[command(subcommand)]
    Xen(xen::Task),
}

fn main() -> ExitCode {
    let task = Task::parse();
    let done = child::catch_interrupts().and_then(|()| match task {
        Task::Ci(task) => task.run(),
        Task::Test(task) => task.run(),
        Task::Tidy(task) => task.run(),
        Task::Bench(task) => task.run(),
        Task::Campaign(task) => task.run(),
        Task::Capi(task) => task.run(),
        Task::Canaries(task) => task.run(),
        Task::Fuzz(task) => task.run(),
        Task::Coverage(task) => task.run(),
        Task::Dist(task) => task.run(),
        Task::Site(task) => task.run(),
        Task::PowerCut(task) => task.run(),
        Task::Pool(task) => task.run(),
        Task::Xen(task) => task.run(),
    });
    done.unwrap_or_else(|error| {
        let interrupted = error.downcast_ref::<child::Interrupted>();
        let _ = match interrupted {
            Some(interrupted) => writeln!(io::stderr(), "{interrupted}"),
            None => writeln!(io::stderr(), "error: {error:#}"),
        };
        if interrupted.is_some() {
            ExitCode::from(130)
        } else {
            ExitCode::FAILURE
        }
    })
}
