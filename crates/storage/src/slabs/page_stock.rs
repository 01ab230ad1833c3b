//! The pages that a store owns, and those of them that are spare.
//!
//! A page comes from the pool, is used by the hash table or by a slab class, and becomes spare
//! again. A store keeps a few spare pages and gives the others back to the pool.

use alloc::{sync::Arc, vec::Vec};

use crate::item::chunk_sizes::SlabClassId;
use crate::limits::{PAGE_BYTES, RESERVE_PAGES_MIN, SPARE_PAGES_MAX};
use crate::memory::page::Page;
use crate::memory::page_directory::{
    DirectoryEntry, KeptNumber, Owner, PageDirectory, ShardNumber,
};
use crate::memory::page_pool::PagePool;
use crate::memory::region::{Location, OwnedPages};
use crate::memory::shard_record::{RecordWords, ShardRecord};
use crate::slabs::page_record::{PageRecord, PageUse, RecordId};

/// A store with this part of the pages that it may have is typical of a full one.
const TYPICAL_PART: usize = 8;

/// The share of a store's pages that items have, before it is known.
const ASSUMED_FILL: (usize, usize) = (9, 10);

/// Who may give a store a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PageSource {
    /// The pool, and the store's spare pages.
    PoolAndSpare,
    /// The store's spare pages only.
    Spare,
}

/// The pages of a store.
pub(crate) struct PageStock {
    pub(super) pages: OwnedPages,
    pool: Arc<PagePool>,
    /// Stores that take pages from the pool.
    sharers: usize,
    directory: PageDirectory,
    /// The store's shard.
    owner: Owner,
    pub(super) records: Vec<PageRecord>,
    /// First record that describes no page.
    vacant: RecordId,
    /// First record of a spare page.
    pub(super) spare: RecordId,
    spare_pages: usize,
    owned_pages: usize,
    /// Pages that are never given to the pool.
    pages_min: usize,
    /// Whether one spare page is kept in reserve, see [`PageStock::reserve_pages`].
    is_reserving: bool,
}

impl PageStock {
    /// A stock of no pages. `pages_expected`: about how many it will have.
    pub(super) fn new(
        pool: Arc<PagePool>,
        owner: Owner,
        pages_min: usize,
        pages_expected: usize,
    ) -> PageStock {
        PageStock {
            directory: pool.directory().clone(),
            owner,
            pages: pool.window(owner),
            sharers: (pool.pages_total() / pages_expected.max(1)).max(1),
            records: Vec::with_capacity(pages_expected.min(pool.pages_total())),
            pool,
            vacant: RecordId::NONE,
            spare: RecordId::NONE,
            spare_pages: 0,
            owned_pages: 0,
            pages_min,
            is_reserving: false,
        }
    }

    /// From now on one spare page is kept in reserve.
    pub(crate) fn keep_reserve(&mut self) {
        self.is_reserving = true;
    }

    pub(crate) fn pool(&self) -> &PagePool {
        &self.pool
    }

    /// Bytes that items will have when the store is full, if they have this many now: what its
    /// pages hold, and its part of the free ones would hold. A store with few pages is not taken
    /// for typical.
    pub(crate) fn bytes_when_full(&self, item_bytes: usize) -> usize {
        let pages = self.owned_pages + self.pool.pages_free() / self.sharers;
        if self.owned_pages * TYPICAL_PART < pages {
            return pages * PAGE_BYTES / ASSUMED_FILL.1 * ASSUMED_FILL.0;
        }
        item_bytes / self.owned_pages.max(1) * pages
    }

    /// The pages with items of the store's shard, in a recovered pool. The second time there are
    /// none.
    pub(crate) fn take_kept(&self) -> Vec<(Page, DirectoryEntry)> {
        self.pool.take_kept(self.owner)
    }

    /// A number that the region keeps for the store.
    pub(crate) fn kept_number(&self, number: ShardNumber) -> KeptNumber {
        KeptNumber::new(self.directory.clone(), self.owner, number)
    }

    /// Notes in the directory that a page belongs to a class, and how many of its chunks were ever
    /// handed out.
    pub(super) fn note_in_class(&self, id: RecordId, class: SlabClassId, carved: u16) {
        let entry = DirectoryEntry { owner: self.owner, class: class.index(), carved };
        self.directory.set_entry(self.page_number(id), entry);
    }

    /// Notes in the directory that a page, whose chunks are free, belongs to no class.
    pub(super) fn note_in_no_class(&self, id: RecordId) {
        self.directory.clear_entry(self.page_number(id));
    }

    /// Whether the directory, if there is one, says that a page belongs to this class and has so
    /// many chunks that were ever handed out. For the recount.
    pub(super) fn is_noted(&self, id: RecordId, class: Option<(SlabClassId, u16)>) -> bool {
        let owner = self.owner;
        let entry =
            class.map(|(class, carved)| DirectoryEntry { owner, class: class.index(), carved });
        !self.directory.is_kept() || self.directory.entry(self.page_number(id)) == entry
    }

