//! The worth of a page of a store, to compare it with pages of other shards.
//!
//! The worth is measured: the hits per second on the costliest eighth of the items, the **tail**,
//! divided by the pages of this eighth. It is what a shard loses with a page, and about what it
//! wins with one.

use crate::memory::shard_record::RecordWords;
use crate::policy::rate_meter::RateMeter;
use crate::policy::stale_classes::HIT_SAMPLE;

/// Weight of an item stored, the smallest: 16 stores count as much as a hit. A shard that is being
/// filled has no hits yet.
const STORE_WEIGHT: u32 = 1;

/// Weight of a hit on the tail. A hit weighs 16 stores, and an eighth of all hits is on the tail.
const TAIL_HIT_WEIGHT: u32 = 16 * 8 * STORE_WEIGHT;

/// The unit of the worth of a page.
const WORTH_UNIT: u64 = 1 << 16;

/// Hits on the tail of a store, and items stored.
#[derive(Default)]
pub(crate) struct PageWorth {
    uses: RateMeter,
}

impl PageWorth {
    /// Keeps what is known of the last seconds.
    pub(crate) fn keep(&mut self, words: &mut RecordWords) {
        self.uses.keep(words);
    }

    /// Notes an item stored.
    #[inline]
    pub(crate) fn note_store(&mut self, now: u32) {
        self.uses.add(now, STORE_WEIGHT);
    }

    /// Notes a sampled hit on the tail. It counts as [`HIT_SAMPLE`] hits.
    pub(crate) fn note_tail_hit(&mut self, now: u32) {
        self.uses.add(now, TAIL_HIT_WEIGHT * HIT_SAMPLE);
    }

    /// The worth of one of this many pages.
    pub(crate) fn per_page(&self, now: u32, pages: usize) -> u64 {
        self.uses.per_second(now).saturating_mul(WORTH_UNIT) / pages.max(1) as u64
    }
}
