//! Listings.

use std::ops::ControlFlow;

use userdata_fs::{Directory, Name};

use super::{DirectoryUnderTest, name, store_in};

#[track_caller]
fn listed<D: Directory>(directory: &D) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    let listed = directory.list(&mut |name| {
        names.push(name.as_bytes().to_vec());
        ControlFlow::Continue(())
    });
    listed.expect("a directory is listed");
    names.sort();
    names
}

/// If nothing changes meanwhile, a listing shows each name of this directory once, and no other name:
/// for no names, for a few, and for more than one system call returns.
pub fn a_listing_shows_every_name_once<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    assert_eq!(listed(directory), Vec::<Vec<u8>>::new());
    directory
        .make_directory(name("child"))
        .expect("a directory is made");
    let child = directory
        .open_directory(name("child"))
        .expect("a directory is opened");
    store_in(&child, name("not shown"), b"");
    let mut wanted = vec![b"child".to_vec()];
    assert_eq!(listed(directory), wanted);
    for number in 0..1500 {
        let text = format!("{number:04}-{}", "n".repeat(100));
        under_test.store(name(&text), b"");
        wanted.push(text.into_bytes());
    }
    wanted.sort();
    assert_eq!(listed(directory), wanted);
}

/// A listing ends with the name at which the callback breaks.
pub fn a_listing_ends_at_a_break<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    for number in 0..30 {
        under_test.store(name(&number.to_string()), b"");
    }
    for wanted in [1, 7, 30] {
        let mut shown = 0;
        let listed = under_test.directory.list(&mut |_| {
            shown += 1;
            match shown == wanted {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        assert_eq!((listed, shown), (Ok(()), wanted));
    }
}

/// A listing does not continue where another one ended, and two listings do not disturb each other.
pub fn every_listing_starts_at_the_beginning<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    for number in 0..30 {
        under_test.store(name(&number.to_string()), b"");
    }
    let stopped = directory.list(&mut |_| ControlFlow::Break(()));
    assert_eq!(stopped, Ok(()));
    let all = listed(directory);
    assert_eq!(all.len(), 30);
    let (mut outer, mut inner) = (Vec::new(), 0);
    let nested = directory.list(&mut |name| {
        outer.push(name.as_bytes().to_vec());
        inner += listed(directory).len();
        ControlFlow::Continue(())
    });
    outer.sort();
    assert_eq!((nested, outer, inner), (Ok(()), all, 900));
}

/// Names are bytes: a listing shows them unchanged, even if they are not text, look like patterns or
/// begin with a dot.
pub fn a_listing_shows_names_verbatim<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let mut wanted: Vec<Vec<u8>> = [
        &b" "[..],
        b"\n",
        b"*",
        b"?",
        b"[a]",
        b"...",
        b".hidden",
        b"-",
        b"\\",
        b"\x01",
        b"\x7f",
        b"\xff\xfe",
        b"\xc3\xa9",
        b"a b",
        b"A",
        b"a",
    ]
    .map(<[u8]>::to_vec)
    .into();
    wanted.push(vec![b'n'; 255]);
    for bytes in &wanted {
        under_test.store(Name::new(bytes).expect("a single path component"), b"");
    }
    wanted.sort();
    assert_eq!(listed(&under_test.directory), wanted);
}

/// The callback may look up and remove the name that it gets, and every other name is still shown.
pub fn names_can_be_looked_at_and_removed_while_they_are_listed<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let directory = &under_test.directory;
    for number in 0..100 {
        let kind = if number % 2 == 0 { "keep" } else { "drop" };
        under_test.store(name(&format!("{kind} {number}")), b"");
    }
    let mut kept = Vec::new();
    let removed = directory.list(&mut |name| {
        directory.metadata_at(name).expect("what is shown is there");
        if name.as_bytes().starts_with(b"keep") {
            kept.push(name.as_bytes().to_vec());
        } else {
            directory.unlink(name).expect("what is shown is unlinked");
        }
        ControlFlow::Continue(())
    });
    assert_eq!(removed, Ok(()));
    kept.sort();
    assert_eq!(kept.len(), 50);
    assert_eq!(listed(directory), kept);
}
