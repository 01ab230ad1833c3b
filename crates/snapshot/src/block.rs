//! A block that is being filled.

use crate::block_header::{BlockHeader, BlockKind};
use crate::item::{Attributes, Item, append_head};
use crate::limits::{BLOCK_BYTES_MAX, HEADER_BYTES};

/// A block that is being filled: items, a long item without its value, or a piece of its value.
///
/// Filling copies bytes and no more; [`Encoder::write_block`](crate::Encoder::write_block) makes
/// the checksums, on another thread if need be. A block keeps its memory when it is cleared.
#[derive(Debug)]
pub struct Block {
    /// Room for the header, then the payload.
    bytes: Vec<u8>,
    kind: BlockKind,
    count: u32,
}

/// Why an item was not added to a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The block is full, or has something else: write it first.
    Full,
    /// The item fits no block: record it as a long one.
    Long,
    /// The key is empty or longer than 250 bytes, or the value is longer than 1 GiB.
    NotRecordable,
}

impl Default for Block {
    fn default() -> Self {
        Block::new()
    }
}

impl Block {
    /// An empty block, with room for the longest payload.
    pub fn new() -> Block {
        let mut block = Block {
            bytes: Vec::with_capacity(HEADER_BYTES + BLOCK_BYTES_MAX),
            kind: BlockKind::Items,
            count: 0,
        };
        block.clear();
        block
    }

    /// Empties the block.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.resize(HEADER_BYTES, 0);
        (self.kind, self.count) = (BlockKind::Items, 0);
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.payload_bytes() == 0
    }

    /// Bytes that were added.
    pub fn payload_bytes(&self) -> usize {
        self.bytes.len() - HEADER_BYTES
    }

    /// Items in the block. A long one counts with its first block.
    pub fn items(&self) -> u32 {
        self.count
    }

    /// Adds an item.
    pub fn push(&mut self, item: &Item<'_>) -> Result<(), Refusal> {
        self.push_parts(item.key, &item.attributes, item.value.len(), [item.value])
    }

    /// Adds an item whose value lies in several places. The parts have `value_bytes` together.
    pub fn push_parts<'a>(
        &mut self,
        key: &[u8],
        attributes: &Attributes,
        value_bytes: usize,
        parts: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), Refusal> {
        if !attributes.is_recordable(key, value_bytes) {
            return Err(Refusal::NotRecordable);
        }
        let record_bytes = attributes.record_bytes(key, value_bytes);
        if record_bytes > BLOCK_BYTES_MAX {
            return Err(Refusal::Long);
        }
        if self.kind != BlockKind::Items || record_bytes > self.room() {
            return Err(Refusal::Full);
        }
        let end = self.bytes.len() + record_bytes;
        append_head(&mut self.bytes, key, attributes, value_bytes as u32);
        parts.into_iter().for_each(|part| self.bytes.extend_from_slice(part));
        assert_eq!(self.bytes.len(), end, "the parts of a value have its length");
        self.count += 1;
        Ok(())
    }

    /// Adds a long item, without its value, to an empty block. The value follows in blocks that
    /// [`Self::push_piece`] fills, with nothing in between.
    pub fn push_long(
        &mut self,
        key: &[u8],
        attributes: &Attributes,
        value_bytes: usize,
    ) -> Result<(), Refusal> {
        if !attributes.is_recordable(key, value_bytes) || value_bytes == 0 {
            return Err(Refusal::NotRecordable);
        }
        if !self.is_empty() {
            return Err(Refusal::Full);
        }
        append_head(&mut self.bytes, key, attributes, value_bytes as u32);
        (self.kind, self.count) = (BlockKind::Long, 1);
        Ok(())
    }

    /// Adds the next bytes of a long item's value to a block that is empty or has such bytes.
    /// Returns how many found room.
    pub fn push_piece(&mut self, value: &[u8]) -> usize {
        if self.is_empty() {
            self.kind = BlockKind::Piece;
        }
        if self.kind != BlockKind::Piece {
            return 0;
        }
        let taken = value.len().min(self.room());
        self.bytes.extend_from_slice(&value[..taken]);
        taken
    }

    fn room(&self) -> usize {
        BLOCK_BYTES_MAX - self.payload_bytes()
    }

    /// Adds the payload of a start or an end to an empty block.
    pub(super) fn push_end(&mut self, kind: BlockKind, payload: &[u8]) {
        debug_assert!(self.is_empty());
        self.bytes.extend_from_slice(payload);
        self.kind = kind;
    }

    /// Fills in the header. Returns the whole block.
    pub(super) fn seal(&mut self, number: u32, unix_seconds: u32) -> &[u8] {
        let payload_crc = crc32fast::hash(&self.bytes[HEADER_BYTES..]);
        let (kind, count, payload_bytes) = (self.kind, self.count, self.payload_bytes() as u32);
        let header =
            BlockHeader { kind, number, count, payload_bytes, unix_seconds, payload_crc }.encode();
        self.bytes[..HEADER_BYTES].copy_from_slice(&header);
        &self.bytes
    }
}
