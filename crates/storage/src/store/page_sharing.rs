//! Pages go between the shards of a server: from the one whose last pages have the fewest hits to
//! one that has to evict items with more, and to one that is to take a value larger than all its
//! own pages.
//!
//! A shard that evicts **wishes** for pages and says what its own are worth; whoever is asked
//! **grants** them if its own are worth clearly less, and drains them in the background.
//!
//! **What a page is worth** is measured: the hits in a second on the most dispensable eighth of the
//! items, its tail, divided by the pages of that eighth. It is what a shard loses with a page, and
//! about what it wins with one.

use alloc::boxed::Box;

use crate::item::access::AccessWord;
use crate::limits::{
    DEMANDED_PAGES, DRAIN_WORK_MAX, GRANT_PROBES, GRANTED_PAGES_MAX, PAGE_BYTES, SHARE_KEPT_PART,
    WISH_PAGES,
};
use crate::memory::region::Location;
use crate::policy::liveliness::HIT_SAMPLE;
use crate::policy::rate_meter::RateMeter;
use crate::store::drain::Recipient;
use crate::store::store::Store;

/// Weight of an item stored, the smallest. As if one store in 16 were a hit: a shard that is being
/// filled has no hits yet.
const STORE_WORTH: u32 = 1;

/// Weight of a hit on the tail: of the hits that the stores stand for, an eighth is.
const TAIL_HIT_WORTH: u32 = 16 * 8 * STORE_WORTH;

/// Worth is counted in so many parts per page.
const WORTH_UNIT: u64 = 1 << 16;

/// Pages that a shard would like to have from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageWish {
    /// How many, of each shard that is asked.
    pub pages: u32,
    /// What a page is worth to the shard: who has pages that are worth less gives. `u64::MAX`: it
    /// cannot do without.
    pub worth: u64,
}

/// What the pages of a store are worth, and which it wants or owes.
#[derive(Default)]
pub(crate) struct PageSharing {
    /// Hits on the tail, and stores.
    tail: RateMeter,
    wish: Option<PageWish>,
    granted: Option<PageWish>,
    /// What is granted is too much for the limit on all pages.
    is_over: bool,
    /// Bytes of chunks evicted since the last wish.
    evicted_bytes: usize,
    demand: Option<PageDemand>,
}

/// Has some other shard give pages to the pool at once ([`Store::give_now`]); the argument is the
/// second that it is. False: none has any that it could give.
pub type PageDemand = Box<dyn FnMut(u32) -> bool + Send>;

impl PageSharing {
    /// Whether pages were promised that are not given yet: free ones are not for the store itself.
    pub(crate) fn is_granting(&self) -> bool {
        self.granted.is_some()
    }

    pub(crate) fn note_store(&mut self, now: u32) {
        self.tail.add(now, STORE_WORTH);
    }
}

impl Store {
    /// Whether [`Self::take_page_wish`] has one.
    pub fn has_page_wish(&self) -> bool {
        self.sharing.wish.is_some()
    }

    /// The wish for pages that came up since this was last asked.
    pub fn take_page_wish(&mut self) -> Option<PageWish> {
        self.sharing.wish.take()
    }

    /// Promises pages to another shard; [`Self::maintain`] gives them, as far as it is worth it.
    pub fn grant(&mut self, wish: PageWish) {
        if !self.config.evict {
            // Only what is in no use.
            (0..wish.pages).take_while(|_| self.slabs.give_spare()).for_each(drop);
            return;
        }
        let urgent = self.sharing.granted.filter(|granted| granted.worth == u64::MAX);
        let pages = match urgent {
            Some(granted) if wish.worth == u64::MAX => granted.pages.saturating_add(wish.pages),
            Some(_) => return,
            None => wish.pages,
        };
        self.sharing.granted = Some(PageWish { pages: pages.min(GRANTED_PAGES_MAX), ..wish });
    }

    /// Counts a hit on an item that was accessed as `access` says before. One hit of
    /// [`HIT_SAMPLE`] is noted.
    pub(crate) fn note_tail_hit(&mut self, now: u32, item: Location, access: AccessWord) {
        let class = self.slabs.class_of(item);
        let class = &mut self.slabs.classes[class];
        class.window_hits += 1;
        let (size_weight, tail_cost) = (class.size_weight, class.tail_cost);
        let cost = access.dispensability(self.judging_step()).saturating_mul(size_weight);
        if cost >= tail_cost {
            self.sharing.tail.add(now, TAIL_HIT_WORTH * HIT_SAMPLE);
        }
    }

    /// Before an eviction: notes that a page of another shard would be welcome, once for each
    /// page's worth of evictions.
    pub(crate) fn wish_for_pages(&mut self, now: u32, class: usize) {
        self.sharing.evicted_bytes += self.slabs.classes[class].chunk_bytes;
        if self.sharing.evicted_bytes < PAGE_BYTES || !self.config.evict {
            return;
        }
        self.sharing.evicted_bytes = 0;
        if self.sharing.wish.is_none_or(|wish| wish.worth != u64::MAX) {
            let worth = self.page_worth(now);
            self.sharing.wish = Some(PageWish { pages: WISH_PAGES, worth });
        }
    }

