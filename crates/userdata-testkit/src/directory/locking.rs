//! Locks: flock(2), held by open files.

use userdata_fs::{Directory, Errno, LockMode};

use super::{DirectoryUnderTest, name, read_all};

const EXCLUSIVE: LockMode = LockMode::Exclusive;
const SHARED: LockMode = LockMode::Shared;

/// Opens the same file `N` times.
#[track_caller]
fn open<D: Directory, const N: usize>(under_test: &DirectoryUnderTest<D>) -> [D::File; N] {
    std::array::from_fn(|_| {
        let opened = under_test.directory.open_lock(name("lock"));
        opened.expect("a lock file is opened")
    })
}

/// While one handle has an exclusive lock, every other handle is refused at once.
pub fn an_exclusive_lock_excludes_all_others<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let [holder, other] = open(under_test);
    assert_eq!(directory.lock(&holder, EXCLUSIVE), Ok(()));
    assert_eq!(directory.lock(&other, EXCLUSIVE), Err(Errno::AGAIN));
    assert_eq!(directory.lock(&other, SHARED), Err(Errno::AGAIN));
    // The lock holder may lock again.
    assert_eq!(directory.lock(&holder, EXCLUSIVE), Ok(()));
    let reader = directory
        .open(name("lock"))
        .expect("a locked file is opened");
    assert_eq!(read_all(directory, &reader), b"");
    assert_eq!(directory.lock(&reader, SHARED), Err(Errno::AGAIN));
}

/// Several handles can have a shared lock at the same time, and then none can have an exclusive one.
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

/// Closing a handle releases its lock, and closing another handle does not.
pub fn closing_a_file_releases_its_lock<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let [holder, other, third] = open(under_test);
    assert_eq!(directory.lock(&holder, EXCLUSIVE), Ok(()));
    directory.close(third);
    assert_eq!(directory.lock(&other, EXCLUSIVE), Err(Errno::AGAIN));
    directory.close(holder);
    assert_eq!(directory.lock(&other, EXCLUSIVE), Ok(()));
}

/// Dropping a handle closes it.
pub fn dropping_a_file_releases_its_lock<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let [holder, other] = open(under_test);
    assert_eq!(directory.lock(&holder, EXCLUSIVE), Ok(()));
    drop(holder);
    assert_eq!(directory.lock(&other, EXCLUSIVE), Ok(()));
}

/// A released lock can be taken by another handle, and by the same one again. A handle without a lock
/// can be unlocked, which does not release the lock of another.
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

/// A handle with an exclusive lock that asks for a shared one has a shared one afterwards.
pub fn an_exclusive_lock_can_become_a_shared_one<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let [first, second] = open(under_test);
    assert_eq!(directory.lock(&first, EXCLUSIVE), Ok(()));
    assert_eq!(directory.lock(&first, SHARED), Ok(()));
    assert_eq!(directory.lock(&second, SHARED), Ok(()));
    assert_eq!(directory.lock(&first, EXCLUSIVE), Err(Errno::AGAIN));
}

/// A lock stays with its file when the file is renamed or unlinked. A new file of the same name is not
/// locked.
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
    directory.close(holder);
    assert_eq!(directory.lock(&same, EXCLUSIVE), Ok(()));
}

/// The locks of different files are independent.
pub fn each_file_is_locked_by_itself<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let files = ["a", "b", "c"].map(|text| {
        let file = directory
            .open_lock(name(text))
            .expect("a lock file is made");
        assert_eq!(directory.lock(&file, EXCLUSIVE), Ok(()));
        file
    });
    for file in files {
        assert_eq!(directory.unlock(&file), Ok(()));
    }
}
