//! Recovery: the items that another process left in the store's pages are linked again.
//!
//! The process may have ended anywhere. What is found then:
//!
//! - A linked item is whole: the mark is written last, and taken off before anything else changes.
//! - An item that was moving is there twice, or its chain is broken. One of the two is kept.
//! - What is not linked, or not whole, is free memory.
//!
//! The scan changes nothing that another recovery after it would need: it may be cut off, too.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::item::chunk::{self, ChunkUse};
use crate::item::expiry::Moment;
use crate::item::kept_item::{is_whole_chain, is_whole_head};
use crate::limits::{BUCKET_LOAD_MAX, RECOVERY_GROUP};
use crate::linked::flush_epochs::FlushEpochs;
use crate::linked::linked_items::LinkedItems;
use crate::memory::page::Page;
use crate::memory::page_directory::DirectoryEntry;
use crate::memory::region::Location;
use crate::slabs::page_record::RecordId;

/// What a recovery found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recovered {
    /// Items that are there again.
    pub items: u64,
    /// Items that had expired or were flushed.
    pub dead: u64,
    /// Items that were not whole, or were there twice, or found no room in the hash table.
    pub dropped: u64,
}

impl Recovered {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Recovered) -> Recovered {
        self.add(other);
        self
    }

    /// Adds what another store found.
    pub fn add(&mut self, other: Recovered) {
        self.items += other.items;
        self.dead += other.dead;
        self.dropped += other.dropped;
    }
}

impl LinkedItems {
    /// Links the items in these pages, which were this store's. `epoch`: the mark of live items;
    /// `None`: no item is alive.
    pub(crate) fn recover(
        &mut self,
        now: Moment,
        pages: Vec<(Page, DirectoryEntry)>,
        epoch: Option<u8>,
    ) -> Recovered {
        let mut found = Recovered::default();
        let (adopted, alive) = self.adopt(now, pages, epoch, &mut found);
        // While the table is empty, its buckets split at once.
        self.split_ahead(alive, 0);
        for page in adopted {
            self.link_page(page, &mut found);
        }
        self.slabs_mut().stock.give_surplus();
        // No dead item is marked as linked any more, so the mark is known, even if it was not.
        self.keep_epoch();
        found
    }

    /// Takes these pages over. The items in them that are alive and whole are marked as linked
    /// afterwards, and all else is free. Returns the pages, and how many items there are.
    pub(crate) fn adopt(
        &mut self,
        now: Moment,
        pages: Vec<(Page, DirectoryEntry)>,
        epoch: Option<u8>,
        found: &mut Recovered,
    ) -> (Vec<RecordId>, usize) {
        self.epochs = FlushEpochs::of_mark(epoch.unwrap_or_default());
        let slabs = self.slabs_mut();
        let adopted = pages.into_iter().filter_map(|(page, entry)| slabs.adopt_page(page, entry));
        let adopted: Vec<RecordId> = adopted.collect();
        let (mut bodies, mut alive) = (BTreeSet::new(), 0);
        for page in &adopted {
            alive += self.judge_page(now, *page, epoch, &mut bodies, found);
        }
        for page in &adopted {
            self.slabs_mut().recount_kept_page(*page, |pages, chunk| {
                match chunk::chunk_use(pages, chunk) {
                    ChunkUse::Linked => true,
                    ChunkUse::Body => bodies.contains(&chunk.0),
                    ChunkUse::Free | ChunkUse::Unlinked => false,
                }
            });
        }
        (adopted, alive)
    }

    /// Grows the hash table for so many items, if the pool then has `pages_left` free pages.
    pub(crate) fn split_ahead(&mut self, items: usize, pages_left: usize) {
        while self.index().buckets() * BUCKET_LOAD_MAX < items
            && (!self.index().needs_bucket_page()
                || self.slabs().stock.pool().pages_free() > pages_left)
            && self.split_with_free_page()
        {}
    }

