//! Child directories.

use userdata_core::store::FileType;
use userdata_fs::{Directory, Errno, LockMode};

use super::{DirectoryUnderTest, failure, name, read_all, read_at, store_in};
use crate::hostile::Hostile;

#[track_caller]
fn make<D: Directory>(directory: &D, text: &str) -> D {
    directory
        .make_directory(name(text))
        .expect("a directory is made");
    directory
        .open_directory(name(text))
        .expect("a directory is opened")
}

/// A child directory and its parent may have the same name for different files. Two handles on the
/// child show the same files.
pub fn a_child_directory_has_names_of_its_own<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a) = (&under_test.directory, name("a"));
    under_test.store(a, b"of the parent");
    let child = make(directory, "child");
    assert_eq!(failure(child.open(a)), Some(Errno::NOENT));
    store_in(&child, a, b"of the child");
    let grandchild = make(&child, "child");
    store_in(&grandchild, a, b"of the grandchild");
    let again = directory
        .open_directory(name("child"))
        .expect("a directory is opened");
    assert_eq!(read_at(directory, a), b"of the parent");
    assert_eq!(read_at(&again, a), b"of the child");
    assert_eq!(read_at(&grandchild, a), b"of the grandchild");
    assert_eq!(
        under_test.metadata(name("child")).file_type,
        FileType::Directory
    );
}

/// `make_directory` refuses a name that is taken.
pub fn a_child_directory_is_not_made_twice<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    under_test.store(name("file"), b"bytes");
    let child = make(directory, "child");
    store_in(&child, name("a"), b"kept");
    for text in ["file", "child"] {
        assert_eq!(directory.make_directory(name(text)), Err(Errno::EXIST));
    }
    if under_test.plant(name("link"), &Hostile::Link(b"nowhere".to_vec())) {
        assert_eq!(directory.make_directory(name("link")), Err(Errno::EXIST));
    }
    assert_eq!(read_at(directory, name("file")), b"bytes");
    assert_eq!(read_at(&child, name("a")), b"kept");
}

/// `open_directory` and `remove_directory` refuse a file, and a link to a directory.
pub fn only_directories_are_opened_as_such<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    under_test.store(name("file"), b"bytes");
    make(directory, "child");
    let mut others = vec![name("file")];
    if under_test.plant(name("link"), &Hostile::Link(b"child".to_vec())) {
        others.push(name("link"));
    }
    for other in others {
        assert_eq!(
            failure(directory.open_directory(other)),
            Some(Errno::NOTDIR)
        );
        assert_eq!(directory.remove_directory(other), Err(Errno::NOTDIR));
        under_test.metadata(other);
    }
}

/// `remove_directory` removes a directory only if it is empty.
pub fn a_directory_is_removed_only_when_empty<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let child = make(directory, "child");
    store_in(&child, name("a"), b"bytes");
    assert_eq!(
        directory.remove_directory(name("child")),
        Err(Errno::NOTEMPTY)
    );
    assert_eq!(read_at(&child, name("a")), b"bytes");
    child.unlink(name("a")).expect("a file is unlinked");
    child
        .make_directory(name("b"))
        .expect("a directory is made");
    assert_eq!(
        directory.remove_directory(name("child")),
        Err(Errno::NOTEMPTY)
    );
    child
        .remove_directory(name("b"))
        .expect("an empty directory is removed");
    assert_eq!(directory.remove_directory(name("child")), Ok(()));
    under_test.assert_absent(name("child"));
}

/// A directory is renamed with its content, also into another directory. Open handles stay valid.
pub fn a_directory_is_renamed_with_all_it_holds<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let child = make(directory, "child");
    store_in(&child, name("a"), b"bytes");
    let identity = under_test.metadata(name("child")).identity;
    assert_eq!(directory.rename(name("child"), name("renamed")), Ok(()));
    under_test.assert_absent(name("child"));
    assert_eq!(under_test.metadata(name("renamed")).identity, identity);
    let trash = make(directory, "trash");
    assert_eq!(
        directory.rename_into(name("renamed"), &trash, name("1")),
        Ok(())
    );
    under_test.assert_absent(name("renamed"));
    let moved = trash
        .open_directory(name("1"))
        .expect("a directory is opened");
    assert_eq!(read_at(&moved, name("a")), b"bytes");
    store_in(&child, name("b"), b"by who had it open");
    assert_eq!(read_at(&moved, name("b")), b"by who had it open");
}

