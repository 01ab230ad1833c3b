//! The free pages of all shards: a lock-free pool.
//!
//! Pages come from two places: a stack of pages that were given back, and behind it the pages
//! that nobody ever took, in ascending order, so that untouched memory stays untouched. The stack
//! is linked through one word per page; its head carries a counter against the ABA problem. While
//! a store owns a page, the same word holds the store's own **note** (which of its records
//! describes the page); a racing `take` that reads a note fails its exchange on the counter.
//!
//! ```text
//! head  = | change counter: 32 | page number or NONE: 32 |
//! words = | next free page, or the owner's note |  one per page
//! ```

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::limits::PAGE_BYTES;
use crate::region::Region;

const NONE: u32 = u32::MAX;

/// A page: whoever holds this value owns the page's memory.
#[derive(Debug, PartialEq, Eq)]
pub struct Page(u32);

impl Page {
    /// Number of the page, counted from the start of the region.
    pub fn number(&self) -> u32 {
        self.0
    }
}

/// The pages that belong to no store.
pub struct PagePool {
    region: Region,
    words: Box<[AtomicU32]>,
    head: AtomicU64,
    /// Pages from this number on were never taken.
    untouched: AtomicUsize,
    free: AtomicUsize,
}

impl PagePool {
    /// Cuts the region into pages of [`PAGE_BYTES`](crate::PAGE_BYTES); a rest at the end stays
    /// unused.
    pub fn new(region: Region) -> PagePool {
        let pages = (region.bytes() / PAGE_BYTES).min(NONE as usize);
        PagePool {
            region,
            words: (0..pages).map(|_| AtomicU32::new(NONE)).collect(),
            head: AtomicU64::new(u64::from(NONE)),
            untouched: AtomicUsize::new(0),
            free: AtomicUsize::new(pages),
        }
    }

    /// Takes a page, or `None` when the pool is empty. Lock-free.
    pub fn take(&self) -> Option<Page> {
        let page = self.pop().or_else(|| self.advance_untouched())?;
        self.free.fetch_sub(1, Ordering::Relaxed);
        Some(page)
    }

    /// Gives a page back. Lock-free.
    #[expect(clippy::needless_pass_by_value, reason = "the token ends here")]
    pub fn give(&self, page: Page) {
        let Page(number) = page;
        let word = &self.words[number as usize];
        let mut head = self.head.load(Ordering::Relaxed);
        // Counted before it can be taken, so that the count never falls below zero.
        self.free.fetch_add(1, Ordering::Relaxed);
        loop {
            word.store(head as u32, Ordering::Relaxed);
            let new = next_head(head, number);
            match self.head.compare_exchange_weak(head, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Pages of the region.
    pub fn pages_total(&self) -> usize {
        self.words.len()
    }

    /// Pages that belong to no store. Exact when no other thread is at work.
    pub fn pages_free(&self) -> usize {
        self.free.load(Ordering::Relaxed)
    }

    fn pop(&self) -> Option<Page> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let number = head as u32;
            if number == NONE {
                return None;
            }
            let below = self.words[number as usize].load(Ordering::Relaxed);
            let new = next_head(head, below);
            match self.head.compare_exchange_weak(head, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(Page(number)),
                Err(now) => head = now,
            }
        }
    }

    fn advance_untouched(&self) -> Option<Page> {
        let total = self.words.len();
        self.untouched
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < total).then_some(n + 1))
            .ok()
            .map(|number| Page(number as u32))
    }

    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    #[inline]
    pub(crate) fn note(&self, page: u32) -> u32 {
        self.words[page as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn set_note(&self, page: u32, note: u32) {
        self.words[page as usize].store(note, Ordering::Relaxed);
    }
}

fn next_head(head: u64, page: u32) -> u64 {
    ((head >> 32).wrapping_add(1) << 32) | u64::from(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{sync::Arc, vec, vec::Vec};
    use std::thread;

    fn pool(pages: usize) -> PagePool {
        PagePool::new(Region::new(Box::new(vec![0_u8; pages * PAGE_BYTES + 100])))
    }

    #[test]
    fn hands_out_every_page_once_and_reuses_the_last_given() {
        let pool = pool(3);
        let taken: Vec<Page> = core::iter::from_fn(|| pool.take()).collect();
        assert_eq!(taken.iter().map(Page::number).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((pool.pages_total(), pool.pages_free()), (3, 0));
        for page in taken {
            pool.give(page);
        }
        assert_eq!(pool.pages_free(), 3);
        assert_eq!(pool.take().map(|page| page.number()), Some(2));
    }

    #[test]
    fn never_touched_pages_come_after_given_ones() {
        let pool = pool(2);
        let first = pool.take().unwrap();
        pool.give(first);
        assert_eq!(pool.take().unwrap().number(), 0);
        assert_eq!(pool.take().unwrap().number(), 1);
        assert_eq!(pool.take(), None);
    }

    #[test]
    fn a_page_has_one_owner_under_contention() {
        let pool = Arc::new(pool(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let pool = Arc::clone(&pool);
                thread::spawn(move || {
                    for round in 0..if cfg!(miri) { 100 } else { 5_000_u32 } {
                        if let Some(page) = pool.take() {
                            let mark = round ^ page.number();
                            pool.set_note(page.number(), mark);
                            assert_eq!(pool.note(page.number()), mark);
                            pool.give(page);
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(pool.pages_free(), 4);
    }
}
