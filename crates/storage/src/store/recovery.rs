//! A store that begins with the items that another process left.

use alloc::sync::Arc;

use crate::index::key_hasher::KeyHasher;
use crate::item::expiry::Moment;
use crate::limits::INDEX_PAGES_MIN;
use crate::linked::recovery::Recovered;
use crate::memory::page_directory::{NO_EPOCH, ShardNumber};
use crate::memory::page_pool::PagePool;
use crate::store::allocation::NoMemory;
use crate::store::store::{Config, Store};

impl Store {
    /// A store of a recovered pool, before [`Self::recover`]. It takes the two pages from the pool
    /// that it needs; `NoMemory`: there are fewer.
    ///
    /// `config` and `hasher` must be those of the store that left the items.
    pub fn for_recovery(
        config: &Config,
        pool: Arc<PagePool>,
        hasher: KeyHasher,
    ) -> Result<Store, NoMemory> {
        // The other pages of a full store are in its slab classes.
        let mut store = Store::with_first_pages(config, pool, hasher, Some(INDEX_PAGES_MIN))?;
        store.has_long_values = true;
        Ok(store)
    }

    /// Finds the items in the pages of the store's shard. `now` must go on from the time of the
    /// store that left them. O(n). To be called once, before anything else.
    pub fn recover(&mut self, now: Moment) -> Recovered {
        let stock = &self.items().slabs().stock;
        let pages = stock.take_kept();
        let epoch = stock.kept_number(ShardNumber::Epoch).get();
        let epoch = (epoch != NO_EPOCH).then_some((epoch & 0b11) as u8);
        self.items_mut().recover(now, pages, epoch)
    }
}
