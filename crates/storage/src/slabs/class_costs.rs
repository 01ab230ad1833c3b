//! The costs of keeping the items of one slab class.
//!
//! The costs (see `item/eviction_order.rs`) come from samples of the class's items. The hits and
//! the stores of a window of time tell whether they are right, see `policy/stale_classes.rs`.

use crate::limits::EVICT_LOOKS;
use crate::memory::shard_record::RecordWords;

/// The cost of this rank, from 1, among some costs. Reorders them.
fn nth_largest(costs: &mut [u64], rank: usize) -> Option<u64> {
    if rank > costs.len() {
        return None;
    }
    if rank > 2 {
        let (_, cost, _) = costs.select_nth_unstable_by(rank - 1, |a, b| b.cmp(a));
        return Some(*cost);
    }
    let (mut largest, mut second) = (0, 0);
    for cost in costs {
        (largest, second) = (largest.max(*cost), second.max(largest.min(*cost)));
    }
    Some(if rank == 1 { largest } else { second })
}

/// Samples over which costs are averaged.
const AVERAGED_SAMPLES: u64 = 4;

/// The costs of one class.
pub(crate) struct ClassCosts {
    /// The class keeps about a page of items at a higher cost than this: a moving average over
    /// about four samples.
    page_cost: u64,
    /// The class keeps an eighth of its items at a higher cost than this, averaged likewise.
    tail_cost: u64,
    /// Hits that one item is expected to have, in an arbitrary unit: the mean over the items,
    /// averaged likewise.
    expected_hits: u64,
    /// Sampled hits in this window.
    window_hits: u64,
    /// Items stored in this window.
    window_stores: u64,
    /// The factor by which the class's items cost more than their ages say. 1: not stale.
    staleness: u64,
    /// The size weight of an item that fills a chunk, as of the last sample.
    chunk_weight: u64,
    /// Evictions since the class last got a page of another class.
    unbalanced_evictions: u32,
}

impl ClassCosts {
    pub(super) fn new() -> ClassCosts {
        ClassCosts {
            page_cost: 0,
            tail_cost: 0,
            expected_hits: 0,
            window_hits: 0,
            window_stores: 0,
            staleness: 1,
            chunk_weight: 0,
            unbalanced_evictions: 0,
        }
    }

    /// Keeps the costs, and the window that they are judged by.
    pub(super) fn keep(&mut self, words: &mut RecordWords) {
        words.keep(&mut self.page_cost);
        words.keep(&mut self.tail_cost);
        words.keep(&mut self.expected_hits);
        words.keep(&mut self.window_hits);
        words.keep(&mut self.window_stores);
        words.keep(&mut self.staleness);
        words.keep(&mut self.chunk_weight);
        words.keep(&mut self.unbalanced_evictions);
    }

    /// Adds a sample of the items of a class with this many pages and items: the cost of each item,
    /// and the sum of the hits that they are expected to have. Reorders the costs. A class with few
    /// items is known from one sample, and what was known before is of items that have gone.
    pub(super) fn note_sample(
        &mut self,
        pages: usize,
        items: usize,
        costs: &mut [u64],
        expected_hits: u64,
    ) {
        // The items of one page are this share of the sample.
        let rank = costs.len().div_ceil(pages.max(1)).max(1);
        let tail_rank = (costs.len() / 8).max(1);
        if let (Some(cost), Some(tail)) = (nth_largest(costs, rank), nth_largest(costs, tail_rank))
        {
            let mean = expected_hits / costs.len() as u64;
            let samples = if items <= EVICT_LOOKS { 1 } else { AVERAGED_SAMPLES };
            let average = |known: u64, new: u64| known - known / samples + new / samples;
            self.page_cost = average(self.page_cost, cost);
            self.tail_cost = average(self.tail_cost, tail);
            self.expected_hits = average(self.expected_hits, mean);
        }
    }

    /// The cost of keeping the class's last page of items, its staleness included.
    pub(super) fn keeping_cost(&self) -> u64 {
        self.page_cost.saturating_mul(self.staleness)
    }

    /// The same for a class in which items are stored now. It is not stale, but no window may have
    /// ended since.
    pub(crate) fn keeping_cost_if_stored(&self) -> u64 {
        self.page_cost
    }

    /// The size weight of an item that fills a chunk.
    pub(crate) fn chunk_weight(&self) -> u64 {
        self.chunk_weight
    }

    /// Sets the size weight of an item that fills a chunk.
    pub(crate) fn set_chunk_weight(&mut self, weight: u64) {
        self.chunk_weight = weight;
    }

    /// Whether an item of this dispensability is among the costliest eighth of the class.
    pub(crate) fn is_tail(&self, dispensability: u64) -> bool {
        dispensability.saturating_mul(self.chunk_weight) >= self.tail_cost
    }

    /// Forgets the costs of all samples.
    pub(super) fn forget_costs(&mut self) {
        (self.page_cost, self.tail_cost) = (0, 0);
    }

    /// Hits that one item of the class is expected to have, in an arbitrary unit.
    pub(crate) fn expected_hits(&self) -> u64 {
        self.expected_hits
    }

    /// Counts a sampled hit.
    #[inline]
    pub(crate) fn count_hit(&mut self) {
        self.window_hits += 1;
    }

    /// Counts an item stored.
    #[inline]
    pub(crate) fn count_store(&mut self) {
        self.window_stores += 1;
    }

    /// Sampled hits in this window.
    pub(crate) fn window_hits(&self) -> u64 {
        self.window_hits
    }

    /// Sampled hits and items stored in this window.
    pub(crate) fn window_uses(&self) -> u64 {
        self.window_hits + self.window_stores
    }

    /// Begins a window. `None`: the staleness stays.
    pub(crate) fn begin_window(&mut self, staleness: Option<u64>) {
        self.staleness = staleness.unwrap_or(self.staleness);
        (self.window_hits, self.window_stores) = (0, 0);
    }

    /// Counts evictions that could have been spared by a page of another class. Returns how many
    /// there were since the class last got one.
    pub(crate) fn count_unbalanced(&mut self, evictions: u32) -> u64 {
        self.unbalanced_evictions = self.unbalanced_evictions.saturating_add(evictions);
        u64::from(self.unbalanced_evictions)
    }

    /// Begins to count these evictions again: the class gets a page.
    pub(crate) fn reset_unbalanced(&mut self) {
        self.unbalanced_evictions = 0;
    }
}
