//! The named maxima of a store, and how they relate.

/// Bytes of a page: the unit in which memory moves between the pool, shards and slab classes.
pub const PAGE_BYTES: usize = 64 << 10;

/// Looks for a page that must be there, as others give and take pages at the same time.
pub(crate) const PAGE_LOOKS_MAX: usize = 64;

/// Bytes of the largest chunk. Half a page, so that an item just above a chunk's size wastes a
/// part of its tail chunk and not most of a page.
pub const CHUNK_BYTES_MAX: usize = PAGE_BYTES / 2;

/// Values longer than this are long: they take a large chunk, or several.
pub const LONG_VALUE_BYTES: usize = CHUNK_BYTES_MAX / 2;

/// Slab classes of a store: as many as memcached has. Sets of classes are words in which bit n is
/// class n, numbered from 1.
pub const CLASSES_MAX: usize = 63;

/// Counts beside each other, one per slab class: a power of two, so that an index is masked.
pub(crate) const CLASS_COUNTS: usize = 64;

/// Bytes of a key.
pub const KEY_BYTES_MAX: usize = 250;

/// Bytes of a value, whatever `-I` says.
pub const VALUE_BYTES_MAX: usize = 1 << 30;

/// Smallest unit of a location; grows in powers of two when 32 bits do not reach.
pub(crate) const GRANULE_BYTES_MIN: usize = 8;

/// Bytes of a hash bucket: one cache line.
pub(crate) const BUCKET_BYTES: usize = 64;

/// Bytes that the processor fetches together.
pub(crate) const CACHE_LINE_BYTES: usize = 64;

/// Slots of a bucket; the last word links the overflow bucket.
pub(crate) const BUCKET_SLOTS: usize = 10;

/// Average items per bucket above which the table grows. Seven of ten slots: 10 to 11 bytes of
/// table per item, with one bucket in ten to six overflowing.
pub(crate) const BUCKET_LOAD_MAX: usize = 7;

/// Average items per bucket below which the table shrinks. Far enough below the maximum that a
/// table does not grow and shrink in turn.
pub(crate) const BUCKET_LOAD_MIN: usize = 5;

/// Buckets merged by one insertion.
pub(crate) const MERGES_PER_INSERT: usize = 4;

/// Buckets split by one insertion. Two, so that a table that fell behind catches up.
pub(crate) const SPLITS_PER_INSERT: usize = 2;

/// Insertions that pass before a table that found no page asks again.
pub(crate) const GROWTH_RETRY_INSERTS: u32 = 4096;

/// Seconds of which the clock of accesses keeps the first step.
pub(crate) const CHECKPOINTS_MAX: usize = 1024;

/// Ages count from this part of a turnover in the future.
pub(crate) const AGE_OFFSET_PART: usize = 64;

/// Candidates for eviction that a slab class keeps.
pub(crate) const CANDIDATES_MAX: usize = 16;

/// Chunks that an eviction looks at for better candidates. In a simulation of the recorded traces
/// 16 have 2 % fewer misses than 8, and 32 another 0.5 %.
pub(crate) const EVICT_LOOKS: usize = 16;

/// How many times too long a chunk may be that a class without any takes before it clears a page.
pub(crate) const BORROW_FACTOR: usize = 4;

/// Chunks walked for an item that may be evicted, where a sample had none.
pub(crate) const EVICT_WALK_MAX: usize = 1024;

/// Evictions between two samples of a class that need not evict itself.
pub(crate) const PROBE_EVICTIONS: u32 = 16;

/// A page moves if the class that gives it keeps items at this many times the other's cost.
pub(crate) const PAGE_MOVE_RATIO: (u64, u64) = (5, 4);

/// Work of draining a page counts in tenths of a microsecond, about, in a large store: a chunk
/// looked at is 1, and this is a dead item taken back, an item moved (and so many bytes of its
/// chunk), an eviction.
pub(crate) const RECLAIM_WORK: usize = 3;
pub(crate) const RELOCATION_WORK: usize = 4;
pub(crate) const RELOCATION_WORK_BYTES: usize = 512;
pub(crate) const EVICTION_WORK: usize = 20;

