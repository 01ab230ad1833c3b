//! The cas uniques that a store hands out.

/// The uniques of one store. No other store of the server hands out the same ones.
pub(super) struct CasUniques {
    next: u64,
    /// Shards of the server: the distance from one unique to the next.
    shards: u64,
    is_on: bool,
}

impl CasUniques {
    /// The uniques of shard number `shard` of this many. `is_on`: items get uniques (not `-C`).
    pub(super) fn new(shard: u32, shards: u32, is_on: bool) -> CasUniques {
        // 0 means "no unique", and 1 is left out as in memcached.
        CasUniques { next: u64::from(shard) + 2, shards: u64::from(shards), is_on }
    }

    /// Whether items get uniques.
    pub(super) fn are_on(&self) -> bool {
        self.is_on
    }

    /// A unique that no item of any shard has had.
    pub(super) fn take(&mut self) -> u64 {
        let unique = self.next;
        self.next += self.shards;
        unique
    }

    /// The unique that is handed out next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }
}
