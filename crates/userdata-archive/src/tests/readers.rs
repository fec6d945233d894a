//! Readers and writers that transfer few bytes at a time, fail, or are interrupted.

use std::io::{self, Read, Write};

use super::crafted::{LIMITS, archive, file_with, header, tar, written};
use crate::{Archive, Damage, Limits, Part, ReadError, WriteError, member};

/// A reader that returns one byte at a time, each after an interruption. With `at_end`, it fails
/// after the last byte.
struct Slow<'b> {
    bytes: &'b [u8],
    interrupted: bool,
    at_end: Option<io::ErrorKind>,
}

impl<'b> Slow<'b> {
    fn new(bytes: &'b [u8], at_end: Option<io::ErrorKind>) -> Self {
        Self {
            bytes,
            interrupted: false,
            at_end,
        }
    }
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = self.bytes.len().min(buffer.len()).min(1);
        if count == 0 && !buffer.is_empty() {
            return self.at_end.map_or(Ok(0), |kind| Err(kind.into()));
        }
        self.bytes.read(&mut buffer[..count])
    }
}

#[test]
fn bytes_that_arrive_one_by_one_are_the_same_archive() {
    let archive = archive(&[("a", b"1"), ("b", &[7; 70_000])]);
    let bytes = written(&archive);
    let read = Archive::read(Slow::new(&bytes, None), &LIMITS);
    assert_eq!(read.unwrap(), archive);
}

#[test]
fn a_reader_that_fails_is_not_a_damaged_archive() {
    let bytes = written(&archive(&[("a", b"1")]));
    for length in [0, 1, 512, bytes.len() - 1024, bytes.len()] {
        for kind in [io::ErrorKind::UnexpectedEof, io::ErrorKind::BrokenPipe] {
            let input = Slow::new(&bytes[..length], Some(kind));
            match Archive::read(input, &LIMITS) {
                Err(ReadError::Io { source, .. }) => assert_eq!(source.kind(), kind),
                other => panic!("{length}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_wrong_size_takes_no_memory() {
    // Half of the address space: to ask for it would fail.
    let size = 1 << 62;
    let limits = Limits::new(u64::MAX)
        .with_manifest(u64::MAX)
        .with_total(u64::MAX);
    let head = header(b"userdata.json", size, |_| ());
    assert_eq!(head, member::head("userdata.json", size).unwrap());
    let bytes = tar(&[file_with(head, b"{}")]);
    let error = Archive::read(&bytes[..], &limits).expect_err("it is cut off");
    assert!(matches!(
        error,
        ReadError::Damaged {
            damage: Damage::CutOff,
            ..
        }
    ));
}

/// A writer that takes this many bytes, one at a time, each after an interruption.
struct Narrow {
    room: usize,
    interrupted: bool,
    got: Vec<u8>,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.got.len() == self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.got.extend(&bytes[..1]);
        Ok(1)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_a_full_disk_got_is_refused() {
    let archive = archive(&[("a", b"1"), ("b", b"2")]);
    let good = written(&archive);
    for room in (0..=good.len()).step_by(64) {
        let mut out = Narrow {
            room,
            interrupted: false,
            got: Vec::new(),
        };
        let result = archive.write(&mut out, &LIMITS);
        assert_eq!(out.got, good[..room]);
        if room == good.len() {
            result.unwrap();
            continue;
        }
        assert!(matches!(result, Err(WriteError::Io { .. })), "{result:?}");
        assert!(Archive::read(&out.got[..], &LIMITS).is_err());
    }
}

#[test]
fn a_write_that_fails_names_the_part() {
    let archive = archive(&[("a", b"1")]);
    let good = written(&archive);
    for (room, expected) in [
        (0, Part::member("userdata.json")),
        (good.len() - 1600, Part::member("values/a")),
        (good.len() - 1, Part::End),
    ] {
        let mut out = Narrow {
            room,
            interrupted: false,
            got: Vec::new(),
        };
        match archive.write(&mut out, &LIMITS) {
            Err(WriteError::Io { part, .. }) => assert_eq!(part, expected),
            other => panic!("{other:?}"),
        }
    }
}
