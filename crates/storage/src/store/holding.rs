//! Holds of items, see `linked/hold.rs`.

use crate::item::expiry::Moment;
use crate::item::hashed_key::HashedKey;
use crate::linked::hold::Hold;
use crate::store::store::Store;

impl Store {
    /// Holds the live item of a key. `None`: a miss. Does not count as a read.
    pub fn hold(&mut self, now: Moment, key: HashedKey<'_>) -> Option<Hold> {
        self.items_mut().find_live(now, key).ok()?;
        self.hold_hit(key)
    }

    /// Holds the item that the last get of this key found. Nothing else was done since. The item
    /// may have expired in that get, which may have given it a new exptime.
    pub fn hold_hit(&mut self, key: HashedKey<'_>) -> Option<Hold> {
        let item = self.items().find_linked(key)?;
        let slabs = self.allocation.moves_mut().eviction_mut().items_mut().slabs_mut();
        Some(self.holds.hold(slabs, item))
    }

    /// Ends a hold of this store. Frees the item if this was its last hold and it is no longer
    /// linked.
    pub fn release(&mut self, hold: Hold) {
        let slabs = self.allocation.moves_mut().eviction_mut().items_mut().slabs_mut();
        self.holds.release(slabs, hold);
    }
}
