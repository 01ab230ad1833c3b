//! The cas uniques that a store hands out.

use crate::limits::UNIQUES_BETWEEN_NOTES_SHIFT;
use crate::memory::page_directory::KeptNumber;
use crate::memory::shard_record::RecordWords;

/// The largest unique above which others go on. Only clients choose larger ones.
const UNIQUE_MAX: u64 = (u32::MAX as u64 / 2) << UNIQUES_BETWEEN_NOTES_SHIFT;

/// The uniques of one store. No other store of the server hands out the same ones.
pub(super) struct CasUniques {
    next: u64,
    /// Shards of the server: the distance from one unique to the next.
    shards: u64,
    /// Uniques below this may be handed out: a later process begins with it.
    noted: u64,
    kept: KeptNumber,
    is_on: bool,
}

impl CasUniques {
    /// The uniques of shard number `shard` of this many. `is_on`: items get uniques (not `-C`).
    /// `kept`: the bound of those that an earlier process handed out.
    pub(super) fn new(shard: u32, shards: u32, is_on: bool, kept: KeptNumber) -> CasUniques {
        let shards = u64::from(shards);
        let noted = u64::from(kept.get()) << UNIQUES_BETWEEN_NOTES_SHIFT;
        // 0 means "no unique", and 1 is left out as in memcached.
        let next = noted.next_multiple_of(shards) + u64::from(shard) + 2;
        CasUniques { next, shards, noted, kept, is_on }
    }

    /// Keeps the unique that is handed out next.
    pub(super) fn keep(&mut self, words: &mut RecordWords) {
        let first = self.next;
        words.keep(&mut self.next);
        let is_own = self.next % self.shards == first % self.shards;
        if !is_own || self.next > first.max(self.noted).saturating_add(self.shards) {
            words.refuse();
        }
    }

    /// Whether items get uniques.
    pub(super) fn are_on(&self) -> bool {
        self.is_on
    }

    /// A unique that no item of any shard has had.
    pub(super) fn take(&mut self) -> u64 {
        let unique = self.next;
        if unique >= self.noted {
            self.note_more();
        }
        self.next += self.shards;
        unique
    }

    #[cold]
    fn note_more(&mut self) {
        let units = (self.next >> UNIQUES_BETWEEN_NOTES_SHIFT) as u32 + 1;
        self.kept.set(units);
        self.noted = u64::from(units) << UNIQUES_BETWEEN_NOTES_SHIFT;
    }

    /// Goes on above a unique, which an item of another store may have.
    pub(super) fn go_on_above(&mut self, unique: u64) {
        let unique = unique.min(UNIQUE_MAX);
        if self.next <= unique {
            self.next += ((unique - self.next) / self.shards + 1) * self.shards;
        }
    }

    /// The unique that is handed out next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }
}
