//! The pages of one slab class.

use alloc::vec::Vec;

use crate::memory::shard_record::RecordWords;
use crate::slabs::page_record::{PageRecord, RecordId};

/// The pages of a slab class: first the **movable** ones, which have no pinned chunk, then the
/// others. The record of each page has its place here.
///
/// So a search for a page to move never looks at pinned ones, however many there are.
pub(super) struct ClassPages {
    pages: Vec<RecordId>,
    movable: usize,
}

impl ClassPages {
    pub(super) fn new() -> ClassPages {
        ClassPages { pages: Vec::new(), movable: 0 }
    }

    #[inline]
    pub(super) fn all(&self) -> &[RecordId] {
        &self.pages
    }

    /// The pages without pinned chunks.
    pub(super) fn movable(&self) -> &[RecordId] {
        &self.pages[..self.movable]
    }

    /// Adds a page without pinned chunks.
    pub(super) fn add(&mut self, records: &mut [PageRecord], id: RecordId) {
        self.pages.push(id);
        records[id.index()].class_place = (self.pages.len() - 1) as u32;
        self.note_unpinned(records, id);
    }

    /// Removes a page without pinned chunks.
    pub(super) fn remove(&mut self, records: &mut [PageRecord], id: RecordId) {
        self.note_pinned(records, id);
        let place = records[id.index()].class_place as usize;
        self.swap(records, place, self.pages.len() - 1);
        self.pages.pop();
    }

    /// Notes that a page has pinned chunks now.
    pub(super) fn note_pinned(&mut self, records: &mut [PageRecord], id: RecordId) {
        let place = records[id.index()].class_place as usize;
        assert!(place < self.movable, "a page without pins is among those with pins");
        self.movable -= 1;
        self.swap(records, place, self.movable);
    }

    /// Notes that a page has no pinned chunk any more.
    pub(super) fn note_unpinned(&mut self, records: &mut [PageRecord], id: RecordId) {
        let place = records[id.index()].class_place as usize;
        assert!(place >= self.movable, "a page with pins is among those without pins");
        self.swap(records, place, self.movable);
        self.movable += 1;
    }

    /// Keeps the pages, none of which is pinned.
    pub(super) fn keep(&mut self, words: &mut RecordWords) {
        words.keep_list(&mut self.pages);
        self.movable = self.pages.len();
    }

    fn swap(&mut self, records: &mut [PageRecord], one: usize, other: usize) {
        self.pages.swap(one, other);
        for place in [one, other] {
            records[self.pages[place].index()].class_place = place as u32;
        }
    }
}
