//! The header of a block.

use crate::limits::{BLOCK_BYTES_MAX, HEADER_BYTES};

/// The first bytes of each block.
pub(super) const MAGIC: [u8; 4] = *b"SLBK";

/// The version of the format.
pub(super) const VERSION: u8 = 2;

/// The oldest version that is read. It has no extensions of records.
const VERSION_MIN: u8 = 1;

/// Bytes of the header that its checksum covers.
const CHECKED_BYTES: usize = HEADER_BYTES - 4;

/// What a block has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockKind {
    Start,
    Items,
    Long,
    Piece,
    End,
}

impl BlockKind {
    const ALL: [BlockKind; 5] =
        [BlockKind::Start, BlockKind::Items, BlockKind::Long, BlockKind::Piece, BlockKind::End];
}

/// A header that passed its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockHeader {
    pub(super) kind: BlockKind,
    /// Blocks of the stream before this one.
    pub(super) number: u32,
    /// Records.
    pub(super) count: u32,
    pub(super) payload_bytes: u32,
    /// The second in which the stream began.
    pub(super) unix_seconds: u32,
    pub(super) payload_crc: u32,
}

/// Why bytes are not a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAHeader {
    /// They are something else, or damaged.
    Damaged,
    /// A header of another version of the format.
    Version(u8),
}

impl BlockHeader {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = self.kind as u8;
        bytes[5] = VERSION;
        let words =
            [self.number, self.count, self.payload_bytes, self.unix_seconds, self.payload_crc];
        for (place, word) in bytes[8..CHECKED_BYTES].chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[..CHECKED_BYTES]);
        bytes[CHECKED_BYTES..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<BlockHeader, NotAHeader> {
        let word = |at: usize| {
            bytes[at..].first_chunk().map_or(0, |word: &[u8; 4]| u32::from_le_bytes(*word))
        };
        let is_whole =
            bytes[..4] == MAGIC && crc32fast::hash(&bytes[..CHECKED_BYTES]) == word(CHECKED_BYTES);
        if !is_whole {
            return Err(NotAHeader::Damaged);
        }
        if !(VERSION_MIN..=VERSION).contains(&bytes[5]) {
            return Err(NotAHeader::Version(bytes[5]));
        }
        let kind = BlockKind::ALL.get(usize::from(bytes[4])).ok_or(NotAHeader::Damaged)?;
        let header = BlockHeader {
            kind: *kind,
            number: word(8),
            count: word(12),
            payload_bytes: word(16),
            unix_seconds: word(20),
            payload_crc: word(24),
        };
        let fits = header.payload_bytes as usize <= BLOCK_BYTES_MAX;
        if fits { Ok(header) } else { Err(NotAHeader::Damaged) }
    }
}
