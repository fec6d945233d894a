//! Plain English: a few words and turns that a reader stumbles over.

use super::finding::Finding;
use super::texts::{Text, Texts};

/// Where the rule holds: folders of Rust, of which it reads the comments, and of Markdown.
const PLAIN: [&str; 3] = ["crates/userdata-core/", "crates/userdata/", "docs/"];

/// A process is "it", and has a name: "the lock holder", "another process".
const WORDS: [&str; 8] = [
    "he", "him", "his", "nobody", "somebody", "someone", "who's", "whoever",
];

/// Comments and documents name what acts, and deny with "not".
pub(crate) fn prose_is_plain(texts: &Texts) -> Vec<Finding> {
    let mut found = Vec::new();
    for text in texts.all().iter().filter(|text| is_held(text)) {
        for (number, line) in text.lines() {
            let what = prose(text, line).and_then(objection);
            found.extend(what.map(|what| Finding::at(&text.path, number, what)));
        }
    }
    found
}

fn is_held(text: &Text) -> bool {
    let is_prose = text.is_rust() || text.path.ends_with(".md");
    is_prose && PLAIN.iter().any(|folder| text.path.starts_with(folder))
}

/// What of a line is for people.
fn prose<'l>(text: &Text, line: &'l str) -> Option<&'l str> {
    if !text.is_rust() {
        return Some(line);
    }
    line.split_once("//").map(|(_, comment)| comment)
}

fn objection(line: &str) -> Option<String> {
    let lower = line.to_ascii_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric() && !"'_".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    if let Some(word) = words.iter().find(|word| WORDS.contains(word)) {
        return Some(format!(
            "says {word:?}: name the process, and call it \"it\""
        ));
    }
    let negations = (0..words.len()).filter_map(|at| words.get(at..at + 3));
    let mut negations = (0..).zip(negations).filter(|(at, turn)| {
        let is_negated = matches!(turn, ["is" | "are" | "was" | "were", "no", noun]
            if !["longer", "more"].contains(noun));
        let before: Option<&&str> = usize::checked_sub(*at, 1).and_then(|at| words.get(at));
        is_negated && before != Some(&"there")
    });
    let (_, turn) = negations.next()?;
    Some(format!("says {:?}: write \"not a\"", turn.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, source: &str) -> usize {
        prose_is_plain(&Texts::of(&[(path, source)])).len()
    }

    #[test]
    fn people_and_headless_negations_are_found() {
        for line in [
            "/// A holder unlinks it before he unlocks it.",
            "let x = 1; // Somebody else has it.",
            "//! The name is no directory.",
            "// Is no file.",
        ] {
            assert_eq!(found("crates/userdata/src/a.rs", line), 1, "{line}");
        }
        assert_eq!(found("docs/a.md", "Nobody waits, and `l` is no lock.\n"), 1);
    }

    #[test]
    fn plain_words_pass() {
        for line in [
            "/// There is no such domain, and it is no longer there.",
            "/// The other process is not a lock holder; its name is the thesis.",
            "/// assert!(error.is_no_such_domain()); `a_killed_holder_stops_nobody`",
            "let his = \"is no file\";",
        ] {
            assert_eq!(found("crates/userdata/src/a.rs", line), 0, "{line}");
        }
        assert_eq!(found("elsewhere/a.rs", "// He is no file.\n"), 0);
    }
}
