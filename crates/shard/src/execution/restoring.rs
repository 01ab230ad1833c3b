//! Items that leave for a snapshot, and those of one that come back.

use slabcore_storage::{
    HashedKey, Hold, NewItem, NoMemory, Reservation, RestoreOutcome, RestoredItem,
};

use crate::execution::shard::Shard;
use crate::requests::clock::Now;

impl Shard {
    /// Holds the live item of a key, which does not count as a read.
    pub fn hold_unread(&mut self, now: Now, key: HashedKey<'_>) -> Option<Hold> {
        self.store.hold(now.moment(), key)
    }

    /// Stores an item of a snapshot, see [`slabcore_storage::Store::restore`].
    pub fn restore(&mut self, now: Now, restored: &RestoredItem<'_>) -> RestoreOutcome {
        self.store.restore(now.moment(), restored)
    }

    /// Begins an item of a snapshot whose value comes in parts. The value in `item` is not looked
    /// at.
    pub fn begin_restore(
        &mut self,
        now: Now,
        item: &NewItem<'_>,
        value_bytes: usize,
    ) -> Result<Reservation, NoMemory> {
        self.store.reserve(now.moment(), item.key, item.flags, item.expiry, value_bytes)
    }

    /// Adds bytes to its value. On `NoMemory` the reservation is to be given to
    /// [`Self::end_restore`].
    pub fn add_restored(
        &mut self,
        now: Now,
        reservation: &mut Reservation,
        mut bytes: &[u8],
    ) -> Result<(), NoMemory> {
        while !bytes.is_empty() {
            let room = self.store.spare(now.moment(), reservation)?;
            let (part, rest) = bytes.split_at(room.len().min(bytes.len()));
            room[..part.len()].copy_from_slice(part);
            self.store.advance(reservation, part.len());
            bytes = rest;
        }
        Ok(())
    }

    /// Stores the item if its value is complete, and drops it if it is not.
    pub fn end_restore(
        &mut self,
        now: Now,
        reservation: Reservation,
        restored: &RestoredItem<'_>,
    ) -> RestoreOutcome {
        if reservation.missing() == 0 {
            return self.store.commit_restored(now.moment(), reservation, restored);
        }
        self.store.abandon(reservation);
        RestoreOutcome::NoMemory
    }

    /// Hands out cas uniques above this one from now on.
    pub fn go_on_above_unique(&mut self, unique: u64) {
        self.store.go_on_above_unique(unique);
    }
}