/// Evictions of other items to make room for a temporary one whose page is emptied, and work of
/// that: of a class without others many chunks are looked at in vain.
pub(crate) const RESCUE_ROUNDS: usize = 32;
pub(crate) const RESCUE_WORK: usize = 128;

/// Work of one allocation on a page on its way to another class: half of what one operation may
/// take in all, 100 microseconds.
pub(crate) const DRAIN_WORK_MAX: usize = 384;

/// Work of one allocation where the page's items fit the class's other pages: nothing live is
/// evicted while that can go on.
pub(crate) const COMPACT_WORK: usize = 1024;

/// Work of one allocation for the reserve.
pub(crate) const RESERVE_WORK: usize = 64;

/// Chunks whose buckets are brought near together.
pub(crate) const PREFETCH_CHUNKS: usize = 8;

/// Pages of a store that keeps a spare one in reserve: 16 MiB.
pub(crate) const RESERVE_PAGES_MIN: usize = 256;

/// Pages that a shard wishes for at a time.
pub(crate) const WISH_PAGES: u32 = 16;

/// Classes sampled for each page that a shard gives to others.
pub(crate) const GRANT_PROBES: usize = 4;

/// Pages that a shard clears at once for one that has nothing left to evict: below a millisecond
/// mostly.
pub(crate) const DEMANDED_PAGES: u32 = 4;

/// How often one allocation has others clear pages: whoever is faster takes those of the pool.
pub(crate) const DEMANDS_MAX: usize = 8;

/// Pages that a shard may have promised to others.
pub(crate) const GRANTED_PAGES_MAX: u32 = 1 << 20;

/// A shard gives others all but this part of its fair share.
pub(crate) const SHARE_KEPT_PART: usize = 8;

/// A class keeps a page's worth of free chunks, or this part of its chunks if that is more, before
/// others get its pages for nothing: chunks are freed and filled again all the time.
pub(crate) const COMPACT_SLACK_PART: usize = 32;

/// Pages of a class asked whether they are pinned when one is to be taken from it.
pub(crate) const STEAL_LOOKS_MAX: usize = 16;

/// Chunks looked at for a class's longest idle item, for `stats items`.
pub(crate) const AGE_LOOKS_MAX: usize = 256;

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

/// Events kept for those who watch a store, until they are taken.
pub(crate) const EVENTS_MAX: usize = 1024;

/// Chunks that an allocation looks at for expired items at a time, and how often, before it
/// evicts what is alive.
pub(crate) const SWEEP_LOOKS: usize = 64;
pub(crate) const SWEEPS_PER_ALLOCATION: usize = 32;

const _: () = {
    assert!(PAGE_BYTES.is_power_of_two());
    assert!(CLASSES_MAX < u64::BITS as usize);
    assert!(CLASSES_MAX <= CLASS_COUNTS && CLASS_COUNTS.is_power_of_two());
    assert!(PAGE_BYTES.is_multiple_of(BUCKET_BYTES));
    assert!(BUCKET_BYTES == BUCKET_SLOTS * (2 + 4) + 4);
    assert!(BUCKET_LOAD_MIN < BUCKET_LOAD_MAX && BUCKET_LOAD_MAX < BUCKET_SLOTS);
    // The length of an unchained value is 16 bits in the item.
    assert!(CHUNK_BYTES_MAX < 1 << 16);
    // The fixed and optional fields and the key always fit the head chunk.
    assert!(CHUNK_BYTES_MAX > 4 * KEY_BYTES_MAX);
    // Key lengths above the maximum mark chunks that are not items.
    assert!(KEY_BYTES_MAX < 255);
    assert!(VALUE_BYTES_MAX < u32::MAX as usize);
    assert!(PAGES_MIN > INDEX_PAGES_MIN + 1);
};
