//! The counts of a store's items as a whole. Slab classes count their own.

use crate::item::segment::Segment;
use crate::limits::DATABASES;
use crate::linked::item_sizes::ItemSizes;
use crate::memory::shard_record::RecordWords;

/// The counts of a store's linked items.
#[derive(Default)]
pub(super) struct ItemAccounts {
    /// Bytes that linked items use, by segment.
    bytes: [usize; Segment::ALL.len()],
    sizes: Option<ItemSizes>,
    /// Items of each database but the first that no flush has ended.
    databases: [u64; DATABASES as usize],
    /// Requests that found an expired item.
    pub(super) expired_met: u64,
    /// Requests that found a flushed item.
    pub(super) flushed_met: u64,
    /// Chunks of linked items that were moved.
    pub(super) chunks_moved: u64,
}

impl ItemAccounts {
    /// `track_sizes`: items are counted by size, too.
    pub(super) fn new(track_sizes: bool) -> ItemAccounts {
        ItemAccounts { sizes: track_sizes.then(ItemSizes::default), ..ItemAccounts::default() }
    }

    /// Keeps the gauges. Counters of requests begin again.
    pub(super) fn keep(&mut self, words: &mut RecordWords) {
        words.keep_each(&mut self.bytes);
        words.keep_each(&mut self.databases);
    }

    /// Items of each database but the first that no flush has ended.
    pub(super) fn databases(&self) -> [u64; DATABASES as usize] {
        self.databases
    }

    /// Counts an item of a database.
    pub(super) fn add_to_database(&mut self, database: u8) {
        self.databases[usize::from(database)] += 1;
    }

    /// Counts an item of a database out. A record may have said that there are fewer.
    pub(super) fn remove_from_database(&mut self, database: u8) {
        let items = &mut self.databases[usize::from(database)];
        *items = items.saturating_sub(1);
    }

    /// Notes that a flush has ended all items.
    pub(super) fn empty_databases(&mut self) {
        self.databases = Default::default();
    }

    /// Bytes that linked items use.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.iter().sum()
    }

    /// Bytes that linked items use, by segment.
    #[inline]
    pub(super) fn bytes_by_segment(&self) -> [usize; Segment::ALL.len()] {
        self.bytes
    }

    /// Sizes in bytes, and the number of items of each, if that is kept.
    pub(super) fn sizes(&self) -> Option<impl Iterator<Item = (usize, u64)>> {
        self.sizes.as_ref().map(ItemSizes::iter)
    }

    /// Counts an item of this many bytes.
    #[inline]
    pub(super) fn add(&mut self, bytes: usize, segment: Segment) {
        self.bytes[segment as usize] += bytes;
        if self.sizes.is_some() {
            self.add_size(bytes);
        }
    }

    /// Counts an item of this many bytes out.
    #[inline]
    pub(super) fn remove(&mut self, bytes: usize, segment: Segment) {
        self.bytes[segment as usize] -= bytes;
        if self.sizes.is_some() {
            self.remove_size(bytes);
        }
    }

    /// Counts an item of this many bytes in another segment.
    pub(super) fn change_segment(&mut self, bytes: usize, old: Segment, new: Segment) {
        self.bytes[old as usize] -= bytes;
        self.bytes[new as usize] += bytes;
    }

    #[cold]
    #[inline(never)]
    fn add_size(&mut self, bytes: usize) {
        if let Some(sizes) = &mut self.sizes {
            sizes.add(bytes);
        }
    }

    #[cold]
    #[inline(never)]
    fn remove_size(&mut self, bytes: usize) {
        if let Some(sizes) = &mut self.sizes {
            sizes.remove(bytes);
        }
    }

    /// Sets the counters to 0. Gauges stay.
    pub(super) fn reset(&mut self) {
        (self.expired_met, self.flushed_met, self.chunks_moved) = (0, 0, 0);
    }
}
