//! Archives of userdata.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use tar::Header;
use userdata_archive::{Archive, Limits, PADDING, ReadError};
use userdata_core::{DomainKey, Domid, Userid, Uuid, Value, Version};

/// Sizes without a limit: an archive that only says that it is large must not take memory.
const UNLIMITED: Limits = Limits::new(u64::MAX)
    .with_total(u64::MAX)
    .with_manifest(u64::MAX);

const BLOCK: usize = 512;

/// Bytes that are an archive have one form, whether they come from the fuzzer or are an archive
/// that it edited. An edited one is refused, or is the same archive.
pub fn archive(data: &[u8]) {
    read(data);
    let Ok(input) = Input::arbitrary(&mut Unstructured::new(data)) else {
        return;
    };
    let Some(archive) = input.archive() else {
        return;
    };
    let mut bytes = written(&archive);
    assert_eq!(read(&bytes).as_ref(), Some(&archive));
    for edit in &input.edits {
        edit.make(&mut bytes);
    }
    if let Some(read) = read(&bytes) {
        assert_eq!(read, archive);
    }
    // What a program may write that knows the form.
    seal(&mut bytes);
    let sealed = read(&bytes);
    let limits = Limits::new(input.limits[0].into())
        .with_values(input.limits[1].into())
        .with_total(input.limits[2].into());
    match Archive::read(&bytes[..], &limits) {
        Ok(limited) => {
            let values = limited.values().iter().map(|(_, value)| value.as_bytes());
            let sizes: Vec<usize> = values.map(<[u8]>::len).collect();
            assert!(sizes.iter().all(|size| *size <= input.limits[0].into()));
            assert!(sizes.len() <= input.limits[1].into());
            assert!(sizes.iter().sum::<usize>() <= input.limits[2].into());
            assert_eq!(Some(limited), sealed);
        }
        Err(ReadError::Limit(_)) => {}
        Err(error) => assert_eq!(sealed, None, "{error:?}"),
    }
}

/// The archive that these bytes are, if they are one.
fn read(bytes: &[u8]) -> Option<Archive> {
    match Archive::read(bytes, &UNLIMITED) {
        Ok(archive) => {
            let form = written(&archive);
            let (same, padding) = bytes.split_at(form.len());
            assert_eq!(same, form);
            assert!(padding.len() <= PADDING && padding.iter().all(|byte| *byte == 0));
            Some(archive)
        }
        Err(ReadError::OutOfMemory { part, size }) => panic!("{size} bytes for {part}"),
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)),
                "{text}"
            );
            None
        }
    }
}

fn written(archive: &Archive) -> Vec<u8> {
    let mut bytes = Vec::new();
    match archive.write(&mut bytes, &UNLIMITED) {
        Ok(()) => bytes,
        Err(error) => panic!("{error:?}"),
    }
}

/// An archive, and what happens to it.
#[derive(Arbitrary, Debug)]
struct Input {
    domid: u16,
    uuid: u128,
    name: Option<String>,
    values: Vec<(Vec<u8>, Vec<u8>)>,
    edits: Vec<Edit>,
    /// Of a value, of the number of values, of all together.
    limits: [u8; 3],
}

impl Input {
    fn archive(&self) -> Option<Archive> {
        let domid = Domid::new(self.domid).ok()?;
        let key = DomainKey::new(domid, Uuid::from_u128(self.uuid));
        let values: BTreeMap<_, _> = self
            .values
            .iter()
            .filter_map(|(userid, value)| Some((Userid::new(userid).ok()?, value.clone())))
            .filter(|(userid, value)| !value.is_empty() && Archive::writable(userid).is_ok())
            .collect();
        let values = values
            .into_iter()
            .map(|(id, value)| (id, Value::new(value)));
        match Archive::new(key, self.name.clone(), values) {
            Ok(archive) => Some(archive),
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// A change of bytes. Places are counted round the end.
#[derive(Arbitrary, Debug)]
enum Edit {
    Flip { at: u16, bit: u8 },
    Set { at: u16, bytes: Vec<u8> },
    Insert { at: u16, bytes: Vec<u8> },
    Remove { at: u16, count: u8 },
    Cut { at: u16 },
    CopyBlocks { from: u8, count: u8, to: u8 },
    RemoveBlock { at: u8 },
    Zeros { count: u16 },
}

impl Edit {
    fn make(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let place = |at: u16| usize::from(at) % length.max(1);
        let block = |at: u8| usize::from(at) * BLOCK % length.max(1) / BLOCK * BLOCK;
        let end = |start: usize, count: usize| (start + count).min(length);
        match self {
            Self::Flip { at, bit } => {
                if let Some(byte) = bytes.get_mut(place(*at)) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Self::Set { at, bytes: new } => {
                let old = bytes.iter_mut().skip(place(*at));
                old.zip(new).for_each(|(old, new)| *old = *new);
            }
            Self::Insert { at, bytes: new } => {
                bytes.splice(
                    place(*at).min(length)..place(*at).min(length),
                    new.iter().copied(),
                );
            }
            Self::Remove { at, count } => {
                let start = place(*at);
                bytes.drain(start..end(start, usize::from(*count)));
            }
            Self::Cut { at } => bytes.truncate(place(*at)),
            Self::CopyBlocks { from, count, to } => {
                let start = block(*from);
                let stop = end(start, usize::from(*count) * BLOCK);
                let copy = bytes.get(start..stop).unwrap_or_default().to_vec();
                bytes.splice(block(*to)..block(*to), copy);
            }
            Self::RemoveBlock { at } => {
                let start = block(*at);
                bytes.drain(start..end(start, BLOCK));
            }
            Self::Zeros { count } => bytes.resize(length + usize::from(*count), 0),
        }
    }
}

/// Makes the checksums of the headers right, and that of the manifest.
fn seal(bytes: &mut [u8]) {
    if let Some((_, rest)) = bytes.split_at_mut_checked(BLOCK) {
        seal_manifest(rest);
    }
    for block in bytes.chunks_exact_mut(BLOCK) {
        let mut header = Header::new_old();
        header.as_mut_bytes().copy_from_slice(block);
        if header.as_ustar().is_some() {
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
    }
}

/// The manifest begins these bytes.
fn seal_manifest(bytes: &mut [u8]) {
    let mark = b",\n  \"checksum\": \"";
    let Some(at) = bytes.windows(mark.len()).position(|part| part == mark) else {
        return;
    };
    let (text, rest) = bytes.split_at_mut(at);
    let checksum = Version::of(&[&*text, b"\n}"].concat()).to_string();
    let old = rest.iter_mut().skip(mark.len());
    old.zip(checksum.bytes()).for_each(|(old, new)| *old = new);
}