/// A directory can be renamed over an empty directory, and not over one with content.
pub fn a_directory_replaces_an_empty_one_only<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let full = make(directory, "full");
    store_in(&full, name("a"), b"bytes");
    make(directory, "empty");
    assert_eq!(
        directory.rename(name("empty"), name("full")),
        Err(Errno::NOTEMPTY)
    );
    assert_eq!(read_at(&full, name("a")), b"bytes");
    assert_eq!(directory.rename(name("full"), name("empty")), Ok(()));
    under_test.assert_absent(name("full"));
    let moved = directory
        .open_directory(name("empty"))
        .expect("a directory is opened");
    assert_eq!(read_at(&moved, name("a")), b"bytes");
}

/// A file can be moved into another directory, where it replaces the file of its new name.
pub fn files_move_from_one_directory_to_another<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a, b) = (&under_test.directory, name("a"), name("b"));
    let child = make(directory, "child");
    under_test.store(a, b"moved");
    store_in(&child, b, b"replaced");
    let moved = under_test.metadata(a);
    assert_eq!(directory.rename_into(a, &child, b), Ok(()));
    under_test.assert_absent(a);
    assert_eq!(child.metadata_at(b), Ok(moved));
    assert_eq!(read_at(&child, b), b"moved");
    assert_eq!(child.rename_into(b, directory, b), Ok(()));
    assert_eq!(read_at(directory, b), b"moved");
    assert_eq!(failure(child.open(b)), Some(Errno::NOENT));
}

/// `open_in` opens a file in a child directory as `open` does, and follows no link in either place.
/// A kernel without the call answers `ENOSYS`, and an old seccomp filter `EPERM`.
pub fn a_file_in_a_child_is_opened_in_one_call<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a) = (&under_test.directory, name("a"));
    let child = make(directory, "child");
    store_in(&child, a, b"of the child");
    under_test.store(name("file"), b"bytes");
    let file = match directory.open_in(name("child"), a) {
        Err(Errno::NOSYS | Errno::PERM) => return,
        opened => opened.expect("a file in a child is opened"),
    };
    assert_eq!(read_all(directory, &file), b"of the child");
    assert_eq!(directory.close(file), Ok(()));
    for (child, file, errno) in [
        ("child", "b", Errno::NOENT),
        ("absent", "a", Errno::NOENT),
        ("file", "a", Errno::NOTDIR),
    ] {
        let opened = directory.open_in(name(child), name(file));
        assert_eq!(failure(opened), Some(errno), "{child}/{file}");
    }
    if under_test.plant(name("link"), &Hostile::Link(b"child".to_vec())) {
        let opened = directory.open_in(name("link"), a);
        assert_eq!(failure(opened), Some(Errno::LOOP));
        directory
            .rename_into(name("link"), &child, name("link"))
            .expect("a link is moved");
        let opened = directory.open_in(name("child"), name("link"));
        assert_eq!(failure(opened), Some(Errno::LOOP));
    }
}

/// The metadata of an open directory is that of its name, also if it is looked up by its path.
pub fn a_directory_has_the_metadata_of_its_name<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let child = make(directory, "child");
    let own = child.own_metadata().expect("a directory has metadata");
    assert_eq!(own, under_test.metadata(name("child")));
    assert_eq!(directory.metadata_by_path(name("child")), Ok(own));
    store_in(&child, name("a"), b"bytes");
    let by_path = child.metadata_by_path(name("a"));
    assert_eq!(by_path, child.metadata_at(name("a")));
    directory
        .rename(name("child"), name("renamed"))
        .expect("a directory is renamed");
    assert_eq!(directory.metadata_by_path(name("child")), Err(Errno::NOENT));
    let own = child.own_metadata().expect("a directory has metadata");
    assert_eq!(own.identity, under_test.metadata(name("renamed")).identity);
}

