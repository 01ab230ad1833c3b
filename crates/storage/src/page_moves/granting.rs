//! The wishes of a store for pages of others, and the pages that it gives to others. The words are
//! explained in `page_sharing.rs`.

use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::limits::{
    DEMANDED_PAGES, DRAIN_WORK_MAX, GRANT_PROBES, MERGES_OVER_LIMIT, PAGE_BYTES, WISH_PAGES,
};
use crate::page_moves::drain::{DrainReason, PageMoves, Recipient};
use crate::page_moves::page_choice::dispensable_page;
use crate::page_moves::page_sharing::{PageDemand, PageWish};
use crate::slabs::page_stock::PageSource;
use crate::slabs::slab_class::SlabClass;

impl PageMoves {
    /// Whether [`Self::take_wish`] has one.
    pub(crate) fn has_wish(&self) -> bool {
        self.sharing.has_wish()
    }

    /// The wish for pages since the last call.
    pub(crate) fn take_wish(&mut self) -> Option<PageWish> {
        self.sharing.take_wish()
    }

    /// The store may wish for pages, as it evicts a class's items in this many chunks.
    pub(super) fn wish_for_pages(&mut self, now: Moment, class: SlabClassId, chunks: usize) {
        if self.eviction.evicts() {
            let chunk_bytes = self.eviction.items().slabs().class(class).chunk_bytes();
            self.sharing.note_evictions(chunks * chunk_bytes, || self.eviction.page_worth(now));
        }
    }

    /// Where pages for a slab class come from. While pages are promised to others, those of the
    /// pool are theirs.
    pub(crate) fn page_source(&self) -> PageSource {
        match self.sharing.granted() {
            Some(_) => PageSource::Spare,
            None => PageSource::PoolAndSpare,
        }
    }

    /// Whether the pages that the store can get would hold a value of this many bytes. Nothing is
    /// evicted for a value that cannot fit. Wishes for the pages of others that the value needs.
    pub(crate) fn could_hold(&mut self, value_len: usize) -> bool {
        let items = self.eviction.items();
        let (stock, index_pages) = (&items.slabs().stock, items.index().pages());
        let own = stock.owned_pages() - index_pages + stock.pool().pages_free();
        let others = self.sharing.other_shards();
        if others == 0 || !self.eviction.evicts() {
            return value_len <= own * PAGE_BYTES;
        }
        // Chunks have headers.
        let needed = value_len / PAGE_BYTES + value_len / PAGE_BYTES / 64 + 1;
        let kept = others * self.sharing.pages_kept(stock, index_pages);
        let could = needed + kept + index_pages <= stock.pool().pages_total();
        if could && needed > own {
            self.sharing.wish_urgently((needed - own).div_ceil(others) as u32 + WISH_PAGES);
        }
        could
    }

    /// Notes that more or fewer bytes of values will need memory soon: they are arriving.
    pub(crate) fn note_awaited(&mut self, bytes: isize) {
        self.sharing.note_awaited(bytes);
    }

    /// Sets the function that has another shard give pages at once.
    pub(crate) fn set_demand(&mut self, demand: PageDemand) {
        self.sharing.set_demand(demand);
    }

    /// Has another shard give pages at once. False: none does.
    pub(crate) fn demand_pages(&mut self, now: Moment) -> bool {
        self.eviction.evicts() && self.sharing.demand(now)
    }

    /// Clears some pages for another shard that has nothing left to evict. False: there is none
    /// that is neither pinned nor one that the store never gives.
    pub(crate) fn give_now(&mut self, now: Moment) -> bool {
        let give = |_: &u32| {
            self.may_give()
                && (self.give_granted_page()
                    || self.clear_any_page(now, None) && self.give_granted_page())
        };
        (0..DEMANDED_PAGES).take_while(give).count() > 0
    }

    /// Promises pages to another shard, which [`Self::go_on_granting`] gives if they are worth more
    /// there. A store that evicts nothing gives only spare pages, at once.
    pub(crate) fn grant(&mut self, wish: PageWish) {
        if self.eviction.evicts() {
            self.sharing.grant(wish);
        } else {
            let stock = &mut self.eviction.items_mut().slabs_mut().stock;
            (0..wish.pages).take_while(|_| stock.give_spare()).for_each(drop);
        }
    }

