//! The hash table: from a key's hash to the item's location.
//!
//! Linear hashing: the table grows by splitting one bucket, so no request waits for a rehash. A
//! bucket is a cache line of seven slots; further slots are in overflow buckets. Buckets lie in
//! pages of the store like everything else, so the table counts against the memory limit.
//!
//! ```text
//! bucket:  | slot 0 | .. | slot 6 | overflow bucket u32, unused u32 |   8 words of 8 bytes
//! slot:    | hash u32 | location u32 |       empty: location NONE
//! ```
//!
//! The 32 hash bits choose the bucket by their low end and are compared whole as the tag, so a
//! split reads no item. Slots of a chain are filled without gaps.

use alloc::vec::Vec;

use crate::limits::{BUCKET_BYTES, BUCKET_LOAD_MAX, BUCKET_SLOTS, PAGE_BYTES};
use crate::region::{Location, OwnedPages};

const BUCKETS_PER_PAGE: usize = PAGE_BYTES / BUCKET_BYTES;
const LINK: usize = BUCKET_SLOTS * 8;
const NONE: u32 = u32::MAX;

/// A slot: byte offset in the region.
#[derive(Clone, Copy)]
struct Slot {
    at: usize,
    location: Location,
}

pub(crate) struct HashTable {
    /// Byte offsets of the pages of buckets, and of overflow buckets.
    pub(crate) bucket_pages: Vec<usize>,
    pub(crate) overflow_pages: Vec<usize>,
    overflow_free: u32,
    /// Overflow buckets from this number on were never used.
    overflow_untouched: usize,
    pub(crate) overflow_used: usize,
    /// Buckets below `split` use one hash bit more than this mask has.
    mask: u32,
    split: u32,
    pub(crate) items: usize,
}

impl HashTable {
    /// An empty table of one page of buckets and one of overflow buckets (byte offsets).
    pub(crate) fn new(pages: &mut OwnedPages, buckets_at: usize, overflow_at: usize) -> HashTable {
        pages.bytes_mut(buckets_at, PAGE_BYTES).fill(0xff);
        HashTable {
            bucket_pages: Vec::from([buckets_at]),
            overflow_pages: Vec::from([overflow_at]),
            overflow_free: NONE,
            overflow_untouched: 0,
            overflow_used: 0,
            mask: BUCKETS_PER_PAGE as u32 - 1,
            split: 0,
            items: 0,
        }
    }

    pub(crate) fn buckets(&self) -> usize {
        self.mask as usize + 1 + self.split as usize
    }

    #[inline]
    fn bucket_number(&self, hash: u32) -> usize {
        let number = hash & self.mask;
        if number < self.split { (hash & (self.mask << 1 | 1)) as usize } else { number as usize }
    }

    #[inline]
    pub(crate) fn bucket_at(&self, number: usize) -> usize {
        self.bucket_pages[number / BUCKETS_PER_PAGE] + number % BUCKETS_PER_PAGE * BUCKET_BYTES
    }

    fn overflow_at(&self, number: u32) -> usize {
        let number = number as usize;
        self.overflow_pages[number / BUCKETS_PER_PAGE] + number % BUCKETS_PER_PAGE * BUCKET_BYTES
    }

    /// Byte offset of the next bucket of a chain.
    #[inline]
    pub(crate) fn next_bucket(&self, pages: &OwnedPages, bucket_at: usize) -> Option<usize> {
        let link = pages.u32(bucket_at + LINK);
        if link == NONE { None } else { Some(self.overflow_at(link)) }
    }

    /// Asks for the bucket's line.
    #[inline]
    pub(crate) fn prefetch(&self, pages: &OwnedPages, hash: u32) {
        pages.prefetch(self.bucket_at(self.bucket_number(hash)));
    }

