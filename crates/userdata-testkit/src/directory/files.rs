//! Files: creating, writing and reading them.

use userdata_core::store::FileType;
use userdata_fs::{Directory, Errno};

use super::{DirectoryUnderTest, failure, name, read_all, read_at, write_all};
use crate::hostile::Hostile;

/// `create` makes an empty regular file under the name.
pub fn create_makes_an_empty_file<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a) = (&under_test.directory, name("a"));
    let file = directory.create(a).expect("a new file is made");
    let metadata = directory
        .metadata(&file)
        .expect("an open file has metadata");
    assert_eq!((metadata.file_type, metadata.size), (FileType::Regular, 0));
    assert_eq!(under_test.metadata(a).identity, metadata.identity);
    assert_eq!(read_all(directory, &file), b"");
    directory.close(file);
    assert_eq!(read_at(directory, a), b"");
}

/// `create` is exclusive: it refuses a name that is taken, even by a dangling link.
pub fn create_refuses_a_name_that_is_taken<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    under_test.store(name("file"), b"bytes");
    directory
        .make_directory(name("directory"))
        .expect("a directory is made");
    let mut taken = vec![name("file"), name("directory")];
    for (text, hostile) in [
        ("dangling", Hostile::Link(b"nowhere".to_vec())),
        ("link", Hostile::Link(b"file".to_vec())),
        ("pipe", Hostile::Fifo),
    ] {
        if under_test.plant(name(text), &hostile) {
            taken.push(name(text));
        }
    }
    for name in taken {
        let before = under_test.metadata(name);
        assert_eq!(
            failure(directory.create(name)),
            Some(Errno::EXIST),
            "{name}"
        );
        assert_eq!(under_test.metadata(name), before);
    }
    assert_eq!(read_at(directory, name("file")), b"bytes");
    under_test.assert_absent(name("nowhere"));
}

/// The bytes of all writes are read back in order, for every byte value and for sizes around a block.
pub fn written_bytes_are_read_back<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let directory = &under_test.directory;
    let every_byte: Vec<u8> = (0..=u8::MAX).cycle().take(70_000).collect();
    for (number, lengths) in [
        &[1][..],
        &[4095, 1, 1],
        &[4096, 4096],
        &[0, 5, 0],
        &[69_999, 1],
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!("file {number}");
        let file = directory.create(name(&text)).expect("a new file is made");
        let (mut rest, mut total) = (&*every_byte, 0);
        for length in lengths {
            let (part, behind) = rest.split_at(*length);
            write_all(directory, &file, part);
            (rest, total) = (behind, total + length);
            let size = directory
                .metadata(&file)
                .expect("an open file has metadata")
                .size;
            assert_eq!(size, total as u64);
        }
        directory.close(file);
        let read = read_at(directory, name(&text));
        assert!(
            every_byte.starts_with(&read) && read.len() == total,
            "{lengths:?}"
        );
    }
}

/// Two handles on one file have positions of their own, and each reads from the start.
pub fn each_open_file_has_a_position_of_its_own<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a) = (&under_test.directory, name("a"));
    under_test.store(a, b"0123456789");
    let first = directory.open(a).expect("a file is opened");
    let second = directory.open(a).expect("a file is opened");
    let mut buffer = [0; 4];
    assert_eq!(directory.read(&first, &mut buffer), Ok(4));
    assert_eq!(read_all(directory, &second), b"0123456789");
    assert_eq!(read_all(directory, &first), b"456789");
    // A handle that has written stands at the end of the written bytes.
    let writer = directory.create(name("b")).expect("a new file is made");
    write_all(directory, &writer, b"written");
    assert_eq!(read_all(directory, &writer), b"");
}

/// A read fills no more than its buffer. At the end of the file, or with an empty buffer, it returns 0.
pub fn a_read_fills_at_most_its_buffer<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, a) = (&under_test.directory, name("a"));
    under_test.store(a, b"0123456789");
    let file = directory.open(a).expect("a file is opened");
    assert_eq!(directory.read(&file, &mut []), Ok(0));
    let mut read = Vec::new();
    for _ in 0..10 {
        let mut buffer = [0; 1];
        assert_eq!(directory.read(&file, &mut buffer), Ok(1));
        read.extend(buffer);
    }
    assert_eq!(read, b"0123456789");
    for _ in 0..2 {
        let mut buffer = *b"untouched";
        assert_eq!(directory.read(&file, &mut buffer), Ok(0));
        assert_eq!(buffer, *b"untouched");
    }
}

