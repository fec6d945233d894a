//! Every package says what it is, and its library begins with a table of contents.

use super::finding::Finding;
use super::texts::{Text, Texts};

const MOST_LINES_OF_LIB: usize = 120;

/// The manifests of packages, parsed, each with the folder it is in.
pub(crate) fn manifests(texts: &Texts) -> Vec<(&Text, &str, toml::Table)> {
    let manifests = texts.all().iter().filter_map(|text| {
        let folder = text.path.strip_suffix("/Cargo.toml")?;
        let manifest: toml::Table = text.text.parse().ok()?;
        manifest
            .contains_key("package")
            .then_some((text, folder, manifest))
    });
    manifests.collect()
}

/// The name of a package.
pub(crate) fn name(manifest: &toml::Table) -> &str {
    package_string(manifest, "name")
}

/// The fields that every package inherits from the workspace.
const SHARED: [&str; 4] = ["version", "edition", "rust-version", "license"];

/// Every package has a description, and shares its version and its lints with all others.
/// cargo-deny checks that they share their dependencies.
pub(crate) fn packages_say_what_they_are(texts: &Texts) -> Vec<Finding> {
    let mut found = Vec::new();
    for (text, _, manifest) in manifests(texts) {
        if package_string(&manifest, "description").is_empty() {
            found.push(Finding::of(&text.path, "the package has no description"));
        }
        let package = manifest.get("package");
        let own = SHARED
            .iter()
            .filter(|key| !is_shared(package.and_then(|package| package.get(**key))));
        found.extend(
            own.map(|key| Finding::of(&text.path, format!("package.{key} is not the workspace's"))),
        );
        if !is_shared(manifest.get("lints")) {
            found.push(Finding::of(&text.path, "[lints] is not the workspace's"));
        }
    }
    found
}

fn is_shared(value: Option<&toml::Value>) -> bool {
    value.and_then(|value| value.get("workspace")) == Some(&toml::Value::Boolean(true))
}

fn package_string<'m>(manifest: &'m toml::Table, key: &str) -> &'m str {
    let package = manifest.get("package").and_then(toml::Value::as_table);
    package
        .and_then(|package| package.get(key)?.as_str())
        .unwrap_or_default()
}

/// What may stand before `fn` where a function is defined.
const WORDS_BEFORE_FN: [&str; 7] = [
    "pub",
    "pub(crate)",
    "pub(super)",
    "const",
    "async",
    "unsafe",
    "extern",
];

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// A library's first file is short and defines no function.
pub(crate) fn lib_is_a_table_of_contents(texts: &Texts) -> Vec<Finding> {
    let mut found = Vec::new();
    for text in texts
        .rust()
        .filter(|text| text.path.ends_with("src/lib.rs"))
    {
        let lines = text.lines().count();
        if lines > MOST_LINES_OF_LIB {
            found.push(Finding::of(
                &text.path,
                format!("{lines} of {MOST_LINES_OF_LIB} lines"),
            ));
        }
        let mut asserted = false;
        for (number, line) in text.lines() {
            // What the compiler is to assert is not a part of the library.
            asserted = line.starts_with("const _") || asserted && line != "};";
            if asserted {
                continue;
            }
            let name = line.trim_start().split_once("fn ").filter(|(before, _)| {
                before
                    .split_whitespace()
                    .all(|word| WORDS_BEFORE_FN.contains(&word))
            });
            let what = name.map(|(_, name)| format!("defines the function {}", identifier(name)));
            found.extend(what.map(|what| Finding::at(&text.path, number, what)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"a\"\ndescription = \"The a\"\n\
        version.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
        license.workspace = true\n[lints]\nworkspace = true\n";

    #[test]
    fn a_package_without_description_is_found() {
        let none = GOOD.replace("description = \"The a\"\n", "");
        let empty = GOOD.replace("The a", "");
        let texts = Texts::of(&[
            ("Cargo.toml", "[workspace]\n"),
            ("a/Cargo.toml", GOOD),
            ("b/Cargo.toml", &none),
            ("c/Cargo.toml", &empty),
        ]);
        let missing = |path| Finding::of(path, "the package has no description");
        let found = packages_say_what_they_are(&texts);
        assert_eq!(found, [missing("b/Cargo.toml"), missing("c/Cargo.toml")]);
    }

    #[test]
    fn what_a_package_does_not_share_is_found() {
        for key in SHARED {
            let own = GOOD.replace(&format!("\n{key}.workspace = true"), "");
            let found = packages_say_what_they_are(&Texts::of(&[("a/Cargo.toml", &own)]));
            let what = format!("package.{key} is not the workspace's");
            assert_eq!(found, [Finding::of("a/Cargo.toml", what)]);
        }
        let own = GOOD.replace("[lints]\nworkspace = true\n", "");
        let found = packages_say_what_they_are(&Texts::of(&[("a/Cargo.toml", &own)]));
        assert_eq!(
            found,
            [Finding::of(
                "a/Cargo.toml",
                "[lints] is not the workspace's"
            )]
        );
    }

    #[test]
    fn a_function_in_lib_is_found() {
        let source = "//! Doc.\npub type F = fn(u8);\nimpl A {\n    fn new() {}\n}\n\
                      const _: fn() = || {\n    fn is_send<T: Send>() {}\n};\n";
        let texts = Texts::of(&[("a/src/lib.rs", source), ("a/src/b.rs", source)]);
        let expected = Finding::at("a/src/lib.rs", 4, "defines the function new");
        assert_eq!(lib_is_a_table_of_contents(&texts), [expected]);
    }

    #[test]
    fn the_121st_line_of_lib_is_found() {
        let source = "//! Doc.\n".repeat(121);
        let found = lib_is_a_table_of_contents(&Texts::of(&[("a/src/lib.rs", &source)]));
        assert_eq!(found, [Finding::of("a/src/lib.rs", "121 of 120 lines")]);
    }
}
