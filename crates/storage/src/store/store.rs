//! The store of one shard: its settings and its parts.

use alloc::sync::Arc;

use crate::eviction::eviction::Eviction;
use crate::index::key_hasher::KeyHasher;
use crate::item::chunk_sizes::SlabClassId;
use crate::item::expiry::Moment;
use crate::item::hashed_key::HashedKey;
use crate::item::item_size_limit::ItemSizeLimit;
use crate::limits::{INDEX_PAGES_MIN, PAGES_MIN};
use crate::linked::hold::HoldTable;
use crate::linked::linked_items::{LinkedItems, Miss};
use crate::memory::page_directory::ShardNumber;
use crate::memory::page_pool::PagePool;
use crate::memory::region::OwnedPages;
use crate::page_moves::drain::PageMoves;
use crate::policy::miss_curve::MissCurve;
use crate::slabs::slab_allocator::SlabAllocator;
use crate::store::allocation::{Allocation, NoMemory};
use crate::store::cas_uniques::CasUniques;

/// Settings of a store.
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the server")]
#[derive(Clone, Debug)]
pub struct Config {
    /// Shards of the server, at least 1.
    pub shards: u32,
    /// Number of this shard, below `shards`. It keeps cas uniques distinct over shards.
    pub shard: u32,
    /// Bytes of an item (`-I`), as memcached counts them. Only append and prepend check it; for
    /// other commands the caller does.
    pub item_bytes_max: usize,
    /// Growth from one chunk size to the next (`-f`), above 1.
    pub growth_factor: f64,
    /// Bytes of key, value and flags that fit the smallest chunk (`-n`).
    pub chunk_bytes_min: usize,
    /// Whether live items may be evicted (not `-M`).
    pub evict: bool,
    /// Whether items get cas uniques (not `-C`).
    pub cas: bool,
    /// Pages that this shard may expect of the pool.
    pub fair_share_pages: usize,
    /// Whether [`Store::item_sizes`] is kept.
    pub track_sizes: bool,
    /// Whether other sizes of the memory are simulated, see [`Store::curve_counts`]. Nothing is if
    /// live items may not be evicted.
    pub miss_curve: bool,
}

impl Config {
    /// Pages that the store will have when the pool is empty.
    fn pages_expected(&self, pool: &PagePool) -> usize {
        self.fair_share_pages.min(pool.pages_total() / self.shards as usize)
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            shards: 1,
            shard: 0,
            item_bytes_max: 1 << 20,
            growth_factor: 1.25,
            chunk_bytes_min: 48,
            evict: true,
            cas: true,
            fair_share_pages: usize::MAX,
            track_sizes: false,
            miss_curve: true,
        }
    }
}

/// The items of one shard.
pub struct Store {
    pub(super) allocation: Allocation,
    pub(super) holds: HoldTable,
    pub(super) uniques: CasUniques,
    pub(super) item_size_limit: ItemSizeLimit,
    /// Reservations alive.
    pub(super) reservations: usize,
    /// A value of more than [`LONG_VALUE_BYTES`](crate::LONG_VALUE_BYTES) was stored once.
    pub(super) has_long_values: bool,
    /// Slab class of the item that was stored last.
    pub(super) last_stored: SlabClassId,
    /// Items ever linked.
    pub(super) total_items: u64,
}

impl Store {
    /// An empty store. It takes its minimum of pages from the pool: two for the hash table and up
    /// to four more, within the fair share. `NoMemory`: the pool has fewer.
    pub fn new(config: &Config, pool: Arc<PagePool>, hasher: KeyHasher) -> Result<Store, NoMemory> {
        Store::with_first_pages(config, pool, hasher, None)
    }

    /// As [`Self::new`], with so many pages from the pool at the start; `None`: the minimum.
    pub(super) fn with_first_pages(
        config: &Config,
        pool: Arc<PagePool>,
        hasher: KeyHasher,
        first: Option<usize>,
    ) -> Result<Store, NoMemory> {
        let slabs = Store::slabs(config, pool);
        let first = first.unwrap_or(slabs.stock.pages_min());
        let items = LinkedItems::new(slabs, hasher, config.track_sizes, first).ok_or(NoMemory)?;
        Ok(Store::with_items(config, items))
    }

