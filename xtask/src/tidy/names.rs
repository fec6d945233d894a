//! A file or module is named after what is in it.

use super::finding::Finding;
use super::texts::Texts;
use super::tokens::{places, tokens};

/// Names of rooms for everything that has no room.
const NAMELESS: [&str; 6] = ["util", "helper", "manager", "common", "handler", "misc"];

/// No file, folder or module has a name under which anything could be.
pub(crate) fn names_say_what_is_inside(texts: &Texts) -> Vec<Finding> {
    let mut found = Vec::new();
    for text in texts.all() {
        if let Some(word) = text.path.split('/').find_map(nameless) {
            found.push(Finding::of(&text.path, format!("{word} is no name")));
        }
        if text.is_rust() {
            let all = tokens(&text.text);
            for token in places(&all, &["mod"]).filter_map(|rest| rest.get(1)) {
                let word = nameless(&token.text);
                let what = word.map(|word| format!("{word} is no name"));
                found.extend(what.map(|what| Finding::at(&text.path, token.line, what)));
            }
        }
    }
    found
}

fn nameless(name: &str) -> Option<&str> {
    name.split(['_', '-', '.']).find(|word| {
        let one = word.strip_suffix('s').unwrap_or(word);
        NAMELESS
            .iter()
            .any(|nameless| one.eq_ignore_ascii_case(nameless))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_anything_are_found() {
        for path in [
            "a/utils.rs",
            "a/xen_helper.rs",
            "tests/common.rs",
            "a/lock-manager.sh",
        ] {
            let found = names_say_what_is_inside(&Texts::of(&[(path, "//! A module.\n")]));
            assert_eq!(found.len(), 1, "{path}: {found:?}");
        }
        let found = names_say_what_is_inside(&Texts::of(&[("a.rs", "mod b;\nmod misc {}\n")]));
        assert_eq!(found, [Finding::at("a.rs", 2, "misc is no name")]);
    }

    #[test]
    fn names_of_things_pass() {
        let texts = Texts::of(&[("a/utility_bill.rs", "mod uncommon; mod handle;")]);
        assert_eq!(names_say_what_is_inside(&texts), []);
    }
}
