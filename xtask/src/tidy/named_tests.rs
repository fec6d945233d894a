//! Tables that name tests: the README's guarantees, and the bugs of libxl.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::texts::Texts;

/// A file with a table whose rows name tests, how a row begins before its number, and how many
/// rows there are.
const TABLES: [(&str, &str, u8); 2] = [
    ("README.md", "| **G", 12),
    ("docs/libxl-bugs.md", "| **", 15),
];

/// Each guarantee and each bug has its row, and each test that a row names is there.
pub(crate) fn tables_name_their_tests(texts: &Texts) -> Vec<Finding> {
    let functions: BTreeSet<&str> = texts
        .rust()
        .flat_map(|text| text.lines())
        .filter_map(|(_, line)| line.split_once("fn ")?.1.split(['(', '<']).next())
        .collect();
    let each = TABLES.iter();
    each.flat_map(|table| of_table(texts, table, &functions))
        .collect()
}

fn of_table(
    texts: &Texts,
    &(file, begins, rows): &(&'static str, &str, u8),
    functions: &BTreeSet<&str>,
) -> Vec<Finding> {
    let Some(text) = texts.get(file) else {
        return vec![Finding::of(file, "is missing")];
    };
    let mut found = Vec::new();
    for number in 1..=rows {
        let starts = [format!("{begins}{number} "), format!("{begins}{number}**")];
        let is_row = |line: &str| starts.iter().any(|start| line.starts_with(start));
        let Some((line, row)) = text.lines().find(|(_, line)| is_row(line)) else {
            found.push(Finding::of(file, format!("has no row {begins}{number}")));
            continue;
        };
        let named = row.split('`').skip(1).step_by(2);
        let tests: Vec<&str> = named.filter(|name| name.matches('_').count() > 2).collect();
        if tests.is_empty() {
            found.push(Finding::at(file, line, "names no test"));
        }
        let gone = tests.iter().filter(|test| !functions.contains(**test));
        found.extend(gone.map(|test| Finding::at(file, line, format!("{test} does not exist"))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a table whose other rows are as they should be.
    fn found(table: &(&'static str, &str, u8), first: &str) -> Vec<Finding> {
        let (file, begins, rows) = *table;
        let rest = (2..=rows).map(|n| format!("{begins}{n} x** | `a_test_of_it` |\n"));
        let text: String = std::iter::once(first.to_owned()).chain(rest).collect();
        let tests = ("tests/t.rs", "#[test]\nfn a_test_of_it() {\n");
        let texts = Texts::of(&[(file, &text), tests]);
        of_table(&texts, table, &BTreeSet::from(["a_test_of_it"]))
    }

    #[test]
    fn a_row_without_a_test_that_is_there_is_found() {
        for table in &TABLES {
            let (file, begins, _) = *table;
            let row = |test: &str| format!("{begins}1** x | `{test}` |\n");
            assert_eq!(found(table, &row("a_test_of_it")), []);
            let expected = Finding::of(file, format!("has no row {begins}1"));
            assert_eq!(found(table, ""), [expected]);
            let expected = Finding::at(file, 1, "names no test");
            assert_eq!(found(table, &row("xl")), [expected]);
            let expected = Finding::at(file, 1, "a_test_of_old does not exist");
            assert_eq!(found(table, &row("a_test_of_old")), [expected]);
        }
    }

    #[test]
    fn the_tests_are_those_of_the_rust_files() {
        let tests = ("tests/t.rs", "#[test]\nfn a_test_of_it() {\n");
        let rows = (1..=12).map(|n| format!("| **G{n} x** | `a_test_of_it` |\n"));
        let readme: String = rows.collect();
        let texts = Texts::of(&[("README.md", &readme), tests]);
        let expected = Finding::of("docs/libxl-bugs.md", "is missing");
        assert_eq!(tables_name_their_tests(&texts), [expected]);
    }
}
