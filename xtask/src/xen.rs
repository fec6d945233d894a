//! Real Xen with a real dom0, in qemu.
//!
//! apt-get fetches Debian's packages of a release (hypervisor, kernel, xl, xenstored and their
//! libraries). They are unpacked and never installed. They give a hypervisor image, a dom0 kernel
//! and a small dom0 in memory; the programs to be run in it are a second archive. qemu emulates the
//! processor (no KVM: a `/dev/kvm` that opens may still be unable to run Xen).
//!
//! The exit status of `cargo xtask xen` is that of the program that ran inside. 125 means that no
//! result came back from there, 130 that it was interrupted.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use crate::child::Interrupted;
use crate::debian::apt::Source;
use crate::progress::Screen;
use release::Release;

mod archive;
mod boot;
mod build;
mod dom0;
mod image;
mod kernel;
mod lanes;
mod libvirt;
mod libvirt_test;
pub(crate) mod libxl_diff;
pub(crate) mod libxl_driver;
mod one_release;
mod outcome;
mod payload;
mod pool_test;
mod programs;
mod release;
mod report;
mod rig;
mod run_dir;
mod script;
mod test;
mod tools;
mod wanted;
mod without_xen;

/// No result came back from dom0, or it did not start.
const NO_RESULT: u8 = 125;

/// What `cargo xtask xen` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Fetch the packages of a release, and make its hypervisor, kernel and dom0
    Build {
        /// The release of Xen [default: all]
        #[arg(long, value_enum)]
        xen: Option<Release>,
        #[command(flatten)]
        source: Source,
    },
    /// Boot a release and let dom0 list its domains
    BootCheck {
        /// The release of Xen [default: all]
        #[arg(long, value_enum)]
        xen: Option<Release>,
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        limit: boot::Limit,
    },
    /// Run our checks and our command inside dom0, where real xl and real libxl take part
    Test {
        /// The release of Xen [default: all]
        #[arg(long, value_enum)]
        xen: Option<Release>,
        /// The checks with libvirt instead, in the dom0 of Xen 4.17
        #[arg(long, conflicts_with = "xen")]
        libvirt: bool,
        /// The checks with a pool of hosts instead, in the dom0 of Xen 4.17, with etcd outside it
        #[arg(long, conflicts_with_all = ["xen", "libvirt"])]
        pool: bool,
        /// Rounds of the checks of leaks and of sweeps after `xl destroy` [default: 5 to 10]
        #[arg(long, value_name = "NUMBER", conflicts_with_all = ["libvirt", "pool"])]
        rounds: Option<NonZeroU32>,
        /// Only checks whose name contains this
        check: Option<String>,
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        limit: boot::Limit,
    },
    /// Compare the same steps through real libxl, without a hypervisor, and through this library
    LibxlDiff(libxl_diff::Options),
    /// Run a script inside dom0; the files in its folder `out` come back
    ShellScript {
        /// The script: busybox's sh, unless its first line names another program
        file: PathBuf,
        /// The release of Xen
        #[arg(long, value_enum, default_value_t)]
        xen: Release,
        /// A file or folder to put beside the script; may be given again
        #[arg(long, value_name = "PATH")]
        with: Vec<PathBuf>,
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        limit: boot::Limit,
    },
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let done = match self {
            Self::Build { xen, source } => build::build(&release::chosen(xen), &source),
            Self::BootCheck { xen, source, limit } => {
                build::boot_check(&release::chosen(xen), &source, limit)
            }
            Self::Test {
                libvirt: true,
                check,
                source,
                limit,
                ..
            } => libvirt_test::run(check.as_deref(), &source, limit),
            Self::Test {
                pool: true,
                check,
                source,
                limit,
                ..
            } => pool_test::run(check.as_deref(), &source, limit),
            Self::Test {
                xen,
                rounds,
                check,
                source,
                limit,
                ..
            } => {
                let only = check.as_deref().unwrap_or_default();
                let checks = rig::Checks {
                    which: rig::Which::Xl { rounds },
                    only,
                    limit,
                };
                test::run(&release::chosen(xen), checks, &source)
            }
            Self::LibxlDiff(options) => libxl_diff::run(&options),
            Self::ShellScript {
                file,
                xen,
                with,
                source,
                limit,
            } => script::run(&file, xen, &with, &source, limit),
        };
        match done {
            Ok(status) => Ok(ExitCode::from(status)),
            Err(error) if error.is::<Interrupted>() => Err(error),
            Err(error) => {
                Screen::new().complain(&format!("error: {error:#}"));
                Ok(ExitCode::from(NO_RESULT))
            }
        }
    }
}