    /// Whether the pages that the store can come by would hold such a value: nothing is evicted for
    /// a value that cannot fit. Wishes for those of others that it takes.
    pub(crate) fn could_hold(&mut self, value_len: usize) -> bool {
        let pool = self.slabs.pages.pool();
        let index_pages = self.index.bucket_pages.len() + self.index.overflow_pages.len();
        let own = self.slabs.owned_pages - index_pages + pool.pages_free();
        let others = self.config.shards as usize - 1;
        if others == 0 || !self.config.evict {
            return value_len <= own * PAGE_BYTES;
        }
        // Chunks have headers.
        let needed = value_len / PAGE_BYTES + value_len / PAGE_BYTES / 64 + 1;
        let could = needed + others * self.pages_kept() + index_pages <= pool.pages_total();
        if could && needed > own {
            let pages = (needed - own).div_ceil(others) as u32 + WISH_PAGES;
            self.sharing.wish = Some(PageWish { pages, worth: u64::MAX });
        }
        could
    }

    /// Names who is called by an allocation that finds nothing to evict: pages wished for are given
    /// in the background, and a value may arrive faster.
    pub fn set_page_demand(&mut self, demand: PageDemand) {
        self.sharing.demand = Some(demand);
    }

    /// Has another shard give pages. False: none does.
    pub(crate) fn demand_pages(&mut self, now: u32) -> bool {
        self.config.evict && self.sharing.demand.as_mut().is_some_and(|demand| demand(now))
    }

    /// Clears some pages for another shard that has nothing left to evict. False: there is none
    /// that is neither pinned nor among those that are never given.
    pub fn give_now(&mut self, now: u32) -> bool {
        let give = |_: &u32| {
            self.slabs.owned_pages > self.pages_kept()
                && (self.give_granted_page()
                    || self.steal_page(now, None) && self.give_granted_page())
        };
        (0..DEMANDED_PAGES).take_while(give).count() > 0
    }

    /// Pages that a shard never gives to others.
    fn pages_kept(&self) -> usize {
        let shards = self.config.shards as usize;
        let share = self.slabs.pages.pool().pages_total() / shards;
        (share / SHARE_KEPT_PART).max(self.slabs.pages_min())
    }

    /// Goes on giving the pages that were promised. True: there is more to do.
    pub(crate) fn go_on_granting(&mut self, now: u32) -> bool {
        let over = self.slabs.pages.pool().pages_over();
        if over > 0 || self.sharing.is_over {
            self.grant_pages_over(over);
        }
        let Some(granted) = self.sharing.granted else { return false };
        if self.is_reassigning() {
            // The page that an operator takes is first.
            return true;
        }
        let has_more = self.slabs.owned_pages > self.pages_kept();
        if granted.pages == 0 || !has_more {
            self.sharing.granted = None;
            // Other shards may have less to give than their part.
            return has_more && over > 0;
        }
        if self.slabs.spare_pages > self.slabs.reserve_pages() && self.give_granted_page() {
            return true;
        }
        if self.drain.is_none_or(|drain| drain.recipient != Recipient::Pool) {
            let pages = self.begin_granting(now, granted);
            self.sharing.granted = (pages > 0).then_some(PageWish { pages, ..granted });
            if pages == 0 {
                return false;
            }
        }
        self.go_on_draining(now, DRAIN_WORK_MAX);
        true
    }

    /// The limit on all pages was lowered: gives this shard's part of those that are too many, and
    /// no more once others have given theirs.
    #[cold]
    fn grant_pages_over(&mut self, over: usize) {
        if over == 0 {
            self.sharing.granted = None;
        }
        self.sharing.is_over = over > 0;
        if over == 0 || self.sharing.granted.is_some() {
            return;
        }
        let pages = over.div_ceil(self.config.shards as usize).min(GRANTED_PAGES_MAX as usize);
        self.grant(PageWish { pages: pages as u32, worth: u64::MAX });
    }

    /// Begins to drain a page for another shard; returns how many to give yet: one for each
    /// sixteenth by which a page is worth more there than here, beyond a quarter.
    fn begin_granting(&mut self, now: u32, wish: PageWish) -> u32 {
        (0..GRANT_PROBES).for_each(|_| self.probe(now));
        let own = self.page_worth(now);
        let sixteenths = wish.worth.saturating_sub(own) / (own / 16).max(1);
        let pages = sixteenths.saturating_sub(4).min(u64::from(wish.pages)) as u32;
        let Some((_, donor)) = self.costliest_class(None).filter(|_| pages > 0) else { return 0 };
        if let Some(drain) = &mut self.drain {
            drain.recipient = Recipient::Pool;
        } else {
            let Some(page) = self.emptiest_page(donor) else { return 0 };
            self.begin_drain(page, Recipient::Pool, false);
        }
        pages
    }

    /// Gives the pool a spare page, as one of those promised.
    pub(crate) fn give_granted_page(&mut self) -> bool {
        let given = self.slabs.give_spare();
        if let Some(granted) = self.sharing.granted.as_mut().filter(|_| given) {
            granted.pages = granted.pages.saturating_sub(1);
        }
        given
    }

    /// What a page is worth now, see the module.
    fn page_worth(&self, now: u32) -> u64 {
        let pages = self.slabs.owned_pages - self.slabs.spare_pages;
        self.sharing.tail.per_second(now).saturating_mul(WORTH_UNIT) / pages.max(1) as u64
    }
}
