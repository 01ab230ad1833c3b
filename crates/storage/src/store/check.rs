//! The recount: everything the store believes about itself, counted again from its memory.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use crate::item::chain;
use crate::item::item::{self, ChunkUse};
use crate::item::item_ref::ItemRef;
use crate::limits::{PAGE_BYTES, SPARE_PAGES_MAX};
use crate::memory::region::Location;
use crate::slabs::slab_allocator::{NONE, PageUse};
use crate::store::store::Store;

/// What a chunk was found to be.
type Chunks = BTreeMap<Location, ChunkUse>;

macro_rules! ensure {
    ($fact:expr, $($text:tt)+) => {
        if !$fact {
            return Err(format!($($text)+));
        }
    };
}

impl Store {
    /// Recounts everything; `Err` names the first thing that is wrong. O(n), for tests.
    pub fn check(&self) -> Result<(), String> {
        let chunks = self.check_pages()?;
        self.check_items(&chunks)?;
        self.check_classes(&chunks)?;
        self.check_index(&chunks)?;
        self.check_pins(&chunks)
    }

    /// Pages sum up, and each carved chunk is free on its page's list or in use.
    fn check_pages(&self) -> Result<Chunks, String> {
        let (mut chunks, mut owned, mut spare, mut index) = (Chunks::new(), 0, 0, 0);
        let mut class_pages = vec![(0, 0, 0); self.slabs.classes.len()];
        for (number, record) in self.slabs.records.iter().enumerate() {
            ensure!(
                record.page.is_some() == (record.page_use != PageUse::Vacant),
                "record {number}: page and use disagree"
            );
            owned += usize::from(record.page.is_some());
            match record.page_use {
                PageUse::Vacant => {}
                PageUse::Spare => spare += 1,
                PageUse::Index => index += 1,
                PageUse::Class(class) => {
                    let (used, bytes) = self.check_page(number as u32, &mut chunks)?;
                    let sums = &mut class_pages[usize::from(class)];
                    *sums = (sums.0 + 1, sums.1 + used, sums.2 + bytes);
                }
            }
        }
        ensure!(owned == self.slabs.owned_pages, "owned pages: {owned}");
        ensure!(self.expiry.is_sound(), "a group of pages expires at another second than they");
        ensure!(spare == self.slabs.spare_pages, "spare pages: {spare}");
        ensure!(
            spare <= SPARE_PAGES_MAX || owned <= self.slabs.pages_min(),
            "more spare pages than allowed: {spare}"
        );
        let table_pages = self.index.bucket_pages.len() + self.index.overflow_pages.len();
        ensure!(index == table_pages, "hash table pages: {index}, not {table_pages}");
        for (number, (class, sums)) in self.slabs.classes.iter().zip(class_pages).enumerate() {
            let counted = (class.pages.len(), class.used_chunks, class.requested_bytes);
            ensure!(counted == sums, "class {number}: {counted:?}, recount {sums:?}");
            self.check_room(number)?;
        }
        let all: usize = self.slabs.classes.iter().map(|class| class.pages.len()).sum();
        ensure!(all == self.slabs.class_pages, "pages of classes: {all}");
        ensure!(all + spare + index == owned, "pages of classes do not sum up");
        Ok(chunks)
    }

    fn check_page(&self, number: u32, chunks: &mut Chunks) -> Result<(usize, usize), String> {
        let record = &self.slabs.records[number as usize];
        let (mut used, mut bytes, mut free) = (0, 0, 0);
        let mut slot = 0;
        while let Some(chunk) = self.slabs.chunk_in_page(number, slot) {
            slot += 1;
            let chunk_use = item::chunk_use(&self.slabs.pages, chunk);
            if chunk_use == ChunkUse::Free {
                free += 1;
            } else {
                used += 1;
                bytes += item::chunk_used_bytes(&self.slabs.pages, chunk);
            }
            chunks.insert(chunk, chunk_use);
        }
        ensure!(used == usize::from(record.used), "page {number}: {used} used chunks");
        let is_new = record.carved == 0;
        ensure!(used > 0 || is_new, "page {number} is empty and still in its class");
        let (mut listed, mut next) = (0, record.free);
        while let Some(chunk) = next.some() {
            ensure!(chunks.get(&chunk) == Some(&ChunkUse::Free), "{chunk:?} is listed as free");
            listed += 1;
            ensure!(listed <= free, "page {number}: the free list runs in a circle");
            next = item::next(&self.slabs.pages, chunk);
        }
        ensure!(listed == free, "page {number}: {free} free chunks, {listed} listed");
        Ok((used, bytes))
    }

