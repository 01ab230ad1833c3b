//! Finds stale slab classes: far fewer hits than their items' ages predict.
//!
//! The costs of `access.rs` assume that any item may be read again, only less likely the older it
//! is. If clients change to items of another size, this is wrong for the old class: many small
//! items would outlive, for dozens of turnovers, the large ones that are requested now. So hits are
//! counted by class, in windows of a part of a turnover, and compared with the hits that the ages
//! of the class's items predict. A class is **stale** if it has none of many predicted hits and no
//! item of it was stored. The costs of its items are then multiplied by the square of the ratio of
//! predicted to counted hits.

use crate::memory::shard_record::RecordWords;
use crate::slabs::slab_class::SlabClass;

/// Ticks of a window.
const WINDOW_TICKS: u32 = 8;

/// A window with fewer sampled hits goes on.
const WINDOW_HITS_MIN: u64 = 128;

/// One of this many hits is sampled. A power of two.
pub(super) const HIT_SAMPLE: u32 = 4;

/// A class is stale from this ratio of predicted to counted hits on.
const LACK_MIN: u64 = 32;

/// The largest ratio that counts.
const LACK_MAX: u64 = 256;

/// The windows in which the classes of a store are compared.
#[derive(Default)]
pub(crate) struct StaleClasses {
    /// Number of the current window.
    window: u32,
    /// Hits so far, modulo 2^32.
    hits: u32,
}

impl StaleClasses {
    /// Keeps the window.
    pub(crate) fn keep(&mut self, words: &mut RecordWords) {
        words.keep(&mut self.window);
        words.keep(&mut self.hits);
    }

    /// Whether this hit is one of the sampled ones. The choice is pseudorandom, so it does not
    /// follow a rhythm of the requests.
    #[inline]
    pub(crate) fn is_sampled(&mut self) -> bool {
        self.hits = self.hits.wrapping_add(1);
        let mixed = self.hits.wrapping_mul(0x9e37_79b9);
        (mixed ^ mixed >> 15).wrapping_mul(0x85eb_ca6b) < u32::MAX / HIT_SAMPLE
    }

    /// Judges the classes if a window has ended. `tick_number`: the number of the current tick.
    pub(crate) fn judge(&mut self, tick_number: u32, classes: &mut [SlabClass]) {
        let window = tick_number / WINDOW_TICKS;
        if window == self.window {
            return;
        }
        let hits: u64 = classes.iter().map(|class| class.costs.window_hits()).sum();
        if hits < WINDOW_HITS_MIN {
            return;
        }
        self.window = window;
        let weights: u128 = classes.iter().map(hit_weight).sum();
        for class in classes {
            let predicted = hit_weight(class) * u128::from(hits) / weights.max(1);
            let seen = u128::from(class.costs.window_uses());
            let lack = (predicted / (seen + 1)) as u64;
            let staleness = if lack >= LACK_MIN {
                Some(lack.min(LACK_MAX).pow(2))
            } else if seen == 0 {
                // A stale class with few items left: too few hits are predicted to judge it.
                None
            } else {
                Some(1)
            };
            class.costs.begin_window(staleness);
        }
    }
}

/// The share of all hits that a class should have, in an arbitrary unit.
fn hit_weight(class: &SlabClass) -> u128 {
    u128::from(class.costs.expected_hits()) * class.items() as u128
}
