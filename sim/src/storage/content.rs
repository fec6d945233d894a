//! `Content`: the bytes of a file, as readers see them and as the disk holds them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use userdata_fs::Errno;

/// How far into a file a byte may be written: nothing here is larger unless it was planted.
const WRITE_END_MAX: u64 = 1 << 30;

/// Bytes, of which a tail of zeros need not be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes {
    head: Arc<Vec<u8>>,
    size: u64,
}

impl Bytes {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let size = bytes.len() as u64;
        Self {
            head: Arc::new(bytes),
            size,
        }
    }

    pub(crate) fn zeros(size: u64) -> Self {
        Self {
            head: Arc::default(),
            size,
        }
    }

    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes take up space on the disk.
    pub(crate) fn allocated(&self) -> u64 {
        self.head.len() as u64
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(crate) fn read(&self, at: u64, buffer: &mut [u8]) -> usize {
        let rest = self.size.saturating_sub(at);
        let count = usize::try_from(rest)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let kept = self.head.get(start..).unwrap_or_default();
        for (at, byte) in buffer.iter_mut().take(count).enumerate() {
            *byte = kept.get(at).copied().unwrap_or_default();
        }
        count
    }

    fn write(&mut self, at: u64, bytes: &[u8]) {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let end = start.saturating_add(bytes.len());
        let head = Arc::make_mut(&mut self.head);
        if head.len() < end {
            head.resize(end, 0);
        }
        if let Some(place) = head.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        self.size = self.size.max(end as u64);
    }

    fn resize(&mut self, size: u64) {
        self.size = size;
        let kept = usize::try_from(size).unwrap_or(usize::MAX);
        if self.head.len() > kept {
            Arc::make_mut(&mut self.head).truncate(kept);
        }
    }
}

/// A change of a file that a crash may undo without the others.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Block { at: u64, bytes: Arc<[u8]> },
    Truncated,
}

/// What a crash may do to the size of a file that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sizes {
    /// The size is that of the bytes that survive.
    FollowBytes,
    /// Every size that the file has had may survive, whatever bytes do: zeros stand where there are
    /// none, and bytes beyond the size are lost.
    Vary,
}

/// The bytes of a regular file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    /// What `read` gives.
    cached: Bytes,
    /// What is on the disk for certain.
    durable: Bytes,
    /// What may be on the disk besides, in the order in which it was done.
    pending: Vec<Piece>,
    /// How many of the pending pieces were written back, and the number of the next change of a
    /// name at that moment: if that one is on the disk, or a later one, then so are they.
    written_back: Option<(usize, u64)>,
}

impl Content {
    pub(crate) fn durable(bytes: Bytes) -> Self {
        Self {
            cached: bytes.clone(),
            durable: bytes,
            pending: Vec::new(),
            written_back: None,
        }
    }

    pub(crate) const fn cached(&self) -> &Bytes {
        &self.cached
    }

    /// Writes bytes that reach the disk block by block; with no `block` size one call is one block.
    pub(crate) fn write(
        &mut self,
        at: u64,
        bytes: &[u8],
        block: Option<NonZeroUsize>,
    ) -> Result<(), Errno> {
        if at.saturating_add(bytes.len() as u64) > WRITE_END_MAX {
            return Err(Errno::FBIG);
        }
        self.cached.write(at, bytes);
        let (mut at, mut rest) = (at, bytes);
        while !rest.is_empty() {
            let room = match block {
                Some(block) => block.get() - usize::try_from(at).unwrap_or_default() % block,
                None => rest.len(),
            };
            let (piece, behind) = rest.split_at(room.min(rest.len()));
            self.pending.push(Piece::Block {
                at,
                bytes: piece.into(),
            });
            at += piece.len() as u64;
            rest = behind;
        }
        Ok(())
    }

    pub(crate) fn truncate(&mut self) {
        if self.cached.size() > 0 {
            self.cached = Bytes::default();
            self.pending.push(Piece::Truncated);
        }
    }

    /// Everything that was written is in the cache of the disk. `next` is the number of the change
    /// of a name that is made next.
    pub(crate) fn write_back(&mut self, next: u64) {
        self.written_back = Some((self.pending.len(), next));
    }

    /// The same content on a disk that holds every change of a name before this number.
    pub(crate) fn behind(&self, changes: u64) -> Self {
        let mut content = self.clone();
        if let Some((pieces, next)) = self.written_back
            && next < changes
        {
            for piece in content.pending.drain(..pieces.min(self.pending.len())) {
                apply(&mut content.durable, &piece);
            }
            content.written_back = None;
        }
        content
    }

    /// Everything that was written is on the disk.
    pub(crate) fn sync(&mut self) {
        self.written_back = None;
        for piece in std::mem::take(&mut self.pending) {
            apply(&mut self.durable, &piece);
        }
    }

    /// A write to the disk failed: the kernel takes the pages for clean all the same, so that
    /// readers go on seeing the new bytes, the disk keeps the old ones, and the next sync succeeds.
    /// Bytes that were written back before are not lost.
    pub(crate) fn lose_writeback(&mut self) {
        let kept = self.written_back.map_or(0, |(pieces, _)| pieces);
        self.pending.truncate(kept);
    }