/// `open` opens a directory too, so that it can be locked. Its metadata has its type, and it can't
/// be read.
pub fn a_directory_can_be_locked<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, child) = (&under_test.directory, name("child"));
    make(directory, "child");
    let first = directory
        .open(child)
        .expect("a directory is opened to be locked");
    let second = directory
        .open(child)
        .expect("a directory is opened to be locked");
    assert_eq!(directory.metadata(&first), Ok(under_test.metadata(child)));
    assert_eq!(directory.read(&first, &mut [0; 8]), Err(Errno::ISDIR));
    assert_eq!(directory.lock(&first, LockMode::Exclusive), Ok(()));
    assert_eq!(
        directory.lock(&second, LockMode::Exclusive),
        Err(Errno::AGAIN)
    );
    directory
        .rename(child, name("renamed"))
        .expect("a locked directory is renamed");
    assert_eq!(
        directory.lock(&second, LockMode::Exclusive),
        Err(Errno::AGAIN)
    );
    make(directory, "child");
    let fresh = directory
        .open(child)
        .expect("a directory is opened to be locked");
    assert_eq!(directory.lock(&fresh, LockMode::Exclusive), Ok(()));
    directory
        .remove_directory(name("renamed"))
        .expect("a locked directory is removed");
    assert_eq!(directory.close(first), Ok(()));
    assert_eq!(directory.lock(&second, LockMode::Exclusive), Ok(()));
}

/// A directory that is open can be locked itself. Each time that it is opened counts as another
/// open file, and dropping it releases the lock.
pub fn a_directory_locks_itself<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, child) = (&under_test.directory, name("child"));
    let first = make(directory, "child");
    let second = directory
        .open_directory(child)
        .expect("a directory is opened");
    let file = directory.open(child).expect("a directory is opened");
    assert_eq!(first.lock_itself(LockMode::Exclusive), Ok(()));
    assert_eq!(second.lock_itself(LockMode::Exclusive), Err(Errno::AGAIN));
    assert_eq!(directory.lock(&file, LockMode::Shared), Err(Errno::AGAIN));
    assert_eq!(first.unlock_itself(), Ok(()));
    assert_eq!(second.lock_itself(LockMode::Exclusive), Ok(()));
    drop(second);
    assert_eq!(first.lock_itself(LockMode::Exclusive), Ok(()));
}

/// A handle on a removed directory finds nothing, and makes nothing.
pub fn nothing_can_be_made_in_a_removed_directory<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let (directory, a) = (&under_test.directory, name("a"));
    let child = make(directory, "child");
    directory
        .remove_directory(name("child"))
        .expect("an empty directory is removed");
    make(directory, "child");
    for failed in [
        failure(child.create(a)),
        failure(child.open_lock(a)),
        failure(child.make_directory(a)),
        failure(child.metadata_at(a)),
        failure(directory.rename_into(name("child"), &child, a)),
    ] {
        assert_eq!(failed, Some(Errno::NOENT));
    }
}

/// A directory is at its path, a child wherever it is moved, until it is removed.
pub fn a_directory_is_at_its_path_until_it_is_removed<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let directory = &under_test.directory;
    assert_eq!(directory.is_at_path(), Ok(true));
    let child = make(directory, "child");
    assert_eq!(child.is_at_path(), Ok(true));
    directory
        .rename(name("child"), name("renamed"))
        .expect("a directory is renamed");
    assert_eq!(child.is_at_path(), Ok(true));
    directory
        .remove_directory(name("renamed"))
        .expect("an empty directory is removed");
    assert_eq!(child.is_at_path(), Err(Errno::NOENT));
    assert_eq!(directory.is_at_path(), Ok(true));
}
