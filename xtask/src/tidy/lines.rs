//! How long files and lines may be, how a module begins, and which characters it may have.

use super::finding::Finding;
use super::texts::{Text, Texts};

const MOST_LINES: usize = 500;
const MOST_COLUMNS: usize = 100;

/// Every module says in its first line what it is.
pub(crate) fn modules_begin_with_their_doc(texts: &Texts) -> Vec<Finding> {
    let undocumented = texts.rust().filter(|text| !text.text.starts_with("//! "));
    undocumented
        .map(|text| Finding::at(&text.path, 1, "does not begin with //!"))
        .collect()
}

/// A file is one idea.
pub(crate) fn files_are_short(texts: &Texts) -> Vec<Finding> {
    let sources = texts
        .all()
        .iter()
        .filter(|text| text.is_source() && !is_licence(text));
    let lengths = sources.map(|text| (text, text.lines().count()));
    let long = lengths.filter(|(_, lines)| *lines > MOST_LINES);
    long.map(|(text, lines)| Finding::of(&text.path, format!("{lines} of {MOST_LINES} lines")))
        .collect()
}

/// Two files fit side by side. A line with an address may be longer.
pub(crate) fn lines_are_short(texts: &Texts) -> Vec<Finding> {
    in_source_lines(texts, |line| {
        let columns = line.chars().count();
        (columns > MOST_COLUMNS && !line.contains("://"))
            .then(|| format!("{columns} of {MOST_COLUMNS} columns"))
    })
}

/// No character that looks like another, and none that an editor hides.
pub(crate) fn source_is_ascii(texts: &Texts) -> Vec<Finding> {
    in_source_lines(texts, |line| {
        let strange = line
            .chars()
            .find(|c| !c.is_ascii() || c.is_ascii_control() && *c != '\t')?;
        Some(format!("{} is not plain ASCII", strange.escape_unicode()))
    })
}

fn in_source_lines(texts: &Texts, check: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    for text in texts.all().iter().filter(|text| text.is_source()) {
        for (number, line) in text.lines() {
            found.extend(check(line).map(|what| Finding::at(&text.path, number, what)));
        }
    }
    found
}

fn is_licence(text: &Text) -> bool {
    text.path.starts_with("LICENSE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_its_doc_is_found() {
        let texts = Texts::of(&[
            ("a.rs", "//! What it is.\n"),
            ("b.rs", "use std::io;\n//! Too late.\n"),
            ("c.rs", "// Not a doc.\n"),
            ("d.rs", ""),
        ]);
        let missing = |path| Finding::at(path, 1, "does not begin with //!");
        let found = modules_begin_with_their_doc(&texts);
        assert_eq!(found, [missing("b.rs"), missing("c.rs"), missing("d.rs")]);
    }

    #[test]
    fn the_501st_line_is_found() {
        let full = "x\n".repeat(500);
        let over = "x\n".repeat(501);
        let texts = Texts::of(&[("full.rs", &full), ("over.rs", &over), ("over.md", &over)]);
        assert_eq!(
            files_are_short(&texts),
            [Finding::of("over.rs", "501 of 500 lines")]
        );
    }

    #[test]
    fn the_101st_column_is_found() {
        let (full, over) = ("x".repeat(100), "x".repeat(101));
        let lines = format!("{full}\n{over}\n// https://example.com/{over}\n");
        let texts = Texts::of(&[("a.rs", &lines)]);
        assert_eq!(
            lines_are_short(&texts),
            [Finding::at("a.rs", 2, "101 of 100 columns")]
        );
    }

    #[test]
    fn a_character_beyond_ascii_is_found() {
        let texts = Texts::of(&[("a.rs", "plain\nna\u{ef}ve\n"), ("b.sh", "bell\u{7}\n")]);
        let found = source_is_ascii(&texts);
        let expected = [
            Finding::at("a.rs", 2, "\\u{ef} is not plain ASCII"),
            Finding::at("b.sh", 1, "\\u{7} is not plain ASCII"),
        ];
        assert_eq!(found, expected);
    }
}
