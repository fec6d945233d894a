//! `Input`: the bytes of an archive, taken in the order in which they arrive.

use std::io::{BufReader, Read};

use tar::{EntryType, Header, PaxExtensions};

use crate::member::{self, BLOCK};
use crate::{Damage, Part, ReadError};

/// A buffer begins with this many bytes, and then grows by at most as many as have arrived.
const FIRST: u64 = 64 << 10;

/// The most bytes of a pax header that this crate writes: it has the name of a member, and a userid
/// has at most 128 bytes.
const PAX_MAX: u64 = BLOCK as u64;

/// The bytes that have not been read yet.
#[derive(Debug)]
pub(crate) struct Input<R: Read>(BufReader<R>);

impl<R: Read> Input<R> {
    pub(crate) fn new(input: R) -> Self {
        Self(BufReader::with_capacity(FIRST as usize, input))
    }

    /// The next `size` bytes, which belong to `part`. A size that is too large does not take
    /// memory: the buffer is at most twice as large as the bytes that have arrived, or `FIRST`.
    pub(crate) fn bytes(&mut self, size: u64, part: &Part) -> Result<Vec<u8>, ReadError> {
        let bytes = self.up_to(size, part)?;
        if (bytes.len() as u64) < size {
            return Err(ReadError::damaged(part.clone(), Damage::CutOff));
        }
        Ok(bytes)
    }

    /// The next `size` bytes, or all that are left.
    pub(crate) fn up_to(&mut self, size: u64, part: &Part) -> Result<Vec<u8>, ReadError> {
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let arrived = bytes.len() as u64;
            let step = (size - arrived).min(arrived.max(FIRST));
            if step == 0 {
                return Ok(bytes);
            }
            usize::try_from(step)
                .ok()
                .and_then(|step| bytes.try_reserve_exact(step).ok())
                .ok_or_else(|| ReadError::OutOfMemory {
                    part: part.clone(),
                    size,
                })?;
            let read = self.0.by_ref().take(step).read_to_end(&mut bytes);
            let read = read.map_err(|source| ReadError::Io {
                part: part.clone(),
                source,
            })?;
            if (read as u64) < step {
                return Ok(bytes);
            }
        }
    }

    /// The next bytes, which have to be zero.
    pub(crate) fn zeros(&mut self, count: usize, part: &Part) -> Result<(), ReadError> {
        let zeros = self.bytes(count as u64, part)?;
        all_zero(&zeros)
            .then_some(())
            .ok_or_else(|| ReadError::damaged(part.clone(), Damage::Padding))
    }

    /// The headers before the data of the next member, or `None` if the archive ends here. `part`
    /// is the member that is expected.
    pub(crate) fn head(&mut self, part: &Part) -> Result<Option<Head>, ReadError> {
        let mut bytes = self.bytes(BLOCK as u64, part)?;
        if all_zero(&bytes) {
            return Ok(None);
        }
        let damaged = |damage| ReadError::damaged(part.clone(), damage);
        let mut header = summed(&bytes).ok_or_else(|| damaged(Damage::Header))?;
        let mut long = None;
        if header.entry_type() == EntryType::XHeader {
            let size = header.entry_size().ok().filter(|size| *size <= PAX_MAX);
            let size = size.ok_or_else(|| damaged(Damage::Header))?;
            let data = self.bytes(size, part)?;
            long = Some(path(&data).ok_or_else(|| damaged(Damage::Header))?);
            bytes.extend(data);
            self.zeros(member::padding(size), part)?;
            bytes.resize(bytes.len() + member::padding(size), 0);
            let last = self.bytes(BLOCK as u64, part)?;
            header = summed(&last).ok_or_else(|| damaged(Damage::Header))?;
            bytes.extend(last);
        }
        let member = long.unwrap_or_else(|| header.path_bytes().into_owned());
        let size = header.entry_size().map_err(|_| damaged(Damage::Header))?;
        Ok(Some(Head {
            bytes,
            member,
            kind: header.entry_type(),
            size,
        }))
    }
}

/// The headers before the data of a member. No field is trusted until all bytes were compared with
/// those that this crate writes; until then the fields only serve to name the difference.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) bytes: Vec<u8>,
    pub(crate) member: Vec<u8>,
    pub(crate) kind: EntryType,
    pub(crate) size: u64,
}

/// The header of these bytes, if its checksum is right.
fn summed(bytes: &[u8]) -> Option<Header> {
    let mut header = Header::new_old();
    if bytes.len() != BLOCK {
        return None;
    }
    header.as_mut_bytes().copy_from_slice(bytes);
    let mut again = header.clone();
    again.set_cksum();
    (header.cksum().ok()? == again.cksum().ok()?).then_some(header)
}

/// The path in a pax header.
fn path(data: &[u8]) -> Option<Vec<u8>> {
    let mut records = PaxExtensions::new(data).map_while(Result::ok);
    let path = records.find(|record| record.key_bytes() == b"path")?;
    Some(path.value_bytes().to_vec())
}

/// Whether all bytes are zero.
pub(crate) fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
