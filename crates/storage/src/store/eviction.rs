//! Where memory comes from: free chunks, free pages, expired items, pages that others can spare,
//! and last the class's own item that costs most to keep.

use crate::item::access::{PROMISE, Step, size_weight};
use crate::item::item::{self, ChunkUse};
use crate::item::item_ref::ItemRef;
use crate::limits::{
    AGE_OFFSET_PART, ALLOCATION_ROUNDS_MAX, BORROW_FACTOR, CHUNK_BYTES_MAX, DEMANDS_MAX,
    EVICT_LOOKS, EVICT_WALK_MAX, GROWTH_RETRY_INSERTS, MERGES_PER_INSERT, SPLITS_PER_INSERT,
    SWEEP_LOOKS, SWEEPS_PER_ALLOCATION,
};
use crate::memory::region::Location;
use crate::slabs::candidates::Candidate;
use crate::store::store::Store;

impl Store {
    /// A chunk for `bytes`, whatever may have to be evicted for it. The caller writes it at once.
    pub(crate) fn allocate(&mut self, now: u32, bytes: usize) -> Option<Location> {
        let class = self.slabs.class_for(bytes);
        let is_refused = self.slabs.is_refused(class);
        // What is dead makes room even so.
        if is_refused && !self.is_expired_left(now) && !self.is_flushed_left() {
            return self.out_of_memory(class);
        }
        let mut sweeps = 0;
        self.drain_ahead(now, class);
        for _ in 0..ALLOCATION_ROUNDS_MAX {
            if let Some(chunk) = self.slabs.take_chunk(class, bytes) {
                return Some(chunk);
            }
            // While pages are promised to others, those of the pool are theirs.
            if let Some(page) = self.slabs.take_unreserved_page(!self.sharing.is_granting()) {
                self.slabs.join_class(page, class);
                continue;
            }
            while sweeps < SWEEPS_PER_ALLOCATION && !self.slabs.has_room(class) {
                sweeps += 1;
                if !self.sweep_expired(now, SWEEP_LOOKS) && !self.is_expired_left(now) {
                    break;
                }
            }
            if sweeps > 0 && self.slabs.has_room(class) {
                continue;
            }
            self.refill_reserve(now);
            if self.compact_page(now, class) || self.balance(now, class) {
                continue;
            }
            self.wish_for_pages(now, class);
            if self.evict_from_class(now, class) {
                continue;
            }
            if let Some(chunk) = self.borrow_chunk(now, class, bytes, BORROW_FACTOR) {
                return Some(chunk);
            }
            if let Some(page) = self.slabs.take_page() {
                self.slabs.join_class(page, class);
            } else if !self.steal_page(now, Some(class)) {
                break;
            }
        }
        if let Some(chunk) = self.borrow_chunk(now, class, bytes, CHUNK_BYTES_MAX) {
            return Some(chunk);
        }
        // Every other item is pinned.
        if self.temporary_ttl > 0 && self.evict_first(now, class, true) {
            return self.slabs.take_chunk(class, bytes);
        }
        self.allocate_from_others(now, class, bytes)
    }

    /// From now on live items that expire within so many seconds are not evicted while there are
    /// others; 0: none are so.
    pub fn set_temporary_ttl(&mut self, seconds: u32) {
        self.temporary_ttl = seconds;
    }

    /// Whether a live item is not to be evicted before others.
    #[inline]
    pub(crate) fn is_temporary(&self, now: u32, item: Location) -> bool {
        if self.temporary_ttl == 0 {
            return false;
        }
        let exptime = ItemRef::new(&self.slabs.pages, item).exptime();
        exptime != 0 && exptime.saturating_sub(now) <= self.temporary_ttl
    }

    /// A chunk of a page that another shard clears at once: nothing is left to evict here.
    #[cold]
    fn allocate_from_others(&mut self, now: u32, class: usize, bytes: usize) -> Option<Location> {
        for _ in 0..DEMANDS_MAX {
            let gave = self.demand_pages(now);
            // Also if nobody gave any: others may just have given what was wished for before.
            if let Some(page) = self.slabs.take_page() {
                self.slabs.join_class(page, class);
                return self.slabs.take_chunk(class, bytes);
            }
            if !gave {
                break;
            }
        }
        self.out_of_memory(class)
    }

    #[cold]
    fn out_of_memory(&mut self, class: usize) -> Option<Location> {
        self.slabs.classes[class].counters.outofmemory += 1;
        self.slabs.refuse(class);
        None
    }