    pub(crate) fn spare_pages(&self) -> usize {
        self.spare_pages
    }

    /// Pages owned, those of the hash table and the spare ones included.
    pub(crate) fn owned_pages(&self) -> usize {
        self.owned_pages
    }

    /// Pages that are never given to the pool.
    pub(crate) fn pages_min(&self) -> usize {
        self.pages_min
    }

    /// Records, vacant ones included.
    pub(crate) fn records(&self) -> impl ExactSizeIterator<Item = RecordId> + use<> {
        (0..self.records.len()).map(RecordId::new)
    }

    pub(super) fn record(&self, id: RecordId) -> &PageRecord {
        &self.records[id.index()]
    }

    pub(super) fn record_mut(&mut self, id: RecordId) -> &mut PageRecord {
        &mut self.records[id.index()]
    }

    /// What a page is used for.
    pub(super) fn page_use(&self, id: RecordId) -> PageUse {
        self.record(id).page_use
    }

    /// Pages of the hash table.
    pub(crate) fn index_pages(&self) -> usize {
        self.records.iter().filter(|record| record.page_use == PageUse::Index).count()
    }

    /// Whether a page of the hash table begins at this byte, which may be any.
    pub(crate) fn is_index_page(&self, at: usize) -> bool {
        let id = self.find_record(at).filter(|_| at.is_multiple_of(PAGE_BYTES));
        id.is_some_and(|id| self.page_use(id) == PageUse::Index)
    }

    /// Whether a record, of any number, is that of a page of a class.
    pub(crate) fn is_class_page(&self, id: RecordId) -> bool {
        let record = self.records.get(id.index());
        record.is_some_and(|record| matches!(record.page_use, PageUse::Class(_)))
    }

    /// The record of the page that has byte `at`.
    #[inline]
    pub(crate) fn record_at(&self, at: usize) -> RecordId {
        RecordId(self.pool.note((at / PAGE_BYTES) as u32))
    }

    /// The record of the page that has a chunk, which the store owns.
    pub(crate) fn record_of(&self, chunk: Location) -> RecordId {
        let at = self.pages.at(chunk);
        let id = self.record_at(at);
        let page = self.record(id).page.as_ref();
        let is_own = page.is_some_and(|page| page.number() as usize == at / PAGE_BYTES);
        assert!(is_own, "page not owned");
        id
    }

    /// The record of the page that has byte `at`, if the store owns that page.
    pub(super) fn find_record(&self, at: usize) -> Option<RecordId> {
        let number = at / PAGE_BYTES;
        let id = (number < self.pool.pages()).then(|| self.record_at(at))?;
        let page = self.records.get(id.index())?.page.as_ref()?;
        (page.number() as usize == number).then_some(id)
    }

    fn page_number(&self, id: RecordId) -> u32 {
        self.record(id).page.as_ref().expect("a record with a page").number()
    }

    /// Byte offset of a record's page.
    pub(crate) fn page_at(&self, id: RecordId) -> usize {
        self.page_number(id) as usize * PAGE_BYTES
    }

    /// Takes a spare page, or else one of the pool. Its use is `Index` until it joins a class.
    pub(crate) fn take_page(&mut self) -> Option<RecordId> {
        let Some(id) = self.spare.some() else { return self.take_new_page() };
        self.spare = self.record(id).next;
        self.spare_pages -= 1;
        self.record_mut(id).page_use = PageUse::Index;
        Some(id)
    }

    /// Takes a page that another store has given for this one, also above the limit.
    pub(crate) fn take_exchanged_page(&mut self) -> Option<RecordId> {
        let page = self.pool.take_exchanged()?;
        Some(self.own(page))
    }

    fn take_new_page(&mut self) -> Option<RecordId> {
        let page = self.pool.take()?;
        Some(self.own(page))
    }

    /// Takes over a page. Its use is `Index` until it joins a class.
    pub(super) fn own(&mut self, page: Page) -> RecordId {
        let id = self.vacant.some().unwrap_or(RecordId::new(self.records.len()));
        self.pool.set_note(page.number(), id.0);
        self.pages.add(&page);
        if self.vacant == RecordId::NONE {
            self.records.push(PageRecord::VACANT);
        } else {
            self.vacant = self.record(id).next;
        }
        let record = self.record_mut(id);
        record.page = Some(page);
        record.page_use = PageUse::Index;
        self.owned_pages += 1;
        id
    }

    /// The pages of the store, each with the number of its record.
    pub(crate) fn noted_pages(&self) -> Vec<(u32, u32)> {
        let noted = |id| (self.page_number(id), id.0);
        self.records().filter(|id| self.record(*id).page.is_some()).map(noted).collect()
    }

