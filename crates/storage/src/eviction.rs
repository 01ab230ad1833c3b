//! Where memory comes from: free chunks, free pages, the class's own LRU tail, and last a page of
//! another class.

use crate::item::{self, ItemRef, Segment};
use crate::limits::{
    ALLOCATION_ROUNDS_MAX, BALANCE_MOVES, EVICT_LOOKS_MAX, GROWTH_RETRY_INSERTS,
    PAGE_MOVE_EVICTIONS, SPLITS_PER_INSERT, STEAL_LOOKS_MAX, STEAL_RECORDS_MAX, SWEEP_LOOKS,
    SWEEPS_PER_ALLOCATION,
};
use crate::region::Location;
use crate::slab_allocator::PageUse;
use crate::store::Store;

impl Store {
    /// A chunk for `bytes`, whatever may have to be evicted for it. The caller writes it at once.
    pub(crate) fn allocate(&mut self, now: u32, bytes: usize) -> Option<Location> {
        let class = self.slabs.class_for(bytes);
        let mut sweeps = 0;
        for _ in 0..ALLOCATION_ROUNDS_MAX {
            if let Some(chunk) = self.slabs.take_chunk(class, bytes) {
                return Some(chunk);
            }
            if let Some(page) = self.slabs.take_page() {
                self.slabs.join_class(page, class);
                continue;
            }
            self.note_empty_pool();
            while sweeps < SWEEPS_PER_ALLOCATION && !self.slabs.has_room(class) {
                sweeps += 1;
                if !self.sweep_expired(now, SWEEP_LOOKS) && !self.is_expired_left(now) {
                    break;
                }
            }
            if sweeps > 0 && self.slabs.has_room(class) {
                continue;
            }
            if self.compact_page(now, class) || self.move_older_page(now, class) {
                continue;
            }
            if !self.evict_from_class(now, class) && !self.steal_page(now, class) {
                break;
            }
        }
        self.slabs.classes[class].counters.outofmemory += 1;
        None
    }

    /// Grows the hash table if it is due, and makes sure that an insertion has room. False: it
    /// has none, and no page could be had.
    pub(crate) fn prepare_insert(&mut self, now: u32) -> bool {
        if self.index.is_growth_due() {
            self.grow_index(now);
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
            self.index.split_bucket(&mut self.slabs.pages);
            if !self.index.is_growth_due() {
                return;
            }
        }
    }

    /// Byte offset of a page for the hash table.
    fn index_page(&mut self, now: u32) -> Option<usize> {
        let mut page = self.slabs.take_page();
        if page.is_none() {
            self.note_empty_pool();
            if self.steal_page(now, usize::MAX) {
                page = self.slabs.take_page();
            }
        }
        page.map(|page| self.slabs.page_at(page))
    }

    fn note_empty_pool(&mut self) {
        if self.slabs.owned_pages < self.config.fair_share_pages {
            self.wants_pages = true;
        }
    }

    /// Frees at least one chunk of the class by taking back a dead item or evicting the coldest
    /// live one. False: within the bounded looks there was none to take.
    fn evict_from_class(&mut self, now: u32, class: usize) -> bool {
        if !self.config.evict {
            return self.reclaim_from_class(now, class);
        }
        let mut forced = false;
        for _ in 0..EVICT_LOOKS_MAX {
            for _ in 0..BALANCE_MOVES {
                if !self.slabs.lru_balance(class, self.shares) {
                    break;
                }
            }
            let Some(tail) = self.slabs.lru_tail(class, Segment::Cold) else {
                if !forced {
                    forced = true;
                    self.slabs.classes[class].counters.direct_reclaims += 1;
                }
                let moved = self.slabs.lru_demote_tail(class, Segment::Hot)
                    || self.slabs.lru_demote_tail(class, Segment::Warm);
                if !moved {
                    return false;
                }
                continue;
            };
            let view = ItemRef::new(&self.slabs.pages, tail);
            if view.is_held() {
                self.slabs.lru_move(class, tail, Segment::Cold);
            } else if view.is_active() && self.death_of(now, tail).is_none() {
                self.slabs.lru_demote_tail(class, Segment::Cold);
            } else {
                self.evict(now, class, tail);
                if let Some(next) = self.slabs.lru_tail(class, Segment::Cold) {
                    self.slabs.pages.prefetch(self.slabs.pages.at(next));
                }
                return true;
            }
        }
        // Every look met an active or held item: now the next one that is not held goes.
        let victim = self.unheld_tail(class, |_| true);
        if let Some(victim) = victim {
            self.evict(now, class, victim);
        }
        victim.is_some()
    }

    /// With evictions off: a dead item near the tails.
    fn reclaim_from_class(&mut self, now: u32, class: usize) -> bool {
        let victim = self.unheld_tail(class, |item| self.death_of(now, item).is_some());
        if let Some(victim) = victim {
            self.evict(now, class, victim);
        }
        victim.is_some()
    }

    /// The first item from the tails, COLD first, that is not held and is wanted.
    fn unheld_tail(&self, class: usize, wanted: impl Fn(Location) -> bool) -> Option<Location> {
        let pages = &self.slabs.pages;
        [Segment::Cold, Segment::Warm, Segment::Hot].into_iter().find_map(|segment| {
            let tail = self.slabs.lru_tail(class, segment);
            core::iter::successors(tail, |item| item::prev(pages, *item).some())
                .take(EVICT_LOOKS_MAX)
                .find(|item| !item::is_held(pages, *item) && wanted(*item))
        })
    }