    /// The first location under this hash that `matches`.
    #[inline]
    pub(crate) fn find(
        &self,
        pages: &OwnedPages,
        hash: u32,
        mut matches: impl FnMut(Location) -> bool,
    ) -> Option<Location> {
        let mut bucket = self.bucket_at(self.bucket_number(hash));
        loop {
            let words: [u8; BUCKET_BYTES] = pages.array(bucket);
            for slot in words[..LINK].as_chunks::<8>().0 {
                let word = u64::from_le_bytes(*slot);
                let location = Location((word >> 32) as u32);
                if word as u32 == hash && !location.is_none() && matches(location) {
                    return Some(location);
                }
            }
            bucket = self.next_bucket(pages, bucket)?;
        }
    }

    /// Whether an insertion has a bucket to overflow into, whatever chain it meets.
    pub(crate) fn has_overflow_room(&self) -> bool {
        self.overflow_free != NONE
            || self.overflow_untouched < self.overflow_pages.len() * BUCKETS_PER_PAGE
    }

    /// Adds a location that is not in the table. [`Self::has_overflow_room`] holds.
    pub(crate) fn insert(&mut self, pages: &mut OwnedPages, hash: u32, location: Location) {
        self.append(pages, self.bucket_at(self.bucket_number(hash)), hash, location);
        self.items += 1;
    }

    /// Puts another location in an item's slot.
    pub(crate) fn replace(
        &mut self,
        pages: &mut OwnedPages,
        hash: u32,
        old: Location,
        new: Location,
    ) {
        let slot = self.slot_of(pages, hash, old);
        pages.set_u32(slot.at + 4, new.0);
    }

    /// Removes a location that is in the table.
    pub(crate) fn remove(&mut self, pages: &mut OwnedPages, hash: u32, location: Location) {
        let start = self.bucket_at(self.bucket_number(hash));
        let slot = self.slot_of(pages, hash, location);
        self.remove_slot(pages, start, slot);
        self.items -= 1;
    }

    /// Whether the average bucket is over its load.
    pub(crate) fn is_growth_due(&self) -> bool {
        self.items > self.buckets() * BUCKET_LOAD_MAX
    }

    /// Whether the next split needs a page first.
    pub(crate) fn needs_bucket_page(&self) -> bool {
        self.buckets() == self.bucket_pages.len() * BUCKETS_PER_PAGE
    }

    /// Splits the next bucket in two. Uses no more overflow buckets than it frees.
    pub(crate) fn split_bucket(&mut self, pages: &mut OwnedPages) {
        assert!(!self.needs_bucket_page(), "no page for the new bucket");
        let old = self.bucket_at(self.split as usize);
        let new = self.bucket_at(self.buckets());
        pages.bytes_mut(new, BUCKET_BYTES).fill(0xff);
        let new_bit = self.mask + 1;
        let (mut bucket, mut number) = (old, 0);
        loop {
            if number == BUCKET_SLOTS {
                let Some(next) = self.next_bucket(pages, bucket) else { break };
                (bucket, number) = (next, 0);
            }
            let at = bucket + number * 8;
            let (hash, location) = (pages.u32(at), Location(pages.u32(at + 4)));
            if location.is_none() {
                break;
            }
            if hash & new_bit == 0 {
                number += 1;
                continue;
            }
            // The chain's last slot comes here and is looked at next. When this was the first
            // slot of the last overflow bucket, that bucket is gone and nothing is left to look at.
            let bucket_freed = self.remove_slot(pages, old, Slot { at, location });
            self.append(pages, new, hash, location);
            if bucket_freed == Some(bucket) {
                break;
            }
        }
        self.split += 1;
        if self.split == new_bit {
            self.split = 0;
            self.mask = self.mask << 1 | 1;
        }
    }

    fn slot_of(&self, pages: &OwnedPages, hash: u32, location: Location) -> Slot {
        let mut bucket = self.bucket_at(self.bucket_number(hash));
        loop {
            for number in 0..BUCKET_SLOTS {
                let at = bucket + number * 8;
                if pages.u32(at + 4) == location.0 {
                    assert_eq!(pages.u32(at), hash, "an item under another hash");
                    return Slot { at, location };
                }
            }
            bucket = self.next_bucket(pages, bucket).expect("a linked item is in the table");
        }
    }