/// A handle from `open` can't be written to.
pub fn a_file_opened_for_reading_cannot_be_written<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let (directory, a) = (&under_test.directory, name("a"));
    under_test.store(a, b"bytes");
    let file = directory.open(a).expect("a file is opened");
    assert_eq!(directory.write(&file, b"more"), Err(Errno::BADF));
    assert_eq!(read_all(directory, &file), b"bytes");
}

/// An open file and its name have the same metadata, files that exist at the same time have different
/// identities, and writing never moves the time of change backwards.
pub fn an_open_file_and_its_name_have_the_same_metadata<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let directory = &under_test.directory;
    let mut identities = Vec::new();
    for text in ["a", "b", "c"] {
        let file = directory.create(name(text)).expect("a new file is made");
        let created = directory
            .metadata(&file)
            .expect("an open file has metadata");
        directory.pause(std::time::Duration::from_millis(2));
        write_all(directory, &file, b"bytes");
        let written = directory
            .metadata(&file)
            .expect("an open file has metadata");
        assert_eq!(written, under_test.metadata(name(text)));
        assert_eq!(written.identity, created.identity);
        assert!(written.modified >= created.modified);
        let reader = directory.open(name(text)).expect("a file is opened");
        assert_eq!(directory.metadata(&reader), Ok(written));
        identities.push(written.identity);
    }
    identities.sort();
    identities.dedup();
    assert_eq!(identities.len(), 3);
}

/// `open_lock` makes a file if there is none, and otherwise opens the existing file unchanged.
pub fn a_lock_file_is_made_once_and_kept<D: Directory>(under_test: &DirectoryUnderTest<D>) {
    let (directory, lock) = (&under_test.directory, name("lock"));
    let first = directory.open_lock(lock).expect("a lock file is made");
    let made = directory
        .metadata(&first)
        .expect("an open file has metadata");
    assert_eq!((made.file_type, made.size), (FileType::Regular, 0));
    let second = directory.open_lock(lock).expect("a lock file is opened");
    assert_eq!(directory.metadata(&second), Ok(made));
    assert_eq!(under_test.metadata(lock), made);
    under_test.store(name("value"), b"bytes");
    let value = directory
        .open_lock(name("value"))
        .expect("any file can be a lock");
    assert_eq!(read_all(directory, &value), b"bytes");
}

/// A file can be read as long as it is open, even once its name is removed or given to another file.
pub fn a_file_stays_readable_when_its_name_is_gone<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let (directory, a, b) = (&under_test.directory, name("a"), name("b"));
    under_test.store(a, b"unlinked");
    under_test.store(b, b"replaced");
    let unlinked = directory.open(a).expect("a file is opened");
    let replaced = directory.open(b).expect("a file is opened");
    directory.unlink(a).expect("a file is unlinked");
    under_test.store(a, b"another");
    directory.rename(a, b).expect("a file is renamed");
    assert_eq!(read_all(directory, &unlinked), b"unlinked");
    assert_eq!(read_all(directory, &replaced), b"replaced");
    assert_eq!(read_at(directory, b), b"another");
    let metadata = directory
        .metadata(&replaced)
        .expect("an open file has metadata");
    assert_eq!(metadata.size, 8);
    assert_ne!(metadata.identity, under_test.metadata(b).identity);
}

/// Without a failure, every sync succeeds: of a file that was just written, of one opened for reading,
/// of one without a name, and of the directory, any number of times.
pub fn files_can_be_synced_however_they_were_opened<D: Directory>(
    under_test: &DirectoryUnderTest<D>,
) {
    let (directory, a) = (&under_test.directory, name("a"));
    let file = directory.create(a).expect("a new file is made");
    assert_eq!(directory.sync_file(&file), Ok(()));
    write_all(directory, &file, b"bytes");
    assert_eq!(directory.sync_file(&file), Ok(()));
    assert_eq!(directory.sync_file(&file), Ok(()));
    assert_eq!(directory.sync(), Ok(()));
    let reader = directory.open(a).expect("a file is opened");
    assert_eq!(directory.sync_file(&reader), Ok(()));
    directory.unlink(a).expect("a file is unlinked");
    assert_eq!(directory.sync_file(&file), Ok(()));
    assert_eq!(directory.sync(), Ok(()));
    assert_eq!(read_all(directory, &reader), b"bytes");
}
