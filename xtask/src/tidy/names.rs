//! A file is named after what is in it.

use super::finding::Finding;
use super::texts::Texts;

/// Names that tell nothing about the content.
const NAMELESS: [&str; 6] = ["util", "helper", "manager", "common", "handler", "misc"];

/// No file or folder has a name that would fit any content.
pub(crate) fn names_say_what_is_inside(texts: &Texts) -> Vec<Finding> {
    let named = texts.all().iter().filter_map(|text| {
        let word = text.path.split('/').find_map(nameless)?;
        Some(Finding::of(&text.path, format!("{word} is not a name")))
    });
    named.collect()
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
    }

    #[test]
    fn names_of_things_pass() {
        let texts = Texts::of(&[("a/utility_bill.rs", ""), ("uncommon/handle.rs", "")]);
        assert_eq!(names_say_what_is_inside(&texts), []);
    }
}
