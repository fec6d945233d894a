//! The rig's command line.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::cut::Cut;
use crate::file_system::FileSystem;
use crate::form::Form;
use crate::progress::Screen;
use crate::run::Run;
use crate::{host, replay};

/// Power cuts on the kernel's own file systems. Run by `cargo xtask power-cut`.
#[derive(Debug, Parser)]
enum Command {
    /// Try power cuts
    Run {
        /// Only on this file system; may be repeated
        #[arg(long = "fs", value_enum, value_name = "FS")]
        file_systems: Vec<FileSystem>,
        /// Only in this form; may be repeated
        #[arg(long = "form", value_enum, value_name = "FORM")]
        forms: Vec<Form>,
        /// The number of states in all
        #[arg(long, default_value_t = 2000)]
        states: usize,
        /// The seed of the changes and the cuts
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many file systems to try at the same time
        #[arg(long, default_value_t = FileSystem::ALL.len())]
        jobs: usize,
        /// The directory for the report and the recordings of failures
        #[arg(long)]
        out: PathBuf,
        /// An empty directory
        scratch: PathBuf,
    },
    /// Make one state of a recording again
    Replay {
        recording: PathBuf,
        #[arg(long)]
        cut: Cut,
        /// An empty directory
        scratch: PathBuf,
    },
    /// Be the host that loses its power, and read orders
    #[command(hide = true)]
    Host {
        #[arg(long = "fs", value_enum)]
        file_system: FileSystem,
        mount_point: PathBuf,
    },
}

/// Carries out the command line.
pub(crate) fn main() -> ExitCode {
    obey(Command::parse()).unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

fn obey(command: Command) -> Result<ExitCode> {
    match command {
        Command::Run {
            file_systems,
            forms,
            states,
            seed,
            jobs,
            out,
            scratch,
        } => {
            let run = Run {
                file_systems: all_unless_named(file_systems, &FileSystem::ALL),
                forms: all_unless_named(forms, &Form::USUAL),
                states,
                seed,
                jobs,
                scratch,
                out,
            };
            let report = run.run(&Screen::new())?;
            report.save(&run.out.join("report.json"))?;
            writeln!(io::stdout(), "{}", report.text())?;
            Ok(if report.problems().is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
        Command::Replay {
            recording,
            cut,
            scratch,
        } => {
            let (shown, is_wrong) = replay::replay(&recording, cut, &scratch)?;
            io::stdout().write_all(shown.as_bytes())?;
            Ok(ExitCode::from(u8::from(is_wrong)))
        }
        Command::Host {
            file_system,
            mount_point,
        } => host::run(file_system, &mount_point).map(|()| ExitCode::SUCCESS),
    }
}

fn all_unless_named<T: Copy>(named: Vec<T>, all: &[T]) -> Vec<T> {
    if named.is_empty() {
        all.to_vec()
    } else {
        named
    }
}
