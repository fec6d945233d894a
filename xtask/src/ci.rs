//! Every check there is, in one list.
//!
//! All steps run, also after a failure. What a step needs is installed if it is missing: packages
//! of Debian if the user is root, tools and components of cargo in any case.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;

use crate::pool::{PROTOC, PROTOS};
use crate::{child, dist, fuzz, power_cut, project, tidy};
use log::Log;
use need::Need;
use outcome::{Outcome, Summary};
use step::Step;

mod advisories;
mod demo;
mod directions;
mod linked;
pub(crate) mod log;
pub(crate) mod need;
mod outcome;
mod rust_version;
mod step;
mod workspace;

const RUSTFMT: Need = Need::of("rustfmt", &["rustup", "component", "add", "rustfmt"]);
const CLIPPY: Need = Need::of("cargo-clippy", &["rustup", "component", "add", "clippy"]);
const CXX: Need = Need::of("g++", &["apt-get", "install", "g++"]);
const SYSTEMD: Need = Need::of("systemd-analyze", &["apt-get", "install", "systemd"]);
const VALGRIND: Need = Need::of("valgrind", &["apt-get", "install", "valgrind"]);
const ABIDIFF: Need = Need::of("abidiff", &["apt-get", "install", "abigail-tools"]);
const PKG_CONFIG: Need = Need::of("pkg-config", &["apt-get", "install", "pkg-config"]);
const READELF: Need = Need::of("readelf", &["apt-get", "install", "binutils"]);
// Without optimisation they are built in a third of the time, and work for a second.
const DENY: Need = Need::of(
    "cargo-deny",
    &["cargo", "install", "--locked", "--debug", "cargo-deny"],
)
.probed_by(&["cargo", "deny", "--version"]);
const HACK: Need = Need::of(
    "cargo-hack",
    &["cargo", "install", "--locked", "--debug", "cargo-hack"],
)
.probed_by(&["cargo", "hack", "--version"]);

/// The steps: cheap ones first, each after those that tell more about the same mistake.
#[rustfmt::skip]
const STEPS: &[Step] = &[
    Step::cargo("lock", "Cargo.lock fits every manifest", &[
        &["fetch", "--locked"],
        &["fetch", "--locked", "--manifest-path", "bench/peers/Cargo.toml"],
    ]),
    Step::cargo("fmt", "rustfmt changes nothing", &[
        &["fmt", "--all", "--check"],
        &["fmt", "--check", "--manifest-path", "bench/peers/Cargo.toml"],
    ]).needs(&[RUSTFMT]),
    Step::check("tidy", "the house rules hold", |_| tidy::check()),
    Step::check("directions", "crates depend on each other downwards only", directions::check),
    Step::cargo("deny", "licences, versions and sources are those of deny.toml", &[
        &["deny", "--locked", "check", "licenses", "bans", "sources"],
        &[
            "deny", "--locked", "--manifest-path", "bench/peers/Cargo.toml",
            "check", "licenses", "sources",
        ],
    ]).needs(&[DENY]),
    Step::check("advisories", "no dependency has a known vulnerability", advisories::check)
        .needs(&[DENY])
        .or_left_out("hosted CI asks"),
    // Published packages alone, in each selection of features, so that none depends on features
    // that another one enables; then all targets. `xenctrl` needs Xen's headers: step `xen`.
    Step::cargo("clippy", "no warning in any package alone", &[
        &[
            "hack", "clippy", "--locked", "--ignore-private", "--each-feature",
            "--exclude-features", "xenctrl", "--", "-D", "warnings",
        ],
        &[
            "clippy", "--locked", "--workspace", "--all-targets",
            "--features", "userdata/serde,userdata/tracing,userdata-fuzz/libfuzzer",
            "--features", "userdata-cli/pool", "--", "-D", "warnings",
        ],
    ]).needs(&[CLIPPY, HACK, CXX, PROTOC, PROTOS]).within(40),
    Step::check("rust-version", "the oldest compiler builds it", rust_version::check)
        .or_left_out("hosted CI builds with it, and clippy looks for newer parts of std"),
    Step::cargo("libc-backend", "it compiles where rustix calls the C library", &[
        &[
            "check", "--locked", "--target-dir", "target/libc-backend",
            "-p", "userdata-fs", "-p", "hv-xen", "-p", "userdata-testkit", "-p", "userdata-cli",
        ],
    ]).with_env("RUSTFLAGS", "--cfg rustix_use_libc"),
    Step::cargo("doc", "docs build without a warning, for users and for us", &[
        // One by one, so that no package depends on features that another one enables.
        &[
            "hack", "doc", "--locked", "--no-deps", "--ignore-private",
            "--features", "serde,tracing", "--ignore-unknown-features",
        ],
        &["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"],
        // `doc = false` keeps its pages from replacing the library's, which has the same name.
        &[
            "rustdoc", "--locked", "-p", "userdata-cli", "--bin", "userdata",
            "--", "--document-private-items",
        ],
    ]).with_env("RUSTDOCFLAGS", "-D warnings").needs(&[HACK, PROTOC, PROTOS]).within(40),
    // The test of the units for systemd passes without it. Without the feature `pool`, the command
    // is tested in the everyday test and in the step `package`.
    Step::cargo("test", "the tests of every package pass", &[
        &["xtask", "test", "--workspace", "--features", "userdata-cli/pool"],
    ]).needs(&[SYSTEMD, PROTOC, PROTOS]).within(40),
    Step::check("package", "the published crates pass their tests as they are packaged", |log| {
        log.run(&mut child::command(".ci/package-tests"))?;
        Ok(log.last_line())
    }).needs(&[PROTOC, PROTOS]).within(40),
    Step::cargo("pool", "a pool of hosts keeps its promises on real etcd", &[
        &["xtask", "pool", "test", "--short"],
    ]),
    Step::cargo("libxl", "real libxl and this library differ as docs/differences.md says", &[
        &["xtask", "xen", "libxl-diff", "--cases", "200"],
    ]),
    Step::cargo("capi", "the C libraries export and do what they should, the drop-in as libxl", &[
        &["xtask", "capi", "test", "--cases", "100"],
    ]).needs(&[READELF, CXX, PKG_CONFIG, VALGRIND, ABIDIFF]),
    Step::check("power-cut", "values survive power cuts on real file systems", power_cut::check)
        .needs(power_cut::NEEDS)
        .or_left_out("the simulated power cuts are in the everyday test").within(30),
    Step::cargo("canaries", "every planted bug is found", &[&["xtask", "canaries"]]).within(40),
    // Whether they work; a build without optimisation measures nothing.
    Step::cargo("peers", "every peer of the benchmark works", &[
        &[
            "clippy", "--locked", "--all-targets", "--manifest-path", "bench/peers/Cargo.toml",
            "--target-dir", "target/peers", "--", "-D", "warnings",
        ],
        &[
            "test", "--locked", "--manifest-path", "bench/peers/Cargo.toml",
            "--target-dir", "target/peers",
        ],
        &["xtask", "bench", "--peers", "--quick", "--rounds", "1", "--unoptimised"],
    ]).needs(&[CLIPPY, CXX]),
    // By the number of cases, since how many a minute has depends on the machine.
    Step::cargo("campaign", "all cases, one pair in 16, and 10 000 histories hold", &[
        &[
            "xtask", "campaign", "--seeds", "0..10000", "--pair-step", "16",
            "--canaries", "last", "--any-speed",
        ],
    ]).within(40),
    Step::check("demo", "README's commands are there and its demo runs", demo::check),
    Step::cargo("fuzz", "no fuzz target fails in 10 s", &[&["xtask", "fuzz", "--minutes", "0.17"]])
        .needs(fuzz::NEEDS)
        .or_left_out("the step `test` replays the corpus"),
    Step::check("linked", "the command needs libc alone", linked::check).needs(&[READELF]),
    Step::check("packages", "they work in a clean Debian and leave nothing behind", dist::step)
        .or_left_out("a clean Debian needs root"),
    Step::cargo("xen", "it holds beside real xl and libxl", &[&["xtask", "xen", "test"]])
        .within(60),
];

