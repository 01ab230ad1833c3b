//! The segments of one slab class: how many items each has. Which segment an item belongs to is
//! decided in `policy/segment_ages.rs`.

use crate::item::segment::Segment;
use crate::memory::shard_record::RecordWords;

/// The segments of one class.
#[derive(Default)]
pub(crate) struct ClassSegments {
    /// Linked items whose head chunk is of this class, by segment.
    items: [usize; Segment::ALL.len()],
}

impl ClassSegments {
    /// Items of all segments. What a record says may be any numbers until it is settled.
    pub(super) fn all(&self) -> usize {
        self.items.iter().copied().fold(0, usize::saturating_add)
    }

    /// Items by segment.
    pub(crate) fn items(&self) -> [usize; Segment::ALL.len()] {
        self.items
    }

    /// Keeps the counts.
    pub(super) fn keep(&mut self, words: &mut RecordWords) {
        words.keep_each(&mut self.items);
    }

    /// Counts an item in.
    #[inline]
    pub(crate) fn add(&mut self, segment: Segment) {
        self.items[segment as usize] += 1;
    }

    /// Counts an item out.
    #[inline]
    pub(crate) fn remove(&mut self, segment: Segment) {
        self.items[segment as usize] -= 1;
    }
}
