//! The oldest compiler that we promise to build with.

use std::fs;

use anyhow::{Context, Result};
use cargo_metadata::semver::Version;

use super::log::Log;
use super::workspace;
use crate::project;

/// A package and what it declares.
type Declared = (String, Option<Version>);

/// Fails where a dependency in the lock file declares a newer compiler than we do, a member
/// declares another one than the workspace, or clippy is not told to hold our code to it.
pub(crate) fn check(_: &mut Log) -> Result<String> {
    let manifest = fs::read_to_string(project::root().join("Cargo.toml"))?;
    let manifest: toml::Table = manifest.parse().context("reading Cargo.toml")?;
    let ours = ours(&manifest).context("Cargo.toml has no [workspace.package] rust-version")?;
    let metadata = workspace::metadata(&["--all-features"])?;
    let declared = |package: &cargo_metadata::Package| {
        (
            format!("{} {}", package.name, package.version),
            package.rust_version.clone(),
        )
    };
    let members: Vec<Declared> = metadata
        .workspace_packages()
        .into_iter()
        .map(declared)
        .collect();
    let others = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some());
    let others: Vec<Declared> = others.map(declared).collect();
    let mut problems = problems(&ours, &members, &others);
    if !clippy_holds_us_to_it(&manifest) {
        problems.push("[workspace.lints.clippy] does not deny incompatible_msrv".to_owned());
    }
    workspace::refuse(&problems)?;
    let newest = others
        .iter()
        .filter_map(|(name, version)| Some((version.as_ref()?, name)))
        .max();
    let newest = newest.map(|(version, name)| format!(", the newest {version} by {name}"));
    Ok(format!(
        "{ours} covers {} dependencies{}",
        others.len(),
        newest.unwrap_or_default()
    ))
}

fn ours(manifest: &toml::Table) -> Option<Version> {
    let declared = at(manifest, &["workspace", "package", "rust-version"])?.as_str()?;
    let padded = if declared.matches('.').count() < 2 {
        format!("{declared}.0")
    } else {
        declared.to_owned()
    };
    Version::parse(&padded).ok()
}

fn problems(ours: &Version, members: &[Declared], others: &[Declared]) -> Vec<String> {
    let members = members
        .iter()
        .filter(|(_, declared)| declared.as_ref() != Some(ours));
    let members = members.map(|(name, _)| format!("{name} does not declare {ours}"));
    let newer = others.iter().filter_map(|(name, declared)| {
        let declared = declared.as_ref()?;
        (declared > ours).then(|| format!("{name} declares {declared}, we {ours}"))
    });
    members.chain(newer).collect()
}

fn clippy_holds_us_to_it(manifest: &toml::Table) -> bool {
    let lint = at(
        manifest,
        &["workspace", "lints", "clippy", "incompatible_msrv"],
    );
    lint.and_then(toml::Value::as_str)
        .is_some_and(|level| level == "deny" || level == "forbid")
}

fn at<'t>(table: &'t toml::Table, keys: &[&str]) -> Option<&'t toml::Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter()
        .try_fold(table.get(*first)?, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &str, version: Option<&str>) -> Declared {
        (
            name.to_owned(),
            version.map(|version| version.parse().unwrap()),
        )
    }

    #[test]
    fn a_dependency_that_needs_more_is_found() {
        let others = [
            declared("old 1.0.0", Some("1.70.0")),
            declared("silent 1.0.0", None),
            declared("even 1.0.0", Some("1.89.0")),
            declared("new 1.0.0", Some("1.89.1")),
        ];
        let found = problems(&Version::new(1, 89, 0), &[], &others);
        assert_eq!(found, ["new 1.0.0 declares 1.89.1, we 1.89.0"]);
    }

    #[test]
    fn a_member_that_declares_another_is_found() {
        let members = [
            declared("good 0.1.0", Some("1.89.0")),
            declared("silent 0.1.0", None),
            declared("old 0.1.0", Some("1.88.0")),
        ];
        let found = problems(&Version::new(1, 89, 0), &members, &[]);
        let expected = [
            "silent 0.1.0 does not declare 1.89.0",
            "old 0.1.0 does not declare 1.89.0",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_lint_that_does_not_deny_is_found() {
        let of = |level| format!("[workspace.lints.clippy]\nincompatible_msrv = \"{level}\"\n");
        assert!(clippy_holds_us_to_it(&of("deny").parse().unwrap()));
        assert!(!clippy_holds_us_to_it(&of("warn").parse().unwrap()));
        assert!(!clippy_holds_us_to_it(&"[workspace]".parse().unwrap()));
    }

    #[test]
    fn our_version_is_read_from_the_workspace() {
        let of = |version| format!("[workspace.package]\nrust-version = \"{version}\"\n");
        assert_eq!(
            ours(&of("1.89").parse().unwrap()),
            Some(Version::new(1, 89, 0))
        );
        assert_eq!(
            ours(&of("1.89.2").parse().unwrap()),
            Some(Version::new(1, 89, 2))
        );
    }
}