    fn check_room(&self, class: usize) -> Result<(), String> {
        let chunks = self.slabs.classes[class].chunks_per_page;
        let drained = self.slabs.draining as usize;
        let records = self.slabs.records.iter().enumerate();
        let with_room = records.filter(|(number, record)| {
            let of_class = record.page_use == PageUse::Class(class as u8);
            of_class && *number != drained && usize::from(record.used) < chunks
        });
        let (with_room, mut listed) = (with_room.count(), 0);
        let (mut next, mut prev) = (self.slabs.classes[class].room, NONE);
        while next != NONE {
            let record = &self.slabs.records[next as usize];
            ensure!(record.prev == prev, "class {class}: broken list of pages with room");
            ensure!(listed < with_room, "class {class}: too many pages listed with room");
            listed += 1;
            (prev, next) = (next, record.next);
        }
        ensure!(listed == with_room, "class {class}: {with_room} pages with room, {listed} listed");
        Ok(())
    }

    /// The bodies of an item point to their neighbours and to their head, which counts them.
    /// Returns how many there are.
    fn check_chain(&self, head: Location, chunks: &Chunks) -> Result<usize, String> {
        let pages = &self.slabs.pages;
        let (view, mut previous, mut bodies) = (ItemRef::new(pages, head), head, 0);
        for body in view.bodies() {
            ensure!(chunks.get(&body) == Some(&ChunkUse::Body), "{body:?} is no body");
            let noted = item::body_head(pages, body);
            ensure!(noted == head, "{body:?} belongs to {noted:?}, not {head:?}");
            let noted = chain::body_previous(pages, body);
            ensure!(noted == previous, "{body:?} is behind {previous:?}, not {noted:?}");
            previous = body;
            bodies += 1;
            ensure!(bodies <= view.body_count(), "{head:?}: more bodies than it counts");
        }
        let counted = view.body_count();
        ensure!(bodies == counted, "{head:?}: {bodies} bodies, {counted} counted");
        Ok(bodies)
    }

    /// Linked items sum up; each body chunk belongs to exactly one head, which knows it.
    fn check_items(&self, chunks: &Chunks) -> Result<(), String> {
        let (mut bytes, mut epochs, mut bodies) = (0, [0; 4], 0);
        for (chunk, chunk_use) in chunks {
            if !matches!(chunk_use, ChunkUse::Linked | ChunkUse::Unlinked) {
                continue;
            }
            let view = ItemRef::new(&self.slabs.pages, *chunk);
            bodies += self.check_chain(*chunk, chunks)?;
            if *chunk_use != ChunkUse::Unlinked {
                let written: usize = view.value_parts().map(<[u8]>::len).sum();
                ensure!(written == view.value_len(), "{chunk:?}: a linked value is incomplete");
                bytes += view.total_bytes();
                let parts = core::iter::once(*chunk).chain(view.bodies());
                let used: usize =
                    parts.map(|part| item::chunk_used_bytes(&self.slabs.pages, part)).sum();
                ensure!(used == view.total_bytes(), "{chunk:?}: {used} bytes in its chunks");
                let (record, exptime) = (self.slabs.record_of(*chunk), view.exptime());
                ensure!(
                    exptime == 0 || self.is_expiry_known(record, exptime),
                    "{chunk:?}: its page does not know that it expires"
                );
                epochs[usize::from(view.epoch())] += 1;
            }
        }
        let all_bodies = chunks.values().filter(|chunk| **chunk == ChunkUse::Body).count();
        ensure!(bodies == all_bodies, "{all_bodies} body chunks, {bodies} of them in chains");
        ensure!(bytes == self.item_bytes, "item bytes: {}, recount {bytes}", self.item_bytes);
        let sized: u64 = self.item_sizes().map(|(_, items)| items).sum();
        let is_sized = self.sizes.is_none() || sized == self.index.items as u64;
        ensure!(is_sized, "{sized} items by size of {}", self.index.items);
        ensure!(bytes <= self.slabs.owned_pages * PAGE_BYTES, "more bytes than pages");
        ensure!(epochs == self.epochs.items, "{:?}, recount {epochs:?}", self.epochs);
        let linked = chunks.iter().filter(|(_, chunk_use)| **chunk_use == ChunkUse::Linked);
        let dead = self.count_dead_marked(linked.map(|(chunk, _)| *chunk));
        ensure!(self.epochs.is_sound(dead), "{:?}, of the current mark {dead:?} dead", self.epochs);
        Ok(())
    }