    /// Goes on giving promised pages. True: there is more to do.
    pub(crate) fn go_on_granting(&mut self, now: Moment) -> bool {
        let over = self.eviction.items().slabs().stock.pool().pages_over();
        if let Some(wish) = self.sharing.wish_of_limit(over) {
            self.grant(wish);
        }
        let Some(granted) = self.sharing.granted() else { return false };
        if self.is_draining_as(DrainReason::Ordered) {
            // The page that an operator moves goes first.
            return true;
        }
        if granted.pages == 0 || !self.may_give() {
            self.sharing.set_granted(None);
            // Other shards may have less to give than their part.
            return over > 0 && self.may_give();
        }
        if self.eviction.items().slabs().stock.has_unreserved_spare() && self.give_granted_page() {
            return true;
        }
        if !self.is_draining_for(Recipient::Pool) {
            let pages = self.begin_granting(now, granted);
            self.sharing.set_granted((pages > 0).then_some(PageWish { pages, ..granted }));
            if pages == 0 {
                return false;
            }
        }
        self.go_on_draining(now, DRAIN_WORK_MAX);
        true
    }

    /// While the stores own more pages than the limit: merges buckets of the hash table that its
    /// items do not need. True: there is more to do.
    pub(crate) fn shrink_index(&mut self) -> bool {
        for _ in 0..MERGES_OVER_LIMIT {
            if !self.may_shrink_index() {
                return false;
            }
            self.eviction.items_mut().merge_bucket();
        }
        true
    }

    fn may_shrink_index(&self) -> bool {
        let items = self.eviction.items();
        items.slabs().stock.pool().pages_over() > 0
            && items.index().is_shrink_due()
            && items.index().has_overflow_room()
    }

    /// Begins to drain a page for another shard. Returns how many pages are to be given: one for
    /// each sixteenth by which a page is worth more there than here, beyond a quarter.
    fn begin_granting(&mut self, now: Moment, wish: PageWish) -> u32 {
        if !self.has_movable_page() {
            return 0;
        }
        (0..GRANT_PROBES).for_each(|_| self.choice.probe(&mut self.eviction, now));
        let own = self.eviction.page_worth(now);
        let sixteenths = wish.worth.saturating_sub(own) / (own / 16).max(1);
        let pages = sixteenths.saturating_sub(4).min(u64::from(wish.pages)) as u32;
        if pages == 0 || self.redirect_drain(Recipient::Pool) {
            return pages;
        }
        let slabs = self.eviction.items().slabs();
        let page = match slabs.costliest_class(None) {
            Some((_, donor)) => slabs.emptiest_page(donor),
            // Each class has one page, or only pinned ones.
            None if wish.is_urgent() => dispensable_page(&mut self.eviction, now, None),
            None => None,
        };
        let Some(page) = page else { return 0 };
        self.begin_drain(page, Recipient::Pool, DrainReason::Worth);
        pages
    }

    /// Whether the stores own more pages than the limit, and this one can give some: background
    /// work is due.
    pub(crate) fn is_over_limit(&self) -> bool {
        let slabs = self.eviction.items().slabs();
        slabs.stock.pool().pages_over() > 0
            && (self.may_shrink_index()
                || self.eviction.evicts()
                    && self.may_give()
                    && (slabs.stock.has_unreserved_spare() || self.has_movable_page()))
    }

    /// Whether the store has more pages than it must keep. Pinned ones do not count: new items need
    /// others.
    fn may_give(&self) -> bool {
        let slabs = self.eviction.items().slabs();
        let index_pages = self.eviction.items().index().pages();
        let pinned_pages = |class: &SlabClass| class.pages() - class.movable_pages();
        let pinned = slabs.populated_classes().map(|(_, class)| pinned_pages(class)).sum();
        let kept = self.sharing.pages_kept_beside(&slabs.stock, index_pages, pinned);
        slabs.stock.owned_pages() > kept
    }

    /// Whether a page of any class has no pinned chunk.
    fn has_movable_page(&self) -> bool {
        let mut classes = self.eviction.items().slabs().populated_classes();
        classes.any(|(_, class)| class.movable_pages() > 0)
    }

    fn give_granted_page(&mut self) -> bool {
        self.sharing.give_granted_page(&mut self.eviction.items_mut().slabs_mut().stock)
    }
}
