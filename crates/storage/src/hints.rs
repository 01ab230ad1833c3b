//! What a prefetch has found: where the item under a hash is, so that the lookup that follows need
//! not search its bucket again.

use core::cell::Cell;

use crate::region::Location;

/// Lookups ahead that are remembered: a stage of requests and more. A power of two.
const HINTS: usize = 128;

#[derive(Clone, Copy)]
struct Hint {
    hash: u64,
    item: Location,
    /// Changes of the hash table before it was found.
    changes: u32,
}

/// See the module. Each hash has one place, which the last prefetch has.
pub(crate) struct Hints {
    places: [Cell<Hint>; HINTS],
}

impl Hints {
    pub(crate) fn new() -> Hints {
        const NOTHING: Hint = Hint { hash: 0, item: Location::NONE, changes: 0 };
        Hints { places: [const { Cell::new(NOTHING) }; HINTS] }
    }

    #[inline]
    fn place(&self, hash: u64) -> &Cell<Hint> {
        &self.places[hash as usize % HINTS]
    }

    /// Remembers an item of this hash. It holds until the table changes.
    #[inline]
    pub(crate) fn put(&self, hash: u64, item: Location, changes: u32) {
        self.place(hash).set(Hint { hash, item, changes });
    }

    /// An item that is under this hash, if the table is still the same.
    #[inline]
    pub(crate) fn get(&self, hash: u64, changes: u32) -> Option<Location> {
        let hint = self.place(hash).get();
        (hint.hash == hash && hint.changes == changes).then_some(hint.item)?.some()
    }
}
