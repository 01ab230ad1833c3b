//! The number of items of each size, over all shards.

use std::collections::BTreeMap;

use slabcore_protocol::{END, encode_stat};

/// The number of items of each size.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    items: BTreeMap<u64, u64>,
}

impl Sizes {
    /// Adds the sizes of a shard: pairs of bytes and items.
    pub(super) fn merge_bytes(&mut self, bytes: &[u8]) {
        let (words, _) = bytes.as_chunks::<8>();
        let (pairs, _) = words.as_chunks::<2>();
        for [bytes, items] in pairs {
            let total = self.items.entry(u64::from_le_bytes(*bytes)).or_default();
            *total += u64::from_le_bytes(*items);
        }
    }

    /// Encodes the reply to `stats sizes`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for (bytes, items) in &self.items {
            encode_stat(out, bytes, items);
        }
        out.extend_from_slice(END);
    }
}
