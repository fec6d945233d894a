//! What is in the project is finished, and every test in it runs.

use super::finding::Finding;
use super::texts::Texts;
use super::tokens::{places, tokens};

// Put together from parts: this file is read by its own rule.
const WORDS: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];
const MACROS: [&str; 3] = [
    concat!("to", "do!"),
    concat!("unimplemen", "ted!"),
    concat!("db", "g!"),
];

/// No mark and no macro stands for work that is still to be done.
pub(crate) fn nothing_is_left_for_later(texts: &Texts) -> Vec<Finding> {
    let mut found = Vec::new();
    for text in texts.all() {
        for (number, line) in text.lines() {
            let words = WORDS.into_iter().filter(|mark| {
                line.split(|c: char| !c.is_alphanumeric() && c != '_')
                    .any(|word| word == *mark)
            });
            let macros = MACROS
                .into_iter()
                .filter(|mark| text.is_rust() && line.contains(mark));
            let marks = words.chain(macros);
            found.extend(marks.map(|mark| Finding::at(&text.path, number, mark)));
        }
    }
    found
}

/// No test and no doc test is kept from running.
pub(crate) fn no_test_is_ignored(texts: &Texts) -> Vec<Finding> {
    let mut found = Vec::new();
    for text in texts.rust() {
        let all = tokens(&text.text);
        let attributes = places(&all, &["#", "["]).filter_map(|rest| {
            let attribute = rest.iter().take_while(|token| token.text != "]");
            attribute.into_iter().find(|token| token.text == "ignore")
        });
        let tests = attributes.map(|token| (token.line, "a test that never runs"));
        let fences = text.lines().filter(|(_, line)| {
            let info = line.trim_start_matches(['/', '!', ' ']).strip_prefix("```");
            info.is_some_and(|info| info.split([',', ' ']).any(|word| word == "ignore"))
        });
        let examples = fences.map(|(number, _)| (number, "an example that is never compiled"));
        found.extend(
            tests
                .chain(examples)
                .map(|(line, what)| Finding::at(&text.path, line, what)),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_unfinished_work_are_found() {
        let [todo, fixme, three] = WORDS;
        let [later, never, debug] = MACROS;
        let source = format!(
            "// {todo}: write\n{fixme}\n// {three}\n{later}()\n{never}(x)\n{debug}(x)\n\
             {three}{three}\n"
        );
        let found = nothing_is_left_for_later(&Texts::of(&[("a.rs", &source)]));
        let expected: Vec<Finding> = (1..)
            .zip([todo, fixme, three, later, never, debug])
            .map(|(line, mark)| Finding::at("a.rs", line, mark))
            .collect();
        assert_eq!(found, expected);
        let found = nothing_is_left_for_later(&Texts::of(&[("run.sh", &format!("# {todo}"))]));
        assert_eq!(found, [Finding::at("run.sh", 1, todo)]);
    }

    #[test]
    fn tests_that_never_run_are_found() {
        let source = "#[test]\n#[ignore]\nfn a() {}\n\n#[ignore = \"slow\"]\nfn b() {}\n\
                      #[cfg_attr(miri, ignore)]\nfn c() {}\n\n/// ```ignore\n/// x\n/// ```\n\
                      /// ```rust,ignore\n/// ```\nfn ignore() {}\n";
        let found = no_test_is_ignored(&Texts::of(&[("a.rs", source)]));
        let test = |line| Finding::at("a.rs", line, "a test that never runs");
        let example = |line| Finding::at("a.rs", line, "an example that is never compiled");
        assert_eq!(found, [test(2), test(5), test(7), example(10), example(13)]);
    }
}
