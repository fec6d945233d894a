//! Our own programs for dom0.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use super::image::Image;
use super::payload;
use super::wanted::LIBRARIES;
use crate::capi::{DROP_IN, USERDATA};
use crate::child::{self, Child};
use crate::progress::Lane;
use crate::project;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// How long a first build may take.
const BUILD: Duration = Duration::from_secs(1800);

/// Builds the programs of these packages for release, once and without a shared library: the same
/// file runs in every dom0. Returns the folder they are in.
pub(super) fn without_libraries(
    packages: &[&str],
    features: &[&str],
    lane: &Lane,
) -> Result<PathBuf> {
    lane.say(&format!("building {}, static", packages.join(" and ")));
    // With one folder for all selections of features, each change would build them anew.
    let folder = [&["static"], features].concat().join("-").replace('/', "-");
    let target_dir = project::target().join("xen").join(folder);
    let mut cargo = cargo_build(&target_dir, &["-Ctarget-feature=+crt-static".to_owned()]);
    cargo.arg("--bins");
    cargo.args(["--features", &features.join(",")]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    Child::start(&mut cargo, BUILD)?
        .succeed()
        .context("our own programs do not build")?;
    Ok(target_dir.join(TARGET).join("release"))
}

/// Builds the static libraries of the drop-in, as it is shipped and with its probe, and returns
/// their paths.
pub(super) fn drop_in(lane: &Lane) -> Result<[PathBuf; 2]> {
    lane.say("building the drop-in");
    let folder = project::target().join("xen/drop-in");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut run = |command: &mut Command| Child::start(command, BUILD)?.succeed();
    let mut build = |features: &[&str], name: &str| {
        // The next one is built under the same name.
        let (built, kept) = (DROP_IN.archive(features, &mut run)?, folder.join(name));
        fs::copy(&built, &kept).with_context(|| format!("cannot copy {}", built.display()))?;
        anyhow::Ok(kept)
    };
    Ok([build(&[], "shipped.a")?, build(&["probe"], "probe.a")?])
}

/// Links the drop-in with a release's C library, and returns its path in `folder`.
pub(super) fn linked(image: &Image, archive: &Path, folder: &Path) -> Result<PathBuf> {
    let name = archive.file_stem().unwrap_or_default().to_string_lossy();
    let to = folder.join(format!("drop-in-{name}.so"));
    let mut run = |command: &mut Command| child::run(command, BUILD);
    DROP_IN.link(payload::gcc(image), archive, &to, &mut run)?;
    Ok(to)
}

/// Builds the static library of `libuserdata`, and returns its path.
pub(super) fn c_library(lane: &Lane) -> Result<PathBuf> {
    lane.say("building libuserdata");
    let mut run = |command: &mut Command| Child::start(command, BUILD)?.succeed();
    USERDATA.archive(&[], &mut run)
}

/// Links `libuserdata` with a release's C library, compiles the examples in C with it, and returns
/// the paths of all in `folder`.
pub(super) fn c_examples(image: &Image, archive: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let library = folder.join(USERDATA.file);
    let mut run = |command: &mut Command| child::run(command, BUILD);
    USERDATA.link(payload::gcc(image), archive, &library, &mut run)?;
    let mut made = vec![library.clone()];
    for name in ["store", "destroy"] {
        let program = folder.join(format!("c-{name}"));
        let mut gcc = payload::gcc(image);
        gcc.current_dir(project::root());
        gcc.args(["-Icrates/userdata-capi/include", "-o"]);
        gcc.arg(&program).arg(format!("examples/c/{name}.c"));
        gcc.arg(&library).arg("-Wl,-rpath,$ORIGIN");
        run(&mut gcc).with_context(|| format!("compiling the example {name}"))?;
        made.push(program);
    }
    Ok(made)
}

/// Builds the example `domains` of hv-xen with its feature `xenctrl`, against the headers and
/// libraries of a release. It runs in the dom0 of that release only. Returns its path.
pub(super) fn with_xenctrl(image: &Image, lane: &Lane) -> Result<PathBuf> {
    lane.say("building hv-xen with libxenctrl");
    let root = image.sysroot();
    let libraries = root.join(LIBRARIES);
    // As for the C programs: the release's own folders before those of this machine.
    let flags = [
        format!("-Clink-arg=--sysroot={}", root.display()),
        format!("-Clink-arg=-B{}", libraries.display()),
        format!("-Clink-arg=-L{}", libraries.display()),
    ];
    let target_dir = project::target().join("xen/xenctrl");
    let mut cargo = cargo_build(&target_dir, &flags);
    cargo.args(["--package", "hv-xen", "--features", "xenctrl"]);
    cargo.args(["--example", "domains"]);
    // bindgen splits it at spaces, but for those in quotes.
    let headers = format!("'--sysroot={}'", root.display());
    cargo.env("BINDGEN_EXTRA_CLANG_ARGS", headers);
    Child::start(&mut cargo, BUILD)?
        .succeed()
        .with_context(|| {
            format!(
                "hv-xen does not build with Xen {}'s libxenctrl",
                image.release
            )
        })?;
    Ok(target_dir.join(TARGET).join("release/examples/domains"))
}

fn cargo_build(target_dir: &Path, flags: &[String]) -> Command {
    let mut cargo = child::command(project::cargo());
    cargo.current_dir(project::root());
    cargo.args(["build", "--quiet", "--release", "--locked"]);
    cargo.args(["--target", TARGET, "--target-dir"]);
    cargo.arg(target_dir);
    // Of the two variables for flags, the one that permits spaces in a path.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    // Smaller files are unpacked sooner in dom0.
    cargo.env("CARGO_PROFILE_RELEASE_STRIP", "symbols");
    cargo.stdout(Stdio::null());
    cargo
}
