//! The number of items of each size, if that is kept (`track_sizes`).

use alloc::collections::BTreeMap;

/// Sizes are rounded up to a multiple of this, as in memcached.
const STEP_BYTES: usize = 32;

/// Items by size, in steps of [`STEP_BYTES`].
#[derive(Debug, Default)]
pub(super) struct ItemSizes {
    items: BTreeMap<usize, u64>,
}

impl ItemSizes {
    pub(super) fn add(&mut self, bytes: usize) {
        *self.items.entry(bytes.div_ceil(STEP_BYTES)).or_default() += 1;
    }

    pub(super) fn remove(&mut self, bytes: usize) {
        let steps = bytes.div_ceil(STEP_BYTES);
        let items = self.items.get_mut(&steps).expect("an item is removed that was added");
        *items -= 1;
        if *items == 0 {
            self.items.remove(&steps);
        }
    }

    /// Sizes in bytes, and the number of items of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, u64)> {
        self.items.iter().map(|(steps, items)| (steps * STEP_BYTES, *items))
    }
}
