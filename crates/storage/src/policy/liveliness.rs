//! Whether slab classes keep what their items promise.
//!
//! The costs of `access.rs` take it for given that an item is likely to be read again, only the
//! less the older it is. When the load leaves a class for another, that no longer holds: many small
//! items would outlive, for dozens of turnovers, the large ones that are asked for now. So hits are
//! counted by class, in windows of a part of a turnover, and compared with the hits that the ages
//! of the class's items let expect. A class without any, where many were due and nothing was stored
//! either, is **stale**: its items count as costlier than they look, by the square of what is
//! lacking.

use crate::slabs::slab_class::SlabClass;

/// Steps of a window.
const WINDOW_STEPS: u32 = 8;

/// A window with fewer counted hits goes on.
const WINDOW_HITS_MIN: u64 = 128;

/// Of so many hits one is counted: a power of two.
pub(crate) const HIT_SAMPLE: u32 = 4;

/// Classes lacking less than this are not stale: as many counted hits were due and none came.
const LACK_MIN: u64 = 32;

/// The largest lack of hits that counts.
const LACK_MAX: u64 = 256;

/// See the module.
#[derive(Default)]
pub(crate) struct Liveliness {
    /// The step at which the window began, as a number.
    window: u32,
    /// Hits so far, modulo 2^32.
    hits: u32,
}

impl Liveliness {
    /// Whether this hit is one of those that count. The choice follows no rhythm that a load could
    /// have, too.
    #[inline]
    pub(crate) fn is_sampled(&mut self) -> bool {
        self.hits = self.hits.wrapping_add(1);
        let mixed = self.hits.wrapping_mul(0x9e37_79b9);
        (mixed ^ mixed >> 15).wrapping_mul(0x85eb_ca6b) < u32::MAX / HIT_SAMPLE
    }

    /// Judges the classes anew if a window has passed.
    pub(crate) fn observe(&mut self, step_number: u32, classes: &mut [SlabClass]) {
        let window = step_number / WINDOW_STEPS;
        if window == self.window {
            return;
        }
        let hits: u64 = classes.iter().map(|class| class.window_hits).sum();
        if hits < WINDOW_HITS_MIN {
            return;
        }
        self.window = window;
        let promised: u128 = classes.iter().map(promised_by).sum();
        for class in classes {
            let expected = promised_by(class) * u128::from(hits) / promised.max(1);
            let seen = u128::from(class.window_hits + class.window_stores);
            let lack = (expected / (seen + 1)) as u64;
            class.staleness = if lack >= LACK_MIN {
                lack.min(LACK_MAX).pow(2)
            } else if seen == 0 {
                // What is left of a stale class is too little to be missed.
                class.staleness
            } else {
                1
            };
            (class.window_hits, class.window_stores) = (0, 0);
        }
    }
}

fn promised_by(class: &SlabClass) -> u128 {
    u128::from(class.promise) * class.items as u128
}
