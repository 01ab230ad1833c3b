//! Databases: how many items each has, and the end of all items of one.

use alloc::vec::Vec;

use crate::limits::{DATABASES, FLUSH_AHEAD};
use crate::store::store::Store;

impl Store {
    /// Items of a database, below 16. Expired ones count until they are found.
    pub fn items_in(&self, database: u8) -> u64 {
        self.items().items_in(database)
    }

    /// Makes all items of a database (below 16) misses. O(1) if the other databases are empty, else
    /// a walk over all items.
    pub fn flush_database(&mut self, database: u8) {
        if self.items_in(database) == 0 {
            return;
        }
        if (0..DATABASES).all(|other| other == database || self.items_in(other) == 0) {
            return self.flush_all();
        }
        self.unlink_database(database);
    }

    /// Unlinks the items of a database, dead ones included.
    #[inline(never)]
    fn unlink_database(&mut self, database: u8) {
        let (buckets, mut found) = (self.items().index().buckets(), Vec::new());
        for number in 0..buckets {
            let items = self.items();
            // Buckets are asked for long before their items are.
            items.index().prefetch_number(self.pages(), number + 2 * FLUSH_AHEAD);
            items.index().prefetch_items(self.pages(), number + FLUSH_AHEAD);
            items.index().for_each_in_bucket(self.pages(), number, |item| {
                if items.view(item).database() == database {
                    found.push(item);
                }
            });
            for item in found.drain(..) {
                let hash = self.items().hash_of(item);
                self.items_mut().unlink(item);
                self.sample_removal(hash);
            }
        }
    }
}