    /// Each class lists its pages and counts its items; its candidates lie in them.
    fn check_classes(&self, chunks: &Chunks) -> Result<(), String> {
        let mut items = vec![0; self.slabs.classes.len()];
        for (chunk, chunk_use) in chunks {
            if *chunk_use == ChunkUse::Linked {
                items[self.slabs.class_of(*chunk)] += 1;
            }
        }
        ensure!(items.iter().sum::<usize>() == self.index.items, "{} items", self.index.items);
        for (number, class) in self.slabs.classes.iter().enumerate() {
            ensure!(class.items == items[number], "class {number}: {} items", items[number]);
            let is_own = |record: u32| {
                let record = self.slabs.records.get(record as usize);
                record.is_some_and(|record| record.page_use == PageUse::Class(number as u8))
            };
            for (place, record) in class.pages.iter().enumerate() {
                ensure!(is_own(*record), "class {number}: page {record}");
                let noted = self.slabs.records[*record as usize].class_place as usize;
                ensure!(noted == place, "class {number}: page {record} at {noted}, not {place}");
            }
            for candidate in class.candidates.iter() {
                let record = self.slabs.record_of(candidate.chunk) as u32;
                ensure!(is_own(record), "class {number}: candidate in page {record}");
            }
        }
        let drained = self.slabs.draining;
        ensure!(drained == NONE || self.drain.is_some(), "page {drained} is drained for nobody");
        Ok(())
    }

    /// Each linked item is in the bucket of its key, once; overflow buckets sum up.
    fn check_index(&self, chunks: &Chunks) -> Result<(), String> {
        let pages = &self.slabs.pages;
        let mut found = Vec::new();
        for bucket in 0..self.index.buckets() {
            for (tag, item) in self.index.chain_slots(pages, bucket) {
                ensure!(
                    matches!(chunks.get(&item), Some(ChunkUse::Linked)),
                    "bucket {bucket}: {item:?} is no linked item"
                );
                let home = self.index.home_of(self.hash_of(item));
                ensure!(home == (bucket, tag), "bucket {bucket}: {item:?} belongs to {home:?}");
                found.push(item);
            }
        }
        found.sort_unstable();
        found.dedup();
        ensure!(found.len() == self.index.items, "{} items in buckets", found.len());
        let (linked, free) = self.index.count_overflow(pages);
        ensure!(linked == self.index.overflow_used, "{linked} overflow buckets in use");
        ensure!(linked + free == self.index.overflow_untouched(), "{free} overflow buckets free");
        Ok(())
    }

    /// Items off the lists are reserved or held; pins are those of reservations and holds.
    fn check_pins(&self, chunks: &Chunks) -> Result<(), String> {
        let pages = &self.slabs.pages;
        let held: Vec<Location> = self.holds.items().collect();
        let mut pins: BTreeMap<usize, u16> = BTreeMap::new();
        let mut reserved = 0;
        for (chunk, chunk_use) in chunks {
            let is_item = matches!(chunk_use, ChunkUse::Unlinked | ChunkUse::Linked);
            if !is_item {
                continue;
            }
            let is_held = item::is_held(pages, *chunk);
            ensure!(is_held == held.contains(chunk), "{chunk:?}: held or not");
            let is_reserved = *chunk_use == ChunkUse::Unlinked && !is_held;
            reserved += usize::from(is_reserved);
            if is_held || is_reserved {
                let view = ItemRef::new(pages, *chunk);
                for part in core::iter::once(*chunk).chain(view.bodies()) {
                    *pins.entry(self.slabs.record_of(part)).or_default() += 1;
                }
            }
        }
        ensure!(reserved == self.reservations, "{reserved} reservations in memory");
        for (number, record) in self.slabs.records.iter().enumerate() {
            if let PageUse::Class(_) = record.page_use {
                let pinned = pins.get(&number).copied().unwrap_or(0);
                ensure!(pinned == record.pinned, "page {number}: {pinned} pinned chunks");
            }
        }
        Ok(())
    }
}
