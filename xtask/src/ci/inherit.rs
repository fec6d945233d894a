//! What all packages share is said once, in the workspace's manifest.

use std::fs;

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::log::Log;
use super::workspace;
use crate::project;

/// What a package takes over.
const SHARED: [&str; 4] = ["version", "edition", "rust-version", "license"];

/// Where a manifest names dependencies.
const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Fails where a member sets a version, or anything else that is shared, on its own.
pub(crate) fn check(_: &mut Log) -> Result<String> {
    let root = read(&project::root().join("Cargo.toml"))?;
    let mut problems = workspace_problems(&root);
    let metadata = workspace::metadata(&["--no-deps"])?;
    let members = metadata.workspace_packages();
    for member in &members {
        let manifest = read(member.manifest_path.as_std_path())?;
        let found = member_problems(&manifest).into_iter();
        problems.extend(found.map(|problem| format!("{}: {problem}", member.name)));
    }
    workspace::refuse(&problems)?;
    Ok(format!("{} manifests", members.len() + 1))
}

fn read(path: &std::path::Path) -> Result<Table> {
    let reading = || format!("reading {}", path.display());
    fs::read_to_string(path)
        .with_context(reading)?
        .parse()
        .with_context(reading)
}

/// Our own packages are required in the version that they have.
fn workspace_problems(root: &Table) -> Vec<String> {
    let workspace = root.get("workspace");
    let version = workspace.and_then(|w| w.get("package")?.get("version"));
    let dependencies = workspace.and_then(|w| w.get("dependencies")?.as_table());
    let ours = dependencies
        .into_iter()
        .flatten()
        .filter(|(_, it)| it.get("path").is_some());
    let wrong = ours.filter(|(_, it)| it.get("version") != version);
    wrong
        .map(|(name, _)| format!("[workspace.dependencies] {name} is not our version"))
        .collect()
}

fn member_problems(manifest: &Table) -> Vec<String> {
    let mut problems = Vec::new();
    let package = manifest.get("package");
    for key in SHARED {
        if !package
            .and_then(|package| package.get(key))
            .is_some_and(is_inherited)
        {
            problems.push(format!("package.{key} is not the workspace's"));
        }
    }
    if !manifest.get("lints").is_some_and(is_inherited) {
        problems.push("[lints] is not the workspace's".to_owned());
    }
    let targets = manifest
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flatten();
    let targets = targets.filter_map(|(_, target)| target.as_table());
    for section in [manifest].into_iter().chain(targets) {
        for kind in SECTIONS {
            let named = section
                .get(kind)
                .and_then(Value::as_table)
                .into_iter()
                .flatten();
            let own = named.filter(|(_, dependency)| !is_inherited(dependency));
            problems.extend(own.map(|(name, _)| format!("{kind}.{name} has a version of its own")));
        }
    }
    problems
}

fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"a\"\nversion.workspace = true\n\
        edition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\
        [lints]\nworkspace = true\n\
        [dependencies]\nb.workspace = true\nc = { workspace = true, features = [\"d\"] }\n";

    fn found(manifest: &str) -> Vec<String> {
        member_problems(&manifest.parse().unwrap())
    }

    #[test]
    fn a_member_that_inherits_everything_passes() {
        assert_eq!(found(GOOD), Vec::<String>::new());
    }

    #[test]
    fn a_version_of_its_own_is_found_in_every_section() {
        for (section, kind) in [
            ("[dev-dependencies]", "dev-dependencies"),
            ("[build-dependencies]", "build-dependencies"),
            ("[target.'cfg(unix)'.dependencies]", "dependencies"),
        ] {
            for own in [
                "\"1\"",
                "{ version = \"1\" }",
                "{ path = \"x\" }",
                "{ git = \"x\" }",
            ] {
                let manifest = format!("{GOOD}{section}\ne = {own}\n");
                let expected = format!("{kind}.e has a version of its own");
                assert_eq!(found(&manifest), [expected], "{manifest}");
            }
        }
    }

    #[test]
    fn what_is_not_inherited_is_found() {
        for key in SHARED {
            let manifest = GOOD.replace(&format!("\n{key}.workspace = true"), "");
            assert_eq!(
                found(&manifest),
                [format!("package.{key} is not the workspace's")]
            );
        }
        let manifest = GOOD.replace("[lints]\nworkspace = true\n", "");
        assert_eq!(found(&manifest), ["[lints] is not the workspace's"]);
    }

    #[test]
    fn a_crate_of_ours_in_another_version_is_found() {
        let root = "[workspace.package]\nversion = \"0.2.0\"\n[workspace.dependencies]\n\
                    a = { version = \"0.2.0\", path = \"a\" }\n\
                    b = { version = \"0.1.0\", path = \"b\" }\nc = \"1\"\n";
        let found = workspace_problems(&root.parse().unwrap());
        assert_eq!(found, ["[workspace.dependencies] b is not our version"]);
    }
}
