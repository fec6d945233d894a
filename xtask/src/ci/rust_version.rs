//! The oldest compiler that the packages promise to build with.

use anyhow::{Context, Result};
use cargo_metadata::Metadata;
use cargo_metadata::semver::Version;

use super::log::Log;
use super::need::Need;
use super::{HACK, workspace};
use crate::pool::{PROTOC, PROTOS};

/// That compiler. cargo-hack reads its version from the manifests.
const OLDEST: Need = Need::of(
    "Rust 1.89",
    &[
        "rustup",
        "toolchain",
        "install",
        "1.89",
        "--profile=minimal",
    ],
)
.probed_by(&["rustup", "run", "1.89", "rustc", "--version"]);

/// Fails where a dependency in the lock file declares a newer compiler than our packages do, or
/// where a published package does not compile with that compiler. Where rustup cannot fetch it,
/// the error is a [`super::need::Missing`].
pub(crate) fn check(log: &mut Log) -> Result<String> {
    let metadata = workspace::metadata(&["--all-features"])?;
    let (ours, declared) = declared(&metadata)?;
    workspace::refuse(&newer(&ours, &declared))?;
    OLDEST.provide(log)?;
    for need in [HACK, PROTOC, PROTOS] {
        need.provide(log)?;
    }
    log.cargo(&[
        "hack",
        "check",
        "--rust-version",
        "--ignore-private",
        "--locked",
    ])?;
    Ok(format!("the published packages compile with {ours}"))
}

/// The version of our packages, and what every other package declares.
fn declared(metadata: &Metadata) -> Result<(Version, Vec<(String, Version)>)> {
    let members = metadata.workspace_packages().into_iter();
    let ours = members
        .filter_map(|member| member.rust_version.clone())
        .min();
    let others = metadata.packages.iter().filter_map(|package| {
        let declared = package.rust_version.clone()?;
        let name = format!("{} {}", package.name, package.version);
        package.source.is_some().then_some((name, declared))
    });
    Ok((
        ours.context("no package has a rust-version")?,
        others.collect(),
    ))
}

fn newer(ours: &Version, declared: &[(String, Version)]) -> Vec<String> {
    let newer = declared.iter().filter(|(_, version)| version > ours);
    newer
        .map(|(name, version)| format!("{name} declares {version}, our packages {ours}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_that_needs_a_newer_compiler_is_found() {
        let declared = [("old", 70), ("even", 89), ("new", 90)]
            .map(|(name, minor)| (name.to_owned(), Version::new(1, minor, 0)));
        let found = newer(&Version::new(1, 89, 0), &declared);
        assert_eq!(found, ["new declares 1.90.0, our packages 1.89.0"]);
    }
}
