//! The first and the last block of a stream.

use crate::clock::Clock;

/// The start of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Start {
    /// When it began.
    pub clock: Clock,
    /// The shard whose items the stream has.
    pub shard: u32,
    /// Shards of the server, each with a stream of its own. 1: this stream has all items.
    pub shards: u32,
}

impl Start {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.shard.to_le_bytes());
        bytes.extend(self.shards.to_le_bytes());
        bytes.extend(self.clock.unix_milliseconds.to_le_bytes());
        bytes.extend(self.clock.boot_id);
        bytes.extend(self.clock.boot_milliseconds.to_le_bytes());
        bytes
    }

    pub(super) fn decode(mut payload: &[u8]) -> Option<Start> {
        let bytes = &mut payload;
        let shard = u32::from_le_bytes(take(bytes)?);
        let shards = u32::from_le_bytes(take(bytes)?);
        let unix_milliseconds = u64::from_le_bytes(take(bytes)?);
        let boot_id = take(bytes)?;
        let boot_milliseconds = u64::from_le_bytes(take(bytes)?);
        let clock = Clock { unix_milliseconds, boot_id, boot_milliseconds };
        bytes.is_empty().then_some(Start { clock, shard, shards })
    }
}

/// What a stream has in all, in its last block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Totals {
    pub(super) items: u64,
    /// Bytes of all payloads.
    pub(super) bytes: u64,
}

impl Totals {
    pub(super) fn encode(self) -> Vec<u8> {
        [self.items.to_le_bytes(), self.bytes.to_le_bytes()].concat()
    }

    pub(super) fn decode(mut payload: &[u8]) -> Option<Totals> {
        let bytes = &mut payload;
        let items = u64::from_le_bytes(take(bytes)?);
        let totals = Totals { items, bytes: u64::from_le_bytes(take(bytes)?) };
        bytes.is_empty().then_some(totals)
    }
}

fn take<const LEN: usize>(bytes: &mut &[u8]) -> Option<[u8; LEN]> {
    let (first, rest) = bytes.split_first_chunk::<LEN>()?;
    *bytes = rest;
    Some(*first)
}
