//! The items in the hash table: how they are found, linked and unlinked.
//!
//! Linking and unlinking go through this file, so hash table, expiry index, classes and counts
//! agree.

use alloc::vec::Vec;

use crate::index::expiry_index::ExpiryIndex;
use crate::index::hash_table::HashTable;
use crate::index::hints::{Hinted, Hints};
use crate::index::key_hasher::KeyHasher;
use crate::item::access::AccessWord;
use crate::item::chain;
use crate::item::chunk::{self, ChunkUse};
use crate::item::expiry::{Expiry, Moment};
use crate::item::hashed_key::HashedKey;
use crate::item::item_fields::{self, NeededFields};
use crate::item::item_head::ItemHead;
use crate::item::item_ref::ItemRef;
use crate::item::segment::Segment;
use crate::limits::{CACHE_LINE_BYTES, INDEX_PAGES_MIN, PAGE_BYTES};
use crate::linked::flush_epochs::FlushEpochs;
use crate::linked::item_accounts::ItemAccounts;
use crate::memory::page_directory::{KeptNumber, NO_EPOCH, ShardNumber};
use crate::memory::region::{Location, OwnedPages};
use crate::memory::shard_record::RecordWords;
use crate::slabs::page_record::RecordId;
use crate::slabs::slab_allocator::SlabAllocator;
use crate::slabs::stats::StoreStats;

/// Why a lookup found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// No such key (never stored, deleted, or evicted).
    NotFound,
    /// The item's exptime had passed.
    Expired,
    /// The item was stored before the last `flush_all`.
    Flushed,
}

/// Who finds a dead item and takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finder {
    /// Background work.
    Crawler,
    /// An allocation, or a store into the item's page.
    Allocation,
}

/// The linked items of a store, with the memory that they lie in.
pub(crate) struct LinkedItems {
    slabs: SlabAllocator,
    index: HashTable,
    hasher: KeyHasher,
    /// Locations of the items whose requests come next.
    hints: Hints,
    expiry: ExpiryIndex,
    pub(super) accounts: ItemAccounts,
    pub(super) epochs: FlushEpochs,
    /// The current mark of the epochs, for another process.
    pub(super) kept_epoch: KeptNumber,
    /// The item that must stay linked during the current allocation, even if it has expired.
    guarded: Option<Location>,
}

/// Whether a guard pinned its item. It did not if a hold had pinned it before.
#[must_use = "a guard is ended"]
pub(crate) struct Guard {
    item: Location,
    is_pinned_here: bool,
}

impl LinkedItems {
    /// No items. Takes `pages_first` pages for the hash table and spare ones. `None`: the pool has
    /// fewer.
    pub(crate) fn new(
        mut slabs: SlabAllocator,
        hasher: KeyHasher,
        track_sizes: bool,
        pages_first: usize,
    ) -> Option<LinkedItems> {
        let first: Vec<RecordId> =
            (0..pages_first).map(|_| slabs.stock.take_page()).collect::<Option<_>>()?;
        let (index_pages, spare) = first.split_at(INDEX_PAGES_MIN);
        spare.iter().rev().for_each(|page| slabs.stock.keep_spare(*page));
        let (buckets_at, overflow_at) =
            (slabs.stock.page_at(index_pages[0]), slabs.stock.page_at(index_pages[1]));
        let index = HashTable::new(slabs.pages_mut(), buckets_at, overflow_at);
        Some(LinkedItems::with_index(slabs, hasher, track_sizes, index))
    }

    /// Items that are in no hash table, see `store/leaving_items.rs`.
    pub(crate) fn without_index(slabs: SlabAllocator, hasher: KeyHasher) -> LinkedItems {
        LinkedItems::with_index(slabs, hasher, false, HashTable::without_pages())
    }

