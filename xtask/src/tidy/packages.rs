//! Every package says what it is, and its library begins with a table of contents.

use super::finding::Finding;
use super::texts::{Text, Texts};
use super::tokens::{places, tokens};

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

/// Every package has a description.
pub(crate) fn packages_say_what_they_are(texts: &Texts) -> Vec<Finding> {
    let manifests = manifests(texts).into_iter();
    let silent =
        manifests.filter(|(_, _, manifest)| package_string(manifest, "description").is_empty());
    silent
        .map(|(text, ..)| Finding::of(&text.path, "the package has no description"))
        .collect()
}

fn package_string<'m>(manifest: &'m toml::Table, key: &str) -> &'m str {
    let package = manifest.get("package").and_then(toml::Value::as_table);
    package
        .and_then(|package| package.get(key)?.as_str())
        .unwrap_or_default()
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
        let all = tokens(&text.text);
        for rest in places(&all, &["fn"]) {
            if let [token, name, ..] = rest
                && name
                    .text
                    .starts_with(|c: char| c.is_alphabetic() || c == '_')
            {
                let what = format!("defines the function {}", name.text);
                found.push(Finding::at(&text.path, token.line, what));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_description_is_found() {
        let texts = Texts::of(&[
            ("Cargo.toml", "[workspace]\n"),
            (
                "a/Cargo.toml",
                "[package]\nname = \"a\"\ndescription = \"The a\"\n",
            ),
            ("b/Cargo.toml", "[package]\nname = \"b\"\n"),
            (
                "c/Cargo.toml",
                "[package]\nname = \"c\"\ndescription = \"\"\n",
            ),
        ]);
        let missing = |path| Finding::of(path, "the package has no description");
        let found = packages_say_what_they_are(&texts);
        assert_eq!(found, [missing("b/Cargo.toml"), missing("c/Cargo.toml")]);
    }

    #[test]
    fn a_function_in_lib_is_found() {
        let source = "//! Doc.\npub type F = fn(u8);\nimpl A {\n    fn new() {}\n}\n";
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