    /// In how many ways a crash can leave this file, and how often a way is counted.
    pub(crate) fn crash_count(&self, sizes: Sizes) -> u128 {
        match sizes {
            Sizes::FollowBytes => power_of_two(self.pending.len()),
            Sizes::Vary => self.sizes().iter().fold(0, |sum: u128, size| {
                sum.saturating_add(power_of_two(self.pieces_within(*size)))
            }),
        }
    }

    /// What a crash leaves, for each `index` below [`Content::crash_count`].
    pub(crate) fn crashed(&self, sizes: Sizes, mut index: u128) -> Bytes {
        if sizes == Sizes::FollowBytes {
            return self.with_pieces(index, |_| true);
        }
        for size in self.sizes() {
            let count = power_of_two(self.pieces_within(size));
            if index < count {
                let mut bytes = self.with_pieces(index, |piece| begins_within(piece, size));
                bytes.resize(size);
                return bytes;
            }
            index -= count;
        }
        self.durable.clone()
    }

    /// The durable bytes with some of the pending pieces: bit `i` of `mask` is for the `i`-th of
    /// those that are `eligible`.
    fn with_pieces(&self, mask: u128, eligible: impl Fn(&Piece) -> bool) -> Bytes {
        let mut bytes = self.durable.clone();
        for (bit, piece) in self
            .pending
            .iter()
            .filter(|piece| eligible(piece))
            .enumerate()
        {
            if mask >> bit.min(127) & 1 == 1 {
                apply(&mut bytes, piece);
            }
        }
        bytes
    }

    /// Every size that the file has had since it was last synced, from small to large.
    fn sizes(&self) -> Vec<u64> {
        let mut size = self.durable.size();
        let mut sizes = vec![size];
        for piece in &self.pending {
            size = match piece {
                Piece::Block { at, bytes } => size.max(at + bytes.len() as u64),
                Piece::Truncated => 0,
            };
            sizes.push(size);
        }
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }

    fn pieces_within(&self, size: u64) -> usize {
        let within = |piece: &&Piece| begins_within(piece, size);
        self.pending.iter().filter(within).count()
    }

    /// What a crash with this `index` loses, as text.
    pub(crate) fn describe_crashed(&self, sizes: Sizes, index: u128) -> String {
        let bytes = self.crashed(sizes, index);
        format!(
            "{} of {} bytes: {}",
            bytes.size(),
            self.cached.size(),
            bytes.head().escape_ascii(),
        )
    }
}

fn begins_within(piece: &Piece, size: u64) -> bool {
    match piece {
        Piece::Block { at, .. } => *at < size,
        Piece::Truncated => true,
    }
}

fn apply(bytes: &mut Bytes, piece: &Piece) {
    match piece {
        Piece::Block { at, bytes: piece } => bytes.write(*at, piece),
        Piece::Truncated => *bytes = Bytes::default(),
    }
}

pub(crate) fn power_of_two(exponent: usize) -> u128 {
    u32::try_from(exponent)
        .ok()
        .and_then(|exponent| 1_u128.checked_shl(exponent))
        .unwrap_or(u128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Option<NonZeroUsize> = NonZeroUsize::new(2);
    const THREE: Option<NonZeroUsize> = NonZeroUsize::new(3);

    fn states(content: &Content, sizes: Sizes) -> Vec<Vec<u8>> {
        (0..content.crash_count(sizes))
            .map(|index| {
                let bytes = content.crashed(sizes, index);
                let mut all = vec![b'?'; usize::try_from(bytes.size()).unwrap()];
                assert_eq!(bytes.read(0, &mut all), all.len());
                all
            })
            .collect()
    }

    #[test]
    fn any_subset_of_blocks_survives() {
        let mut content = Content::default();
        content.write(0, b"aabb", TWO).unwrap();
        let expected = [&b""[..], b"aa", b"\0\0bb", b"aabb"];
        assert_eq!(states(&content, Sizes::FollowBytes), expected);
        content.sync();
        assert_eq!(states(&content, Sizes::FollowBytes), [b"aabb"]);
    }

    #[test]
    fn every_size_survives_with_every_subset_of_the_blocks_in_it() {
        let mut content = Content::default();
        content.write(0, b"aabb", TWO).unwrap();
        let expected = [
            &b""[..],
            b"\0\0",
            b"aa",
            b"\0\0\0\0",
            b"aa\0\0",
            b"\0\0bb",
            b"aabb",
        ];
        assert_eq!(states(&content, Sizes::Vary), expected);
    }

    #[test]
    fn blocks_are_cut_where_the_disk_cuts_them() {
        let mut content = Content::default();
        content.write(0, b"a", TWO).unwrap();
        content.write(1, b"abb", TWO).unwrap();
        assert_eq!(content.crash_count(Sizes::FollowBytes), 8);
    }

    #[test]
    fn an_overwrite_leaves_a_mixture_of_old_and_new() {
        let mut content = Content::durable(Bytes::new(b"oldold".to_vec()));
        content.write(0, b"newnew", THREE).unwrap();
        let expected = [&b"oldold"[..], b"newold", b"oldnew", b"newnew"];
        assert_eq!(states(&content, Sizes::FollowBytes), expected);
    }

    #[test]
    fn what_a_failed_sync_lost_stays_lost() {
        let mut content = Content::durable(Bytes::new(b"old".to_vec()));
        content.write(0, b"new", None).unwrap();
        content.lose_writeback();
        content.sync();
        assert_eq!(content.cached(), &Bytes::new(b"new".to_vec()));
        assert_eq!(states(&content, Sizes::Vary), [b"old"]);
    }
}
