//! Whose code is in the default build, and on what terms.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, Package, PackageId};
use spdx::{Expression, ParseMode};

use super::log::Log;
use super::workspace;

/// The terms that leave users free, by their SPDX names. No other, and no exception but LLVM's.
const PERMISSIVE: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Fails where the tree of the default build has a package that is not permissive, or links a
/// library of Xen.
pub(crate) fn check(_: &mut Log) -> Result<String> {
    let metadata = workspace::metadata(&[])?;
    let tree = tree(&metadata)?;
    let problems: Vec<String> = tree.iter().filter_map(|package| problem(package)).collect();
    workspace::refuse(&problems)?;
    Ok(format!("{} packages", tree.len()))
}

/// Everything that the members need with default features, on any platform, tests included.
fn tree(metadata: &Metadata) -> Result<Vec<&Package>> {
    let resolve = metadata
        .resolve
        .as_ref()
        .context("cargo resolved nothing")?;
    let nodes: BTreeMap<&PackageId, _> = resolve
        .nodes
        .iter()
        .map(|node| (&node.id, &node.dependencies))
        .collect();
    let mut seen = BTreeSet::new();
    let mut next: Vec<&PackageId> = metadata.workspace_members.iter().collect();
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            next.extend(nodes.get(id).copied().into_iter().flatten());
        }
    }
    Ok(metadata
        .packages
        .iter()
        .filter(|package| seen.contains(&package.id))
        .collect())
}

fn problem(package: &Package) -> Option<String> {
    let (name, terms) = (
        package.name.as_str(),
        package.license.as_deref().unwrap_or_default(),
    );
    let links = package.links.as_deref().unwrap_or_default();
    if name.starts_with("xen") || links.starts_with("xen") {
        return Some(format!("{name} belongs to Xen and is in the default build"));
    }
    (!is_permissive(terms)).then(|| format!("{name} is not permissive: {terms:?}"))
}

fn is_permissive(terms: &str) -> bool {
    let Ok(expression) = Expression::parse_mode(terms, ParseMode::LAX) else {
        return false;
    };
    expression.evaluate(|requirement| {
        let name = requirement.license.id().map_or("", |id| id.name);
        let exception = requirement.addition.as_ref().map(ToString::to_string);
        PERMISSIVE.contains(&name) && exception.is_none_or(|e| e == "LLVM-exception")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissive_terms_pass() {
        for terms in [
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Apache-2.0 WITH LLVM-exception OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "LGPL-2.1-or-later OR MIT",
        ] {
            assert!(is_permissive(terms), "{terms}");
        }
    }

    #[test]
    fn other_terms_are_found() {
        for terms in [
            "GPL-3.0-only",
            "GPL-3.0",
            "LGPL-2.1-or-later",
            "MPL-2.0",
            "MIT AND GPL-2.0-or-later",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "Apache-2.0 WITH Classpath-exception-2.0",
            "LicenseRef-Ours",
            "nonsense",
            "",
        ] {
            assert!(!is_permissive(terms), "{terms}");
        }
    }
}
