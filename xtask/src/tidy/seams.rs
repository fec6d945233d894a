//! The store reaches the operating system through its trait `Directory` alone.

use super::finding::Finding;
use super::texts::Texts;
use super::tokens::{Token, places, tokens, without_tests};

const STORE: &str = "crates/userdata-fs/src/";

/// The store opens nothing by path and joins no path: simulated crashes see every call it makes.
pub(crate) fn the_store_goes_through_directory(texts: &Texts) -> Vec<Finding> {
    let mut found = Vec::new();
    for text in texts
        .rust()
        .filter(|text| text.path.starts_with(STORE) && !is_test(&text.path))
    {
        let all = without_tests(&tokens(&text.text));
        let used = std_fs(&all).map(|line| (line, "std::fs beside the trait Directory"));
        let joined = path_joins(&all).map(|line| (line, "a path is joined"));
        found.extend(
            used.chain(joined)
                .map(|(line, what)| Finding::at(&text.path, line, what)),
        );
    }
    found
}

/// A file that is declared under `#[cfg(test)]`.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// `std::fs`, alone or in a list.
fn std_fs(all: &[Token]) -> impl Iterator<Item = usize> {
    places(all, &["std", ":", ":"]).filter_map(|rest| {
        let named = rest.get(3)?;
        if named.text == "fs" {
            return Some(named.line);
        }
        let list = if named.text == "{" {
            rest.get(3..)?
        } else {
            return None;
        };
        let items = list
            .windows(2)
            .take_while(|pair| pair.first().is_some_and(|t| t.text != ";"));
        let mut items = items.filter_map(|pair| match pair {
            [before, item] if before.text == "{" || before.text == "," => Some(item),
            _ => None,
        });
        items.find(|item| item.text == "fs").map(|item| item.line)
    })
}

/// `.join(x)`; a thread is joined without anything.
fn path_joins(all: &[Token]) -> impl Iterator<Item = usize> {
    let joins = places(all, &[".", "join", "("]);
    joins
        .filter(|rest| rest.get(3).is_some_and(|token| token.text != ")"))
        .filter_map(|rest| rest.first().map(|token| token.line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_round_the_trait_is_found() {
        let path = "crates/userdata-fs/src/a.rs";
        let source = "use std::fs::File;\nuse std::{\n    io,\n    fs,\n};\n\
                      fn f() { std::fs::read(dir.join(name)); thread.join(); }\n\
                      use rustix::fs;\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        let found = the_store_goes_through_directory(&Texts::of(&[(path, source)]));
        let used = |line| Finding::at(path, line, "std::fs beside the trait Directory");
        assert_eq!(
            found,
            [
                used(1),
                used(4),
                used(6),
                Finding::at(path, 6, "a path is joined")
            ]
        );
    }

    #[test]
    fn tests_and_other_crates_may() {
        let source = "use std::fs;";
        let texts = [
            ("crates/userdata-fs/src/a/tests.rs", source),
            ("sim/src/a.rs", source),
        ];
        assert_eq!(the_store_goes_through_directory(&Texts::of(&texts)), []);
    }
}
