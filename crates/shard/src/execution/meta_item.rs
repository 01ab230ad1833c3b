//! The item that a meta command creates or changes: its exptime and its cas unique.

use slabcore_protocol::MetaFlags;
use slabcore_storage::{Amendment, HashedKey, Marks, NewItem, NewUnique, StoreOutcome, StoreVerb};

use crate::execution::shard::Shard;
use crate::requests::clock::Now;

impl Shard {
    /// Creates an item that the flag `N` asks for; returns its cas unique, which is 0 unless it is
    /// wanted. `None`: there is no memory.
    pub(super) fn create(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        flags: MetaFlags<'_>,
        (value, exptime): (&[u8], u32),
        claimed: bool,
    ) -> Option<u64> {
        let item = NewItem { key, value, flags: 0, exptime };
        let outcome = self.store.store(now.tick, &item, StoreVerb::Set);
        if outcome == StoreOutcome::NoMemory {
            return None;
        }
        let amendment = Amendment {
            marks: claimed.then(|| Marks { claimed, ..Marks::default() }),
            unique: named_unique(flags),
            with_cas: flags.has(b'c'),
            is_read: claimed && !flags.has(b'u'),
            exptime: None,
        };
        Some(self.store.amend(now.tick, key, &amendment).map_or(0, |item| item.cas()))
    }
}

/// The exptime that an item has when all flags have acted, and the one that the flag `t` shows:
/// they act in their order, `N` only on an item that it created.
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

/// Seconds that an item has left to live. What is dead already shows a huge number, as in
/// memcached.
pub(super) fn ttl(now: Now, exptime: u32) -> i64 {
    if exptime == 0 { -1 } else { i64::from(exptime.wrapping_sub(now.tick)) }
}

/// The cas unique that the flag `E` names; 0 names none.
pub(super) fn named_unique(flags: MetaFlags<'_>) -> NewUnique {
    match flags.number(b'E') {
        None | Some(0) => NewUnique::Keep,
        Some(unique) => NewUnique::Set(unique),
    }
}