    /// Takes the mark off linked items that are dead or not whole, and notes the bodies of others.
    /// Returns how many others there are.
    fn judge_page(
        &mut self,
        now: Moment,
        page: RecordId,
        epoch: Option<u8>,
        bodies: &mut BTreeSet<u32>,
        found: &mut Recovered,
    ) -> usize {
        let mut alive = 0;
        for number in 0..self.slabs().carved_chunks(page) {
            let chunk = self.slabs().chunk_in_page(page, number).expect("a chunk of the page");
            if chunk::chunk_use(self.pages(), chunk) != ChunkUse::Linked {
                continue;
            }
            let chunk_bytes = self.slabs().kept_chunk_bytes(chunk).expect("a chunk of the page");
            let is_whole =
                is_whole_head(self.pages(), chunk, chunk_bytes) && self.has_whole_value(chunk);
            let is_alive = is_whole && {
                let head = self.head(chunk);
                epoch == Some(head.epoch()) && self.judge(now, head).is_none()
            };
            if is_alive {
                alive += 1;
                bodies.extend(self.view(chunk).bodies().map(|body| body.0));
            } else {
                chunk::set_linked(self.pages_mut(), chunk, false);
                found.dead += u64::from(is_whole);
                found.dropped += u64::from(!is_whole);
            }
        }
        alive
    }

    /// Whether all bodies of a well-formed head are there.
    fn has_whole_value(&self, item: Location) -> bool {
        let slabs = self.slabs();
        let chunk_bytes = |location| slabs.kept_chunk_bytes(location);
        !self.view(item).is_chained() || is_whole_chain(self.pages(), item, chunk_bytes)
    }

    /// Links the items of a page, in groups whose buckets are prefetched.
    fn link_page(&mut self, page: RecordId, found: &mut Recovered) {
        let mut number = 0;
        loop {
            let (mut group, mut len) = ([(0, Location::NONE); RECOVERY_GROUP], 0);
            while len < RECOVERY_GROUP
                && let Some(chunk) = self.slabs().chunk_in_page(page, number)
            {
                number += 1;
                if chunk::chunk_use(self.pages(), chunk) == ChunkUse::Linked {
                    let hash = self.hash_of(chunk);
                    self.prefetch_bucket(hash);
                    group[len] = (hash, chunk);
                    len += 1;
                }
            }
            if len == 0 {
                return;
            }
            for (hash, item) in &group[..len] {
                self.link_or_drop(*hash, *item, found);
            }
        }
    }

    /// Links an item that has the mark of linked ones. If its key is there already, or the hash
    /// table has no room, it is dropped.
    fn link_or_drop(&mut self, hash: u64, item: Location, found: &mut Recovered) {
        chunk::set_held(self.pages_mut(), item, false);
        let (pages, key) = (self.pages(), self.view(item).hashed_key(hash));
        let is_there = |other| self.head(other).has_key(pages, key);
        if self.index().find(pages, hash, is_there).is_none() && self.make_index_room() {
            self.link_kept_item(hash, item);
            found.items += 1;
        } else {
            chunk::set_linked(self.pages_mut(), item, false);
            self.slabs_mut().free_item(item);
            found.dropped += 1;
        }
    }

    /// Grows the hash table with free pages only. False: it has no room for an item.
    fn make_index_room(&mut self) -> bool {
        if self.index().is_growth_due() {
            self.split_with_free_page();
        }
        if !self.index().has_overflow_room()
            && let Some(page) = self.slabs_mut().stock.take_page()
        {
            self.add_overflow_page(page);
        }
        self.index().has_overflow_room()
    }

    /// Splits a bucket. False: it needs a page, and none is free.
    fn split_with_free_page(&mut self) -> bool {
        if self.index().needs_bucket_page() {
            let Some(page) = self.slabs_mut().stock.take_page() else { return false };
            self.add_bucket_page(page);
        }
        self.split_bucket();
        true
    }
}
