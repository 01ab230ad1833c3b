//! The named maxima of a store, and how they relate.

/// Bytes of a page: the unit in which memory moves between the pool, shards and slab classes.
pub const PAGE_BYTES: usize = 64 << 10;

/// Bytes of the largest chunk. Half a page, so that an item just above a chunk's size wastes a
/// part of its tail chunk and not most of a page.
pub const CHUNK_BYTES_MAX: usize = PAGE_BYTES / 2;

/// Slab classes of a store (memcached has 63).
pub(crate) const CLASSES_MAX: usize = 64;

/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 250;

/// Bytes of a value, whatever `-I` says.
pub const VALUE_BYTES_MAX: usize = 1 << 30;

/// Smallest unit of a location; grows in powers of two when 32 bits do not reach.
pub(crate) const GRANULE_BYTES_MIN: usize = 8;

/// Bytes of a hash bucket: one cache line.
pub(crate) const BUCKET_BYTES: usize = 64;

/// Slots of a bucket; the eighth word links the overflow bucket.
pub(crate) const BUCKET_SLOTS: usize = 7;

/// Average items per bucket above which the table grows. Five of seven slots: 13 bytes of
/// table per item, with about one bucket in eight overflowing.
pub(crate) const BUCKET_LOAD_MAX: usize = 5;

/// Buckets split by one insertion. Two, so that a table that fell behind catches up.
pub(crate) const SPLITS_PER_INSERT: usize = 2;

/// Insertions that pass before a table that found no page asks again.
pub(crate) const GROWTH_RETRY_INSERTS: u32 = 4096;

/// LRU tail items looked at by one eviction.
pub(crate) const EVICT_LOOKS_MAX: usize = 10;

/// Evictions of a class between two looks for a class whose coldest items are older; a quarter
/// of a page's chunks where that is fewer.
pub(crate) const PAGE_MOVE_EVICTIONS: u32 = 32;

/// LRU moves made by one eviction beside its looks.
pub(crate) const BALANCE_MOVES: usize = 2;

/// Tail items of a list asked for their page when a page is taken from a class.
pub(crate) const STEAL_LOOKS_MAX: usize = 16;

/// Pages with room looked at for the emptiest, when items are moved out of one.
pub(crate) const COMPACT_LOOKS_MAX: usize = 32;

/// Page records walked to find one that no reservation and no hold pins.
pub(crate) const STEAL_RECORDS_MAX: usize = 4096;

/// Evictions and page moves of one chunk allocation before it gives up.
pub(crate) const ALLOCATION_ROUNDS_MAX: usize = 64;

/// Empty pages a store keeps instead of giving them to the pool at once.
pub(crate) const SPARE_PAGES_MAX: usize = 2;

/// Pages a store takes at its start and keeps: two of the hash table, four for chunks.
pub(crate) const PAGES_MIN: usize = INDEX_PAGES_MIN + 4;

/// Pages of an empty hash table: one of buckets, one of overflow buckets.
pub(crate) const INDEX_PAGES_MIN: usize = 2;

/// Holds alive at a time.
pub const HOLDS_MAX: usize = 1024;

/// Chunks that an allocation looks at for expired items at a time, and how often, before it
/// evicts what is alive.
pub(crate) const SWEEP_LOOKS: usize = 64;
pub(crate) const SWEEPS_PER_ALLOCATION: usize = 32;

const _: () = {
    assert!(PAGE_BYTES.is_power_of_two());
    assert!(PAGE_BYTES.is_multiple_of(BUCKET_BYTES));
    assert!(BUCKET_BYTES == (BUCKET_SLOTS + 1) * 8);
    assert!(BUCKET_LOAD_MAX < BUCKET_SLOTS);
    // The length of an unchained value is 16 bits in the item.
    assert!(CHUNK_BYTES_MAX < 1 << 16);
    // The fixed and optional fields and the key always fit the head chunk.
    assert!(CHUNK_BYTES_MAX > 4 * KEY_BYTES_MAX);
    // Key lengths above the maximum mark chunks that are not items.
    assert!(KEY_BYTES_MAX < 255);
    assert!(VALUE_BYTES_MAX < u32::MAX as usize);
    assert!(PAGES_MIN > INDEX_PAGES_MIN + 1);
    // A look at a tail may cost all of its balance moves and still be one eviction's work.
    assert!(BALANCE_MOVES <= EVICT_LOOKS_MAX);
};
