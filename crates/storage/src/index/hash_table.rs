//! The hash table: from a key's hash to the location of its item.
//!
//! It uses linear hashing: the table grows by splitting one bucket, so no request waits for a
//! rehash. A bucket is a cache line with ten slots. More slots are in overflow buckets, which are
//! linked into a chain. Buckets lie in pages of the store, so the table counts against the memory
//! limit.
//!
//! ```text
//! bucket:  | tag u16, ten times | location u32, ten times | overflow bucket u32 |   64 bytes
//!           a location of NONE means that the slot is empty
//! ```
//!
//! The low 32 bits of the hash choose the bucket, the next 16 bits are the tag. A slot does not
//! keep the low bits, so a split hashes the keys of the bucket's items again. The slots of a chain
//! are filled without gaps.

use alloc::{format, string::String, vec::Vec};

use crate::index::tag_search::EqualTags;
use crate::limits::{BUCKET_BYTES, BUCKET_LOAD_MAX, BUCKET_LOAD_MIN, BUCKET_SLOTS, PAGE_BYTES};
use crate::memory::region::{Location, OwnedPages};
use crate::memory::shard_record::RecordWords;
use crate::slabs::slab_recount::ensure;

const BUCKETS_PER_PAGE: usize = PAGE_BYTES / BUCKET_BYTES;
const LOCATIONS: usize = BUCKET_SLOTS * 2;
const LINK: usize = LOCATIONS + BUCKET_SLOTS * 4;
const NONE: u32 = u32::MAX;

/// A slot: the byte offset of its bucket, and its number in the bucket.
#[derive(Clone, Copy)]
struct Slot {
    bucket: usize,
    number: usize,
}

impl Slot {
    fn tag_at(self) -> usize {
        self.bucket + self.number * 2
    }

    fn location_at(self) -> usize {
        self.bucket + LOCATIONS + self.number * 4
    }

    fn location(self, pages: &OwnedPages) -> Location {
        Location(pages.u32(self.location_at()))
    }

    fn tag(self, pages: &OwnedPages) -> u16 {
        u16::from_le_bytes(pages.array(self.tag_at()))
    }

    fn fill(self, pages: &mut OwnedPages, tag: u16, location: Location) {
        pages.set_array(self.tag_at(), tag.to_le_bytes());
        pages.set_u32(self.location_at(), location.0);
    }
}

/// A bucket, and the interval of its hashes with their 32 bits reversed.
pub(crate) struct BucketRange {
    pub(crate) number: usize,
    pub(crate) start: u64,
    /// The first reversed hash after the interval.
    pub(crate) end: u64,
}

fn tag_of(hash: u64) -> u16 {
    (hash >> 32) as u16
}

