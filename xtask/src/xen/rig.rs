//! The rig's program and what it needs, built once for all releases, and run in a dom0.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::Result;

use super::boot::{self, Limit};
use super::image::Image;
use super::payload::Payload;
use super::programs;
use super::report::Found;
use super::run_dir::RunDir;
use crate::debian::sums::{self, Sums};
use crate::progress::Lane;

/// The packages that are built once and run in every dom0.
const PROGRAMS: &[(&str, &str)] = &[("userdata-rig", "rig"), ("userdata-cli", "userdata")];

/// Our programs, the drop-in and the library for C.
#[derive(Debug)]
pub(super) struct Rig {
    folder: PathBuf,
    /// The checksums of the programs.
    pub(super) programs: Sums,
    /// The static libraries of the drop-in.
    drop_in: [PathBuf; 2],
    /// The static library of `libuserdata`.
    c_library: PathBuf,
}

/// What to run in dom0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checks<'a> {
    pub(super) which: Which,
    /// Only checks whose name contains this.
    pub(super) only: &'a str,
    pub(super) limit: Limit,
}

/// The lists of checks that the program has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    Xl {
        /// The rounds of each check that lets the command line say how many it has.
        rounds: Option<NonZeroU32>,
    },
    Libvirt,
    /// The values are in a pool of hosts.
    Pool,
}

impl fmt::Display for Which {
    /// The words of the program's command line before the name of the results.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xl { rounds: None } => Ok(()),
            Self::Xl {
                rounds: Some(rounds),
            } => write!(f, "--rounds {rounds}"),
            Self::Libvirt => f.write_str("libvirt"),
            Self::Pool => f.write_str("pool"),
        }
    }
}

impl Rig {
    /// Builds the programs and the static libraries.
    pub(super) fn build(lane: &Lane) -> Result<Self> {
        Self::build_with(&[], lane)
    }

    /// The same with features of the packages.
    pub(super) fn build_with(features: &[&str], lane: &Lane) -> Result<Self> {
        let packages: Vec<&str> = PROGRAMS.iter().map(|&(package, _)| package).collect();
        let folder = programs::without_libraries(&packages, features, lane)?;
        let mut built = Sums::default();
        for (_, program) in PROGRAMS {
            let sum = sums::of_file(&folder.join(program))?;
            built.0.insert((*program).to_owned(), sum);
        }
        Ok(Self {
            folder,
            programs: built,
            drop_in: programs::drop_in(lane)?,
            c_library: programs::c_library(lane)?,
        })
    }

    /// The program with the checks.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("rig")
    }

    /// A payload with the programs, and with the drop-in and the examples in C for this release.
    pub(super) fn payload(&self, image: &Image, dir: &RunDir) -> Result<Payload> {
        let mut payload = Payload::new(image, dir)?;
        for name in self.programs.0.keys() {
            payload.add(&self.folder.join(name))?;
        }
        for archive in &self.drop_in {
            payload.add(&programs::linked(image, archive, dir.path())?)?;
        }
        for made in programs::c_examples(image, &self.c_library, dir.path())? {
            payload.add(&made)?;
        }
        Ok(payload)
    }

    /// Boots with a payload of [`Rig::payload`], runs the checks and reads their results.
    pub(super) fn run(
        &self,
        checks: Checks<'_>,
        image: &Image,
        mut payload: Payload,
        dir: &RunDir,
        lane: &Lane,
    ) -> Result<Found> {
        let names: Vec<&str> = self.programs.0.keys().map(String::as_str).collect();
        payload.add_text("only", checks.only);
        payload.run(&format!(
            "sha256sum {} > out/SHA256SUMS\nexec ./rig {} out/checks.json \"$(cat only)\"",
            names.join(" "),
            checks.which
        ));
        let ended = boot::boot(image, &payload, dir, checks.limit, lane, &|line| {
            lane.print_marked(line)
        })?;
        lane.say(&format!(
            "ended after {:.0} s; logs and results in {}",
            ended.took.as_secs_f64(),
            dir.path().display()
        ));
        Found::read(image.release, &ended, &dir.out(), &self.programs)
    }
}
