//! Work for idle turns: dead items are taken back before anything live is evicted for them, and
//! LRU lists are kept within their shares. Also `flush_all`, whose leftovers it collects.

use crate::item::{self, ChunkUse, ItemRef};
use crate::limits::CRAWL_PAUSE_SECONDS;
use crate::region::Location;
use crate::store::{Miss, Store};

/// Where the crawler is: it walks the pages chunk by chunk.
#[derive(Default)]
pub(crate) struct Crawl {
    record: usize,
    chunk: usize,
    /// Expired items are looked for again from this second on.
    resume_at: u32,
}

impl Store {
    /// Makes everything stored so far a miss. O(1), but for the fourth call while items of all
    /// earlier ones still wait to be taken back: that one takes them back first.
    pub fn flush_all(&mut self) {
        let free_epoch = |store: &Store| {
            (0..4_u8)
                .find(|epoch| *epoch != store.epoch && store.epoch_items[usize::from(*epoch)] == 0)
        };
        let next = free_epoch(self).unwrap_or_else(|| {
            self.sweep_flushed();
            free_epoch(self).expect("a sweep leaves one epoch")
        });
        self.epoch = next;
    }

    /// Takes back every flushed item.
    fn sweep_flushed(&mut self) {
        for record in 0..self.slabs.records.len() {
            let mut number = 0;
            while let Some(chunk) = self.slabs.chunk_in_page(record as u32, number) {
                number += 1;
                if let ChunkUse::Linked(_) = item::chunk_use(&self.slabs.pages, chunk)
                    && ItemRef::new(&self.slabs.pages, chunk).epoch() != self.epoch
                {
                    self.unlink(chunk);
                }
            }
        }
    }

    /// Does up to `budget` small steps of background work; true when there is more to do now.
    ///
    /// A step looks at one item or moves one. The expired are searched for in rounds, which
    /// pause for a minute after one that is complete.
    pub fn maintain(&mut self, now: u32, budget: u32) -> bool {
        let mut steps = budget;
        for class in 0..self.slabs.classes.len() {
            while steps > 0 && self.slabs.lru_balance(class, self.shares) {
                steps -= 1;
            }
        }
        while steps > 0 && self.is_crawl_due(now) {
            self.crawl_step(now);
            steps -= 1;
        }
        steps == 0
    }

    fn is_crawl_due(&self, now: u32) -> bool {
        let flushed = self.index.items - self.epoch_items[usize::from(self.epoch)];
        flushed > 0 || self.expiring_items > 0 && now >= self.crawl.resume_at
    }

    fn crawl_step(&mut self, now: u32) {
        let Crawl { record, chunk, .. } = self.crawl;
        if record >= self.slabs.records.len() {
            self.crawl =
                Crawl { record: 0, chunk: 0, resume_at: now.saturating_add(CRAWL_PAUSE_SECONDS) };
            return;
        }
        match self.slabs.chunk_in_page(record as u32, chunk) {
            Some(location) => {
                self.crawl.chunk += 1;
                self.crawl_chunk(now, location);
            }
            None => {
                self.crawl.record += 1;
                self.crawl.chunk = 0;
            }
        }
    }

    fn crawl_chunk(&mut self, now: u32, chunk: Location) {
        let ChunkUse::Linked(_) = item::chunk_use(&self.slabs.pages, chunk) else { return };
        let class = self.slabs.class_of(chunk);
        let death: Option<Miss> = self.death_of(now, chunk);
        let counters = &mut self.slabs.classes[class].counters;
        counters.crawler_items_checked += 1;
        if death.is_some() {
            counters.crawler_reclaimed += 1;
            self.unlink(chunk);
        }
    }
}
