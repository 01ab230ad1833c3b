//! Background work, and orders to a store that are no requests for a key.

use alloc::vec::Vec;

use crate::eviction::event_log::StoreEvent;
use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::page_moves::page_sharing::{PageDemand, PageWish};
use crate::page_moves::reassign::Reassigned;
use crate::policy::segment_shares::SegmentShares;
use crate::store::store::Store;

impl Store {
    /// Does up to `budget` small steps of background work. True: there is more to do now.
    ///
    /// A step looks at one item. Giving pages to other shards takes longer, tens of microseconds.
    pub fn maintain(&mut self, now: Moment, budget: u32) -> bool {
        let moves = self.allocation.moves_mut();
        let left = moves.eviction_mut().crawl(now, budget);
        let draining = moves.go_on_draining_in_background(now);
        let granting = moves.go_on_granting(now);
        moves.shrink_index() || granting || draining || left == 0
    }

    /// The second at which [`Self::maintain`] next has something to do. It may be one second too
    /// early. It is the next second if there is something to do now, and `u32::MAX` if nothing is
    /// known.
    pub fn background_due(&self, now: Moment) -> u32 {
        let moves = self.allocation.moves();
        if moves.is_moving_page() || moves.is_over_limit() {
            return now.tick() + 1;
        }
        moves.eviction().crawl_due(now)
    }

    /// Switches searches for dead items in the background on or off. If they are off, dead items
    /// are taken back by an allocation that would evict otherwise, by a request that finds them,
    /// and when a flush needs their mark.
    pub fn crawl_in_background(&mut self, crawls: bool) {
        self.eviction_mut().switch_crawler(crawls);
    }

    /// From now on items that expire within this many seconds when they are stored are evicted only
    /// if no others are left: they are in TEMP. 0: no new item is so.
    pub fn set_temporary_ttl(&mut self, seconds: u32) {
        self.eviction_mut().set_temporary_ttl(seconds);
    }

    /// Sets the settings of the segments. Items change their segments when evictions look at them.
    pub fn set_segment_shares(&mut self, shares: SegmentShares) {
        self.eviction_mut().set_segment_shares(shares);
    }

    /// Begins or ends to note events.
    pub fn note_events(&mut self, note: bool) {
        self.eviction_mut().events_mut().switch(note);
    }

    /// Whether [`Self::take_events`] has any.
    pub fn has_events(&self) -> bool {
        self.eviction().events().has_events()
    }

    /// The events since the last call, and the number of those that were dropped.
    pub fn take_events(&mut self) -> (Vec<StoreEvent>, u64) {
        self.eviction_mut().events_mut().take()
    }

    /// Whether [`Self::take_page_wish`] has one.
    pub fn has_page_wish(&self) -> bool {
        self.allocation.moves().has_wish()
    }

    /// The wish for pages since the last call.
    pub fn take_page_wish(&mut self) -> Option<PageWish> {
        self.allocation.moves_mut().take_wish()
    }

    /// Promises pages to another shard. [`Self::maintain`] gives them, if they are worth more
    /// there.
    pub fn grant(&mut self, wish: PageWish) {
        self.allocation.moves_mut().grant(wish);
    }

    /// Sets the function that an allocation calls if it finds nothing to evict. Pages of a wish are
    /// given in the background, which may be too slow for a value that is arriving.
    pub fn set_page_demand(&mut self, demand: PageDemand) {
        self.allocation.moves_mut().set_demand(demand);
    }

    /// Clears some pages for another shard that has nothing left to evict. False: there is none
    /// that is neither pinned nor one that the store never gives.
    pub fn give_now(&mut self, now: Moment) -> bool {
        self.allocation.moves_mut().give_now(now)
    }

    /// Begins to drain a page of slab class `from` (`None`: of the class with most pages that has
    /// one to spare) for class `to` (`None`: for the pool); [`Self::maintain`] goes on. A class
    /// keeps its last page, and those with items that are read or written. No page is drained if
    /// nothing may be evicted. A drain that the store began is cancelled.
    pub fn reassign(&mut self, from: Option<SlabClassId>, to: Option<SlabClassId>) -> Reassigned {
        self.allocation.moves_mut().reassign(from, to)
    }

    /// Gives a slab class a free page.
    pub fn assign_free_page(&mut self, to: SlabClassId) -> Reassigned {
        self.allocation.moves_mut().assign_free_page(to)
    }
}