    /// The record of the store's shard, if the pool has one, and the tokens of its pages.
    pub(crate) fn take_record(&self) -> Option<(Vec<Page>, ShardRecord)> {
        self.pool.take_record(self.owner)
    }

    /// Saves the record of the store's shard. False: it has no room.
    pub(crate) fn save_record(&self, words: RecordWords) -> bool {
        let record = ShardRecord { pages: self.noted_pages(), words };
        self.pool.save_record(self.owner, &record)
    }

    /// The record of the store's shard that was saved last, if nothing has changed since.
    pub(crate) fn saved_record(&self) -> Option<ShardRecord> {
        self.pool.saved_record(self.owner)
    }

    /// Takes over pages with the numbers of their records. Their use is unknown until
    /// [`Self::settle`]. False: two have the same number.
    pub(crate) fn attach(&mut self, pages: Vec<Page>) -> bool {
        for page in pages {
            let id = RecordId(self.pool.note(page.number()));
            if id.index() >= self.pool.pages() {
                return false;
            }
            if id.index() >= self.records.len() {
                self.records.resize_with(id.index() + 1, || PageRecord::VACANT);
            }
            if self.record(id).page.is_some() {
                return false;
            }
            self.pages.add(&page);
            let record = self.record_mut(id);
            // Set by the list of its class.
            record.class_place = u32::MAX;
            record.page = Some(page);
            self.owned_pages += 1;
        }
        true
    }

    /// Links the records without a page, and counts the spare pages. False: their list or the
    /// directory is wrong.
    pub(super) fn settle(&mut self) -> bool {
        for id in self.records() {
            if self.record(id).page.is_none() {
                self.record_mut(id).next = core::mem::replace(&mut self.vacant, id);
            } else if !matches!(self.page_use(id), PageUse::Class(_)) && !self.is_noted(id, None) {
                return false;
            }
        }
        let is_spare = |record: &PageRecord| record.page_use == PageUse::Spare;
        let spare = self.records.iter().filter(|record| is_spare(record)).count();
        let mut next = self.spare;
        for _ in 0..spare {
            let Some(record) = self.records.get(next.index()) else { return false };
            if !is_spare(record) {
                return false;
            }
            next = record.next;
        }
        self.spare_pages = spare;
        next == RecordId::NONE
    }

    /// As [`Self::take_page`], but leaves the reserve, and fills it first if the pool has a page.
    pub(crate) fn take_unreserved_page(&mut self, source: PageSource) -> Option<RecordId> {
        let from_pool = source == PageSource::PoolAndSpare;
        if from_pool
            && self.spare_pages < self.reserve_pages()
            && let Some(page) = self.take_new_page()
        {
            self.keep_spare(page);
        }
        if self.spare_pages > self.reserve_pages() {
            return self.take_page();
        }
        if from_pool { self.take_new_page() } else { None }
    }

    /// Spare pages in reserve: only the hash table and a class without any page may take them.
    pub(crate) fn reserve_pages(&self) -> usize {
        usize::from(self.is_reserving && self.owned_pages >= RESERVE_PAGES_MIN)
    }

    /// Whether the store has a spare page beside the reserve.
    pub(crate) fn has_unreserved_spare(&self) -> bool {
        self.spare_pages > self.reserve_pages()
    }

    /// Whether a class could have a page now.
    pub(crate) fn has_unreserved_page(&self) -> bool {
        self.has_unreserved_spare() || self.pool.pages_free() > 0
    }

    /// Makes a page spare. Gives one to the pool if there are then too many.
    pub(crate) fn keep_spare(&mut self, id: RecordId) {
        let spare = self.spare;
        let record = self.record_mut(id);
        record.page_use = PageUse::Spare;
        record.next = spare;
        self.spare = id;
        self.spare_pages += 1;
        self.give_surplus();
    }

    /// Gives spare pages to the pool if there are too many.
    pub(crate) fn give_surplus(&mut self) {
        while self.spare_pages > SPARE_PAGES_MAX && self.give_spare() {}
    }

    /// Gives a spare page to the pool. False: there is none, or the store is at its minimum.
    pub(crate) fn give_spare(&mut self) -> bool {
        if self.owned_pages <= self.pages_min {
            return false;
        }
        let Some(id) = self.spare.some() else { return false };
        let vacant = self.vacant;
        let record = self.record_mut(id);
        let next = record.next;
        record.page_use = PageUse::Vacant;
        record.next = vacant;
        let page = record.page.take().expect("a spare record has a page");
        self.spare = next;
        self.vacant = id;
        self.pages.remove(&page);
        self.pool.give(page);
        self.spare_pages -= 1;
        self.owned_pages -= 1;
        true
    }
}

impl Drop for PageStock {
    fn drop(&mut self) {
        for page in self.records.iter_mut().filter_map(|record| record.page.take()) {
            self.pages.remove(&page);
            self.pool.give(page);
        }
    }
}
