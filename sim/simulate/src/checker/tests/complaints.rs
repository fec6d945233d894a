//! What a complaint says, and what cannot be checked at all.

use super::story::{Story, read, slot, tree, xl};

#[test]
fn a_complaint_names_the_operations_and_their_places() {
    let mut story = Story::with(&[(xl(), b"old")]);
    story.reads(2, xl(), Some("old"));
    story.stores(0, xl(), "a");
    story.stores(0, slot(50, "xl"), "elsewhere");
    story.reads(1, xl(), Some("old"));
    let found = story.check();
    let text: Vec<String> = found.complaints.iter().map(ToString::to_string).collect();
    let expected = "\
G2 atomic: userdata-d.5.00000000-0000-0000-0000-00000000a005.xl: \"old\" was seen although it had \
been replaced, or not been stored yet
  events 2-3, process 0: store 5.xl \"a\" (full): Stored { durability: Full, displaced: None }
  events 6-7, process 1: retrieve 5.xl: \"old\"
";
    assert_eq!(text, [expected]);
}

#[test]
fn a_malformed_history_is_refused() {
    let mut story = Story::new();
    story.end(0, 0, read(None));
    let before = story.before().clone();
    let checker = super::super::Checker {
        history: &story.history,
        format: userdata_core::file_name::NameFormat::Libxl,
        before: &before,
        seen: &[],
        after: None,
        storage: None,
    };
    assert_eq!(checker.check().unwrap_err().at, 0);
    assert_eq!(tree(&[]), before.tree);
}