    /// The slab classes of a store, without any page.
    pub(super) fn slabs(config: &Config, pool: Arc<PagePool>) -> SlabAllocator {
        assert!(config.shard < config.shards, "shard number outside of the shards");
        let pages_min = config.fair_share_pages.clamp(INDEX_PAGES_MIN + 1, PAGES_MIN);
        let pages_expected = config.pages_expected(&pool);
        let owner = pool.generation().owner(config.shard);
        SlabAllocator::new(
            pool,
            owner,
            config.chunk_bytes_min,
            config.growth_factor,
            pages_min,
            pages_expected,
        )
    }

    pub(super) fn with_items(config: &Config, mut items: LinkedItems) -> Store {
        if config.evict {
            items.slabs_mut().stock.keep_reserve();
        } else {
            items.slabs_mut().refusals.switch_on();
        }
        let kept_uniques = items.slabs().stock.kept_number(ShardNumber::Uniques);
        let curve = if config.miss_curve && config.evict {
            MissCurve::new(config.pages_expected(items.slabs().stock.pool()))
        } else {
            MissCurve::off()
        };
        let eviction = Eviction::new(items, config.evict, curve);
        let moves = PageMoves::new(eviction, config.shards as usize);
        Store {
            allocation: Allocation::new(moves),
            holds: HoldTable::default(),
            uniques: CasUniques::new(config.shard, config.shards, config.cas, kept_uniques),
            item_size_limit: ItemSizeLimit {
                item_bytes_max: config.item_bytes_max,
                cas: config.cas,
            },
            reservations: 0,
            has_long_values: false,
            last_stored: SlabClassId::new(0),
            total_items: 0,
        }
    }

    /// The largest item. Only append and prepend check it; for other commands the caller does.
    pub fn item_size_limit(&self) -> &ItemSizeLimit {
        &self.item_size_limit
    }

    /// Removes the live item of a key.
    pub fn delete(&mut self, now: Moment, key: HashedKey<'_>) -> Result<(), Miss> {
        let items = self.items_mut();
        let item = items.find_live(now, key)?;
        items.slabs_mut().counters_of(item).delete_hits += 1;
        items.unlink(item);
        self.sample_removal(key.hash());
        Ok(())
    }

    /// Notes a removal for the simulations.
    pub(super) fn sample_removal(&mut self, hash: u64) {
        if self.eviction().is_sampled(hash) {
            self.eviction_mut().note_sampled_removal(hash);
        }
    }

    /// Removes the live item of a key without counting it: no client asked for it.
    pub fn discard(&mut self, now: Moment, key: HashedKey<'_>) -> Result<(), Miss> {
        let items = self.items_mut();
        let item = items.find_live(now, key)?;
        items.unlink(item);
        self.sample_removal(key.hash());
        Ok(())
    }

    /// Makes everything stored so far a miss. O(1).
    pub fn flush_all(&mut self) {
        self.eviction_mut().flush_all();
    }

    /// Has the region keep the second of a flush that is still to come. `None`: there is none.
    pub fn keep_later_flush(&self, second: Option<u32>) {
        let kept = self.items().slabs().stock.kept_number(ShardNumber::Flush);
        kept.set(second.unwrap_or_default());
    }

    /// The flush that is still to come, of this process or of the one that left the items.
    pub fn later_flush(&self) -> Option<u32> {
        let kept = self.items().slabs().stock.kept_number(ShardNumber::Flush);
        Some(kept.get()).filter(|second| *second != 0)
    }

    #[inline]
    pub(super) fn eviction(&self) -> &Eviction {
        self.allocation.moves().eviction()
    }

    #[inline]
    pub(super) fn eviction_mut(&mut self) -> &mut Eviction {
        self.allocation.moves_mut().eviction_mut()
    }

    #[inline]
    pub(super) fn items(&self) -> &LinkedItems {
        self.eviction().items()
    }

    #[inline]
    pub(super) fn items_mut(&mut self) -> &mut LinkedItems {
        self.eviction_mut().items_mut()
    }

    #[inline]
    pub(super) fn pages(&self) -> &OwnedPages {
        self.items().pages()
    }

    #[inline]
    pub(super) fn pages_mut(&mut self) -> &mut OwnedPages {
        self.items_mut().pages_mut()
    }
}
