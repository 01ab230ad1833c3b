//! The record of a store: what it knows outside of its pages. A clean stop saves it, and the next
//! process attaches the store by it, in a time that does not depend on the items.
//!
//! ```text
//! cas uniques | whether long values were stored | class stored last
//! linked items:  flushes | spare pages | pages | slab classes | hash table | expiry index
//!                | bytes | flush epochs
//! eviction:      access clock | order chosen | stale classes | worth of pages | segments
//! ```
//!
//! Not in it are: settings; counters of operators, which begin with a process; candidates for
//! eviction and simulations, which are found again from the items; what takes several steps, which
//! is ended before.

use alloc::sync::Arc;

use crate::index::key_hasher::KeyHasher;
use crate::linked::linked_items::LinkedItems;
use crate::memory::page_pool::PagePool;
use crate::memory::shard_record::RecordWords;
use crate::store::store::{Config, Store};

impl Store {
    /// Saves the record, so that another process can [`Self::attach`] the store. Holds end: nobody
    /// may read by them any more. False: there is no record, and another process has to search for
    /// the items. To be called last: whatever changes the store then makes the record wrong.
    pub fn save_record(&mut self) -> bool {
        self.holds.release_all(self.allocation.moves_mut().eviction_mut().items_mut().slabs_mut());
        self.allocation.moves_mut().come_to_rest();
        if self.reservations > 0 || !self.items().can_be_kept() {
            return false;
        }
        let mut words = RecordWords::saving();
        self.keep(&mut words);
        self.items().slabs().stock.save_record(words)
    }

    /// The store of an attached pool that has a record of it. `config` and `hasher` must be those
    /// of the store that left it. `None`: the record does not fit, and nothing was changed.
    pub fn attach(config: &Config, pool: Arc<PagePool>, hasher: KeyHasher) -> Option<Store> {
        let mut slabs = Store::slabs(config, pool);
        let (pages, mut record) = slabs.stock.take_record()?;
        let fits = slabs.stock.attach(pages);
        let mut store =
            Store::with_items(config, LinkedItems::unattached(slabs, hasher, config.track_sizes));
        if !fits || !store.items().can_be_kept() {
            return None;
        }
        store.keep(&mut record.words);
        let is_settled = record.words.is_whole() && store.items_mut().settle();
        store.eviction_mut().simulate_kept_items();
        is_settled.then_some(store)
    }

    fn keep(&mut self, words: &mut RecordWords) {
        self.uniques.keep(words);
        words.keep(&mut self.has_long_values);
        words.keep(&mut self.last_stored);
        if self.last_stored.index() >= self.items().slabs().class_ids().len() {
            words.refuse();
        }
        self.eviction_mut().keep(words);
    }
}
