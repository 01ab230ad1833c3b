//! The segments of memcached's LRU. A segment is a mark in an item's access word, not a list.
//!
//! A new item is in HOT. What stays unread moves to COLD, and what is read twice moves to WARM.
//! Items in COLD are evicted before all others. Where an item belongs is said in
//! `policy/segment_ages.rs`.

/// The segment of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segment {
    /// The next victims: all items that are in no other segment. Its number is 0: each get asks
    /// whether its item is here.
    Cold,
    /// New items.
    Hot,
    /// Items that were read twice or more, the last time not long ago.
    Warm,
    /// Items that had a short time to live when they were stored. They are evicted only if no
    /// others are left.
    Temporary,
}

impl Segment {
    /// All segments. The index of a segment is its number.
    pub(crate) const ALL: [Segment; 4] =
        [Segment::Cold, Segment::Hot, Segment::Warm, Segment::Temporary];
}
