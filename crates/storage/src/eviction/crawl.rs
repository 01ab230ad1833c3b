//! The crawler: it frees dead items, so that no live item is evicted for their memory.
//!
//! A **sweep** searches one page in which something has expired. A **collection** searches all
//! pages for items that a flush has ended. Background work does both; an allocation sweeps before
//! it evicts.

use crate::index::expiry_index::NEVER;
use crate::item::chunk::{self, ChunkUse};
use crate::item::expiry::Moment;
use crate::linked::linked_items::{Finder, LinkedItems};
use crate::memory::region::Location;
use crate::slabs::page_record::RecordId;

/// A second before all others.
const DUE: u32 = 1;

/// The places that the crawler has reached.
pub(super) struct Crawl {
    /// The collection's page, and the next chunk in it.
    page: RecordId,
    chunk: usize,
    sweep: Option<Sweep>,
    /// Nothing is searched in the background.
    is_off: bool,
    /// Sweeps that background work has begun.
    starts: u64,
}

/// A page that is being searched for expired items.
#[derive(Clone, Copy)]
struct Sweep {
    page: RecordId,
    /// The next chunk.
    chunk: usize,
    /// The earliest expiry of the items seen so far that stay.
    earliest: u32,
}

impl Crawl {
    pub(super) fn new() -> Crawl {
        Crawl { page: RecordId::new(0), chunk: 0, sweep: None, is_off: false, starts: 0 }
    }

    /// Ends a sweep. Its page is due again.
    pub(super) fn stop_sweep(&mut self, items: &mut LinkedItems) {
        if let Some(sweep) = self.sweep.take() {
            items.expiry_mut().note(sweep.page, DUE);
        }
    }

    /// Switches searches in the background on or off.
    pub(super) fn switch(&mut self, on: bool) {
        self.is_off = !on;
    }

    /// Sweeps that background work has begun.
    pub(super) fn starts(&self) -> u64 {
        self.starts
    }

    /// Whether background work is looking for dead items.
    pub(super) fn is_crawling(&self, items: &LinkedItems) -> bool {
        !self.is_off && (self.sweep.is_some() || items.has_flushed_items())
    }

    /// Whether something may have expired that was not searched yet.
    pub(super) fn may_have_expired(&self, items: &LinkedItems, now: Moment) -> bool {
        self.sweep.is_some() || items.expiry().due_page(now.tick()).is_some()
    }

    /// Whether a page is being swept, for the recount.
    pub(super) fn is_swept(&self, page: RecordId) -> bool {
        self.sweep.is_some_and(|sweep| sweep.page == page)
    }

    /// Whether flushed items must be searched. If background searches are off, only once marks are
    /// scarce.
    fn is_collection_due(&self, items: &LinkedItems) -> bool {
        if self.is_off { items.are_marks_scarce() } else { items.has_flushed_items() }
    }

    /// The second at which background work is due, or a second earlier: the next second if it is
    /// due already, `u32::MAX` if no second is known.
    pub(super) fn due(&self, items: &LinkedItems, now: Moment) -> u32 {
        if self.is_collection_due(items) || !self.is_off && self.sweep.is_some() {
            now.tick() + 1
        } else if self.is_off {
            u32::MAX
        } else {
            items.expiry().earliest_of_all()
        }
    }

    /// Searches up to `budget` chunks in the background. Returns how many of the budget are left.
    pub(super) fn crawl(&mut self, items: &mut LinkedItems, now: Moment, budget: u32) -> u32 {
        let mut left = budget;
        while left > 0 && !self.is_off && self.sweep_step(items, now, Finder::Crawler) {
            left -= 1;
        }
        while left > 0 && self.is_collection_due(items) {
            self.collect_step(items, now);
            left -= 1;
        }
        left
    }

    /// Searches up to `looks` chunks for an allocation. True: something was freed.
    pub(super) fn sweep(&mut self, items: &mut LinkedItems, now: Moment, looks: usize) -> bool {
        let before = items.items();
        for _ in 0..looks {
            if !self.sweep_step(items, now, Finder::Allocation) {
                break;
            }
        }
        items.items() < before
    }

    /// Searches one chunk of a page in which something has expired. False: there is no such page.
    fn sweep_step(&mut self, items: &mut LinkedItems, now: Moment, finder: Finder) -> bool {
        let mut sweep = match self.sweep {
            Some(sweep) => sweep,
            None => {
                let Some(page) = items.expiry().due_page(now.tick()) else { return false };
                items.expiry_mut().clear(page);
                self.starts += u64::from(finder == Finder::Crawler);
                Sweep { page, chunk: 0, earliest: NEVER }
            }
        };
        let Some(chunk) = items.slabs().chunk_in_page(sweep.page, sweep.chunk) else {
            items.expiry_mut().note(sweep.page, sweep.earliest);
            self.sweep = None;
            return true;
        };
        sweep.chunk += 1;
        if chunk::chunk_use(items.pages(), chunk) == ChunkUse::Linked
            && !take_back_dead(items, now, chunk, finder)
        {
            let exptime = items.view(chunk).exptime();
            if exptime != 0 {
                sweep.earliest = sweep.earliest.min(exptime);
            }
        }
        self.sweep = Some(sweep);
        true
    }

    fn collect_step(&mut self, items: &mut LinkedItems, now: Moment) {
        if self.page.index() >= items.slabs().stock.records().len() {
            (self.page, self.chunk) = (RecordId::new(0), 0);
            return;
        }
        if let Some(chunk) = items.slabs().chunk_in_page(self.page, self.chunk) {
            self.chunk += 1;
            if chunk::chunk_use(items.pages(), chunk) == ChunkUse::Linked {
                take_back_dead(items, now, chunk, Finder::Crawler);
            }
        } else {
            (self.page, self.chunk) = (RecordId::new(self.page.index() + 1), 0);
        }
    }
}

/// Takes back a linked item if it is dead and not guarded. True: it did.
fn take_back_dead(items: &mut LinkedItems, now: Moment, item: Location, finder: Finder) -> bool {
    let dead = items.death_of(now, item).is_some() && !items.is_guarded(item);
    let counters = items.slabs_mut().counters_of(item);
    counters.crawler_items_checked += u64::from(finder == Finder::Crawler);
    if dead {
        items.take_back(item, finder);
    }
    dead
}
