//! The packages in a clean Debian: installed, used and purged, and nothing is left behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::geteuid;

use super::Built;
use crate::child;
use crate::ci::log::Log;
use crate::ci::need::Unavailable;
use crate::debian::apt::host_mirror;

const SUITE: &str = "bookworm";

/// What the tests need: a C compiler and Python.
const INCLUDED: &str = "gcc,libc6-dev,pkg-config,python3";

/// Where the packages and the tests are copied in the root.
const INBOX: &str = "srv/userdata";

/// The example in Python, which a test imports from its own folder.
const EXAMPLE: &str = "examples/python/userdata.py";

/// What dpkg and the dynamic linker keep for themselves.
const OWN_FILES: [&str; 5] = [
    "/var/cache/ldconfig/aux-cache",
    "/var/lib/dpkg/diversions-old",
    "/var/lib/dpkg/status-old",
    "/var/lib/dpkg/triggers/Unincorp",
    "/var/log/dpkg.log",
];

/// Makes the root, and checks the packages in it.
pub(super) fn check(built: &Built, mirror: Option<&str>, log: &mut Log) -> Result<String> {
    if !geteuid().is_root() {
        return Err(Unavailable("a clean root needs root").into());
    }
    let folder = tempfile::Builder::new()
        .prefix("userdata-root-")
        .tempdir()
        .context("cannot make a folder for the root")?;
    let root = folder.path();
    let mut mmdebstrap = child::command("mmdebstrap");
    mmdebstrap.args(["--mode=root", "--variant=minbase"]);
    mmdebstrap.arg(format!("--include={INCLUDED}"));
    let mirror = mirror.map_or_else(host_mirror, |mirror| Ok(mirror.to_owned()))?;
    mmdebstrap.arg(SUITE).arg(root).arg(mirror);
    log.run(&mut mmdebstrap)?;
    let inbox = root.join(INBOX);
    fs::create_dir_all(&inbox).with_context(|| format!("making {}", inbox.display()))?;
    for package in &built.packages {
        copy_into(&inbox, package)?;
    }
    let tests = super::files(&built.source.join("debian/tests"), |name| name != "control")?;
    for test in &tests {
        copy_into(&inbox, test)?;
    }
    copy_into(&inbox, &built.source.join(EXAMPLE))?;
    let before = paths(root, log)?;
    log.run(inside(root).args(["sh", "-euc", &format!("dpkg --install /{INBOX}/*.deb")]))?;
    let installed = difference(&paths(root, log)?, &before);
    ensure!(!installed.is_empty(), "the packages brought no file");
    for test in &tests {
        log.run(inside(root).args(["sh", "-euc", &script(test)]))?;
    }
    let mut purge = inside(root);
    let names = built.packages.iter().map(|package| name(package));
    log.run(purge.args(["dpkg", "--purge"]).args(names))?;
    let after = paths(root, log)?;
    let left = difference(&after, &before);
    let lost = difference(&before, &after);
    if !left.is_empty() || !lost.is_empty() {
        bail!("after the purge these files are left: {left:?}, and these are lost: {lost:?}");
    }
    let (brought, tests) = (installed.len(), tests.len());
    Ok(format!(
        "{brought} files installed, {tests} tests passed, nothing left after the purge"
    ))
}

/// A command in the root, with a /proc that ends with it.
fn inside(root: &Path) -> Command {
    let mut command = child::command("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child"]);
    command.arg(format!("--root={}", root.display()));
    command.args(["--mount-proc", "env", "-i"]);
    command.args([
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL=C.UTF-8",
        "HOME=/root",
    ]);
    command
}

/// Runs a test as autopkgtest does: in a folder of its own, which is removed again.
fn script(test: &Path) -> String {
    let test = name(test);
    format!(
        "AUTOPKGTEST_TMP=$(mktemp -d); export AUTOPKGTEST_TMP; \
         trap 'rm -rf \"$AUTOPKGTEST_TMP\"' EXIT; sh /{INBOX}/{test}"
    )
}

/// The name of a package, or that of another file.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('_').next().unwrap_or_default().to_owned()
}

fn copy_into(folder: &Path, file: &Path) -> Result<()> {
    let to = folder.join(file.file_name().unwrap_or_default());
    fs::copy(file, to).with_context(|| format!("copying {}", file.display()))?;
    Ok(())
}

/// Every path below the root.
fn paths(root: &Path, log: &mut Log) -> Result<BTreeSet<String>> {
    let mut find = child::command("find");
    find.arg(root).args(["-xdev", "-printf", "/%P\\n"]);
    let text = child::output(&mut find, super::LIMIT)?;
    log.note(&format!("{} paths in the root", text.lines().count()));
    Ok(text.lines().map(str::to_owned).collect())
}

/// The paths of `some` that are not in `others`, without what belongs to dpkg itself.
fn difference(some: &BTreeSet<String>, others: &BTreeSet<String>) -> Vec<String> {
    let only = some.difference(others);
    only.filter(|path| !OWN_FILES.contains(&path.as_str()))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_left_behind_is_found() {
        let paths = |all: &[&str]| all.iter().map(|path| (*path).to_owned()).collect();
        let before = paths(&["/etc", "/etc/a"]);
        let after = paths(&["/etc", "/etc/a", "/etc/b", "/var/log/dpkg.log"]);
        assert_eq!(difference(&after, &before), ["/etc/b"]);
        assert_eq!(difference(&before, &before), Vec::<String>::new());
    }

    #[test]
    fn a_package_is_named_by_its_file() {
        assert_eq!(
            name(Path::new("dist/userdata-tools_0.1.0-1_amd64.deb")),
            "userdata-tools"
        );
        assert_eq!(name(Path::new("debian/tests/command")), "command");
    }
}
