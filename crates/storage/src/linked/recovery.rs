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
use crate::item::item_ref::ItemRef;
use crate::item::kept_item::{is_whole_chain, is_whole_head};
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
        now: u32,
        pages: Vec<(Page, DirectoryEntry)>,
        epoch: Option<u8>,
    ) -> Recovered {
        self.epochs = FlushEpochs::of_mark(epoch.unwrap_or_default());
        let slabs = self.slabs_mut();
        let adopted = pages.into_iter().filter_map(|(page, entry)| slabs.adopt_page(page, entry));
        let adopted: Vec<RecordId> = adopted.collect();
        let (mut found, mut bodies) = (Recovered::default(), BTreeSet::new());
        for page in &adopted {
            self.judge_page(now, *page, epoch, &mut bodies, &mut found);
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
        for page in adopted {
            self.link_page(page, &mut found);
        }
        self.slabs_mut().stock.give_surplus();
        found
    }

    /// Takes the mark off linked items that are dead or not whole, and notes the bodies of others.
    fn judge_page(
        &mut self,
        now: u32,
        page: RecordId,
        epoch: Option<u8>,
        bodies: &mut BTreeSet<u32>,
        found: &mut Recovered,
    ) {
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
                bodies.extend(self.view(chunk).bodies().map(|body| body.0));
            } else {
                chunk::set_linked(self.pages_mut(), chunk, false);
                found.dead += u64::from(is_whole);
                found.dropped += u64::from(!is_whole);
            }
        }
    }

    /// Whether all bodies of a well-formed head are there.
    fn has_whole_value(&self, item: Location) -> bool {
        let slabs = self.slabs();
        let chunk_bytes = |location| slabs.kept_chunk_bytes(location);
        !self.view(item).is_chained() || is_whole_chain(self.pages(), item, chunk_bytes)
    }

    /// Links the items of a page.
    fn link_page(&mut self, page: RecordId, found: &mut Recovered) {
        for number in 0.. {
            // The page leaves its class when its last item is dropped.
            let Some(chunk) = self.slabs().chunk_in_page(page, number) else { return };
            if chunk::chunk_use(self.pages(), chunk) != ChunkUse::Linked {
                continue;
            }
            chunk::set_held(self.pages_mut(), chunk, false);
            if self.link_kept(chunk) {
                found.items += 1;
            } else {
                chunk::set_linked(self.pages_mut(), chunk, false);
                self.slabs_mut().free_item(chunk);
                found.dropped += 1;
            }
        }
    }

    /// Links an item that is marked as linked. False: its key is there already, or the hash table
    /// has no room.
    fn link_kept(&mut self, item: Location) -> bool {
        let hash = self.hash_of(item);
        let (pages, key) = (self.pages(), self.view(item).key());
        let is_there = |other| ItemRef::new(pages, other).key() == key;
        if self.index().find(pages, hash, is_there).is_some() || !self.make_index_room() {
            return false;
        }
        self.link_kept_item(hash, item);
        true
    }

    /// Grows the hash table with free pages only. False: it has no room for an item.
    fn make_index_room(&mut self) -> bool {
        if self.index().is_growth_due() {
            if self.index().needs_bucket_page()
                && let Some(page) = self.slabs_mut().stock.take_page()
            {
                self.add_bucket_page(page);
            }
            if !self.index().needs_bucket_page() {
                self.split_bucket();
            }
        }
        if !self.index().has_overflow_room()
            && let Some(page) = self.slabs_mut().stock.take_page()
        {
            self.add_overflow_page(page);
        }
        self.index().has_overflow_room()
    }
}
