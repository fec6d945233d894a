//! The documents that come with the project.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::packages;
use super::texts::Texts;

const CHANGELOG: &str = "CHANGELOG.md";
const ARCHITECTURE: &str = "ARCHITECTURE.md";
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The change log has room for the next change.
pub(crate) fn changelog_is_open(texts: &Texts) -> Vec<Finding> {
    let open = texts
        .get(CHANGELOG)
        .is_some_and(|text| text.lines().any(|(_, line)| line == "## [Unreleased]"));
    if open {
        vec![]
    } else {
        vec![Finding::of(CHANGELOG, "has no section [Unreleased]")]
    }
}

/// Both licences come with the source.
pub(crate) fn licences_are_there(texts: &Texts) -> Vec<Finding> {
    let empty = |path: &&str| {
        texts
            .get(path)
            .is_none_or(|text| text.text.trim().is_empty())
    };
    let missing = LICENCES.into_iter().filter(empty);
    missing
        .map(|path| Finding::of(path, "the licence is missing"))
        .collect()
}

/// The map shows every package and every folder, and nothing that is not there.
pub(crate) fn architecture_is_the_map(texts: &Texts) -> Vec<Finding> {
    let Some(map) = texts.get(ARCHITECTURE) else {
        return vec![Finding::of(ARCHITECTURE, "the map is missing")];
    };
    let manifests = packages::manifests(texts);
    let names = manifests
        .iter()
        .map(|(_, _, manifest)| packages::name(manifest).to_owned());
    let places = manifests.iter().map(|(_, folder, _)| format!("{folder}/"));
    let tops = texts.all().iter().filter_map(|text| {
        let (top, _) = text.path.split_once('/')?;
        (!top.starts_with('.')).then(|| format!("{top}/"))
    });
    let named: BTreeSet<&str> = map.text.split('`').skip(1).step_by(2).collect();
    let there: BTreeSet<String> = names.chain(places).chain(tops).collect();
    let unnamed = there.iter().filter(|thing| !named.contains(thing.as_str()));
    let gone = named.iter().filter(|name| {
        name.ends_with('/') && !texts.all().iter().any(|text| text.path.starts_with(**name))
    });
    let unnamed = unnamed.map(|thing| format!("does not name `{thing}`"));
    let gone = gone.map(|name| format!("names `{name}`, which is not there"));
    unnamed
        .chain(gone)
        .map(|what| Finding::of(ARCHITECTURE, what))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_or_missing_changelog_is_found() {
        let expected = [Finding::of(CHANGELOG, "has no section [Unreleased]")];
        assert_eq!(changelog_is_open(&Texts::of(&[])), expected);
        assert_eq!(
            changelog_is_open(&Texts::of(&[(CHANGELOG, "## [0.1.0]\n")])),
            expected
        );
        assert_eq!(
            changelog_is_open(&Texts::of(&[(CHANGELOG, "# C\n## [Unreleased]\n")])),
            []
        );
    }

    #[test]
    fn a_missing_licence_is_found() {
        let texts = Texts::of(&[("LICENSE-MIT", "MIT"), ("LICENSE-APACHE", "\n")]);
        let expected = Finding::of("LICENSE-APACHE", "the licence is missing");
        assert_eq!(licences_are_there(&texts), [expected]);
    }

    #[test]
    fn what_the_map_does_not_show_is_found() {
        let package = ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n");
        let script = ("bench/run.sh", "");
        let found = |map| architecture_is_the_map(&Texts::of(&[package, script, map]));
        assert_eq!(
            found((ARCHITECTURE, "`a` in `crates/`, `crates/a/`, `bench/`")),
            []
        );
        let missing = |what: &str| Finding::of(ARCHITECTURE, what);
        assert_eq!(
            found((ARCHITECTURE, "crates/a and `crates/`, `old/`")),
            [
                missing("does not name `a`"),
                missing("does not name `bench/`"),
                missing("does not name `crates/a/`"),
                missing("names `old/`, which is not there"),
            ]
        );
        assert_eq!(found(("B.md", "")), [missing("the map is missing")]);
    }
}