    fn append(&mut self, pages: &mut OwnedPages, start: usize, hash: u32, location: Location) {
        let mut bucket = start;
        while let Some(next) = self.next_bucket(pages, bucket) {
            bucket = next;
        }
        let mut number = filled_slots(pages, bucket);
        if number == BUCKET_SLOTS {
            let overflow = self.take_overflow(pages);
            pages.set_u32(bucket + LINK, overflow);
            bucket = self.overflow_at(overflow);
            number = 0;
        }
        pages.set_u64(bucket + number * 8, u64::from(location.0) << 32 | u64::from(hash));
    }

    /// Fills the slot with the last one of its chain; returns an overflow bucket freed thereby.
    fn remove_slot(&mut self, pages: &mut OwnedPages, start: usize, slot: Slot) -> Option<usize> {
        debug_assert_eq!(pages.u32(slot.at + 4), slot.location.0);
        let (mut before, mut last) = (None, start);
        while let Some(next) = self.next_bucket(pages, last) {
            (before, last) = (Some(last), next);
        }
        let number = filled_slots(pages, last).checked_sub(1).expect("a chain has no empty bucket");
        let last_slot = pages.u64(last + number * 8);
        pages.set_u64(slot.at, last_slot);
        pages.set_u64(last + number * 8, u64::MAX);
        let before = before.filter(|_| number == 0)?;
        let link = pages.u32(before + LINK);
        pages.set_u32(before + LINK, NONE);
        pages.set_u32(last + LINK, self.overflow_free);
        self.overflow_free = link;
        self.overflow_used -= 1;
        Some(last)
    }

    fn take_overflow(&mut self, pages: &mut OwnedPages) -> u32 {
        assert!(self.has_overflow_room(), "an insertion without room");
        let number = if self.overflow_free == NONE {
            self.overflow_untouched += 1;
            self.overflow_untouched as u32 - 1
        } else {
            let number = self.overflow_free;
            self.overflow_free = pages.u32(self.overflow_at(number) + LINK);
            number
        };
        let at = self.overflow_at(number);
        pages.bytes_mut(at, BUCKET_BYTES).fill(0xff);
        self.overflow_used += 1;
        number
    }

    /// Hash and location of each slot in a chain, for the recount.
    pub(crate) fn chain_slots(&self, pages: &OwnedPages, number: usize) -> Vec<(u32, Location)> {
        let mut slots = Vec::new();
        let mut bucket = Some(self.bucket_at(number));
        while let Some(at) = bucket {
            for slot in (at..at + LINK).step_by(8) {
                let location = Location(pages.u32(slot + 4));
                if !location.is_none() {
                    slots.push((pages.u32(slot), location));
                }
            }
            bucket = self.next_bucket(pages, at);
        }
        slots
    }

    /// Overflow buckets in use by the links of the buckets, and those on the free list.
    pub(crate) fn count_overflow(&self, pages: &OwnedPages) -> (usize, usize) {
        let mut linked = 0;
        for number in 0..self.buckets() {
            let mut bucket = self.bucket_at(number);
            while let Some(next) = self.next_bucket(pages, bucket) {
                linked += 1;
                bucket = next;
            }
        }
        let (mut free, mut number) = (0, self.overflow_free);
        while number != NONE && free <= self.overflow_untouched {
            free += 1;
            number = pages.u32(self.overflow_at(number) + LINK);
        }
        (linked, free)
    }

    pub(crate) fn overflow_untouched(&self) -> usize {
        self.overflow_untouched
    }

    /// The bucket that a hash belongs to, for the recount.
    pub(crate) fn home_of(&self, hash: u32) -> usize {
        self.bucket_number(hash)
    }
}

fn filled_slots(pages: &OwnedPages, bucket: usize) -> usize {
    (0..BUCKET_SLOTS)
        .find(|number| pages.u32(bucket + number * 8 + 4) == NONE)
        .unwrap_or(BUCKET_SLOTS)
}
