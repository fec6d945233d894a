//! Syncing: the calls for durable values beyond `fdatasync`.

use userdata_fs::{Directory, Errno};

use super::{DirectoryUnderTest, name, read_all, read_at, write_all};

/// The bytes of a file can be written back before its rename, any number of times, or the kernel
/// has no such call. They stay as they are.
pub fn a_file_can_be_written_back_before_its_rename<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let (directory, a, b) = (&under_test.directory, name("a"), name("b"));
    let file = directory.create(a).expect("a new file is made");
    for bytes in [&b"more"[..], b" bytes"] {
        write_all(directory, &file, bytes);
        let written = directory.write_back(&file);
        assert!(matches!(written, Ok(()) | Err(Errno::NOSYS)), "{written:?}");
    }
    directory.rename(a, b).expect("a file is renamed");
    assert_eq!(directory.sync_file_and_name(&file), Ok(()));
    assert_eq!(directory.close(file), Ok(()));
    assert_eq!(read_at(directory, b), b"more bytes");
}

/// A file can be synced with its name under every name, and without one.
pub fn a_file_can_be_synced_with_its_name<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a, b) = (&under_test.directory, name("a"), name("b"));
    let file = directory.create(a).expect("a new file is made");
    write_all(directory, &file, b"bytes");
    assert_eq!(directory.sync_file_and_name(&file), Ok(()));
    directory.link(a, b).expect("a file gets a second name");
    assert_eq!(directory.sync_file_and_name(&file), Ok(()));
    for name in [a, b] {
        directory.unlink(name).expect("a file is unlinked");
        assert_eq!(directory.sync_file_and_name(&file), Ok(()));
    }
    assert_eq!(directory.close(file), Ok(()));
}

/// Every open file can be used to sync the whole file system: a new one, one that was opened to be
/// read, a lock file, and one without a name.
pub fn a_file_of_any_kind_syncs_everything<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a, lock) = (&under_test.directory, name("a"), name("lock"));
    let file = directory.create(a).expect("a new file is made");
    write_all(directory, &file, b"bytes");
    under_test.store(lock, b"");
    let lock = directory.open_lock(lock).expect("a lock file is opened");
    let reader = directory.open(a).expect("a file is opened");
    for file in [&file, &lock, &reader] {
        assert_eq!(directory.sync_all(file), Ok(()));
    }
    directory.unlink(a).expect("a file is unlinked");
    assert_eq!(directory.sync_all(&file), Ok(()));
    assert_eq!(read_all(directory, &reader), b"bytes");
}

/// A directory promises the same at all times, and its children promise it, too: they are on the
/// same file system.
pub fn promises_stay_the_same<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, child) = (&under_test.directory, name("child"));
    let promises = directory.promises();
    under_test.store(name("a"), b"bytes");
    directory
        .make_directory(child)
        .expect("a directory is made");
    let child = directory.open_directory(child).expect("it is opened");
    assert_eq!(child.promises(), promises);
    assert_eq!(directory.promises(), promises);
}
