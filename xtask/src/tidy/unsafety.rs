//! Where `unsafe` may be.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::texts::Texts;
use super::tokens::{places, tokens};

/// The crates that talk to the hypervisor or to C, each in one module.
const ROOMS: [&str; 3] = [
    "crates/hv-xen/src/",
    "crates/userdata-capi/src/",
    "crates/userdata-libxl/src/",
];

/// All of a crate's `unsafe` is in one module, and only in the crates that need it.
pub(crate) fn unsafe_has_one_room(texts: &Texts) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    for text in texts.rust() {
        let all = tokens(&text.text);
        for token in places(&all, &["unsafe"]).filter_map(<[_]>::first) {
            let Some(room) = ROOMS.into_iter().find(|room| text.path.starts_with(room)) else {
                found.push(Finding::at(
                    &text.path,
                    token.line,
                    "unsafe outside its crates",
                ));
                continue;
            };
            let first = *taken.entry(room).or_insert(&text.path);
            if first != text.path {
                let what = format!("unsafe in a second module of its crate, beside {first}");
                found.push(Finding::at(&text.path, token.line, what));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_outside_its_crates_is_found() {
        let source = "// unsafe\nfn f() {\n    unsafe { g() }\n}\n";
        let found = unsafe_has_one_room(&Texts::of(&[("crates/userdata/src/a.rs", source)]));
        let expected = Finding::at("crates/userdata/src/a.rs", 3, "unsafe outside its crates");
        assert_eq!(found, [expected]);
    }

    #[test]
    fn unsafe_in_a_second_module_is_found() {
        let first = ("crates/hv-xen/src/ioctl.rs", "unsafe fn f() {}");
        let second = (
            "crates/hv-xen/src/list.rs",
            "#[unsafe(no_mangle)]\nfn g() {}",
        );
        let other = ("crates/userdata-capi/src/calls.rs", "unsafe fn f() {}");
        assert_eq!(unsafe_has_one_room(&Texts::of(&[first, other])), []);
        let what = "unsafe in a second module of its crate, beside crates/hv-xen/src/ioctl.rs";
        let found = unsafe_has_one_room(&Texts::of(&[first, second, other]));
        assert_eq!(found, [Finding::at("crates/hv-xen/src/list.rs", 1, what)]);
    }
}
