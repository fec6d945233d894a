//! `Image`: the content of a disk, which is cheap to copy.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

pub(crate) const BLOCK_LEN: usize = 4096;

type Block = [u8; BLOCK_LEN];

/// The content of a disk. Blocks that were never written are zero and take no memory. Copies share a block
/// until one of them writes to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    blocks: BTreeMap<u64, Arc<Block>>,
}

impl Image {
    /// The content of a file.
    pub(crate) fn of_file(path: &Path) -> Result<Self> {
        let reading = || format!("reading {}", path.display());
        let mut file = File::open(path).with_context(reading)?;
        let mut image = Self::default();
        let mut chunk = vec![0; 256 * BLOCK_LEN];
        let mut at = 0;
        loop {
            let len = file.read(&mut chunk).with_context(reading)?;
            if len == 0 {
                return Ok(image);
            }
            image.write(at, chunk.get(..len).unwrap_or_default());
            at += len as u64;
        }
    }

    /// Fills the buffer with the bytes at this offset.
    pub(crate) fn read(&self, at: u64, buffer: &mut [u8]) {
        for_each_block(at, buffer.len(), |number, within, piece| {
            let Some(to) = buffer.get_mut(piece) else {
                return;
            };
            match self.blocks.get(&number).and_then(|block| block.get(within)) {
                Some(from) => to.copy_from_slice(from),
                None => to.fill(0),
            }
        });
    }

    /// Writes bytes at this offset.
    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) {
        for_each_block(at, bytes.len(), |number, within, piece| {
            let from = bytes.get(piece).unwrap_or_default();
            if !self.blocks.contains_key(&number) && from.iter().all(|byte| *byte == 0) {
                return;
            }
            let block = self
                .blocks
                .entry(number)
                .or_insert_with(|| Arc::new([0; BLOCK_LEN]));
            if let Some(to) = Arc::make_mut(block).get_mut(within) {
                to.copy_from_slice(from);
            }
        });
    }

    /// The blocks that were written, with their offsets.
    pub(crate) fn written(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let place = |number: &u64| *number * BLOCK_LEN as u64;
        self.blocks
            .iter()
            .map(move |(number, block)| (place(number), &block[..]))
    }
}

/// Calls `each` with every block of a range: its number, the part of the block, and the part of the range.
fn for_each_block(
    at: u64,
    len: usize,
    mut each: impl FnMut(u64, std::ops::Range<usize>, std::ops::Range<usize>),
) {
    let mut done = 0;
    while done < len {
        let place = at + done as u64;
        let within = (place % BLOCK_LEN as u64) as usize;
        let piece = (BLOCK_LEN - within).min(len - done);
        let number = place / BLOCK_LEN as u64;
        each(number, within..within + piece, done..done + piece);
        done += piece;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(image: &Image, at: u64, len: usize) -> Vec<u8> {
        let mut buffer = vec![b'?'; len];
        image.read(at, &mut buffer);
        buffer
    }

    #[test]
    fn bytes_written_across_blocks_are_read_back() {
        let mut image = Image::default();
        image.write(4000, &[7; 9000]);
        assert_eq!(
            read(&image, 3999, 9002),
            [&[0], &[7; 9000][..], &[0]].concat()
        );
    }

    #[test]
    fn a_copy_does_not_see_later_writes() {
        let mut image = Image::default();
        image.write(0, b"old");
        let copy = image.clone();
        image.write(1, b"ew");
        assert_eq!(read(&copy, 0, 3), b"old");
        assert_eq!(read(&image, 0, 3), b"oew");
    }

    #[test]
    fn zeros_take_no_room_unless_they_overwrite() {
        let mut image = Image::default();
        image.write(0, &[0; 8192]);
        assert_eq!(image, Image::default());
        image.write(4096, b"x");
        image.write(4096, &[0; 1]);
        assert_eq!(image.written().count(), 1);
        assert_eq!(read(&image, 4096, 1), [0]);
    }
}
