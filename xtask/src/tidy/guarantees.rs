//! The README's table of guarantees.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::texts::Texts;

const README: &str = "README.md";
const GUARANTEES: u8 = 12;

/// Each guarantee has its row, and each test that a row names is there.
pub(crate) fn guarantees_name_their_tests(texts: &Texts) -> Vec<Finding> {
    let Some(readme) = texts.get(README) else {
        return vec![Finding::of(README, "the README is missing")];
    };
    let functions: BTreeSet<&str> = texts
        .rust()
        .flat_map(|text| text.lines())
        .filter_map(|(_, line)| line.split_once("fn ")?.1.split(['(', '<']).next())
        .collect();
    let mut found = Vec::new();
    for number in 1..=GUARANTEES {
        let start = format!("| **G{number} ");
        let Some((line, row)) = readme.lines().find(|(_, line)| line.starts_with(&start)) else {
            found.push(Finding::of(README, format!("has no row for G{number}")));
            continue;
        };
        let named = row.split('`').skip(1).step_by(2);
        let tests: Vec<&str> = named.filter(|name| name.matches('_').count() > 2).collect();
        if tests.is_empty() {
            found.push(Finding::at(README, line, "names no test"));
        }
        let gone = tests.iter().filter(|test| !functions.contains(**test));
        found.extend(gone.map(|test| Finding::at(README, line, format!("there is no {test}"))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_test_that_is_there_is_found() {
        let rows = |first: &str| {
            let rest = (2..=GUARANTEES).map(|n| format!("| **G{n} x** | `a_test_of_it` |\n"));
            std::iter::once(first.to_owned())
                .chain(rest)
                .collect::<String>()
        };
        let found = |first| {
            let readme = rows(first);
            let tests = ("tests/t.rs", "#[test]\nfn a_test_of_it() {\n");
            guarantees_name_their_tests(&Texts::of(&[(README, &readme), tests]))
        };
        assert_eq!(found("| **G1 x** | `a_test_of_it` |\n"), []);
        assert_eq!(found(""), [Finding::of(README, "has no row for G1")]);
        let expected = Finding::at(README, 1, "names no test");
        assert_eq!(found("| **G1 x** | `xl` |\n"), [expected]);
        let expected = Finding::at(README, 1, "there is no a_test_of_old");
        assert_eq!(found("| **G1 x** | `a_test_of_old` |\n"), [expected]);
    }
}
