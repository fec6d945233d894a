//! Links, pipes, sockets and devices. Statements about a type that can't be planted check nothing.

use userdata_core::store::FileType;
use userdata_fs::{Directory, Errno, LockMode};

use super::{DirectoryUnderTest, failure, name, read_at};
use crate::hostile::Hostile;

/// No call follows a link, whether it leads to a file, a directory, itself or nowhere, and no call
/// makes a file at its target.
pub fn links_are_not_followed<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    under_test.store(name("file"), b"bytes");
    directory
        .make_directory(name("child"))
        .expect("a directory is made");
    for target in ["file", "child", "link", "nowhere", "/dev/null", "../.."] {
        if !under_test.plant(name("link"), &Hostile::Link(target.as_bytes().to_vec())) {
            return;
        }
        assert_eq!(
            failure(directory.open(name("link"))),
            Some(Errno::LOOP),
            "{target}"
        );
        assert_eq!(
            failure(directory.open_lock(name("link"))),
            Some(Errno::LOOP),
            "{target}"
        );
        let opened = directory.open_directory(name("link"));
        assert_eq!(failure(opened), Some(Errno::NOTDIR), "{target}");
        assert_eq!(
            under_test.metadata(name("link")).file_type,
            FileType::Symlink
        );
        directory.unlink(name("link")).expect("a link is unlinked");
    }
    under_test.assert_absent(name("nowhere"));
    assert_eq!(read_at(directory, name("file")), b"bytes");
}

/// `rename` and `unlink` change a link itself and never its target.
pub fn links_are_renamed_and_removed_themselves<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, file, link) = (&under_test.directory, name("file"), name("link"));
    under_test.store(file, b"bytes");
    if !under_test.plant(link, &Hostile::Link(b"file".to_vec())) {
        return;
    }
    let before = under_test.metadata(file);
    directory
        .rename(link, name("renamed"))
        .expect("a link is renamed");
    under_test.assert_absent(link);
    assert_eq!(
        under_test.metadata(name("renamed")).file_type,
        FileType::Symlink
    );
    under_test.store(name("new"), b"new");
    directory
        .rename(name("new"), name("renamed"))
        .expect("a link is replaced");
    assert_eq!(read_at(directory, name("renamed")), b"new");
    assert!(under_test.plant(link, &Hostile::Link(b"file".to_vec())));
    directory.unlink(link).expect("a link is unlinked");
    assert_eq!(under_test.metadata(file), before);
    assert_eq!(read_at(directory, file), b"bytes");
}

/// A pipe without a process at its other end is opened at once, has its type, and can be locked.
pub fn opening_a_pipe_does_not_wait<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, pipe) = (&under_test.directory, name("pipe"));
    if !under_test.plant(pipe, &Hostile::Fifo) {
        return;
    }
    for opened in [directory.open(pipe), directory.open_lock(pipe)] {
        let file = opened.expect("a pipe is opened without waiting");
        assert_eq!(directory.metadata(&file), Ok(under_test.metadata(pipe)));
        assert_eq!(directory.lock(&file, LockMode::Exclusive), Ok(()));
        directory.close(file);
    }
    assert_eq!(under_test.metadata(pipe).file_type, FileType::Fifo);
}

/// A socket has metadata and can't be opened.
pub fn a_socket_is_not_opened<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, socket) = (&under_test.directory, name("socket"));
    if !under_test.plant(socket, &Hostile::Socket) {
        return;
    }
    assert_eq!(failure(directory.open(socket)), Some(Errno::NXIO));
    assert_eq!(failure(directory.open_lock(socket)), Some(Errno::NXIO));
    assert_eq!(under_test.metadata(socket).file_type, FileType::Socket);
}

fn special_files() -> [Hostile; 4] {
    [
        Hostile::Link(b"nowhere".to_vec()),
        Hostile::Fifo,
        Hostile::Socket,
        Hostile::Device,
    ]
}

/// Metadata has the type of each special file, and a listing shows it.
pub fn each_special_file_is_reported_by_its_type<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    for hostile in special_files() {
        let text = format!("{hostile:?}");
        if !under_test.plant(name(&text), &hostile) {
            continue;
        }
        assert_eq!(
            under_test.metadata(name(&text)).file_type,
            hostile.file_type()
        );
        let mut shown = 0;
        let listed = under_test.directory.list(&mut |shown_name| {
            shown += usize::from(shown_name == name(&text));
            std::ops::ControlFlow::Continue(())
        });
        assert_eq!((listed, shown), (Ok(()), 1), "{hostile:?}");
    }
}

/// A file can be renamed over each special file, and each can be unlinked.
pub fn each_special_file_is_replaced_and_removed_like_a_file<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let (directory, a, new) = (&under_test.directory, name("a"), name("new"));
    for hostile in special_files() {
        if !under_test.plant(a, &hostile) {
            continue;
        }
        under_test.store(new, b"bytes");
        assert_eq!(directory.rename(new, a), Ok(()), "{hostile:?}");
        assert_eq!(read_at(directory, a), b"bytes");
        directory.unlink(a).expect("a file is unlinked");
        assert!(under_test.plant(a, &hostile));
        assert_eq!(directory.unlink(a), Ok(()), "{hostile:?}");
        under_test.assert_absent(a);
    }
}
