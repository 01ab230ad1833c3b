//! The item that a meta command creates or changes: its exptime and its cas unique.

use slabcore_protocol::MetaFlags;
use slabcore_storage::{
    Amendment, Expiry, HashedKey, Marks, NewItem, NewUnique, StoreOutcome, StoreVerb,
};

use crate::execution::shard::Shard;
use crate::requests::clock::Now;

impl Shard {
    /// Creates the item that the flag `N` asks for; `claimed`: marks it so that one reader fetches
    /// the value. Returns the cas unique, 0 unless the reply shows it. `None`: there is no memory.
    pub(super) fn create(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        flags: MetaFlags<'_>,
        (value, exptime): (&[u8], u32),
        claimed: bool,
    ) -> Option<u64> {
        let item = NewItem { key, value, flags: 0, expiry: Expiry::at(exptime) };
        let outcome = self.store.store(now.moment(), &item, StoreVerb::Set);
        if outcome == StoreOutcome::NoMemory {
            return None;
        }
        let amendment = Amendment {
            marks: claimed.then(|| Marks { claimed, ..Marks::default() }),
            unique: named_unique(flags),
            with_cas: flags.has(b'c'),
            is_read: claimed && !flags.has(b'u'),
            expiry: None,
        };
        Some(self.store.amend(now.moment(), key, &amendment).map_or(0, |item| item.cas()))
    }
}

/// The final exptime of an item, and the one that the flag `t` shows. The flags act in their order;
/// `N` acts only on an item that it created.
pub(super) fn exptimes(now: Now, flags: MetaFlags<'_>, old: u32, created: bool) -> (u32, u32) {
    let (mut exptime, mut shown) = (old, old);
    for letter in flags.words().filter_map(|word| word.first().copied()) {
        match letter {
            b'T' => exptime = now.expiry(flags.seconds(b'T').unwrap_or(0)),
            b'N' if created => exptime = now.expiry(flags.seconds(b'N').unwrap_or(0)),
            b't' => shown = exptime,
            _ => {}
        }
    }
    (exptime, shown)
}

/// Seconds that an item has left to live; -1: no limit. For a dead item this is a huge number, as
/// in memcached.
pub(super) fn ttl(now: Now, exptime: u32) -> i64 {
    if exptime == 0 { -1 } else { i64::from(exptime.wrapping_sub(now.tick())) }
}

/// The cas unique that the flag `E` sets; 0 sets none.
pub(super) fn named_unique(flags: MetaFlags<'_>) -> NewUnique {
    match flags.number(b'E') {
        None | Some(0) => NewUnique::Keep,
        Some(unique) => NewUnique::Set(unique),
    }
}
