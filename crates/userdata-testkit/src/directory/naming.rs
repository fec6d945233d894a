//! Names: looking them up, renaming, unlinking.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use userdata_core::store::FileType;
use userdata_fs::{Directory, Errno, LockMode, Name};

use super::{DirectoryUnderTest, failure, name, read_at, store_in};

/// Every call that needs an existing name fails with ENOENT for an absent one, and makes nothing.
pub fn an_absent_name_is_enoent_in_every_call<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, absent, other) = (&under_test.directory, name("absent"), name("other"));
    under_test.store(other, b"other");
    for failed in [
        failure(directory.open(absent)),
        failure(directory.metadata_at(absent)),
        failure(directory.rename(absent, other)),
        failure(directory.rename(absent, absent)),
        failure(directory.rename_no_replace(absent, other)),
        failure(directory.rename_no_replace(absent, absent)),
        failure(directory.unlink(absent)),
        failure(directory.open_directory(absent)),
        failure(directory.remove_directory(absent)),
    ] {
        assert_eq!(failed, Some(Errno::NOENT));
    }
    under_test.assert_absent(absent);
    assert_eq!(read_at(directory, other), b"other");
}

/// A renamed file is the same file, and its old name is absent.
pub fn rename_gives_a_file_another_name<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a, b) = (&under_test.directory, name("a"), name("b"));
    under_test.store(a, b"bytes");
    let before = under_test.metadata(a);
    assert_eq!(directory.rename(a, b), Ok(()));
    under_test.assert_absent(a);
    assert_eq!(under_test.metadata(b), before);
    assert_eq!(read_at(directory, b), b"bytes");
}

/// `rename` replaces the file that had the new name.
pub fn rename_replaces_the_file_of_the_new_name<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a, b) = (&under_test.directory, name("a"), name("b"));
    under_test.store(a, b"new");
    under_test.store(b, b"the old and longer one");
    let new = under_test.metadata(a);
    assert_eq!(directory.rename(a, b), Ok(()));
    under_test.assert_absent(a);
    assert_eq!(under_test.metadata(b), new);
    assert_eq!(read_at(directory, b), b"new");
}

/// A file that is renamed to its own name stays unchanged.
pub fn rename_to_its_own_name_changes_nothing<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a) = (&under_test.directory, name("a"));
    under_test.store(a, b"bytes");
    let before = under_test.metadata(a);
    assert_eq!(directory.rename(a, a), Ok(()));
    assert_eq!(under_test.metadata(a), before);
    assert_eq!(read_at(directory, a), b"bytes");
}

/// A file that is linked has both names, is one file, and can be locked under either.
pub fn link_gives_a_file_one_more_name<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a, b) = (&under_test.directory, name("a"), name("b"));
    under_test.store(a, b"bytes");
    let before = under_test.metadata(a);
    assert_eq!(directory.link(a, b), Ok(()));
    assert_eq!(under_test.metadata(a), before);
    assert_eq!(under_test.metadata(b), before);
    let by_a = directory.open_lock(a).expect("a file is opened");
    let by_b = directory.open_lock(b).expect("a file is opened");
    assert_eq!(directory.lock(&by_a, LockMode::Exclusive), Ok(()));
    assert_eq!(
        directory.lock(&by_b, LockMode::Exclusive),
        Err(Errno::AGAIN)
    );
    assert_eq!(directory.unlink(a), Ok(()));
    under_test.assert_absent(a);
    assert_eq!(read_at(directory, b), b"bytes");
}

/// A name that is taken is not linked to another file, and a directory gets no second name.
pub fn link_replaces_nothing<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a, b) = (&under_test.directory, name("a"), name("b"));
    under_test.store(a, b"one");
    under_test.store(b, b"other");
    assert_eq!(directory.link(a, b), Err(Errno::EXIST));
    assert_eq!(directory.link(a, a), Err(Errno::EXIST));
    assert_eq!(directory.link(name("absent"), b), Err(Errno::NOENT));
    assert_eq!(read_at(directory, b), b"other");
    directory
        .make_directory(name("child"))
        .expect("a directory is made");
    assert_eq!(directory.link(name("child"), name("c")), Err(Errno::PERM));
    under_test.assert_absent(name("c"));
}

/// A file that is given a name which nothing has is the same file, locked if it was, and its old
/// name is absent.
pub fn rename_no_replace_gives_a_file_another_name<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let (directory, a, b) = (&under_test.directory, name("a"), name("b"));
    under_test.store(a, b"bytes");
    let before = under_test.metadata(a);
    let locked = directory.open_lock(a).expect("a file is opened");
    assert_eq!(directory.lock(&locked, LockMode::Exclusive), Ok(()));
    assert_eq!(directory.rename_no_replace(a, b), Ok(()));
    under_test.assert_absent(a);
    assert_eq!(under_test.metadata(b), before);
    assert_eq!(read_at(directory, b), b"bytes");
    let by_b = directory.open_lock(b).expect("a file is opened");
    assert_eq!(
        directory.lock(&by_b, LockMode::Exclusive),
        Err(Errno::AGAIN)
    );
}