    /// Items that [`Self::keep`] sets.
    pub(crate) fn unattached(
        slabs: SlabAllocator,
        hasher: KeyHasher,
        track_sizes: bool,
    ) -> LinkedItems {
        LinkedItems::with_index(slabs, hasher, track_sizes, HashTable::without_pages())
    }

    fn with_index(
        slabs: SlabAllocator,
        hasher: KeyHasher,
        track_sizes: bool,
        index: HashTable,
    ) -> LinkedItems {
        LinkedItems {
            kept_epoch: slabs.stock.kept_number(ShardNumber::Epoch),
            slabs,
            index,
            hasher,
            hints: Hints::new(),
            expiry: ExpiryIndex::default(),
            accounts: ItemAccounts::new(track_sizes),
            epochs: FlushEpochs::default(),
            guarded: None,
        }
    }

    /// Keeps hash table and expiry index.
    pub(super) fn keep_index(&mut self, words: &mut RecordWords) {
        self.index.keep(words);
        let stock = &self.slabs.stock;
        self.expiry.keep(words, |page| stock.is_class_page(page));
    }

    #[inline]
    pub(crate) fn slabs(&self) -> &SlabAllocator {
        &self.slabs
    }

    #[inline]
    pub(crate) fn slabs_mut(&mut self) -> &mut SlabAllocator {
        &mut self.slabs
    }

    #[inline]
    pub(crate) fn pages(&self) -> &OwnedPages {
        self.slabs.pages()
    }

    #[inline]
    pub(crate) fn pages_mut(&mut self) -> &mut OwnedPages {
        self.slabs.pages_mut()
    }

    #[inline]
    pub(crate) fn index(&self) -> &HashTable {
        &self.index
    }

    pub(crate) fn expiry(&self) -> &ExpiryIndex {
        &self.expiry
    }

    pub(crate) fn expiry_mut(&mut self) -> &mut ExpiryIndex {
        &mut self.expiry
    }

    /// Linked items, dead ones included.
    #[inline]
    pub(crate) fn items(&self) -> usize {
        self.index.items()
    }

    /// Bytes that linked items use.
    pub(crate) fn bytes(&self) -> usize {
        self.accounts.bytes()
    }

    /// Bytes that linked items use, by segment.
    #[inline]
    pub(crate) fn bytes_by_segment(&self) -> [usize; Segment::ALL.len()] {
        self.accounts.bytes_by_segment()
    }

