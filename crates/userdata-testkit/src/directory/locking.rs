//! Locks: flock(2), held by open files.

use userdata_fs::{Directory, Errno, LockMode};

use super::{DirectoryUnderTest, name, read_all};

const EXCLUSIVE: LockMode = LockMode::Exclusive;
const SHARED: LockMode = LockMode::Shared;

/// The same file, opened this many times.
#[track_caller]
fn open<D: Directory, const N: usize>(under_test: &DirectoryUnderTest<D>) -> [D::File; N] {
    under_test.store(name("lock"), b"");
    std::array::from_fn(|_| {
        let opened = under_test.directory.open_lock(name("lock"));
        opened.expect("a lock file is opened")
    })
}

/// While one has an exclusive lock nobody else gets any, and is told so at once.
pub fn an_exclusive_lock_excludes_all_others<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let [holder, other] = open(under_test);
    assert_eq!(directory.lock(&holder, EXCLUSIVE), Ok(()));
    assert_eq!(directory.lock(&other, EXCLUSIVE), Err(Errno::AGAIN));
    assert_eq!(directory.lock(&other, SHARED), Err(Errno::AGAIN));
    // Who holds it may ask for it again.
    assert_eq!(directory.lock(&holder, EXCLUSIVE), Ok(()));
    let reader = directory
        .open(name("lock"))
        .expect("a locked file is opened");
    assert_eq!(read_all(directory, &reader), b"");
    assert_eq!(directory.lock(&reader, SHARED), Err(Errno::AGAIN));
}

/// Many have a shared lock at the same time, and none of them an exclusive one.
pub fn shared_locks_exclude_only_exclusive_ones<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let [first, second, other] = open(under_test);
    assert_eq!(directory.lock(&first, SHARED), Ok(()));
    assert_eq!(directory.lock(&second, SHARED), Ok(()));
    assert_eq!(directory.lock(&other, EXCLUSIVE), Err(Errno::AGAIN));
    assert_eq!(directory.unlock(&first), Ok(()));
    assert_eq!(directory.lock(&other, EXCLUSIVE), Err(Errno::AGAIN));
    assert_eq!(directory.unlock(&second), Ok(()));
    assert_eq!(directory.lock(&other, EXCLUSIVE), Ok(()));
}

/// A lock ends with `close`, and not with the close of another who has the file open.
pub fn closing_a_file_releases_its_lock<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let [holder, other, third] = open(under_test);
    assert_eq!(directory.lock(&holder, EXCLUSIVE), Ok(()));
    assert_eq!(directory.close(third), Ok(()));
    assert_eq!(directory.lock(&other, EXCLUSIVE), Err(Errno::AGAIN));
    assert_eq!(directory.close(holder), Ok(()));
    assert_eq!(directory.lock(&other, EXCLUSIVE), Ok(()));
}

/// A file that is dropped is closed.
pub fn dropping_a_file_releases_its_lock<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let [holder, other] = open(under_test);
    assert_eq!(directory.lock(&holder, EXCLUSIVE), Ok(()));
    drop(holder);
    assert_eq!(directory.lock(&other, EXCLUSIVE), Ok(()));
}

/// A lock that is given back can be had by others, and by the same again; to give back what one
/// does not have is no failure and takes nothing from others.
pub fn unlocking_releases_a_lock_that_can_be_taken_again<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let directory = &under_test.directory;
    let [first, second] = open(under_test);
    assert_eq!(directory.unlock(&first), Ok(()));
    for _ in 0..2 {
        assert_eq!(directory.lock(&first, EXCLUSIVE), Ok(()));
        assert_eq!(directory.unlock(&second), Ok(()));
        assert_eq!(directory.lock(&second, EXCLUSIVE), Err(Errno::AGAIN));
        assert_eq!(directory.unlock(&first), Ok(()));
        assert_eq!(directory.lock(&second, EXCLUSIVE), Ok(()));
        assert_eq!(directory.lock(&first, SHARED), Err(Errno::AGAIN));
        assert_eq!(directory.unlock(&second), Ok(()));
    }
}

/// Who has an exclusive lock and asks for a shared one has a shared one.
pub fn an_exclusive_lock_can_become_a_shared_one<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let [first, second] = open(under_test);
    assert_eq!(directory.lock(&first, EXCLUSIVE), Ok(()));
    assert_eq!(directory.lock(&first, SHARED), Ok(()));
    assert_eq!(directory.lock(&second, SHARED), Ok(()));
    assert_eq!(directory.lock(&first, EXCLUSIVE), Err(Errno::AGAIN));
}

/// A lock goes with its file when that is renamed or unlinked; a new file of the same name has
/// none.
pub fn a_lock_belongs_to_the_file_and_not_to_its_name<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let (directory, lock, moved) = (&under_test.directory, name("lock"), name("moved"));
    let [holder] = open(under_test);
    assert_eq!(directory.lock(&holder, EXCLUSIVE), Ok(()));
    directory
        .rename(lock, moved)
        .expect("a locked file is renamed");
    let [fresh] = open(under_test);
    assert_eq!(directory.lock(&fresh, EXCLUSIVE), Ok(()));
    let same = directory.open(moved).expect("a locked file is opened");
    assert_eq!(directory.lock(&same, EXCLUSIVE), Err(Errno::AGAIN));
    directory.unlink(moved).expect("a locked file is unlinked");
    assert_eq!(directory.lock(&same, EXCLUSIVE), Err(Errno::AGAIN));
    assert_eq!(directory.close(holder), Ok(()));
    assert_eq!(directory.lock(&same, EXCLUSIVE), Ok(()));
}

/// Locks of different files do not exclude each other.
pub fn each_file_is_locked_by_itself<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let files = ["a", "b", "c"].map(|text| {
        let file = directory.create(name(text)).expect("a lock file is made");
        assert_eq!(directory.lock(&file, EXCLUSIVE), Ok(()));
        file
    });
    for file in files {
        assert_eq!(directory.unlock(&file), Ok(()));
    }
}
