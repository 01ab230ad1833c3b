//! Work for idle turns: dead items are taken back before anything live is evicted for them.

use crate::index::expiry_index::NEVER;
use crate::item::item::{self, ChunkUse};
use crate::item::item_ref::ItemRef;
use crate::memory::region::Location;
use crate::store::store::Store;

/// Where the crawlers are: each walks pages chunk by chunk.
#[derive(Default)]
pub(crate) struct Crawl {
    /// The walk over all pages for what a flush left.
    record: usize,
    chunk: usize,
    sweep: Option<Sweep>,
    /// Nothing dead is looked for in the background.
    pub(crate) is_off: bool,
    /// Sweeps begun by background work.
    pub(crate) starts: u64,
}

impl Crawl {
    pub(crate) fn is_sweeping(&self) -> bool {
        self.sweep.is_some()
    }
}

/// A page that is being searched for expired items.
#[derive(Clone, Copy)]
struct Sweep {
    record: usize,
    chunk: usize,
    /// When the items seen so far that stay expire at the earliest.
    earliest: u32,
}

impl Store {
    /// Does up to `budget` small steps of background work; true when there is more to do now.
    ///
    /// A step looks at one item. Pages promised to other shards take more, tens of microseconds.
    pub fn maintain(&mut self, now: u32, budget: u32) -> bool {
        let mut steps = budget;
        while steps > 0 && !self.crawl.is_off && self.sweep_step(now, true) {
            steps -= 1;
        }
        while steps > 0 && self.is_collection_due() {
            self.crawl_step(now);
            steps -= 1;
        }
        let draining = self.go_on_draining_in_background(now);
        self.go_on_granting(now) || draining || steps == 0
    }

    /// The second at which [`Self::maintain`] has something to do next, or a second too early:
    /// the next one if it has now; `u32::MAX` if nothing is known that will be due.
    pub fn background_due(&self, now: u32) -> u32 {
        let sweeps = !self.crawl.is_off;
        if self.drain.is_some() || self.is_collection_due() || sweeps && self.crawl.is_sweeping() {
            return now + 1;
        }
        if sweeps { self.expiry.earliest_of_all() } else { u32::MAX }
    }

    /// Looks for dead items in the background, or no longer: then only an allocation that would
    /// have to evict takes them back, whoever meets one, and a flush that needs their mark.
    pub fn crawl_in_background(&mut self, crawls: bool) {
        self.crawl.is_off = !crawls;
    }

    /// Looks at up to `looks` chunks of pages in which something has expired; true if it took
    /// anything back.
    pub(crate) fn sweep_expired(&mut self, now: u32, looks: usize) -> bool {
        let before = self.index.items;
        for _ in 0..looks {
            if !self.sweep_step(now, false) {
                break;
            }
        }
        self.index.items < before
    }

    /// Whether something may have expired that was not looked at.
    pub(crate) fn is_expired_left(&self, now: u32) -> bool {
        self.crawl.sweep.is_some() || self.expiry.due_page(now).is_some()
    }

    /// Whether a page will be swept by this second, for the recount.
    pub(crate) fn is_expiry_known(&self, record: usize, exptime: u32) -> bool {
        self.expiry.earliest(record) <= exptime
            || self.crawl.sweep.is_some_and(|sweep| sweep.record == record)
    }

    /// Looks at one chunk of a page in which something has expired; false if there is none.
    fn sweep_step(&mut self, now: u32, crawler: bool) -> bool {
        let mut sweep = match self.crawl.sweep {
            Some(sweep) => sweep,
            None => {
                let Some(record) = self.expiry.due_page(now) else { return false };
                self.expiry.clear(record);
                self.crawl.starts += u64::from(crawler);
                Sweep { record, chunk: 0, earliest: NEVER }
            }
        };
        let Some(chunk) = self.slabs.chunk_in_page(sweep.record as u32, sweep.chunk) else {
            self.expiry.note(sweep.record, sweep.earliest);
            self.crawl.sweep = None;
            return true;
        };
        sweep.chunk += 1;
        if let ChunkUse::Linked = item::chunk_use(&self.slabs.pages, chunk)
            && !self.take_if_dead(now, chunk, crawler)
        {
            let exptime = ItemRef::new(&self.slabs.pages, chunk).exptime();
            if exptime != 0 {
                sweep.earliest = sweep.earliest.min(exptime);
            }
        }
        self.crawl.sweep = Some(sweep);
        true
    }

    fn crawl_step(&mut self, now: u32) {
        let Crawl { record, chunk, .. } = self.crawl;
        if record >= self.slabs.records.len() {
            (self.crawl.record, self.crawl.chunk) = (0, 0);
            return;
        }
        match self.slabs.chunk_in_page(record as u32, chunk) {
            Some(location) => {
                self.crawl.chunk += 1;
                if let ChunkUse::Linked = item::chunk_use(&self.slabs.pages, location) {
                    self.take_if_dead(now, location, true);
                }
            }
            None => {
                self.crawl.record += 1;
                self.crawl.chunk = 0;
            }
        }
    }

    /// Takes back a linked item that is expired or flushed.
    fn take_if_dead(&mut self, now: u32, item: Location, crawler: bool) -> bool {
        let class = self.slabs.class_of(item);
        let dead = self.death_of(now, item).is_some() && self.guarded != Some(item);
        self.slabs.classes[class].counters.crawler_items_checked += u64::from(crawler);
        if dead {
            self.take_back(item, crawler);
        }
        dead
    }

    /// Takes back a linked item that is dead.
    pub(crate) fn take_back(&mut self, item: Location, crawler: bool) {
        let fetched = ItemRef::new(&self.slabs.pages, item).is_fetched();
        let counters = self.counters_of(item);
        if crawler {
            counters.crawler_reclaimed += 1;
        } else {
            counters.reclaimed += 1;
        }
        counters.expired_unfetched += u64::from(!fetched);
        self.unlink(item);
    }
}
