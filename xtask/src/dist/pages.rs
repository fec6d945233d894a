//! The manual pages: mandoc finds no fault in them, and what they refer to is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::files;
use crate::child;
use crate::ci::log::Log;

/// Pages of other packages.
const FOREIGN: [(&str, &str); 5] = [
    ("flock", "2"),
    ("ld.so", "8"),
    ("systemctl", "1"),
    ("systemd", "1"),
    ("xl", "1"),
];

/// Checks the pages of a source whose `stage` is filled.
pub(super) fn check(source: &Path, log: &mut Log) -> Result<String> {
    let mut pages = files(&source.join("stage/man"), |_| true)?;
    let written = files(&source.join("docs/man"), |_| true)?;
    // Those that are generated are in man(7), for which mandoc asks for a date.
    let mut mandoc = child::command("mandoc");
    mandoc.args(["-T", "lint", "-W", "warning"]).args(&written);
    log.run(&mut mandoc)?;
    pages.extend(written);
    let mut texts = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).with_context(|| format!("reading {}", page.display()));
        texts.push((named(page), text?));
    }
    let there: BTreeSet<_> = texts.iter().map(|(name, _)| name.clone()).collect();
    for ((name, section), text) in &texts {
        let missing = references(text).find(|reference| !is_there(reference, &there));
        ensure!(
            missing.is_none(),
            "{name}({section}) refers to {missing:?}, which is not there"
        );
    }
    Ok(format!("{} manual pages", pages.len()))
}

/// The name and the section of the page in a file.
fn named(page: &Path) -> (String, String) {
    let name = PathBuf::from(page.file_name().unwrap_or_default());
    let stem = name.file_stem().unwrap_or_default().to_string_lossy();
    let section = name.extension().unwrap_or_default().to_string_lossy();
    (stem.into_owned(), section.into_owned())
}

/// The pages that an mdoc(7) page refers to.
fn references(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let mut words = line.strip_prefix(".Xr ")?.split(' ');
        Some((words.next()?, words.next()?))
    })
}

fn is_there((name, section): &(&str, &str), there: &BTreeSet<(String, String)>) -> bool {
    there.contains(&((*name).to_owned(), (*section).to_owned()))
        || FOREIGN.contains(&(*name, *section))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;

    #[test]
    fn references_are_found_and_looked_up() {
        let page = ".Sh SEE ALSO\n.Xr userdata 1 ,\n.Xr flock 2\n.Xr nothing 9 .\n";
        let found: Vec<_> = references(page).collect();
        assert_eq!(found, [("userdata", "1"), ("flock", "2"), ("nothing", "9")]);
        let there = BTreeSet::from([named(Path::new("stage/man/userdata.1"))]);
        let seen: Vec<_> = found.iter().map(|page| is_there(page, &there)).collect();
        assert_eq!(seen, [true, true, false]);
    }

    #[test]
    fn the_page_of_formats_names_every_schema_of_the_documents() {
        let read = |path: &str| fs::read_to_string(project::root().join(path)).unwrap();
        let json = read("crates/userdata-cli/docs/json.md");
        let page = read("docs/man/userdata.5");
        let schemas = json.lines().filter_map(|line| {
            let line = line.trim().strip_prefix("\"schema\": \"")?;
            line.strip_suffix("\",")
        });
        let schemas: BTreeSet<&str> = schemas.collect();
        assert!(schemas.len() > 10, "{schemas:?}");
        for schema in schemas {
            assert!(page.contains(&format!(".It Li {schema}\n")), "{schema}");
        }
    }
}
