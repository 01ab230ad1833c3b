//! What the record of a shard says of pages and slab classes. Nothing is pinned or drained when it
//! is saved.

use alloc::vec::Vec;

use crate::item::chunk_sizes::SlabClassId;
use crate::memory::shard_record::{RecordWord, RecordWords};
use crate::slabs::page_record::{PageRecord, PageUse, RecordId};
use crate::slabs::slab_allocator::SlabAllocator;
use crate::slabs::slab_class::SlabClass;

impl RecordWord for RecordId {
    fn word(&self) -> u64 {
        self.0.into()
    }

    fn of_word(word: u64) -> Option<RecordId> {
        u32::of_word(word).map(RecordId)
    }
}

impl RecordWord for SlabClassId {
    fn word(&self) -> u64 {
        self.index() as u64
    }

    fn of_word(word: u64) -> Option<SlabClassId> {
        SlabClassId::from_number(usize::try_from(word).ok()?.checked_add(1)?)
    }
}

impl PageUse {
    const CLASSES: u16 = 3;

    fn number(self) -> u16 {
        match self {
            PageUse::Vacant => 0,
            PageUse::Spare => 1,
            PageUse::Index => 2,
            PageUse::Class(class) => Self::CLASSES + class.index() as u16,
        }
    }

    fn of_number(number: u16) -> Option<PageUse> {
        match number {
            0 => None,
            1 => Some(PageUse::Spare),
            2 => Some(PageUse::Index),
            class => {
                SlabClassId::from_number(usize::from(class - Self::CLASSES) + 1).map(PageUse::Class)
            }
        }
    }
}

impl PageRecord {
    /// Keeps a record with a page. `marks_reused`: see `linked/flush.rs`.
    fn keep(&mut self, words: &mut RecordWords, marks_reused: u64) {
        let mut links = (self.free.0, self.next.0);
        words.keep(&mut links);
        (self.free.0, self.next.0) = links;
        let is_clean = u16::from(self.cleaned_after == marks_reused);
        let mut counts = [self.carved, self.used, self.page_use.number(), is_clean];
        words.keep(&mut counts);
        let [carved, used, page_use, is_clean] = counts;
        (self.carved, self.used) = (carved, used);
        match PageUse::of_number(page_use) {
            Some(page_use) => self.page_use = page_use,
            None => words.refuse(),
        }
        self.cleaned_after = marks_reused.wrapping_sub(u64::from(is_clean == 0));
    }
}

impl SlabClass {
    /// Keeps pages, counts and costs. Candidates are found again by the evictions to come.
    fn keep(&mut self, words: &mut RecordWords) {
        self.pages.keep(words);
        words.keep(&mut self.room);
        words.keep(&mut self.used_chunks);
        words.keep(&mut self.used_bytes);
        self.segments.keep(words);
        self.sample.keep(words);
        self.costs.keep(words);
    }
}

impl SlabAllocator {
    /// Keeps what the store knows of its pages and slab classes. The counters of operators begin
    /// again.
    pub(crate) fn keep(&mut self, words: &mut RecordWords) {
        words.keep(&mut self.marks_reused);
        words.keep(&mut self.stock.spare);
        let records = self.stock.records.iter_mut().filter(|record| record.page.is_some());
        records.for_each(|record| record.keep(words, self.marks_reused));
        self.classes.iter_mut().for_each(|class| class.keep(words));
    }

    /// Links what was kept, and derives the rest from it. False: it contradicts itself or the page
    /// directory.
    pub(crate) fn settle(&mut self) -> bool {
        self.stock.settle()
            && self.class_ids().all(|class| self.settle_pages(class) && self.settle_room(class))
            && self.all_classed()
    }

    /// The pages of a class, and their counts.
    fn settle_pages(&mut self, id: SlabClassId) -> bool {
        let pages: Vec<RecordId> = self.class(id).pages.all().to_vec();
        let mut used = 0;
        for (place, page) in pages.iter().enumerate() {
            let is_own = self.stock.records.get(page.index()).is_some_and(|record| {
                record.page_use == PageUse::Class(id) && record.class_place == u32::MAX
            });
            if !is_own || !self.has_sound_chunks(*page, id) {
                return false;
            }
            let record = self.stock.record_mut(*page);
            record.class_place = place as u32;
            used += usize::from(record.used);
            if page.index() >= self.classes_by_record.len() {
                self.classes_by_record.resize(page.index() + 1, id);
            }
            self.classes_by_record[page.index()] = id;
        }
        if !pages.is_empty() {
            self.populated |= 1 << id.index();
        }
        self.class_pages += pages.len();
        let class = self.class(id);
        used == class.used_chunks() && class.used_bytes() <= used * class.chunk_bytes()
    }

    /// Whether the counts and the free list of a page are possible.
    fn has_sound_chunks(&self, id: RecordId, class: SlabClassId) -> bool {
        let record = self.stock.record(id);
        let (carved, used) = (record.carved, record.used);
        let bytes = self.class(class).chunk_bytes();
        let is_chunk = |at: usize| {
            let offset = at.wrapping_sub(self.stock.page_at(id));
            offset.is_multiple_of(bytes) && offset / bytes < usize::from(carved)
        };
        let free = record.free.some();
        usize::from(carved) <= self.class(class).chunks_per_page()
            && used <= carved
            && (used > 0 || carved == 0)
            && free.is_some() == (used < carved)
            && free.is_none_or(|chunk| is_chunk(self.stock.pages.at(chunk)))
            && self.stock.is_noted(id, Some((class, carved)))
    }

    /// The list of a class's pages with room.
    fn settle_room(&mut self, id: SlabClassId) -> bool {
        let chunks = self.class(id).chunks_per_page();
        let has_room = |record: &PageRecord| usize::from(record.used) < chunks;
        let pages = self.class(id).pages.all().iter();
        let with_room = pages.filter(|page| has_room(self.stock.record(**page))).count();
        let (mut prev, mut next) = (RecordId::NONE, self.class(id).room);
        for _ in 0..with_room {
            let Some(record) = self.stock.records.get_mut(next.index()) else { return false };
            if record.page_use != PageUse::Class(id) || !has_room(record) {
                return false;
            }
            record.prev = prev;
            (prev, next) = (next, record.next);
        }
        // A list that comes back to a page never ends.
        next == RecordId::NONE
    }

    /// Whether each page of a class is in the list of its class.
    fn all_classed(&mut self) -> bool {
        self.class_pages_max = self.class_pages;
        self.stock.pool().count_class_pages(self.class_pages);
        let is_class = |record: &&PageRecord| matches!(record.page_use, PageUse::Class(_));
        self.stock.records.iter().filter(is_class).count() == self.class_pages
    }
}