/// A name that is taken is not given to another file, whatever has it.
pub fn rename_no_replace_replaces_nothing<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a, b) = (&under_test.directory, name("a"), name("b"));
    let (child, linked) = (name("child"), name("linked"));
    under_test.store(a, b"one");
    under_test.store(b, b"other");
    directory
        .make_directory(child)
        .expect("a directory is made");
    directory.link(a, linked).expect("a file is linked");
    for taken in [b, a, child, linked] {
        assert_eq!(directory.rename_no_replace(a, taken), Err(Errno::EXIST));
    }
    assert_eq!(read_at(directory, a), b"one");
    assert_eq!(read_at(directory, b), b"other");
    assert_eq!(under_test.metadata(child).file_type, FileType::Directory);
}

/// Of several concurrent calls of `rename_no_replace` to one name, one succeeds.
pub fn concurrent_renames_that_replace_nothing_succeed_once<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let directory = &under_test.directory;
    for round in 0..20 {
        let (to, moved) = (format!("to {round}"), AtomicUsize::new(0));
        thread::scope(|scope| {
            for number in 0..4 {
                let (to, moved) = (&to, &moved);
                scope.spawn(move || {
                    let from = format!("from {round} {number}");
                    store_in(directory, name(&from), from.as_bytes());
                    match directory.rename_no_replace(name(&from), name(to)) {
                        Ok(()) => {
                            moved.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(errno) => assert_eq!(errno, Errno::EXIST),
                    }
                });
            }
        });
        assert_eq!(moved.load(Ordering::Relaxed), 1);
        under_test.metadata(name(&to));
    }
}

/// A reader that opens a name while files are renamed over it always gets one whole file.
pub fn a_name_is_never_absent_while_it_is_replaced<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let (directory, a, new) = (&under_test.directory, name("a"), name("new"));
    under_test.store(a, b"0");
    let replaced = AtomicBool::new(false);
    thread::scope(|scope| {
        let replacing = scope.spawn(|| {
            for round in 1..200_u32 {
                store_in(directory, new, round.to_string().as_bytes());
                directory.rename(new, a).expect("a file is renamed");
            }
        });
        scope.spawn(|| {
            let mut last = 0;
            loop {
                let enough = replaced.load(Ordering::Acquire);
                let bytes = read_at(directory, a);
                let text = std::str::from_utf8(&bytes).expect("the text of a number");
                let round: u32 = text.parse().expect("a whole number");
                assert!(round >= last, "an older file comes back");
                last = round;
                if enough {
                    break;
                }
            }
        });
        let result = replacing.join();
        replaced.store(true, Ordering::Release);
        assert!(result.is_ok(), "replacing fails while others read");
    });
}

/// A file does not replace a directory, a directory does not replace a file, and a directory can't
/// be unlinked.
pub fn files_and_directories_do_not_replace_each_other<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let (directory, file, child) = (&under_test.directory, name("file"), name("child"));
    under_test.store(file, b"bytes");
    directory
        .make_directory(child)
        .expect("a directory is made");
    assert_eq!(directory.rename(file, child), Err(Errno::ISDIR));
    assert_eq!(directory.rename(child, file), Err(Errno::NOTDIR));
    assert_eq!(directory.unlink(child), Err(Errno::ISDIR));
    assert_eq!(failure(directory.open_lock(child)), Some(Errno::ISDIR));
    assert_eq!(read_at(directory, file), b"bytes");
    assert_eq!(under_test.metadata(child).file_type, FileType::Directory);
}

/// Of several concurrent calls of `create` with one name, one succeeds.
pub fn concurrent_creates_of_one_name_succeed_once<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let directory = &under_test.directory;
    for round in 0..20 {
        let (text, made) = (format!("file {round}"), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| match directory.create(name(&text)) {
                    Ok(file) => {
                        made.fetch_add(1, Ordering::Relaxed);
                        assert_eq!(directory.close(file), Ok(()));
                    }
                    Err(errno) => assert_eq!(errno, Errno::EXIST),
                });
            }
        });
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }
}

/// Names of 255 bytes work, and every call that would make a name of 256 bytes is refused.
pub fn long_names_are_taken_up_to_255_bytes<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let (longest, too_long) = ([b'n'; 255], [b'n'; 256]);
    let longest = Name::new(&longest).expect("a single path component");
    let too_long = Name::new(&too_long).expect("a single path component");
    under_test.store(longest, b"bytes");
    assert_eq!(read_at(directory, longest), b"bytes");
    for failed in [
        failure(directory.create(too_long)),
        failure(directory.open_lock(too_long)),
        failure(directory.make_directory(too_long)),
        failure(directory.rename(longest, too_long)),
        failure(directory.rename_no_replace(longest, too_long)),
        failure(directory.metadata_at(too_long)),
    ] {
        assert_eq!(failed, Some(Errno::NAMETOOLONG));
    }
    assert_eq!(read_at(directory, longest), b"bytes");
}
