//! Archives made by hand, right and wrong.

use std::error::Error as _;

use tar::{EntryType, Header};
use userdata_core::{Userid, Value, Version};

use crate::member::{self, END};
use crate::{Archive, Limits, ReadError};

pub(super) const KEY: &str = "5.11111111-2222-3333-4444-abcdef555555";

/// Limits that no test reaches unless it lowers them.
pub(super) const LIMITS: Limits = Limits::new(1 << 20);

/// An archive of these values.
pub(super) fn archive(values: &[(&str, &[u8])]) -> Archive {
    let values = values.iter().map(|(userid, bytes)| {
        let userid = Userid::new(userid).unwrap();
        (userid, Value::new(bytes.to_vec()))
    });
    Archive::new(KEY.parse().unwrap(), Some("web".to_owned()), values).unwrap()
}

/// The bytes that `write` makes of an archive.
pub(super) fn written(archive: &Archive) -> Vec<u8> {
    let mut bytes = Vec::new();
    archive.write(&mut bytes, &LIMITS).unwrap();
    bytes
}

/// A value of the manifest, as it should be.
pub(super) fn listed(userid: &str, value: &[u8]) -> String {
    listed_as(userid, value.len() as u64, value)
}

/// A value of the manifest with this size.
pub(super) fn listed_as(userid: &str, size: u64, value: &[u8]) -> String {
    let version = Version::of(value);
    format!(
        "    {{\n      \"userid\": \"{userid}\",\n      \"size\": {size},\n      \
         \"version\": \"{version}\"\n    }}"
    )
}

/// A manifest that lists these values, with its checksum.
pub(super) fn manifest(listed: &[String]) -> Vec<u8> {
    let values = match listed {
        [] => "[]".to_owned(),
        _ => format!("[\n{}\n  ]", listed.join(",\n")),
    };
    sealed(&format!(
        "{{\n  \"schema\": \"userdata/archive/1\",\n  \"domain\": \"{KEY}\",\n  \
         \"name\": \"web\",\n  \"values\": {values}\n}}"
    ))
}

/// The document with its checksum.
pub(super) fn sealed(text: &str) -> Vec<u8> {
    let checksum = Version::of(text.as_bytes());
    let open = text.strip_suffix("\n}").unwrap();
    format!("{open},\n  \"checksum\": \"{checksum}\"\n}}\n").into_bytes()
}

/// A regular file, as this crate writes it.
pub(super) fn file(member: &str, data: &[u8]) -> Vec<u8> {
    file_with(member::head(member, data.len() as u64).unwrap(), data)
}

/// Data after this header.
pub(super) fn file_with(mut head: Vec<u8>, data: &[u8]) -> Vec<u8> {
    head.extend(data);
    head.resize(head.len() + member::padding(data.len() as u64), 0);
    head
}

/// A header like those of this crate, but changed.
pub(super) fn header(member: &[u8], size: u64, change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header
        .as_mut_bytes()
        .copy_from_slice(&member::head("x", size).unwrap());
    header.as_old_mut().name[..member.len()].copy_from_slice(member);
    header.set_entry_type(EntryType::Regular);
    change(&mut header);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// These members, and the end.
pub(super) fn tar(members: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = members.concat();
    bytes.resize(bytes.len() + END, 0);
    bytes
}

/// The error and its causes, on one line.
pub(super) fn chain(error: &ReadError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// The error with which these bytes are refused.
pub(super) fn refused(bytes: &[u8]) -> ReadError {
    Archive::read(bytes, &LIMITS).expect_err("an archive that is wrong")
}
