//! The record that a store keeps of one of its pages.

use crate::item::chunk_sizes::SlabClassId;
use crate::memory::page::Page;
use crate::memory::region::Location;

/// Number of a page record. The pool notes it on the page while the store owns the page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct RecordId(pub(super) u32);

impl RecordId {
    /// No record: the end of a list.
    pub(crate) const NONE: RecordId = RecordId(u32::MAX);

    #[inline]
    pub(crate) fn new(index: usize) -> RecordId {
        RecordId(index as u32)
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn some(self) -> Option<RecordId> {
        if self == RecordId::NONE { None } else { Some(self) }
    }
}

/// What a page is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PageUse {
    /// The record describes no page.
    Vacant,
    /// The store owns the page and does not use it.
    Spare,
    /// A part of the hash table.
    Index,
    /// Cut into chunks of a slab class.
    Class(SlabClassId),
}

/// A page of the store.
pub(super) struct PageRecord {
    pub(super) page: Option<Page>,
    pub(super) page_use: PageUse,
    /// Chunks handed out at least once since the page joined its class. Later chunks of the page
    /// were never touched.
    pub(super) carved: u16,
    pub(super) used: u16,
    /// Used chunks that must not move.
    pub(super) pinned: u16,
    /// First free chunk.
    pub(super) free: Location,
    /// Links in the class's list of pages with room, or in the list of vacant or of spare records.
    pub(super) next: RecordId,
    pub(super) prev: RecordId,
    /// Place of the page among those of its class.
    pub(super) class_place: u32,
    /// The page was cleaned after this many flushes had reused a mark, see `linked/flush.rs`.
    pub(super) cleaned_after: u64,
}

impl PageRecord {
    pub(super) const VACANT: PageRecord = PageRecord {
        page: None,
        page_use: PageUse::Vacant,
        carved: 0,
        used: 0,
        pinned: 0,
        free: Location::NONE,
        next: RecordId::NONE,
        prev: RecordId::NONE,
        class_place: 0,
        cleaned_after: 0,
    };
}
