//! The page directory: words behind the pages of a region, which say what each page is used for.
//!
//! A region with a directory explains itself: another process that maps the same memory finds the
//! items again, whatever ended the first one, see `store/recovery.rs`.
//!
//! ```text
//! word of a page:       | shard + 1: 8 bits | slab class: 8 bits | carved chunks: 16 bits |
//!                         0: the page belongs to no slab class
//! numbers of a shard:   current mark of the flush epochs | cas uniques | access tick | 0 ...
//! ```
//!
//! A process may end between any two stores to memory. Each change is therefore in an order in
//! which every step leaves something true:
//!
//! | change | steps |
//! |---|---|
//! | a page joins a class | its word, with no carved chunk |
//! | a chunk is handed out first | the chunk says that it is free; the word counts it |
//! | a page leaves its class | its chunks are free; its word is 0; others may write to it |
//!
//! The steps are kept apart by fences for the compiler. The processor needs none: what a thread has
//! stored when it ends is in memory in the thread's own order.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};

use crate::limits::{KEPT_NUMBERS, PAGE_BYTES};
use crate::memory::region::Region;

const SHARD_SHIFT: u32 = 24;
const CLASS_SHIFT: u32 = 16;
const CLASS_MASK: u32 = 0xff;
const CARVED_MASK: u32 = 0xffff;

/// In place of a mark: no item is known to be alive.
pub(crate) const NO_EPOCH: u32 = u32::MAX;

/// What the directory says of a page of a slab class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DirectoryEntry {
    /// Number of the shard that owns the page.
    pub(crate) shard: u32,
    /// Index of the slab class.
    pub(crate) class: usize,
    /// Chunks handed out at least once.
    pub(crate) carved: u16,
}

impl DirectoryEntry {
    fn word(self) -> u32 {
        (self.shard + 1) << SHARD_SHIFT
            | (self.class as u32) << CLASS_SHIFT
            | u32::from(self.carved)
    }

    fn from_word(word: u32) -> Option<DirectoryEntry> {
        let shard = (word >> SHARD_SHIFT).checked_sub(1)?;
        let class = (word >> CLASS_SHIFT & CLASS_MASK) as usize;
        Some(DirectoryEntry { shard, class, carved: (word & CARVED_MASK) as u16 })
    }
}

/// A number of a shard that is kept in the region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ShardNumber {
    /// The current mark of the flush epochs, or [`NO_EPOCH`].
    Epoch,
    /// An upper bound of the cas uniques handed out, in units of 2^20.
    Uniques,
    /// The access tick, a few behind.
    Tick,
}

/// The directory of a region. Without one in the region, nothing is kept.
#[derive(Clone)]
pub(crate) struct PageDirectory {
    region: Arc<Region>,
}

impl PageDirectory {
    pub(super) fn new(region: Arc<Region>) -> PageDirectory {
        PageDirectory { region }
    }

    /// Whether the region has a directory.
    pub(crate) fn is_kept(&self) -> bool {
        !self.region.kept_words().is_empty()
    }

    fn store(&self, place: usize, value: u32) {
        if let Some(word) = self.region.kept_words().get(place) {
            #[cfg(test)]
            super::cuts::count(&self.region, 0..0);
            compiler_fence(Ordering::SeqCst);
            word.store(value, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
        }
    }

    fn load(&self, place: usize) -> u32 {
        let word: Option<&AtomicU32> = self.region.kept_words().get(place);
        word.map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// What a page is used for. `None`: it belongs to no slab class, or the region has no
    /// directory.
    pub(crate) fn entry(&self, page: u32) -> Option<DirectoryEntry> {
        DirectoryEntry::from_word(self.load(page as usize))
    }

    /// Notes what a page is used for.
    pub(crate) fn set_entry(&self, page: u32, entry: DirectoryEntry) {
        self.store(page as usize, entry.word());
    }

    /// Notes that a page belongs to no slab class. Its chunks are free.
    pub(crate) fn clear_entry(&self, page: u32) {
        self.store(page as usize, 0);
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        for place in 0..self.region.kept_words().len() {
            self.store(place, 0);
        }
    }

    fn place(&self, shard: u32, number: ShardNumber) -> usize {
        let pages = self.region.bytes() / PAGE_BYTES;
        pages + shard as usize * KEPT_NUMBERS + number as usize
    }

    /// A number of a shard; 0 in a region without a directory.
    pub(crate) fn number(&self, shard: u32, number: ShardNumber) -> u32 {
        self.load(self.place(shard, number))
    }

    /// Sets a number of a shard.
    pub(crate) fn set_number(&self, shard: u32, number: ShardNumber, value: u32) {
        self.store(self.place(shard, number), value);
    }
}

/// A number of one shard, for the part of a store that changes it.
#[derive(Clone)]
pub(crate) struct KeptNumber {
    directory: PageDirectory,
    shard: u32,
    number: ShardNumber,
}

impl KeptNumber {
    pub(crate) fn new(directory: PageDirectory, shard: u32, number: ShardNumber) -> KeptNumber {
        KeptNumber { directory, shard, number }
    }

    pub(crate) fn get(&self) -> u32 {
        self.directory.number(self.shard, self.number)
    }

    pub(crate) fn set(&self, value: u32) {
        self.directory.set_number(self.shard, self.number, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_and_no_word_is_one() {
        for (shard, class, carved) in [(0, 0, 0), (63, 62, 1365), (5, 1, u16::MAX)] {
            let entry = DirectoryEntry { shard, class, carved };
            assert_eq!(DirectoryEntry::from_word(entry.word()), Some(entry));
        }
        assert_eq!(DirectoryEntry::from_word(0), None);
    }
}
