//! Plain English: a few words and turns of phrase that make a reader stumble.

use super::finding::Finding;
use super::texts::{Text, Texts};

/// A process is "it", and has a name: "the lock holder", "another process".
const WORDS: [&str; 12] = [
    "he",
    "him",
    "his",
    "anybody",
    "everybody",
    "nobody",
    "somebody",
    "someone",
    "stranger",
    "strangers",
    "who's",
    "whoever",
];

/// Comments and documents name what acts, and deny with "not".
pub(crate) fn prose_is_plain(texts: &Texts) -> Vec<Finding> {
    let mut found = Vec::new();
    for text in texts.all() {
        for (number, line) in text.lines() {
            let what = prose(text, line).and_then(objection);
            found.extend(what.map(|what| Finding::at(&text.path, number, what)));
        }
    }
    found
}

/// The part of a line that people read: of Rust the comment, of other files all of it.
fn prose<'l>(text: &Text, line: &'l str) -> Option<&'l str> {
    if !text.is_rust() {
        return Some(line);
    }
    let (code, comment) = line.split_once("//")?;
    let quotes = code.replace("\\\"", "").matches('"').count();
    quotes.is_multiple_of(2).then_some(comment)
}

/// What is wrong with a line, outside of its quotations.
fn objection(line: &str) -> Option<String> {
    let lower = line.to_ascii_lowercase();
    let words: Vec<&str> = lower
        .split('"')
        .step_by(2)
        .flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && !"'_".contains(c)))
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
            "let x = \"a\"; // Not he.",
        ] {
            assert_eq!(found("crates/userdata/src/a.rs", line), 1, "{line}");
            assert_eq!(found("xtask/src/a.rs", line), 1, "{line}");
        }
        assert_eq!(found("docs/a.md", "Nobody waits, and `l` is no lock.\n"), 1);
        assert_eq!(found("sim/a.toml", "bug = 1 # Somebody waits.\n"), 1);
    }

    #[test]
    fn plain_words_pass() {
        for line in [
            "/// There is no such domain, and it is no longer there.",
            "/// The other process is not a lock holder; its name is the thesis.",
            "/// assert!(error.is_no_such_domain()); `a_killed_holder_stops_nobody`",
            "let his = \"is no file\";",
            "let quoted = \"// He is no file.\";",
            "/// Say \"it\" and not \"he\".",
        ] {
            assert_eq!(found("crates/userdata/src/a.rs", line), 0, "{line}");
        }
    }
}
