//! The items of a shard that leave it for other shards, which have another number or other slab
//! classes. `rehoming.rs` says how they arrive there.
//!
//! They are in no hash table. A page is free as soon as its last item has left, so the new shards
//! need little memory beside that of the items.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::index::key_hasher::KeyHasher;
use crate::item::access::{AccessTick, AccessWord};
use crate::item::chain;
use crate::item::chunk::{self, ChunkUse};
use crate::item::expiry::Moment;
use crate::item::item_ref::ItemRef;
use crate::limits::{LEAVING_AGE_LOOKS, PAGE_BYTES};
use crate::linked::linked_items::LinkedItems;
use crate::linked::recovery::Recovered;
use crate::memory::page_directory::{NO_EPOCH, ShardNumber};
use crate::memory::page_pool::PagePool;
use crate::memory::region::Location;
use crate::slabs::page_record::RecordId;
use crate::slabs::slab_allocator::SlabAllocator;
use crate::store::store::Config;

/// Items of one page that move to the same shard, with the hashes of their keys.
#[derive(Debug, Default)]
pub struct LeavingGroup {
    pub(super) items: Vec<(u64, Location)>,
}

impl LeavingGroup {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// The items that leave a shard.
pub struct LeavingItems {
    items: LinkedItems,
    /// The shard's access tick, a few ahead.
    tick: AccessTick,
    found: Recovered,
    /// Items that were given up because there was no room.
    given_up: u64,
    /// Pages whose items were not looked at yet. The last one is the next.
    pages: Vec<RecordId>,
    /// The page that was looked at last.
    current: RecordId,
    /// Usable pages, that of the oldest items last. Empty until one is wanted.
    oldest: Vec<RecordId>,
    is_sorted_by_age: bool,
}

impl LeavingItems {
    /// The items of shard `config.shard` of the generation before that of the pool's stores.
    /// `config` and `hasher` must be those of the store that left them, and `now` must go on from
    /// its time. Dead items are left out.
    pub fn new(
        config: &Config,
        pool: &Arc<PagePool>,
        hasher: KeyHasher,
        now: Moment,
    ) -> LeavingItems {
        let owner = pool.generation().other().owner(config.shard);
        let mut slabs = SlabAllocator::new(
            Arc::clone(pool),
            owner,
            config.chunk_bytes_min,
            config.growth_factor,
            0,
            1,
        );
        // What they free may be what another store was refused.
        slabs.refusals.switch_on();
        let epoch = slabs.stock.kept_number(ShardNumber::Epoch).get();
        let epoch = (epoch != NO_EPOCH).then_some((epoch & 0b11) as u8);
        let tick = AccessTick::new(slabs.stock.kept_number(ShardNumber::Tick).get());
        let kept = slabs.stock.take_kept();
        let mut items = LinkedItems::without_index(slabs, hasher);
        let mut found = Recovered::default();
        let (mut pages, alive) = items.adopt(now, kept, epoch, &mut found);
        found.items = alive as u64;
        let slabs = items.slabs();
        pages.retain(|page| slabs.chunk_in_page(*page, 0).is_some());
        // Class by class, so that few pages of the new shards are half full at a time. Unusable
        // pages come last: what they have moves to pages that others have left.
        pages.sort_by_key(|page| {
            let is_usable = slabs.stock.pool().is_usable(slabs.stock.page_at(*page) / PAGE_BYTES);
            (is_usable, slabs.class_of_page(*page))
        });
        let mut leaving = LeavingItems {
            items,
            tick,
            found,
            given_up: 0,
            pages,
            current: RecordId::NONE,
            oldest: Vec::new(),
            is_sorted_by_age: false,
        };
        leaving.give_pages();
        leaving
    }

    /// What was found in the shard.
    pub fn found(&self) -> Recovered {
        self.found
    }

    /// Items that were given up because there was no room for them.
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Sorts the items of the next page by the shard that `shard_of` says for a key's hash. False:
    /// there is no further page.
    pub fn sort_next_page(
        &mut self,
        shard_of: impl Fn(u64) -> usize,
        groups: &mut [LeavingGroup],
    ) -> bool {
        for group in groups.iter_mut() {
            group.items.clear();
        }
        let Some(page) = self.pages.pop() else { return false };
        self.current = page;
        for chunk in self.items.slabs().chunks_of_page(page) {
            if chunk::chunk_use(self.items.pages(), chunk) == ChunkUse::Linked {
                let hash = self.items.hash_of(chunk);
                groups[shard_of(hash)].items.push((hash, chunk));
            }
        }
        true
    }

    /// An item of a group, unless it was given up since.
    pub(super) fn item(&self, item: Location) -> Option<ItemRef<'_>> {
        self.items.slabs().kept_chunk_bytes(item)?;
        let is_there = chunk::chunk_use(self.items.pages(), item) == ChunkUse::Linked;
        is_there.then(|| self.items.view(item))
    }

    /// Ticks since an item with this access word was accessed.
    pub(super) fn age(&self, access: AccessWord) -> u32 {
        access.tick().until(self.tick)
    }

    /// Frees an item that has arrived elsewhere, or is given up.
    pub(super) fn release(&mut self, item: Location) {
        chunk::set_linked(self.items.pages_mut(), item, false);
        self.items.slabs_mut().free_item(item);
        self.give_pages();
    }

    /// Gives up an item.
    pub(super) fn give_up(&mut self, item: Location) {
        self.given_up += 1;
        self.release(item);
    }

    /// Gives up all items in the page that has the oldest ones, so that the pool gets a page.
    /// False: there is no such page.
    pub fn give_up_page(&mut self) -> bool {
        if !self.is_sorted_by_age {
            self.sort_by_age();
        }
        while let Some(page) = self.oldest.pop() {
            if page == self.current || self.items.slabs().chunk_in_page(page, 0).is_none() {
                continue;
            }
            let mut number = 0;
            while let Some(chunk) = self.items.slabs().chunk_in_page(page, number) {
                number += 1;
                if let Some(item) = chain::item_of(self.items.pages(), chunk)
                    && chunk::chunk_use(self.items.pages(), item) == ChunkUse::Linked
                {
                    self.give_up(item);
                }
            }
            return true;
        }
        false
    }

    #[cold]
    fn sort_by_age(&mut self) {
        self.is_sorted_by_age = true;
        let stock = &self.items.slabs().stock;
        let is_usable = |page: RecordId| stock.pool().is_usable(stock.page_at(page) / PAGE_BYTES);
        let is_there = |page: RecordId| self.items.slabs().chunk_in_page(page, 0).is_some();
        let there = self.pages.iter().copied().filter(|page| is_there(*page) && is_usable(*page));
        let mut aged: Vec<(u32, RecordId)> =
            there.map(|page| (self.page_age(page), page)).collect();
        aged.sort_unstable();
        self.oldest = aged.into_iter().map(|(_, page)| page).collect();
    }

    /// The mean age of some of a page's items.
    fn page_age(&self, page: RecordId) -> u32 {
        let (mut ages, mut items) = (0, 0);
        let chunks = self.items.slabs().chunks_of_page(page).take(LEAVING_AGE_LOOKS);
        for item in chunks.filter_map(|chunk| chain::item_of(self.items.pages(), chunk)) {
            ages += u64::from(self.age(self.items.head(item).access()));
            items += 1;
        }
        (ages / items.max(1)) as u32
    }

    /// Gives all pages that have become free to the pool.
    fn give_pages(&mut self) {
        while self.items.slabs_mut().stock.give_spare() {}
    }
}