    #[inline]
    pub(crate) fn view(&self, item: Location) -> ItemRef<'_> {
        ItemRef::new(self.pages(), item)
    }

    #[inline]
    pub(crate) fn head(&self, item: Location) -> ItemHead {
        ItemHead::read(self.pages(), item)
    }

    #[inline(never)]
    pub(crate) fn hash_of(&self, item: Location) -> u64 {
        self.hasher.hash_of(self.view(item))
    }

    /// Asks the processor for the bucket of a hash.
    #[inline]
    pub(crate) fn prefetch_bucket(&self, hash: u64) {
        self.index.prefetch(self.pages(), hash);
    }

    /// Begins a group of prefetched items.
    #[inline]
    pub(crate) fn begin_group(&self) {
        self.hints.begin();
    }

    /// Asks the processor for the first item with a hash, and keeps its location as a hint.
    #[inline]
    pub(crate) fn prefetch_item(&self, hash: u64) {
        let pages = self.pages();
        let item = self.index.find(pages, hash, |_| true);
        if let Some(item) = item {
            // Header and key; the value's start.
            pages.prefetch(pages.at(item));
            pages.prefetch(pages.at(item) + CACHE_LINE_BYTES);
        }
        self.hints.put(hash, item, &self.index);
    }

    /// The item of a key, dead or alive.
    #[inline]
    pub(crate) fn find_linked(&self, key: HashedKey<'_>) -> Option<Location> {
        let pages = self.pages();
        match self.hints.get(key.hash(), &self.index) {
            Hinted::Nothing => return None,
            Hinted::Item(item) if self.head(item).has_key(pages, key) => return Some(item),
            _ => {}
        }
        self.index.find(pages, key.hash(), |item| self.head(item).has_key(pages, key))
    }

    /// The live item of a key. A dead one is unlinked.
    #[inline]
    pub(crate) fn find_live(&mut self, now: Moment, key: HashedKey<'_>) -> Result<Location, Miss> {
        debug_assert_eq!(
            key,
            self.hasher.hash_in(key.database(), key.key()),
            "the hash is another key's"
        );
        let item = self.find_linked(key).ok_or(Miss::NotFound)?;
        if self.may_be_dead(now, self.head(item)) {
            return self.meet(now, item);
        }
        Ok(item)
    }

    /// Whether [`Self::judge`] has more to look at.
    #[inline]
    fn may_be_dead(&self, now: Moment, head: ItemHead) -> bool {
        !self.epochs.is_live(head.epoch()) || head.may_have_expired(self.pages(), now)
    }

    /// Judges an item that a request has found. A dead one is unlinked.
    #[cold]
    #[inline(never)]
    fn meet(&mut self, now: Moment, item: Location) -> Result<Location, Miss> {
        match self.death_of(now, item) {
            None => Ok(item),
            Some(miss) => Err(self.meet_dead(item, miss)),
        }
    }

    /// The header of the live item of a key. A dead item is unlinked.
    #[expect(clippy::inline_always, reason = "most requests do this")]
    #[inline(always)]
    pub(crate) fn find_live_head(
        &mut self,
        now: Moment,
        key: HashedKey<'_>,
    ) -> Result<ItemHead, Miss> {
        match self.hints.get(key.hash(), &self.index) {
            Hinted::Nothing => return Err(Miss::NotFound),
            Hinted::Item(item) => {
                let head = self.head(item);
                if self.is_hit(now, head, key) {
                    return Ok(head);
                }
            }
            Hinted::Unknown => {}
        }
        self.find_live(now, key).map(|item| self.head(item))
    }

    /// Takes back a dead item that a request has found. Counts it whatever the request is, as
    /// memcached does.
    fn meet_dead(&mut self, item: Location, miss: Miss) -> Miss {
        match miss {
            Miss::Expired => self.accounts.expired_met += 1,
            Miss::Flushed => self.accounts.flushed_met += 1,
            Miss::NotFound => {}
        }
        self.unlink(item);
        miss
    }

    /// Whether the item of this header is that of a key, and surely alive. False: others may be.
    #[inline]
    fn is_hit(&self, now: Moment, head: ItemHead, key: HashedKey<'_>) -> bool {
        head.is_plain_of(self.pages(), key) && !self.may_be_dead(now, head)
    }

    /// Why a linked item is dead. `None`: it is alive.
    #[inline]
    pub(crate) fn death_of(&self, now: Moment, item: Location) -> Option<Miss> {
        self.judge(now, self.head(item))
    }

    /// Why the linked item with this header is dead. `None`: it is alive.
    #[inline]
    pub(crate) fn judge(&self, now: Moment, head: ItemHead) -> Option<Miss> {
        if self.may_be_dead(now, head) { self.judge_closely(now, head) } else { None }
    }

    #[cold]
    #[inline(never)]
    fn judge_closely(&self, now: Moment, head: ItemHead) -> Option<Miss> {
        if self.has_been_flushed(head) {
            Some(Miss::Flushed)
        } else if head.expiry(self.pages()).has_come(now) {
            Some(Miss::Expired)
        } else {
            None
        }
    }

    /// Whether a flush has ended the linked item with this header.
    #[inline]
    pub(super) fn has_been_flushed(&self, head: ItemHead) -> bool {
        !self.epochs.is_live(head.epoch()) && self.is_flushed(head.at())
    }

    /// Whether a flush has ended the linked item at this byte. Dead items may have its mark.
    #[cold]
    #[inline(never)]
    fn is_flushed(&self, at: usize) -> bool {
        !self.epochs.is_ambiguous() || !self.slabs.is_page_clean(self.slabs.stock.record_at(at))
    }

    /// Links a finished item in place of `old`, or adds it if there is none.
    pub(crate) fn link(&mut self, hash: u64, new: Location, old: Option<Location>) {
        if let Some(old) = old {
            self.index.replace(self.slabs.pages_mut(), hash, old, new);
            self.forget(old);
        } else {
            self.index.insert(self.slabs.pages_mut(), hash, new);
        }
        chunk::set_linked(self.slabs.pages_mut(), new, true);
        self.count_linked(new);
    }

    /// Links an item that has the mark of linked ones.
    pub(super) fn link_kept_item(&mut self, hash: u64, item: Location) {
        self.index.insert(self.slabs.pages_mut(), hash, item);
        self.count_linked(item);
    }

    #[inline]
    fn count_linked(&mut self, item: Location) {
        let segment = self.head(item).access().segment();
        let class = self.slabs.class_of(item);
        self.slabs.class_mut(class).segments.add(segment);
        self.count_in(item);
    }

    /// Takes an item out of the hash table, and frees it unless it is held.
    pub(crate) fn unlink(&mut self, item: Location) {
        let hash = self.hash_of(item);
        self.index.remove(self.slabs.pages_mut(), hash, item);
        self.forget(item);
    }

    /// Counts an item out, and frees it unless it is held. The hash table does not have it.
    fn forget(&mut self, item: Location) {
        self.count_out(item);
        let segment = self.head(item).access().segment();
        let class = self.slabs.class_of(item);
        self.slabs.class_mut(class).segments.remove(segment);
        chunk::set_linked(self.slabs.pages_mut(), item, false);
        if !chunk::is_held(self.slabs.pages(), item) {
            self.slabs.free_item(item);
        }
    }

    /// Moves a linked item to the segment of this access word, which it gets.
    pub(crate) fn change_access(&mut self, item: Location, access: AccessWord) {
        let view = self.view(item);
        let (bytes, old, new) = (view.total_bytes(), view.access().segment(), access.segment());
        chunk::set_access(self.slabs.pages_mut(), item, access);
        self.accounts.change_segment(bytes, old, new);
        self.recount_segment(item, old, new);
    }

    /// Counts a linked item of a class in the segment where it is now. Its bytes are counted there.
    #[inline(never)]
    pub(crate) fn recount_segment(&mut self, item: Location, old: Segment, new: Segment) {
        let class = self.slabs.class_of(item);
        let segments = &mut self.slabs.class_mut(class).segments;
        segments.remove(old);
        segments.add(new);
    }

    /// Takes back a linked item that is dead.
    pub(crate) fn take_back(&mut self, item: Location, finder: Finder) {
        let fetched = self.view(item).is_fetched();
        let counters = self.slabs.counters_of(item);
        match finder {
            Finder::Crawler => counters.crawler_reclaimed += 1,
            Finder::Allocation => counters.reclaimed += 1,
        }
        counters.expired_unfetched += u64::from(!fetched);
        self.unlink(item);
    }

    /// Adds a linked item to the counts. Also used after a change in place.
    pub(crate) fn count_in(&mut self, item: Location) {
        let head = self.head(item);
        if !head.is_simple() {
            return self.count_other_in(item);
        }
        self.count_head_in(head);
    }

    #[inline(never)]
    fn count_other_in(&mut self, item: Location) {
        self.count_in_database(item, ItemAccounts::add_to_database);
        self.count_head_in(self.head(item));
    }

    #[expect(clippy::inline_always, reason = "each store does this")]
    #[inline(always)]
    fn count_head_in(&mut self, head: ItemHead) {
        let view = ItemRef::with_head(self.pages(), head);
        let (bytes, segment) = (view.total_bytes(), view.access().segment());
        let (mark, exptime) = (view.epoch(), view.exptime());
        self.accounts.add(bytes, segment);
        if exptime != 0 {
            self.expiry.note(self.slabs.stock.record_at(head.at()), exptime);
        }
        self.epochs.add(mark);
    }

    /// Takes a linked item out of the counts. Also used before a change in place.
    pub(crate) fn count_out(&mut self, item: Location) {
        let head = self.head(item);
        if !head.is_simple() {
            return self.count_other_out(item);
        }
        self.count_head_out(head);
    }

    #[inline(never)]
    fn count_other_out(&mut self, item: Location) {
        self.count_in_database(item, ItemAccounts::remove_from_database);
        self.count_head_out(self.head(item));
    }

    #[expect(clippy::inline_always, reason = "each store does this")]
    #[inline(always)]
    fn count_head_out(&mut self, head: ItemHead) {
        let view = ItemRef::with_head(self.pages(), head);
        let (bytes, segment, mark) = (view.total_bytes(), view.access().segment(), view.epoch());
        self.accounts.remove(bytes, segment);
        self.epochs.remove(mark);
        if self.epochs.is_ambiguous() {
            self.count_dead_out(head, mark);
        }
    }

    /// Counts an item in its database, in or out. The first database has what the others
    /// have not, and flushed items are in none.
    fn count_in_database(&mut self, item: Location, count: fn(&mut ItemAccounts, u8)) {
        let head = self.head(item);
        let database = head.database(self.pages());
        if database != 0 && !self.has_been_flushed(head) {
            count(&mut self.accounts, database);
        }
    }

    /// Items of a database that no flush has ended.
    pub(crate) fn items_in(&self, database: u8) -> u64 {
        let others = self.accounts.databases();
        if database != 0 {
            return others[usize::from(database)];
        }
        (self.epochs.live_items() as u64).saturating_sub(others.iter().sum())
    }

    #[cold]
    fn count_dead_out(&mut self, head: ItemHead, mark: u8) {
        if mark == self.epochs.current() && self.is_flushed(head.at()) {
            self.epochs.remove_dead();
            if !self.epochs.is_ambiguous() {
                self.keep_epoch();
            }
        }
    }

    /// Notes the current mark in the region. While dead items have it, a recovery takes all items
    /// for dead.
    pub(super) fn keep_epoch(&self) {
        let is_known = !self.epochs.is_ambiguous();
        self.kept_epoch.set(if is_known { self.epochs.current().into() } else { NO_EPOCH });
    }

    /// Sets the expiry of an item that has the fields.
    pub(crate) fn set_expiry(&mut self, item: Location, expiry: Expiry) {
        self.count_out(item);
        item_fields::set_expiry(self.slabs.pages_mut(), item, expiry);
        self.count_in(item);
    }

    /// Adds missing fields to an unchained item that is not held, in its chunk. False: the chunk is
    /// too short, and the item is as it was.
    pub(crate) fn widen(&mut self, item: Location, needed: NeededFields) -> bool {
        let view = self.view(item);
        let (bytes, added) = (view.total_bytes(), needed.missing_bytes(view));
        let segment = view.access().segment();
        if !self.slabs.grow_used(item, added) {
            return false;
        }
        self.accounts.remove(bytes, segment);
        self.accounts.add(bytes + added, segment);
        chunk::set_linked(self.slabs.pages_mut(), item, false);
        item_fields::widen(self.slabs.pages_mut(), item, needed);
        chunk::set_linked(self.slabs.pages_mut(), item, true);
        true
    }

    /// The linked item that a chunk is a part of, if it may be evicted.
    #[inline]
    pub(crate) fn evictable_item(&self, chunk: Location) -> Option<Location> {
        let pages = self.pages();
        let is_linked = |item| chunk::chunk_use(pages, item) == ChunkUse::Linked;
        // Mostly the chunk is the item.
        let item = if is_linked(chunk) {
            chunk
        } else {
            chain::item_of(pages, chunk).filter(|item| is_linked(*item))?
        };
        (!chunk::is_held(pages, item)).then_some(item)
    }

    /// Updates hash table and expiry index to the new location of an item.
    pub(super) fn follow(&mut self, old: Location, new: Location) {
        let hash = self.hash_of(new);
        self.index.replace(self.slabs.pages_mut(), hash, old, new);
        let exptime = self.view(new).exptime();
        if exptime != 0 {
            self.expiry.note(self.slabs.stock.record_of(new), exptime);
        }
    }

    /// Pins a linked item, and keeps it linked even if it dies, during an allocation. The guard is
    /// given to [`Self::end_guard`].
    pub(crate) fn guard(&mut self, item: Location) -> Guard {
        assert!(self.guarded.is_none(), "one item is guarded at a time");
        self.guarded = Some(item);
        let is_pinned_here = !chunk::is_held(self.pages(), item);
        if is_pinned_here {
            chunk::set_held(self.slabs.pages_mut(), item, true);
            self.slabs.pin_item(item);
        }
        Guard { item, is_pinned_here }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the token ends here")]
    pub(crate) fn end_guard(&mut self, guard: Guard) {
        let Guard { item, is_pinned_here } = guard;
        self.guarded = None;
        if is_pinned_here {
            chunk::set_held(self.slabs.pages_mut(), item, false);
            self.slabs.unpin_item(item);
        }
    }

    /// Whether an item is guarded.
    pub(crate) fn is_guarded(&self, item: Location) -> bool {
        self.guarded == Some(item)
    }

    /// Splits a bucket of the hash table. It does not need a page.
    pub(crate) fn split_bucket(&mut self) {
        let hasher = &self.hasher;
        self.index.split_bucket(self.slabs.pages_mut(), |pages, item| {
            hasher.hash_of(ItemRef::new(pages, item))
        });
    }

    /// Merges two buckets of the hash table. A page that becomes empty is spare then.
    pub(crate) fn merge_bucket(&mut self) {
        if let Some(page_at) = self.index.merge_bucket(self.slabs.pages_mut()) {
            let page = self.slabs.stock.record_at(page_at);
            self.slabs.stock.keep_spare(page);
        }
    }

    /// Adds a page that was just taken to the buckets of the hash table.
    pub(crate) fn add_bucket_page(&mut self, page: RecordId) {
        self.index.add_bucket_page(self.slabs.stock.page_at(page));
    }

    /// Adds a page that was just taken to the overflow buckets of the hash table.
    pub(crate) fn add_overflow_page(&mut self, page: RecordId) {
        self.index.add_overflow_page(self.slabs.stock.page_at(page));
    }

    /// Sizes of items in bytes, and the number of items of each, if that is kept.
    pub(crate) fn item_sizes(&self) -> impl Iterator<Item = (usize, u64)> {
        self.accounts.sizes().into_iter().flatten()
    }

    /// Sets counters to 0. Gauges stay.
    pub(crate) fn reset_stats(&mut self) {
        self.slabs.reset_counters();
        self.accounts.reset();
    }

    /// Fills in what the items and their memory know of a store's stats.
    pub(crate) fn add_stats(&self, stats: &mut StoreStats) {
        self.slabs.class_ids().for_each(|class| stats.counters.add(&self.slabs.counters(class)));
        stats.curr_items = self.items() as u64;
        stats.bytes = self.accounts.bytes() as u64;
        stats.get_expired = self.accounts.expired_met;
        stats.get_flushed = self.accounts.flushed_met;
        stats.items_moved = self.accounts.chunks_moved;
        stats.hash_bytes = (self.index.pages() * PAGE_BYTES) as u64;
        stats.hash_power_level = u64::from(self.index.buckets().ilog2());
        stats.is_growing = self.index.is_growth_due();
        stats.pages_owned = self.slabs.stock.owned_pages() as u64;
    }
}
