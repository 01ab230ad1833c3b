//! Where a chunk for an item comes from: free chunks, free pages, expired items, pages that others
//! can spare, and last the item of the class that costs most to keep.

use crate::eviction::victims::Temporary;
use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::limits::{
    ALLOCATION_ROUNDS_MAX, BORROW_FACTOR, CHUNK_BYTES_MAX, DEMANDS_MAX, SWEEP_LOOKS,
    SWEEPS_PER_ALLOCATION,
};
use crate::linked::linked_items::LinkedItems;
use crate::memory::region::Location;
use crate::page_moves::drain::PageMoves;
use crate::store::index_growth::IndexGrowth;

/// No page is free and nothing may be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

/// The memory of a store, from which its items are allocated.
pub(super) struct Allocation {
    moves: PageMoves,
    growth: IndexGrowth,
}

impl Allocation {
    pub(super) fn new(moves: PageMoves) -> Allocation {
        Allocation { moves, growth: IndexGrowth::default() }
    }

    #[inline]
    pub(super) fn moves(&self) -> &PageMoves {
        &self.moves
    }

    #[inline]
    pub(super) fn moves_mut(&mut self) -> &mut PageMoves {
        &mut self.moves
    }

    #[inline]
    fn items_mut(&mut self) -> &mut LinkedItems {
        self.moves.eviction_mut().items_mut()
    }

    /// Grows or shrinks the hash table if that is due, and makes room for an insertion. False:
    /// there is none, and no page could be had.
    pub(super) fn prepare_insert(&mut self, now: Moment) -> bool {
        self.growth.prepare_insert(&mut self.moves, now)
    }

    /// A chunk for `bytes`. Items may be evicted for it. The caller writes it at once.
    pub(super) fn allocate(&mut self, now: Moment, bytes: usize) -> Option<Location> {
        let class = self.items_mut().slabs().sizes().class_for(bytes);
        // Dead items make room even if the class is refused.
        if self.items_mut().slabs().refusals.has_class(class)
            && !self.moves.eviction().may_have_dead(now)
        {
            return self.out_of_memory(class);
        }
        let gets_page = self.moves.drain_ahead(now, class);
        let slabs = self.items_mut().slabs_mut();
        let Some(chunk) = slabs.take_chunk(class, bytes) else {
            return self.allocate_from_full(now, class, bytes, gets_page);
        };
        slabs.prefetch_due_sample(class);
        Some(chunk)
    }

    /// As [`Self::allocate`], for a class without a free chunk. `gets_page`: it gets a page of
    /// another class soon.
    #[inline(never)]
    fn allocate_from_full(
        &mut self,
        now: Moment,
        class: SlabClassId,
        bytes: usize,
        gets_page: bool,
    ) -> Option<Location> {
        let mut sweeps = 0;
        for _ in 0..ALLOCATION_ROUNDS_MAX {
            let source = self.moves.page_source();
            let slabs = self.items_mut().slabs_mut();
            if let Some(chunk) = slabs.take_chunk(class, bytes) {
                return Some(chunk);
            }
            if let Some(page) = slabs.stock.take_unreserved_page(source) {
                slabs.join_class(page, class);
                self.moves.eviction_mut().fit_curve_sample();
                continue;
            }
            while sweeps < SWEEPS_PER_ALLOCATION && !self.items_mut().slabs().has_room(class) {
                sweeps += 1;
                let eviction = self.moves.eviction_mut();
                if !eviction.sweep(now, SWEEP_LOOKS) && !eviction.may_have_expired(now) {
                    break;
                }
            }
            if sweeps > 0 && self.items_mut().slabs().has_room(class) {
                continue;
            }
            self.moves.refill_reserve(now);
            // A class that gets a page evicts no more than it must.
            let victims = if gets_page { 1 } else { self.moves.eviction().victims_at_once(class) };
            if self.moves.compact_page(now, class) || self.moves.balance(now, class, victims) {
                continue;
            }
            if self.moves.evict_for_own(now, class, victims) {
                continue;
            }
            if let Some(chunk) = self.borrow_chunk(now, class, bytes, BORROW_FACTOR) {
                return Some(chunk);
            }
            let slabs = self.items_mut().slabs_mut();
            if let Some(page) = slabs.stock.take_page() {
                slabs.join_class(page, class);
            } else if !self.moves.clear_any_page(now, Some(class)) {
                break;
            }
        }
        if let Some(chunk) = self.borrow_chunk(now, class, bytes, CHUNK_BYTES_MAX) {
            return Some(chunk);
        }
        // Every other item is pinned.
        let eviction = self.moves.eviction_mut();
        if eviction.has_temporary_items() && eviction.evict_first(now, class, Temporary::Go) {
            return self.items_mut().slabs_mut().take_chunk(class, bytes);
        }
        self.allocate_from_others(now, class, bytes)
    }

    /// A chunk of a page that another shard clears at once. This store has nothing left to evict.
    #[cold]
    fn allocate_from_others(
        &mut self,
        now: Moment,
        class: SlabClassId,
        bytes: usize,
    ) -> Option<Location> {
        for _ in 0..DEMANDS_MAX {
            let gave = self.moves.demand_pages(now);
            let slabs = self.items_mut().slabs_mut();
            // Also if none was given: others may just have given pages of an earlier wish.
            let mut page = slabs.stock.take_page();
            if page.is_none() && gave {
                page = slabs.stock.take_exchanged_page();
            }
            if let Some(page) = page {
                slabs.join_class(page, class);
                return slabs.take_chunk(class, bytes);
            }
            if !gave {
                break;
            }
        }
        self.out_of_memory(class)
    }

    #[cold]
    fn out_of_memory(&mut self, class: SlabClassId) -> Option<Location> {
        let slabs = self.items_mut().slabs_mut();
        slabs.class_mut(class).counters.outofmemory += 1;
        slabs.refusals.add_class(class);
        None
    }

    /// A chunk of a class of longer chunks, up to `factor` times as long, for a class that has
    /// nothing to evict: while a page is drained for it, or if every page is pinned.
    fn borrow_chunk(
        &mut self,
        now: Moment,
        class: SlabClassId,
        bytes: usize,
        factor: usize,
    ) -> Option<Location> {
        let slabs = self.items_mut().slabs();
        let chunk_bytes_max = slabs.class(class).chunk_bytes().saturating_mul(factor);
        for longer in slabs.class_ids().skip(class.index() + 1) {
            let slabs = self.items_mut().slabs_mut();
            if slabs.class(longer).chunk_bytes() > chunk_bytes_max {
                return None;
            }
            if let Some(chunk) = slabs.take_chunk(longer, bytes) {
                return Some(chunk);
            }
            if self.moves.eviction_mut().evict_from_class(now, longer, 1)
                && let Some(chunk) = self.items_mut().slabs_mut().take_chunk(longer, bytes)
            {
                return Some(chunk);
            }
        }
        None
    }
}