    /// A chunk of a class of longer chunks, up to `factor` times as long, for a class that has
    /// nothing to evict: while a page is drained for it, or where every page is pinned.
    fn borrow_chunk(
        &mut self,
        now: u32,
        class: usize,
        bytes: usize,
        factor: usize,
    ) -> Option<Location> {
        let chunk_bytes_max = self.slabs.classes[class].chunk_bytes.saturating_mul(factor);
        for longer in class + 1..self.slabs.classes.len() {
            if self.slabs.classes[longer].chunk_bytes > chunk_bytes_max {
                return None;
            }
            if let Some(chunk) = self.slabs.take_chunk(longer, bytes) {
                return Some(chunk);
            }
            if self.evict_from_class(now, longer)
                && let Some(chunk) = self.slabs.take_chunk(longer, bytes)
            {
                return Some(chunk);
            }
        }
        None
    }

    /// Grows or shrinks the hash table if it is due, and makes sure that an insertion has room.
    /// False: it has none, and no page could be had.
    pub(crate) fn prepare_insert(&mut self, now: u32) -> bool {
        if self.index.is_growth_due() {
            self.grow_index(now);
        } else {
            self.shrink_index(MERGES_PER_INSERT);
        }
        if self.index.has_overflow_room() {
            return true;
        }
        let Some(page_at) = self.index_page(now) else { return false };
        self.index.overflow_pages.push(page_at);
        true
    }

    fn grow_index(&mut self, now: u32) {
        for _ in 0..SPLITS_PER_INSERT {
            if self.index.needs_bucket_page() {
                if self.growth_pause > 0 {
                    self.growth_pause -= 1;
                    return;
                }
                let Some(page_at) = self.index_page(now) else {
                    self.growth_pause = GROWTH_RETRY_INSERTS;
                    return;
                };
                self.index.bucket_pages.push(page_at);
            }
            let hasher = &self.hasher;
            self.index.split_bucket(&mut self.slabs.pages, |pages, item| {
                hasher.hash(ItemRef::new(pages, item).key()).hash()
            });
            if !self.index.is_growth_due() {
                return;
            }
        }
    }

    /// Fewer buckets, if that is due. A page that becomes empty is for others to use.
    fn shrink_index(&mut self, merges: usize) {
        for _ in 0..merges {
            if !self.index.is_shrink_due() || !self.index.has_overflow_room() {
                return;
            }
            if let Some(page_at) = self.index.merge_bucket(&mut self.slabs.pages) {
                self.slabs.keep_spare(self.slabs.pages.note(page_at));
            }
        }
    }

    /// Byte offset of a page for the hash table.
    fn index_page(&mut self, now: u32) -> Option<usize> {
        let mut page = self.slabs.take_page();
        if page.is_none() && self.steal_page(now, None) {
            page = self.slabs.take_page();
        }
        page.map(|page| self.slabs.page_at(page))
    }

    /// The step at which items are judged: later than it is, see [`AGE_OFFSET_PART`].
    pub(crate) fn judging_step(&self) -> Step {
        self.clock.step_in(self.index.items / AGE_OFFSET_PART, self.index.items)
    }

    /// Frees at least one chunk of the class by taking back a dead item or evicting the live
    /// one that costs most to keep. False: within the bounded looks there was none to take.
    pub(crate) fn evict_from_class(&mut self, now: u32, class: usize) -> bool {
        // What has expired was swept before; only flushed items could be left to take.
        if !self.config.evict && !self.is_flushed_left() {
            return false;
        }
        let step = self.judging_step();
        if self.look_for_candidates(now, step, class) {
            return true;
        }
        let Some((candidate, item)) = self.best_candidate(now, step, class) else {
            return self.evict_first(now, class, false);
        };
        self.slabs.classes[class].candidates.remove(candidate.chunk);
        self.evict(now, item);
        self.slabs.prefetch_sample(class, EVICT_LOOKS);
        true
    }