    /// Unlinks an item that is not held, and counts it as reclaimed if it was dead, else as
    /// evicted.
    pub(crate) fn evict(&mut self, now: u32, class: usize, item: Location) {
        let dead = self.death_of(now, item).is_some();
        let view = ItemRef::new(&self.slabs.pages, item);
        assert!(!view.is_held(), "a held item is evicted");
        let counters = &mut self.slabs.classes[class].counters;
        if dead {
            counters.reclaimed += 1;
            counters.expired_unfetched += u64::from(!view.is_fetched());
        } else {
            assert!(self.config.evict, "a live item is evicted although evictions are off");
            counters.evicted += 1;
            counters.evicted_nonzero += u64::from(view.exptime() != 0);
            counters.evicted_unfetched += u64::from(!view.is_fetched());
            counters.evicted_active += u64::from(view.is_active());
            counters.evicted_time = u64::from(view.idle_seconds(now));
        }
        self.unlink(item);
    }

    /// Empties a page of another class than `wanted` into the spare pages. False: all are pinned.
    fn steal_page(&mut self, now: u32, wanted: usize) -> bool {
        if !self.config.evict {
            return false;
        }
        let Some(victim) = self.coldest_page(wanted) else { return false };
        self.clear_page(now, victim);
        self.slabs_moved += 1;
        true
    }

    /// Now and then, empties a page of the class with the oldest tail, if that is clearly older
    /// than the wanted class's own: memory follows the load instead of staying where
    /// it was first asked for.
    fn move_older_page(&mut self, now: u32, wanted: usize) -> bool {
        let class = &mut self.slabs.classes[wanted];
        class.unbalanced_evictions += 1;
        let pause = PAGE_MOVE_EVICTIONS.min(class.chunks_per_page as u32 / 4);
        if class.unbalanced_evictions < pause || !self.config.evict {
            return false;
        }
        class.unbalanced_evictions = 0;
        // All three tails: a class that evicts nothing has its old items in HOT still.
        let age = |class| {
            let tails =
                Segment::ALL.into_iter().filter_map(|list| self.slabs.lru_tail(class, list));
            let ages = tails.map(|item| ItemRef::new(&self.slabs.pages, item).idle_seconds(now));
            ages.max().unwrap_or(0)
        };
        let own = age(wanted);
        let classes = (0..self.slabs.classes.len()).filter(|class| *class != wanted);
        let Some((oldest, class)) = classes.map(|class| (age(class), class)).max() else {
            return false;
        };
        // memcached's slab_automove_ratio: the evicting class's age is below 0.8 of the oldest.
        if u64::from(own) * 5 >= u64::from(oldest) * 4 {
            return false;
        }
        let Some(page) = self.coldest_page_of(class) else { return false };
        self.clear_page(now, page);
        self.slabs_moved += 1;
        true
    }

    /// Record of a page without pinned chunks: that of the coldest item of the class with the most
    /// pages, or else of the next class, or else any.
    fn coldest_page(&mut self, wanted: usize) -> Option<u32> {
        let mut tried = 0_u64;
        loop {
            let classes = self.slabs.classes.iter().enumerate();
            let largest = classes
                .filter(|(class, _)| *class != wanted && tried & 1 << class == 0)
                .max_by_key(|(_, class)| class.pages)
                .filter(|(_, class)| class.pages > 0);
            let Some((class, _)) = largest else { break };
            tried |= 1 << class;
            if let Some(page) = self.coldest_page_of(class) {
                return Some(page);
            }
        }
        let records = self.slabs.records.len();
        for _ in 0..records.min(STEAL_RECORDS_MAX) {
            self.steal_hand = (self.steal_hand + 1) % records;
            let record = &self.slabs.records[self.steal_hand];
            if matches!(record.page_use, PageUse::Class(_)) && record.pinned == 0 {
                return Some(self.steal_hand as u32);
            }
        }
        None
    }

    fn coldest_page_of(&self, class: usize) -> Option<u32> {
        let pages = &self.slabs.pages;
        [Segment::Cold, Segment::Warm, Segment::Hot].into_iter().find_map(|segment| {
            let tail = self.slabs.lru_tail(class, segment);
            core::iter::successors(tail, |item| item::prev(pages, *item).some())
                .take(STEAL_LOOKS_MAX)
                .map(|item| self.slabs.record_of(item))
                .find(|record| self.slabs.records[*record].pinned == 0)
                .map(|record| record as u32)
        })
    }

    /// Gives up to `pages` pages to the pool, spare ones first, then the coldest; keeps the
    /// store's minimum, and with evictions off all pages in use. Returns how many were given.
    pub fn give_back(&mut self, now: u32, pages: usize) -> usize {
        let before = self.slabs.owned_pages;
        let target = before.saturating_sub(pages).max(self.slabs.pages_min());
        while self.slabs.owned_pages > target {
            if self.slabs.give_spare() {
                continue;
            }
            if !self.steal_page(now, usize::MAX) {
                break;
            }
        }
        before - self.slabs.owned_pages
    }
}