/// The hash table of a store.
pub(crate) struct HashTable {
    /// Byte offsets of the pages of buckets, and of the pages of overflow buckets.
    bucket_pages: Vec<usize>,
    overflow_pages: Vec<usize>,
    /// First free overflow bucket.
    overflow_free: u32,
    /// The first overflow bucket that was never used.
    overflow_untouched: usize,
    overflow_used: usize,
    /// Buckets below `split` use one hash bit more than this mask has.
    mask: u32,
    split: u32,
    items: usize,
    /// Items added, moved or removed so far, modulo 2^32.
    changes: u32,
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
            changes: 0,
        }
    }

    /// A table without pages: it never has an item, or [`Self::keep`] fills it.
    pub(crate) fn without_pages() -> HashTable {
        HashTable {
            bucket_pages: Vec::new(),
            overflow_pages: Vec::new(),
            overflow_free: NONE,
            overflow_untouched: 0,
            overflow_used: 0,
            mask: 0,
            split: 0,
            items: 0,
            changes: 0,
        }
    }

    /// Keeps what the table knows outside of its buckets.
    pub(crate) fn keep(&mut self, words: &mut RecordWords) {
        words.keep_list(&mut self.bucket_pages);
        words.keep_list(&mut self.overflow_pages);
        words.keep(&mut self.overflow_free);
        words.keep(&mut self.overflow_untouched);
        words.keep(&mut self.overflow_used);
        words.keep(&mut self.mask);
        words.keep(&mut self.split);
        words.keep(&mut self.items);
    }

    /// Whether what was kept is possible. `is_index_page`: whether the store uses the page at a
    /// byte offset for the table. `index_pages`: how many it does.
    pub(crate) fn is_settled(
        &self,
        index_pages: usize,
        is_index_page: impl Fn(usize) -> bool,
    ) -> bool {
        let mut pages: Vec<usize> =
            self.bucket_pages.iter().chain(&self.overflow_pages).copied().collect();
        pages.sort_unstable();
        let are_own = pages.is_sorted_by(|page, next| page < next)
            && pages.len() == index_pages
            && pages.iter().all(|page| is_index_page(*page));
        let buckets = self.bucket_pages.len() * BUCKETS_PER_PAGE;
        let mask = self.mask as usize;
        let has_buckets = (mask + 1).is_power_of_two()
            && mask + 1 >= BUCKETS_PER_PAGE
            && self.split as usize <= mask
            && (mask + 1).checked_add(self.split as usize).is_some_and(|all| all <= buckets);
        let overflow = self.overflow_pages.len() * BUCKETS_PER_PAGE;
        let has_overflow = self.overflow_untouched <= overflow
            && self.overflow_used <= self.overflow_untouched
            && (self.overflow_free == NONE
                || (self.overflow_free as usize) < self.overflow_untouched);
        are_own && has_buckets && has_overflow
    }

    /// Items in the table.
    #[inline]
    pub(crate) fn items(&self) -> usize {
        self.items
    }

    /// Items added, moved or removed so far, modulo 2^32.
    #[inline]
    pub(super) fn changes(&self) -> u32 {
        self.changes
    }

    /// Pages of buckets and of overflow buckets.
    pub(crate) fn pages(&self) -> usize {
        self.bucket_pages.len() + self.overflow_pages.len()
    }

    /// Adds a page of buckets (byte offset).
    pub(crate) fn add_bucket_page(&mut self, at: usize) {
        self.bucket_pages.push(at);
    }

    /// Adds a page of overflow buckets (byte offset).
    pub(crate) fn add_overflow_page(&mut self, at: usize) {
        self.overflow_pages.push(at);
    }

    /// Number of buckets, without overflow buckets.
    pub(crate) fn buckets(&self) -> usize {
        self.mask as usize + 1 + self.split as usize
    }

    #[inline]
    fn bucket_number(&self, hash: u64) -> usize {
        let hash = hash as u32;
        let number = hash & self.mask;
        if number < self.split { (hash & (self.mask << 1 | 1)) as usize } else { number as usize }
    }

    #[inline]
    fn bucket_at(&self, number: usize) -> usize {
        self.bucket_pages[number / BUCKETS_PER_PAGE] + number % BUCKETS_PER_PAGE * BUCKET_BYTES
    }

    fn overflow_at(&self, number: u32) -> usize {
        let number = number as usize;
        self.overflow_pages[number / BUCKETS_PER_PAGE] + number % BUCKETS_PER_PAGE * BUCKET_BYTES
    }

    /// Byte offset of the next bucket of a chain.
    #[inline]
    fn next_bucket(&self, pages: &OwnedPages, bucket_at: usize) -> Option<usize> {
        let link = pages.u32(bucket_at + LINK);
        if link == NONE { None } else { Some(self.overflow_at(link)) }
    }

    /// Asks the processor for the bucket of a hash.
    #[inline]
    pub(crate) fn prefetch(&self, pages: &OwnedPages, hash: u64) {
        pages.prefetch(self.bucket_at(self.bucket_number(hash)));
    }

    /// The first location under this hash that `matches`.
    #[inline]
    pub(crate) fn find(
        &self,
        pages: &OwnedPages,
        hash: u64,
        mut matches: impl FnMut(Location) -> bool,
    ) -> Option<Location> {
        let tag = tag_of(hash);
        let mut bucket = self.bucket_at(self.bucket_number(hash));
        loop {
            // All tags are compared without a branch. Mostly at most one is equal.
            for number in EqualTags::new(&pages.array(bucket), tag) {
                let location = Slot { bucket, number }.location(pages);
                if !location.is_none() && matches(location) {
                    return Some(location);
                }
            }
            bucket = self.next_bucket(pages, bucket)?;
        }
    }

    /// Whether an overflow bucket is left, which any insertion may need.
    pub(crate) fn has_overflow_room(&self) -> bool {
        self.overflow_free != NONE
            || self.overflow_untouched < self.overflow_pages.len() * BUCKETS_PER_PAGE
    }

    /// Adds a location that is not in the table. Requires [`Self::has_overflow_room`].
    pub(crate) fn insert(&mut self, pages: &mut OwnedPages, hash: u64, location: Location) {
        self.append(pages, self.bucket_at(self.bucket_number(hash)), tag_of(hash), location);
        self.items += 1;
        self.changes = self.changes.wrapping_add(1);
    }

    /// Replaces the location in an item's slot.
    pub(crate) fn replace(
        &mut self,
        pages: &mut OwnedPages,
        hash: u64,
        old: Location,
        new: Location,
    ) {
        let slot = self.slot_of(pages, hash, old);
        pages.set_u32(slot.location_at(), new.0);
        self.changes = self.changes.wrapping_add(1);
    }

    /// Removes a location that is in the table.
    pub(crate) fn remove(&mut self, pages: &mut OwnedPages, hash: u64, location: Location) {
        let start = self.bucket_at(self.bucket_number(hash));
        let slot = self.slot_of(pages, hash, location);
        self.remove_slot(pages, start, slot);
        self.items -= 1;
        self.changes = self.changes.wrapping_add(1);
    }

    /// Whether the average bucket has more items than it should.
    pub(crate) fn is_growth_due(&self) -> bool {
        self.items > self.buckets() * BUCKET_LOAD_MAX
    }

    /// Whether the next split first needs a page of buckets.
    pub(crate) fn needs_bucket_page(&self) -> bool {
        self.buckets() == self.bucket_pages.len() * BUCKETS_PER_PAGE
    }

    /// Splits the next bucket in two. It needs no more overflow buckets than it frees. `hash_of`
    /// returns the hash of the item at a location.
    pub(crate) fn split_bucket(
        &mut self,
        pages: &mut OwnedPages,
        hash_of: impl Fn(&OwnedPages, Location) -> u64,
    ) {
        assert!(!self.needs_bucket_page(), "no page for the new bucket");
        let old = self.bucket_at(self.split as usize);
        let new = self.bucket_at(self.buckets());
        pages.bytes_mut(new, BUCKET_BYTES).fill(0xff);
        let new_bit = self.mask + 1;
        for number in 0..BUCKET_SLOTS {
            if let Some(item) = (Slot { bucket: old, number }).location(pages).some() {
                pages.prefetch(pages.at(item));
            }
        }
        let mut slot = Slot { bucket: old, number: 0 };
        loop {
            if slot.number == BUCKET_SLOTS {
                let Some(next) = self.next_bucket(pages, slot.bucket) else { break };
                slot = Slot { bucket: next, number: 0 };
            }
            let Some(location) = slot.location(pages).some() else { break };
            if hash_of(pages, location) as u32 & new_bit == 0 {
                slot.number += 1;
                continue;
            }
            // The chain's last slot moves here and is looked at next. If this was the first slot of
            // the last overflow bucket, that bucket is free now and no slot is left.
            let tag = slot.tag(pages);
            let bucket_freed = self.remove_slot(pages, old, slot);
            self.append(pages, new, tag, location);
            if bucket_freed == Some(slot.bucket) {
                break;
            }
        }
        self.split += 1;
        if self.split == new_bit {
            self.split = 0;
            self.mask = self.mask << 1 | 1;
        }
    }

    /// Whether the table has far more buckets than its items need.
    pub(crate) fn is_shrink_due(&self) -> bool {
        self.items < self.buckets() * BUCKET_LOAD_MIN && self.buckets() > BUCKETS_PER_PAGE
    }

    /// Undoes the last split. It needs at most one overflow bucket more than it frees, so it
    /// requires [`Self::has_overflow_room`]. Returns the byte offset of a page that is now unused.
    pub(crate) fn merge_bucket(&mut self, pages: &mut OwnedPages) -> Option<usize> {
        assert!(self.buckets() > BUCKETS_PER_PAGE, "the first page of buckets stays");
        let last = self.bucket_at(self.buckets() - 1);
        if self.split == 0 {
            self.mask >>= 1;
            self.split = self.mask + 1;
        }
        self.split -= 1;
        let first = self.bucket_at(self.split as usize);
        // From the end, so that the chain's overflow buckets are freed before more are needed.
        loop {
            let mut bucket = last;
            while let Some(next) = self.next_bucket(pages, bucket) {
                bucket = next;
            }
            let Some(number) = filled_slots(pages, bucket).checked_sub(1) else { break };
            let slot = Slot { bucket, number };
            let (tag, location) = (slot.tag(pages), slot.location(pages));
            self.remove_slot(pages, last, slot);
            self.append(pages, first, tag, location);
        }
        if self.buckets().is_multiple_of(BUCKETS_PER_PAGE) { self.bucket_pages.pop() } else { None }
    }

    fn slot_of(&self, pages: &OwnedPages, hash: u64, location: Location) -> Slot {
        let mut bucket = self.bucket_at(self.bucket_number(hash));
        loop {
            let tags = EqualTags::new(&pages.array(bucket), tag_of(hash));
            let mut slots = tags.map(|number| Slot { bucket, number });
            if let Some(slot) = slots.find(|slot| slot.location(pages) == location) {
                return slot;
            }
            bucket = self.next_bucket(pages, bucket).expect("a linked item is in the table");
        }
    }

    fn append(&mut self, pages: &mut OwnedPages, start: usize, tag: u16, location: Location) {
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
        Slot { bucket, number }.fill(pages, tag, location);
    }

    /// Moves the last slot of the chain into this one. Returns an overflow bucket that this frees.
    fn remove_slot(&mut self, pages: &mut OwnedPages, start: usize, slot: Slot) -> Option<usize> {
        let (mut before, mut last) = (None, start);
        while let Some(next) = self.next_bucket(pages, last) {
            (before, last) = (Some(last), next);
        }
        let number = filled_slots(pages, last).checked_sub(1).expect("a chain has no empty bucket");
        let last_slot = Slot { bucket: last, number };
        slot.fill(pages, last_slot.tag(pages), last_slot.location(pages));
        last_slot.fill(pages, u16::MAX, Location::NONE);
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

    /// The bucket of the hash that has these low 32 bits in reversed order.
    pub(crate) fn bucket_at_reversed(&self, from: u32) -> BucketRange {
        let number = self.bucket_number(u64::from(from.reverse_bits()));
        let is_split = (number as u32 & self.mask) < self.split;
        let bits = self.mask.count_ones() + u32::from(is_split);
        let hashes = 1_u64 << (u32::BITS - bits);
        let start = u64::from(from) & !(hashes - 1);
        BucketRange { number, start, end: start + hashes }
    }

    /// Asks the processor for the bucket of this number, if there is one.
    pub(crate) fn prefetch_number(&self, pages: &OwnedPages, number: usize) {
        if number < self.buckets() {
            pages.prefetch(self.bucket_at(number));
        }
    }

    /// Asks the processor for the items of the bucket of this number, if there is one. Not for
    /// those of its overflow buckets.
    pub(crate) fn prefetch_items(&self, pages: &OwnedPages, number: usize) {
        if number < self.buckets() {
            let bucket = self.bucket_at(number);
            let slots = (0..BUCKET_SLOTS).map(|number| Slot { bucket, number });
            let items = slots.map_while(|slot| slot.location(pages).some());
            items.for_each(|item| pages.prefetch(pages.at(item)));
        }
    }

    /// Shows each item of a bucket. Returns how many there are.
    pub(crate) fn for_each_in_bucket(
        &self,
        pages: &OwnedPages,
        number: usize,
        mut show: impl FnMut(Location),
    ) -> usize {
        let (mut seen, mut bucket) = (0, Some(self.bucket_at(number)));
        while let Some(at) = bucket {
            let slots = || (0..BUCKET_SLOTS).map(|number| Slot { bucket: at, number });
            let items = || slots().map_while(|slot| slot.location(pages).some());
            items().for_each(|item| pages.prefetch(pages.at(item)));
            seen += items().map(&mut show).count();
            bucket = self.next_bucket(pages, at);
        }
        seen
    }

    /// Recounts buckets, slots and overflow buckets. Returns all locations in the table, in
    /// ascending order. `hash_of` returns the hash of the item at a location.
    pub(crate) fn recount(
        &self,
        pages: &OwnedPages,
        hash_of: impl Fn(Location) -> u64,
    ) -> Result<Vec<Location>, String> {
        let (mut found, mut linked) = (Vec::new(), 0);
        for number in 0..self.buckets() {
            let mut bucket = Some(self.bucket_at(number));
            while let Some(at) = bucket {
                for slot in (0..BUCKET_SLOTS).map(|number| Slot { bucket: at, number }) {
                    let Some(item) = slot.location(pages).some() else { continue };
                    let hash = hash_of(item);
                    let home = (self.bucket_number(hash), tag_of(hash));
                    let is_home = home == (number, slot.tag(pages));
                    ensure!(is_home, "bucket {number}: {item:?} belongs to {home:?}");
                    found.push(item);
                }
                bucket = self.next_bucket(pages, at);
                linked += usize::from(bucket.is_some());
            }
        }
        found.sort_unstable();
        found.dedup();
        ensure!(found.len() == self.items, "{} items in buckets", found.len());
        let (mut free, mut number) = (0, self.overflow_free);
        while number != NONE && free <= self.overflow_untouched {
            free += 1;
            number = pages.u32(self.overflow_at(number) + LINK);
        }
        ensure!(linked == self.overflow_used, "{linked} overflow buckets in use");
        ensure!(linked + free == self.overflow_untouched, "{free} overflow buckets free");
        Ok(found)
    }
}

fn filled_slots(pages: &OwnedPages, bucket: usize) -> usize {
    // The slots are filled without gaps. All are compared without a branch.
    let locations: [u8; BUCKET_SLOTS * 4] = pages.array(bucket + LOCATIONS);
    let (locations, _) = locations.as_chunks::<4>();
    let is_filled = |location: &[u8; 4]| usize::from(u32::from_le_bytes(*location) != NONE);
    locations.iter().map(is_filled).sum()
}
