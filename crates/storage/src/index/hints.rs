//! Hints: the locations that the prefetches of a group of requests have found. The lookups of the
//! group, which come in the same order, use them and need not search the buckets again.

use core::cell::Cell;

use crate::index::hash_table::HashTable;
use crate::memory::region::Location;

/// Hints of a group at most. A power of two.
const HINTS: usize = 64;

#[derive(Clone, Copy)]
struct Hint {
    hash: u64,
    /// The first item with the hash. `NONE`: there is none.
    item: Location,
    /// [`HashTable::changes`] at the time of the search.
    changes: u32,
}

/// The hints of the current group.
pub(crate) struct Hints {
    places: [Cell<Hint>; HINTS],
    /// Number of hints.
    known: Cell<usize>,
    /// The hint that the next lookup probably needs.
    next: Cell<usize>,
}

/// What the hints say about a hash.
pub(crate) enum Hinted {
    /// Nothing: its bucket must be searched.
    Unknown,
    /// No item has the hash.
    Nothing,
    /// This item has the hash, and perhaps others have it.
    Item(Location),
}

impl Hints {
    pub(crate) fn new() -> Hints {
        const NOTHING: Hint = Hint { hash: 0, item: Location::NONE, changes: 0 };
        Hints {
            places: [const { Cell::new(NOTHING) }; HINTS],
            known: Cell::new(0),
            next: Cell::new(0),
        }
    }

    /// Begins a group. The hints of the last one are forgotten.
    #[inline]
    pub(crate) fn begin(&self) {
        self.known.set(0);
        self.next.set(0);
    }

    /// Adds the first item with a hash, if there is one. The hint is valid until the table changes.
    #[inline]
    pub(crate) fn put(&self, hash: u64, item: Option<Location>, table: &HashTable) {
        let known = self.known.get();
        if let Some(place) = self.places.get(known) {
            let item = item.unwrap_or(Location::NONE);
            place.set(Hint { hash, item, changes: table.changes() });
            self.known.set(known + 1);
        }
    }

    /// What was found for a hash, if the table has not changed since.
    #[inline]
    pub(crate) fn get(&self, hash: u64, table: &HashTable) -> Hinted {
        let next = self.next.get();
        let hint = self.places[next % HINTS].get();
        if next < self.known.get() && hint.hash == hash {
            self.next.set(next + 1);
            return hint.answer(table);
        }
        self.get_out_of_order(hash, table)
    }

    /// A request may look for its item twice, or not at all.
    fn get_out_of_order(&self, hash: u64, table: &HashTable) -> Hinted {
        let next = self.next.get();
        for near in [next.wrapping_sub(1), next + 1] {
            if near < self.known.get() && self.places[near].get().hash == hash {
                self.next.set(near + 1);
                return self.places[near].get().answer(table);
            }
        }
        Hinted::Unknown
    }
}

impl Hint {
    #[inline]
    fn answer(self, table: &HashTable) -> Hinted {
        if self.changes != table.changes() {
            Hinted::Unknown
        } else if self.item.is_none() {
            Hinted::Nothing
        } else {
            Hinted::Item(self.item)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::PAGE_BYTES;
    use crate::memory::page_directory::Generation;
    use crate::memory::page_pool::PagePool;
    use crate::memory::region::Region;
    use alloc::boxed::Box;

    fn said(hints: &Hints, hash: u64, table: &HashTable) -> Option<u32> {
        match hints.get(hash, table) {
            Hinted::Unknown => None,
            Hinted::Nothing => Some(0),
            Hinted::Item(item) => Some(item.0),
        }
    }

    #[test]
    fn hints_come_in_order_and_end_with_the_table() {
        let region = Region::new(Box::new(alloc::vec![0; 4 * PAGE_BYTES]));
        let pool = PagePool::new(region);
        let mut pages = pool.window(Generation::First.owner(0));
        let [first, second] = [(); 2].map(|()| pool.take().unwrap());
        pages.add(&first);
        pages.add(&second);
        let [at, overflow_at] = [&first, &second].map(|page| page.number() as usize * PAGE_BYTES);
        let mut table = HashTable::new(&mut pages, at, overflow_at);
        let hints = Hints::new();
        for hash in 1..=4 {
            hints.put(hash, (hash != 3).then_some(Location(hash as u32)), &table);
        }
        assert_eq!(said(&hints, 1, &table), Some(1));
        assert_eq!(said(&hints, 1, &table), Some(1), "again");
        assert_eq!(said(&hints, 3, &table), Some(0), "one left out");
        assert_eq!(said(&hints, 1, &table), None, "too far back");
        table.insert(&mut pages, 5, Location(5));
        assert_eq!(said(&hints, 4, &table), None);
        hints.begin();
        hints.put(9, None, &table);
        assert_eq!(said(&hints, 4, &table), None);
        assert_eq!(said(&hints, 9, &table), Some(0));
        for hash in 10..200 {
            hints.put(hash, None, &table);
        }
        assert_eq!(said(&hints, 10, &table), Some(0));
    }
}