/// Options of `cargo xtask ci`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Run this step only; may be given again
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// Show the steps and run none
    #[arg(long)]
    list: bool,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let steps = chosen(&self.only)?;
        if self.list {
            let mut out = io::stdout().lock();
            for step in steps {
                writeln!(out, "{:14}{}", step.name, step.about)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let mut summary = Summary::default();
        for (number, step) in (1..).zip(&steps) {
            writeln!(
                io::stdout(),
                "[{number}/{}] {}: {}",
                steps.len(),
                step.name,
                step.about
            )?;
            let mut log = Log::create(&project::target().join("ci"), step.name, step.limit)?;
            let outcome = Outcome::of(step.run(&mut log), step.optional)?;
            outcome.show(&log)?;
            summary.add(step.name, &outcome, &log.text()?, log.elapsed());
        }
        writeln!(io::stdout(), "{summary}")?;
        Ok(if summary.is_good() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// The steps of these names, in their own order; all of them if none is named.
fn chosen(names: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(name) = names
        .iter()
        .find(|name| STEPS.iter().all(|step| step.name != **name))
    {
        let all: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        bail!(
            "the step {name} does not exist; the steps are {}",
            all.join(", ")
        );
    }
    let is_chosen = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    Ok(STEPS.iter().filter(is_chosen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_chosen_by_name_and_keep_their_order() {
        let names = |chosen: &[&str]| {
            let chosen: Vec<String> = chosen.iter().map(|name| (*name).to_owned()).collect();
            super::chosen(&chosen).map(|steps| steps.iter().map(|s| s.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["test", "fmt"]).unwrap(), ["fmt", "test"]);
        assert_eq!(names(&[]).unwrap().len(), STEPS.len());
        let error = names(&["fmt", "nonsense"]).unwrap_err().to_string();
        assert!(
            error.starts_with("the step nonsense does not exist; the steps are lock, fmt"),
            "{error}"
        );
    }

    #[test]
    fn step_names_are_unique() {
        for (at, step) in STEPS.iter().enumerate() {
            assert_eq!(
                STEPS.iter().position(|other| other.name == step.name),
                Some(at)
            );
        }
    }
}
