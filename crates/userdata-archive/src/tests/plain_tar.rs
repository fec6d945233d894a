//! The system's `tar` reads an archive.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::crafted::{archive, written};
use crate::{Archive, member};

const VALUES: [(&str, &[u8]); 5] = [
    ("*", b"star"),
    (".hidden", b"dot"),
    ("a%2Fb", b"percent"),
    ("libxl-json", &[0; 1000]),
    ("~xl_2.conf", &[b'x'; 512]),
];

/// Runs `tar`, and returns its output.
fn plain_tar(arguments: &[&OsStr]) -> String {
    let output = Command::new("tar").args(arguments).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn in_a_file(archive: &Archive) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.tar");
    fs::write(&file, written(archive)).unwrap();
    (folder, file)
}

#[test]
fn plain_tar_lists_and_reads_names_of_every_length() {
    // Too long for a header, and too long for a file system.
    let (long, longest) = ("x".repeat(128), "%".repeat(128));
    let more: [(&str, &[u8]); 2] = [(&long, b"long"), (&longest, b"longest")];
    let archive = archive(&[&VALUES[..], &more].concat());
    let (_folder, file) = in_a_file(&archive);

    let names = archive.values().iter().map(|(id, _)| member::name(id));
    let names: Vec<String> = std::iter::once("userdata.json".to_owned())
        .chain(names)
        .collect();
    assert!(names.contains(&"values/%2A".to_owned()), "{names:?}");
    assert!(names.contains(&"values/%2Ehidden".to_owned()), "{names:?}");
    assert!(names.iter().any(|name| name.len() == 7 + 3 * 128));
    let listed = plain_tar(&["-tf".as_ref(), file.as_ref()]);
    assert_eq!(listed.lines().collect::<Vec<_>>(), names);

    for (userid, value) in archive.values() {
        let name = member::name(userid);
        let read = plain_tar(&["-xOf".as_ref(), file.as_ref(), name.as_ref()]);
        assert_eq!(read.as_bytes(), value.as_bytes(), "{userid}");
    }
}

#[test]
fn plain_tar_extracts_the_values_into_one_folder() {
    let archive = archive(&VALUES);
    let (folder, file) = in_a_file(&archive);
    plain_tar(&[
        "-C".as_ref(),
        folder.path().as_ref(),
        "-xf".as_ref(),
        file.as_ref(),
    ]);
    for (userid, value) in archive.values() {
        let path = folder.path().join(member::name(userid));
        assert_eq!(fs::read(path).unwrap(), value.as_bytes(), "{userid}");
    }
    let values = fs::read_dir(folder.path().join("values")).unwrap();
    assert_eq!(values.count(), archive.values().len());
}
