//! A store that begins with the items that another process left.

use alloc::sync::Arc;

use crate::index::key_hasher::KeyHasher;
use crate::limits::INDEX_PAGES_MIN;
use crate::linked::recovery::Recovered;
use crate::memory::page_directory::{NO_EPOCH, ShardNumber};
use crate::memory::page_pool::PagePool;
use crate::store::allocation::NoMemory;
use crate::store::store::{Config, Store};

impl Store {
    /// The store of a shard with the items that are found in its pages of a recovered pool.
    ///
    /// `config` and `hasher` must be those of the store that left them, and `now` must go on from
    /// its time. `NoMemory`: the pool has too few free pages for a store. O(n).
    pub fn recover(
        config: &Config,
        pool: Arc<PagePool>,
        hasher: KeyHasher,
        now: u32,
    ) -> Result<(Store, Recovered), NoMemory> {
        let directory = pool.directory().clone();
        let pages = pool.take_kept(config.shard);
        let epoch = directory.number(config.shard, ShardNumber::Epoch);
        // The other pages of a full store are in its slab classes.
        let first = Some(INDEX_PAGES_MIN);
        let mut store = Store::with_first_pages(config, pool, hasher, first)?;
        let epoch = (epoch != NO_EPOCH).then_some((epoch & 0b11) as u8);
        let recovered = store.items_mut().recover(now, pages, epoch);
        store.has_long_values = true;
        Ok((store, recovered))
    }
}
