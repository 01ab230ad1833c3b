//! The page directory: words behind the pages of a region, which say what each page is used for.
//!
//! A region with a directory explains itself: another process that maps the same memory finds the
//! items again, whatever ended the first one, see `store/recovery.rs`.
//!
//! ```text
//! word of a page:       | owner + 1: 8 bits | slab class: 8 bits | carved chunks: 16 bits |
//!                         0: the page belongs to no slab class
//! numbers of an owner:  flush mark | cas uniques | access tick | record | later flush | 0 ...
//! ```
//!
//! An owner is a shard of one of two [generations](Generation). Mostly all are of the same one. The
//! other one is used while items move to other shards, see `store/rehoming.rs`.
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

use crate::limits::{KEPT_NUMBERS, OWNERS_KEPT_MAX, PAGE_BYTES, SHARDS_KEPT_MAX};
use crate::memory::region::Region;

const OWNER_SHIFT: u32 = 24;
const CLASS_SHIFT: u32 = 16;
const CLASS_MASK: u32 = 0xff;
const CARVED_MASK: u32 = 0xffff;

/// In place of a mark: no item is known to be alive.
pub(crate) const NO_EPOCH: u32 = u32::MAX;

/// One of two sets of shards. The shards of one have the same number and slab classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Generation {
    /// That of a region's first shards.
    #[default]
    First,
    /// That of the shards that its items are moved to, and so on in turn.
    Second,
}

impl Generation {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Generation {
        match self {
            Generation::First => Generation::Second,
            Generation::Second => Generation::First,
        }
    }

    /// A shard of this generation.
    pub(crate) fn owner(self, shard: u32) -> Owner {
        assert!((shard as usize) < SHARDS_KEPT_MAX, "a shard that no region knows");
        Owner(shard + self as u32 * SHARDS_KEPT_MAX as u32)
    }
}

/// A shard of one generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Owner(u32);

impl Owner {
    /// All owners that a region knows.
    pub(super) fn all() -> impl Iterator<Item = Owner> {
        (0..OWNERS_KEPT_MAX as u32).map(Owner)
    }

    /// All owners have a number below [`OWNERS_KEPT_MAX`].
    pub(crate) fn number(self) -> usize {
        self.0 as usize
    }

    /// The generation of the shard.
    pub(super) fn generation(self) -> Generation {
        if self.number() < SHARDS_KEPT_MAX { Generation::First } else { Generation::Second }
    }

    /// Whether this is one of the first `shards` of a generation.
    pub(crate) fn is_of(self, generation: Generation, shards: u32) -> bool {
        let first = generation.owner(0).0;
        (first..first + shards).contains(&self.0)
    }
}

/// What the directory says of a page of a slab class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DirectoryEntry {
    /// The owner of the page.
    pub(crate) owner: Owner,
    /// Index of the slab class.
    pub(crate) class: usize,
    /// Chunks handed out at least once.
    pub(crate) carved: u16,
}

impl DirectoryEntry {
    fn word(self) -> u32 {
        (self.owner.0 + 1) << OWNER_SHIFT
            | (self.class as u32) << CLASS_SHIFT
            | u32::from(self.carved)
    }

    fn from_word(word: u32) -> Option<DirectoryEntry> {
        let owner = (word >> OWNER_SHIFT).checked_sub(1)?;
        if owner as usize >= OWNERS_KEPT_MAX {
            return None;
        }
        let class = (word >> CLASS_SHIFT & CLASS_MASK) as usize;
        Some(DirectoryEntry { owner: Owner(owner), class, carved: (word & CARVED_MASK) as u16 })
    }
}

/// A number of an owner that is kept in the region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ShardNumber {
    /// The current mark of the flush epochs, or [`NO_EPOCH`].
    Epoch,
    /// An upper bound of the cas uniques handed out, in units of 2^20.
    Uniques,
    /// The access tick, a few behind.
    Tick,
    /// Where the shard's record is, from 1. 0: it has none, or it is out of date.
    Record,
    /// The second of a flush that is still to come. 0: there is none.
    Flush,
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

    fn place(&self, owner: Owner, number: ShardNumber) -> usize {
        let pages = self.region.bytes() / PAGE_BYTES;
        pages + owner.number() * KEPT_NUMBERS + number as usize
    }

    /// A number of an owner; 0 in a region without a directory.
    pub(crate) fn number(&self, owner: Owner, number: ShardNumber) -> u32 {
        self.load(self.place(owner, number))
    }

    /// Sets a number of an owner.
    pub(crate) fn set_number(&self, owner: Owner, number: ShardNumber, value: u32) {
        self.store(self.place(owner, number), value);
    }
}

/// A number of one owner, for the part of a store that changes it.
#[derive(Clone)]
pub(crate) struct KeptNumber {
    directory: PageDirectory,
    owner: Owner,
    number: ShardNumber,
}

impl KeptNumber {
    pub(crate) fn new(directory: PageDirectory, owner: Owner, number: ShardNumber) -> KeptNumber {
        KeptNumber { directory, owner, number }
    }

    pub(crate) fn get(&self) -> u32 {
        self.directory.number(self.owner, self.number)
    }

    pub(crate) fn set(&self, value: u32) {
        self.directory.set_number(self.owner, self.number, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_and_no_word_is_one() {
        for (shard, class, carved) in [(0, 0, 0), (63, 62, 1365), (5, 1, u16::MAX)] {
            let entry = DirectoryEntry { owner: Generation::First.owner(shard), class, carved };
            assert_eq!(DirectoryEntry::from_word(entry.word()), Some(entry));
            let entry = DirectoryEntry { owner: Generation::Second.owner(shard), ..entry };
            assert_eq!(DirectoryEntry::from_word(entry.word()), Some(entry));
        }
        assert_eq!(DirectoryEntry::from_word(0), None);
        assert_eq!(DirectoryEntry::from_word(u32::MAX), None);
    }
}
