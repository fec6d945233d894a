//! The source tarball and the packages for Debian, in `target/dist`.
//!
//! cargo builds the programs and `stage` puts them beside the source in `target/dist`; debhelper
//! makes the packages there, with the files of `debian/` and without a network.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::ci::log::Log;
use crate::ci::need::Need;
use crate::{child, project};

mod clean_root;
mod functions;
mod header;
mod pages;
mod stage;

/// How long a first build and the check may take together.
const LIMIT: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_secs(60);

const TO_BUILD: &[Need] = &[
    Need::of("git", &["apt-get", "install", "git"]),
    Need::of("dpkg-buildpackage", &["apt-get", "install", "dpkg-dev"]),
    Need::of("dh", &["apt-get", "install", "debhelper"]).probed_by(&["dh", "--list"]),
];

const TO_CHECK: &[Need] = &[
    Need::of("lintian", &["apt-get", "install", "lintian"]),
    Need::of("mandoc", &["apt-get", "install", "mandoc"]).probed_by(&["which", "mandoc"]),
    Need::of("mmdebstrap", &["apt-get", "install", "mmdebstrap"]),
    Need::of("unshare", &["apt-get", "install", "util-linux"]),
];

/// Options of `cargo xtask dist`.
#[derive(Debug, Args)]
pub(crate) struct Task {
    /// Check the packages as well: lintian, and their use in a clean Debian 12, which needs root
    #[arg(long)]
    check: bool,
    /// The Debian mirror of the clean Debian [default: the one that this machine's apt uses]
    #[arg(long, value_name = "URI", env = "DEBIAN_MIRROR")]
    mirror: Option<String>,
}

impl Task {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut log = Log::create(&project::target().join("ci"), "dist", LIMIT)?;
        let built = build(&mut log)?;
        let mut out = io::stdout().lock();
        writeln!(out, "{}", shown(&built.tarball))?;
        for package in &built.packages {
            writeln!(out, "{}", shown(package))?;
        }
        if self.check {
            writeln!(out, "{}", check(&built, self.mirror.as_deref(), &mut log)?)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The step of continuous integration: builds the packages and checks them.
pub(crate) fn step(log: &mut Log) -> Result<String> {
    let built = build(log)?;
    check(&built, env::var("DEBIAN_MIRROR").ok().as_deref(), log)
}

/// What was built.
#[derive(Debug)]
struct Built {
    tarball: PathBuf,
    /// The packages that users install.
    packages: Vec<PathBuf>,
    /// dpkg's list of all files of the build.
    changes: PathBuf,
    /// The source from which they were built.
    source: PathBuf,
}

fn build(log: &mut Log) -> Result<Built> {
    TO_BUILD.iter().try_for_each(|need| need.provide(log))?;
    let dist = project::target().join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).with_context(|| format!("emptying {}", dist.display()))?;
    }
    fs::create_dir_all(&dist).with_context(|| format!("making {}", dist.display()))?;
    let name = format!("userdata-{}", env!("CARGO_PKG_VERSION"));
    let tarball = tarball(&name, &dist, log)?;
    log.run(
        child::command("tar")
            .arg("-C")
            .arg(&dist)
            .arg("-xzf")
            .arg(&tarball),
    )?;
    let source = dist.join(&name);
    let version = debian_version(&source)?;
    stage::fill(&source, log)?;
    let mut dpkg = child::command("env");
    dpkg.args(["-C"]).arg(&source);
    dpkg.args([
        "dpkg-buildpackage",
        "--build=binary",
        "--no-sign",
        "--no-pre-clean",
    ]);
    log.run(&mut dpkg)?;
    let with = |end: &'static str| files(&dist, move |name| name.ends_with(end));
    let [changes] = <[PathBuf; 1]>::try_from(with(".changes")?)
        .map_err(|all| anyhow::anyhow!("{version} has {} files of changes", all.len()))?;
    let mut packages = with(".deb")?;
    packages.retain(|path| !shown(path).contains("-dbgsym_"));
    ensure!(!packages.is_empty(), "no package was built");
    Ok(Built {
        tarball,
        packages,
        changes,
        source,
    })
}

/// The committed files and the changes to them, as `git archive` packs them.
fn tarball(name: &str, dist: &Path, log: &mut Log) -> Result<PathBuf> {
    let git = || {
        let mut git = child::command("git");
        git.current_dir(project::root());
        git
    };
    // A commit of the changes; it is in no branch. Without changes there is none.
    let changed = child::output(git().args(["stash", "create"]), SHORT)?;
    let commit = match changed.trim() {
        "" => "HEAD",
        commit => commit,
    };
    let to = dist.join(format!("{name}.tar.gz"));
    let mut archive = git();
    archive.args(["archive", "--format=tar.gz"]);
    archive.arg(format!("--prefix={name}/"));
    archive.arg("-o").arg(&to).arg(commit);
    log.run(&mut archive)?;
    Ok(to)
}

/// The version of the packages. It is written in debian/changelog, and has to be the workspace's.
fn debian_version(source: &Path) -> Result<String> {
    let path = source.join("debian/changelog");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let (version, upstream) = versions(&text).context("debian/changelog begins with no version")?;
    if upstream != env!("CARGO_PKG_VERSION") {
        bail!(
            "debian/changelog has the version {upstream}, and the workspace {}",
            env!("CARGO_PKG_VERSION")
        );
    }
    Ok(version.to_owned())
}

/// The newest version of a changelog, with and without Debian's part.
fn versions(changelog: &str) -> Option<(&str, &str)> {
    let version = changelog.strip_prefix("userdata (")?.split_once(')')?.0;
    let (upstream, _) = version.rsplit_once('-')?;
    Some((version, upstream))
}

fn check(built: &Built, mirror: Option<&str>, log: &mut Log) -> Result<String> {
    TO_CHECK.iter().try_for_each(|need| need.provide(log))?;
    let pages = pages::check(&built.source, log)?;
    let mut lintian = child::command("lintian");
    lintian.args([
        "--allow-root",
        "--fail-on",
        "error",
        "--tag-display-limit=0",
    ]);
    log.run(lintian.arg(&built.changes))?;
    let used = clean_root::check(built, mirror, log)?;
    Ok(format!(
        "{} packages: {pages}, {used}",
        built.packages.len()
    ))
}

/// The files of a folder whose names are wanted, in order.
fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let reading = || format!("reading {}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path
            .file_name()
            .and_then(OsStr::to_str)
            .is_some_and(&wanted)
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A path as it is shown: from the root of the workspace on.
fn shown(path: &Path) -> String {
    let path = path.strip_prefix(project::root()).unwrap_or(path);
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_changelog_is_read() {
        let changelog = "userdata (1.2.3-4) unstable; urgency=medium\n\n  * A.\n";
        assert_eq!(versions(changelog), Some(("1.2.3-4", "1.2.3")));
        assert_eq!(versions("userdata (1.2.3) unstable"), None);
        assert_eq!(versions("other (1.2.3-4) unstable"), None);
    }

    #[test]
    fn the_packages_have_the_version_of_the_workspace() {
        debian_version(project::root()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("debian")).unwrap();
        fs::write(
            folder.path().join("debian/changelog"),
            "userdata (99.0.0-1) unstable; urgency=low\n",
        )
        .unwrap();
        let error = debian_version(folder.path()).unwrap_err().to_string();
        assert!(error.contains("99.0.0"), "{error}");
    }
}