    /// As [`Self::evict_from_class`] where a sample found nothing: most of the class is pinned, or
    /// live while evictions are off. Takes the first item that may go, a temporary one only if
    /// `temporary`.
    fn evict_first(&mut self, now: u32, class: usize, temporary: bool) -> bool {
        let start = self.slabs.classes[class].sample.draw(0) as usize;
        let mut looks = 0;
        for number in 0..self.slabs.classes[class].pages.len() {
            let pages = &self.slabs.classes[class].pages;
            let record = pages[(start % pages.len() + number) % pages.len()];
            let chunks = (0..).map_while(|chunk| self.slabs.chunk_in_page(record, chunk));
            let found = chunks.inspect(|_| looks += 1).find_map(|chunk| {
                let item = self.item_of_chunk(chunk)?;
                let is_dead = self.death_of(now, item).is_some();
                let goes = self.config.evict && (temporary || !self.is_temporary(now, item));
                (is_dead || goes).then_some(item)
            });
            if let Some(item) = found {
                self.evict(now, item);
                return true;
            }
            if looks >= EVICT_WALK_MAX {
                break;
            }
        }
        false
    }

    /// Looks at a sample of a class's chunks. True: it met a dead item and took it back.
    pub(crate) fn look_for_candidates(&mut self, now: u32, step: Step, class: usize) -> bool {
        let (mut costs, mut seen, mut promise) = ([0; EVICT_LOOKS], 0, 0);
        for number in 0..EVICT_LOOKS {
            let Some(chunk) = self.slabs.sampled_chunk(class, number) else { continue };
            let Some(item) = self.item_of_chunk(chunk) else { continue };
            if self.death_of(now, item).is_some() {
                self.evict(now, item);
                return true;
            }
            if self.is_temporary(now, item) {
                // No candidate, and it costs nothing to keep.
                costs[seen] = 0;
                seen += 1;
                continue;
            }
            let view = ItemRef::new(&self.slabs.pages, item);
            let access = view.access();
            let size_weight = if view.is_chained() {
                size_weight(view.value_len())
            } else {
                self.slabs.classes[class].size_weight
            };
            let candidate = Candidate { chunk, access, size_weight };
            costs[seen] = candidate.cost(step);
            promise += PROMISE / access.dispensability(step);
            seen += 1;
            if self.config.evict {
                self.slabs.classes[class].candidates.offer(step, candidate);
            }
        }
        let class = &mut self.slabs.classes[class];
        class.sample.advance(EVICT_LOOKS as u64 / 2);
        class.note_sample(&mut costs[..seen], promise);
        false
    }

    /// The linked item in a chunk, or whose value reaches into it, if it may be evicted.
    pub(crate) fn item_of_chunk(&self, chunk: Location) -> Option<Location> {
        let pages = &self.slabs.pages;
        let item = match item::chunk_use(pages, chunk) {
            ChunkUse::Linked => chunk,
            ChunkUse::Body => item::body_head(pages, chunk),
            ChunkUse::Free | ChunkUse::Unlinked => return None,
        };
        let linked = item::chunk_use(pages, item) == ChunkUse::Linked;
        (linked && !item::is_held(pages, item)).then_some(item)
    }

    /// The costliest candidate of a class whose item is still what it was, and the item.
    pub(crate) fn best_candidate(
        &mut self,
        now: u32,
        step: Step,
        class: usize,
    ) -> Option<(Candidate, Location)> {
        while let Some(candidate) = self.slabs.classes[class].candidates.best(step) {
            if let Some(item) = self.item_of_chunk(candidate.chunk)
                && item::access(&self.slabs.pages, item) == candidate.access
                && !self.is_temporary(now, item)
            {
                return Some((candidate, item));
            }
            self.slabs.classes[class].candidates.remove(candidate.chunk);
        }
        None
    }

    /// Unlinks an item that is not held, and counts it as reclaimed if it was dead, else as
    /// evicted. It counts for its own class, also where a chunk of another one was wanted.
    pub(crate) fn evict(&mut self, now: u32, item: Location) {
        let class = self.slabs.class_of(item);
        let dead = self.death_of(now, item).is_some();
        let view = ItemRef::new(&self.slabs.pages, item);
        assert!(!view.is_held(), "a held item is evicted");
        let counters = &mut self.slabs.classes[class].counters;
        counters.direct_reclaims += 1;
        if dead {
            counters.reclaimed += 1;
            counters.expired_unfetched += u64::from(!view.is_fetched());
        } else {
            assert!(self.config.evict, "a live item is evicted although evictions are off");
            counters.evicted += 1;
            counters.evicted_nonzero += u64::from(view.exptime() != 0);
            counters.evicted_unfetched += u64::from(!view.is_fetched());
            counters.evicted_active += u64::from(view.is_active());
            let step = view.access().step();
            counters.evicted_time = u64::from(self.clock.seconds_since(now, step));
            if self.events.is_some() {
                self.note_eviction(now, class, item);
            }
        }
        self.unlink(item);
    }
}
