//! A sample of a store's keys, which simulations follow. A key is in the sample if some low bits of
//! its hash are all 0. So sampled keys are in few buckets of the hash table, and come first in a
//! walk in the order of reversed hashes. A smaller sample is a part of a larger one.
//!
//! Waldspurger and others describe such samples in "Efficient MRC Construction with SHARDS" (2015).

/// The mask of a sample without keys.
const UNSAMPLED_ALL: u32 = u32::MAX;

/// The end of a walk, above all reversed hashes.
const END: u64 = 1 << u32::BITS;

/// A sample, and how far the items of its keys were copied from the store.
pub(super) struct KeySample {
    /// The low bits of a hash that are 0 in the sample: a mask without gaps.
    unsampled: u32,
    /// The reversed hash below which the store's sampled items were copied.
    copied_below: u64,
}

impl KeySample {
    /// A sample without keys.
    pub(super) fn none() -> KeySample {
        KeySample { unsampled: UNSAMPLED_ALL, copied_below: 0 }
    }

    /// A sample of one key in `2^bits`, of which no item is copied yet.
    pub(super) fn one_in(bits: u32) -> KeySample {
        KeySample { unsampled: !(u32::MAX << bits), copied_below: 0 }
    }

    /// The same sample, with nothing left to copy.
    pub(super) fn copied(self) -> KeySample {
        KeySample { copied_below: END, ..self }
    }

    /// The same sample, of which no item is copied yet.
    pub(super) fn uncopied(self) -> KeySample {
        KeySample { copied_below: 0, ..self }
    }

    /// Whether there are keys in the sample.
    pub(super) fn has_keys(&self) -> bool {
        self.unsampled != UNSAMPLED_ALL
    }

    /// One key in `2^bits` is sampled.
    pub(super) fn bits(&self) -> u32 {
        self.unsampled.count_ones()
    }

    /// The mask of the hashes that are in the sample.
    #[inline]
    pub(super) fn mask(&self) -> u32 {
        self.unsampled
    }

    /// Whether the key with this hash is in the sample. If the sample has no keys, this holds for
    /// one hash of 2^32.
    #[inline]
    pub(super) fn has(&self, hash: u64) -> bool {
        // The high half chooses the shard.
        hash as u32 & self.unsampled == 0
    }

    /// Whether the key with this hash is in the part of the sample that has one of `2^bits` of its
    /// keys.
    pub(super) fn part_has(&self, bits: u32, hash: u64) -> bool {
        hash as u32 & !(!self.unsampled << bits) == 0
    }

    /// Halves the sample.
    pub(super) fn narrow(&mut self) {
        self.unsampled = self.unsampled << 1 | 1;
    }

    /// Doubles the sample, but not beyond one key in `2^bits_min`. The items of the keys that come
    /// in are to be copied.
    pub(super) fn widen(&mut self, bits_min: u32) {
        self.unsampled = (self.unsampled >> 1).max(!(u32::MAX << bits_min));
    }

    /// Whether nothing is left to copy.
    #[inline]
    pub(super) fn is_copied(&self) -> bool {
        self.copied_below > u64::from(self.unsampled.reverse_bits() ^ u32::MAX)
    }

    /// The reversed hash from which on the sampled items of the store are to be copied. `None`: all
    /// were copied.
    pub(super) fn next_copy(&self) -> Option<u32> {
        (!self.is_copied()).then_some(self.copied_below as u32)
    }

    /// Notes that all items below this reversed hash were copied.
    pub(super) fn note_copied(&mut self, below: u64) {
        self.copied_below = below;
    }
}
