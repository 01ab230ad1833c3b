//! What a store wants of other shards, and what it has promised them.
//!
//! Pages go from the shard whose last pages have the fewest hits to one that has to evict items
//! with more hits, and to one that must store a value larger than all its own pages.
//!
//! A shard that evicts **wishes** for pages and says what its own are worth
//! (`policy/page_worth.rs`). Another shard **grants** them if its own are worth clearly less, and
//! drains them in the background. A shard that cannot wait **demands** pages: another one clears
//! some at once.

use alloc::boxed::Box;

use crate::item::expiry::Moment;
use crate::limits::{GRANTED_PAGES_MAX, INDEX_PAGES_MIN, PAGE_BYTES, SHARE_KEPT_PART, WISH_PAGES};
use crate::slabs::page_stock::PageStock;

/// Pages that a shard would like to have from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageWish {
    /// Pages wanted of each shard that is asked.
    pub pages: u32,
    /// What a page is worth to the shard. Shards whose pages are worth less give some. `u64::MAX`:
    /// the shard cannot do without them.
    pub worth: u64,
}

/// The worth in a wish that must be granted.
const URGENT: u64 = u64::MAX;

impl PageWish {
    /// Whether the shard cannot do without the pages.
    pub(super) fn is_urgent(self) -> bool {
        self.worth == URGENT
    }
}

/// Has another shard give pages to the pool at once ([`Store::give_now`]). The argument is the
/// current second. False: no shard has any that it could give.
///
/// [`Store::give_now`]: crate::Store::give_now
pub type PageDemand = Box<dyn FnMut(Moment) -> bool + Send>;

/// The wish, the grant and the demand of one store.
pub(super) struct PageSharing {
    /// Shards of the server.
    shards: usize,
    wish: Option<PageWish>,
    granted: Option<PageWish>,
    /// Pages are granted because the stores own more than the limit.
    is_over: bool,
    /// Bytes of chunks evicted since the last wish.
    evicted_bytes: usize,
    /// Bytes of values that are arriving, without those that have memory already.
    awaited_bytes: usize,
    demand: Option<PageDemand>,
}

impl PageSharing {
    pub(super) fn new(shards: usize) -> PageSharing {
        PageSharing {
            shards,
            wish: None,
            granted: None,
            is_over: false,
            evicted_bytes: 0,
            awaited_bytes: 0,
            demand: None,
        }
    }

    /// Other shards of the server.
    pub(super) fn other_shards(&self) -> usize {
        self.shards - 1
    }

    pub(super) fn has_wish(&self) -> bool {
        self.wish.is_some()
    }

    pub(super) fn take_wish(&mut self) -> Option<PageWish> {
        self.wish.take()
    }

    /// Wishes for this many pages that the store cannot do without.
    pub(super) fn wish_urgently(&mut self, pages: u32) {
        self.wish = Some(PageWish { pages, worth: URGENT });
    }

    /// Counts evictions of chunks of this many bytes together. Wishes for pages after each page's
    /// worth of evictions.
    pub(super) fn note_evictions(&mut self, bytes: usize, worth: impl FnOnce() -> u64) {
        self.evicted_bytes += bytes;
        if self.evicted_bytes < PAGE_BYTES {
            return;
        }
        self.evicted_bytes = 0;
        if self.wish.is_none_or(|wish| !wish.is_urgent()) {
            self.wish = Some(PageWish { pages: WISH_PAGES, worth: worth() });
        }
    }

    /// Pages that the store never gives to others, beside pinned ones: a part of its fair share, or
    /// those of its hash table and a few for chunks if that is more.
    pub(super) fn pages_kept(&self, stock: &PageStock, index_pages: usize) -> usize {
        let share = stock.pool().pages_total() / self.shards;
        (share / SHARE_KEPT_PART).max(index_pages + stock.pages_min() - INDEX_PAGES_MIN)
    }

    /// The same while so many pages are pinned: others beside them. Pages for values that are
    /// arriving are kept within the fair share, so that such a value need not wait for other
    /// shards, and the sum over the shards is within the limit.
    pub(super) fn pages_kept_beside(
        &self,
        stock: &PageStock,
        index_pages: usize,
        pinned: usize,
    ) -> usize {
        let share = stock.pool().pages_total() / self.shards;
        let least = self.pages_kept(stock, index_pages) + pinned;
        // Chunks have headers.
        let awaited = (self.awaited_bytes + self.awaited_bytes / 64).div_ceil(PAGE_BYTES);
        least.max(share.min(least + awaited))
    }

    pub(super) fn note_awaited(&mut self, bytes: isize) {
        self.awaited_bytes = self.awaited_bytes.strict_add_signed(bytes);
    }

    /// The pages that are promised and not given yet.
    pub(super) fn granted(&self) -> Option<PageWish> {
        self.granted
    }

    pub(super) fn set_granted(&mut self, granted: Option<PageWish>) {
        self.granted = granted;
    }

    /// Promises pages. An urgent wish adds to another one, and goes before all others.
    pub(super) fn grant(&mut self, wish: PageWish) {
        let urgent = self.granted.filter(|granted| granted.is_urgent());
        let pages = match urgent {
            Some(granted) if wish.is_urgent() => granted.pages.saturating_add(wish.pages),
            Some(_) => return,
            None => wish.pages,
        };
        self.granted = Some(PageWish { pages: pages.min(GRANTED_PAGES_MAX), ..wish });
    }

    /// Called with the number of pages that all stores own above the limit. Returns a wish for this
    /// store's part of them, unless an urgent wish is granted already. Once the number is 0, the
    /// grant ends.
    pub(super) fn wish_of_limit(&mut self, over: usize) -> Option<PageWish> {
        if over == 0 && !self.is_over {
            return None;
        }
        self.is_over = over > 0;
        if over == 0 {
            self.granted = None;
        }
        if over == 0 || self.granted.is_some_and(PageWish::is_urgent) {
            return None;
        }
        let pages = over.div_ceil(self.shards).min(GRANTED_PAGES_MAX as usize);
        Some(PageWish { pages: pages as u32, worth: URGENT })
    }

    /// Gives the pool a spare page, as one of those promised. False: there is none to give.
    pub(super) fn give_granted_page(&mut self, stock: &mut PageStock) -> bool {
        let given = stock.give_spare();
        if let Some(granted) = self.granted.as_mut().filter(|_| given) {
            granted.pages = granted.pages.saturating_sub(1);
        }
        given
    }

    pub(super) fn set_demand(&mut self, demand: PageDemand) {
        self.demand = Some(demand);
    }

    /// Has another shard give pages at once. False: none does.
    pub(super) fn demand(&mut self, now: Moment) -> bool {
        self.demand.as_mut().is_some_and(|demand| demand(now))
    }
}
