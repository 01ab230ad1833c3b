//! The limits of a store, and how they relate.

/// Bytes of a page: the unit in which memory moves between the pool, shards and slab classes.
pub const PAGE_BYTES: usize = 64 << 10;

/// Shards whose numbers a region keeps.
pub(crate) const SHARDS_KEPT_MAX: usize = 64;

const _: () = assert!(SHARDS_KEPT_MAX <= u64::BITS as usize);

/// Owners of pages in a region: shards of two generations, see `memory/page_directory.rs`.
pub(crate) const OWNERS_KEPT_MAX: usize = 2 * SHARDS_KEPT_MAX;

/// Numbers that a region keeps of each shard, unused ones included.
pub(crate) const KEPT_NUMBERS: usize = 8;

/// Words of 8 bytes that the record of a shard has for each of its pages at most: four for any
/// page, and one for its place in the hash table or for its earliest expiry.
pub(crate) const PAGE_RECORD_WORDS: usize = 5;

/// Words of the rest of a shard's record at most.
pub(crate) const SHARD_RECORD_WORDS: usize = 2_304;

/// Access ticks after which a region learns the tick. Fewer are lost when a process ends.
pub(crate) const TICKS_BETWEEN_NOTES: u32 = 16;

/// Chunks of a page of leaving items that are looked at for how old its items are.
pub(crate) const LEAVING_AGE_LOOKS: usize = 16;

/// Pages of leaving items that are given up for one item that finds no memory.
pub(crate) const LEAVING_PAGES_GIVEN_UP: usize = 8;

/// Buckets ahead of which a flush of one database prefetches the items; the buckets themselves are
/// prefetched as many ahead of that.
pub(crate) const FLUSH_AHEAD: usize = 2;

/// Items of a recovery whose buckets are prefetched together.
pub(crate) const RECOVERY_GROUP: usize = 32;

/// Cas uniques that a store takes at a time when a region keeps their bound.
pub(crate) const UNIQUES_BETWEEN_NOTES_SHIFT: u32 = 20;

/// Searches for a page that must be in the pool. Other threads give and take pages meanwhile.
pub(crate) const PAGE_LOOKS_MAX: usize = 64;

/// Bytes of the largest chunk: half a page. An item just above it wastes a part of its last chunk,
/// not most of a page.
pub const CHUNK_BYTES_MAX: usize = PAGE_BYTES / 2;

/// Values longer than this are long: they need a large chunk, or several.
pub const LONG_VALUE_BYTES: usize = CHUNK_BYTES_MAX / 2;

/// Slab classes of a store at most, as in memcached. A set of classes is a word in which bit n is
/// class number n, from 1.
pub const CLASSES_MAX: usize = 63;

/// Length of an array with a count for each slab class. A power of two, so an index is masked.
pub(crate) const CLASS_COUNTS: usize = 64;

/// Bytes of a key of memcached's protocols, at least 1.
pub const KEY_BYTES_MAX: usize = 250;

/// Bytes of any key. Half of the largest chunk, so that the head chunk of an item takes it.
pub const LONG_KEY_BYTES_MAX: usize = 16 << 10;

const _: () = assert!(LONG_KEY_BYTES_MAX <= CHUNK_BYTES_MAX / 2);

/// Databases: key spaces of their own. memcached's protocols use the first one only.
pub const DATABASES: u8 = 16;

/// Bytes of a value, whatever `-I` says.
pub const VALUE_BYTES_MAX: usize = 1 << 30;

/// The smallest unit of a location. It grows in powers of two if 32 bits do not reach.
pub(crate) const GRANULE_BYTES_MIN: usize = 8;

/// Bytes of a hash bucket: one cache line.
pub(crate) const BUCKET_BYTES: usize = 64;

/// Bytes of a cache line.
pub(crate) const CACHE_LINE_BYTES: usize = 64;

/// Slots of a bucket. Its last word links to the overflow bucket.
pub(crate) const BUCKET_SLOTS: usize = 10;

/// Average items per bucket above which the table grows. With seven of ten slots, an item takes 10
/// to 11 bytes of the table, and one bucket in six to ten overflows.
pub(crate) const BUCKET_LOAD_MAX: usize = 7;

/// Average items per bucket below which the table shrinks. It is far enough below the maximum that
/// a table does not grow and shrink in turn.
pub(crate) const BUCKET_LOAD_MIN: usize = 5;

/// Buckets merged by one insertion.
pub(crate) const MERGES_PER_INSERT: usize = 4;

/// Buckets merged by one step of background work while the stores own more pages than the limit. A
/// page of the shortest items leaves some 400 buckets to merge, and is itself drained in more steps
/// than their merges take.
pub(crate) const MERGES_OVER_LIMIT: usize = 64;

/// Buckets split by one insertion. Two, so that a table that is too small catches up.
pub(crate) const SPLITS_PER_INSERT: usize = 2;

/// Insertions until a table that found no page asks again.
pub(crate) const GROWTH_RETRY_INSERTS: u32 = 4096;

/// Seconds of which the clock of accesses keeps the first tick.
pub(crate) const CHECKPOINTS_MAX: usize = 1024;

/// Ages count from a time in the future: this part of a turnover.
pub(crate) const AGE_OFFSET_PART: usize = 64;

/// Bytes from which on the size of an item makes no difference in the order by recency.
pub(crate) const RECENCY_SIZE_MAX: u64 = 5_000;

/// The worth of a hit, as a request to that by its bytes, for an item of mean size.
pub(crate) const WORTH_REQUEST: (u64, u64) = (21, 20);

/// The order that keeps what was read: ticks after which an unread item is one of the first to go.
/// A twentieth of a turnover.
pub(crate) const FIRST_READ_TICKS: u64 = 51;

/// The age of such an item: eight turnovers.
pub(crate) const AGE_OF_UNREAD: u64 = 8 * 1024;

/// Items of a simulated store at most. Three stores are simulated.
pub(crate) const SHADOW_ITEMS_MAX: usize = 2_048;

/// Items that are copied to the simulations when they begin, at most.
pub(crate) const SHADOW_COPIES_MAX: usize = 1_536;

/// Items and buckets that are looked at for the simulations with one eviction, until all items of
/// the sample were copied. It takes about 10 us.
pub(crate) const SHADOW_COPY_LOOKS: usize = 64;

const _: () = assert!(SHADOW_COPIES_MAX < SHADOW_ITEMS_MAX);

/// Items that an eviction of a simulated store looks at. It keeps no candidates, so it looks at
/// more than a real one.
pub(crate) const SHADOW_LOOKS: u64 = 24;

/// Simulated memories of the miss-ratio curve.
pub const CURVE_SIZES: usize = 5;

/// Their sizes, in quarters of the memory of the store.
pub const CURVE_QUARTERS: [u64; CURVE_SIZES] = [1, 2, 4, 8, 16];

/// Items of each of them at most.
pub(crate) const CURVE_ITEMS_MAX: [usize; CURVE_SIZES] = [2_048, 4_096, 4_096, 4_096, 8_192];

/// One of two to the power of this many sampled keys is followed in each of them. Smaller memories
/// have fewer items, so they follow more keys.
pub(crate) const CURVE_PART_BITS: [u32; CURVE_SIZES] = [0, 0, 1, 2, 2];

/// Bytes that items are expected to have before any is known. If they have more, the sample is
/// widened; too wide a sample would cost time.
pub(crate) const CURVE_ITEM_BYTES: usize = 64;

/// Sampled reads after which what was counted for the curve before counts half.
pub(crate) const CURVE_READS: u64 = 1 << 15;

/// Sampled stores between two looks whether the sample is far too small.
pub(crate) const CURVE_STORES: u64 = 64;

/// Items of a store from which on their mean size is known.
pub(crate) const CURVE_ITEMS_MIN: usize = 256;

/// Bytes of all simulations of a store.
const SIMULATIONS_BYTES_MAX: usize = 1 << 20;

/// Bytes of a simulation with this many items at most.
const fn shadow_bytes(items: usize) -> usize {
    items * SHADOW_ITEM_BYTES + (2 * items * 8 / 7).next_power_of_two() * SHADOW_PLACE_BYTES
}

/// Bytes of an item of a simulation, and of the place of its key: two bytes, and one of the table.
pub(crate) const SHADOW_ITEM_BYTES: usize = 24;
const SHADOW_PLACE_BYTES: usize = 3;

const _: () = {
    let mut bytes = 3 * shadow_bytes(SHADOW_ITEMS_MAX);
    let mut size = 0;
    while size < CURVE_SIZES {
        bytes += shadow_bytes(CURVE_ITEMS_MAX[size]);
        size += 1;
    }
    assert!(bytes < SIMULATIONS_BYTES_MAX);
};

/// Evictions of a simulated store for one item stored. More are due at once if the bytes of the
/// real store fall.
pub(crate) const SHADOW_EVICTIONS_MAX: usize = 64;

/// Sampled requests after which what was missed before counts half.
pub(crate) const SHADOW_REQUESTS: u64 = 1 << 15;

/// Sampled requests after which what was missed lately counts half.
pub(crate) const RECENT_REQUESTS: u64 = 1 << 10;

/// Another order of eviction is chosen at once if it has missed this much less lately, in percent.
pub(crate) const RECENT_GAIN_PERCENT: u32 = 35;

/// Another order of eviction is chosen if it misses this much less, in percent.
pub(crate) const ORDER_GAIN_PERCENT: u32 = 2;

/// The ages at which items leave HOT and WARM follow their shares within this many looks at each
/// item of the store. Items move when they are looked at, so a faster control would be ahead of the
/// counts, and the counts would swing.
pub(crate) const CONTROL_LOOKS: u64 = 4;

/// Samples over which the age of the oldest item in COLD is averaged, and items that leave HOT or
/// WARM over which it is averaged by how much they are overdue.
pub(crate) const AGE_SAMPLES: u64 = 64;

/// Candidates for eviction of a slab class.
pub(crate) const CANDIDATES_MAX: usize = 32;

/// Chunks that an eviction looks at for candidates. In a simulation of the recorded traces, 16 have
/// 2 % fewer misses than 8, and 32 have another 0.5 % fewer.
pub(crate) const EVICT_LOOKS: usize = 16;

/// Items that an allocation evicts at once, at most: the one it needs, and others ahead of need. A
/// class evicts no more at once than it has pairs of pages.
pub(crate) const VICTIMS_MAX: usize = 8;

/// Bytes of the largest chunks that are evicted ahead of need.
pub(crate) const AHEAD_CHUNK_BYTES_MAX: usize = 2 << 10;

/// A class that has no chunk takes one of another class that is at most this many times as long,
/// before it clears a page.
pub(crate) const BORROW_FACTOR: usize = 4;

/// Chunks searched for an item that may be evicted, if a sample had none.
pub(crate) const EVICT_WALK_MAX: usize = 1024;

/// Evictions between two probes. A probe samples a class that may not evict itself.
pub(crate) const PROBE_EVICTIONS: u32 = 16;

/// Samples before a page is taken without a comparison of costs, each of the class that is the
/// costliest then. Four of one class make up two thirds of its averages.
pub(crate) const FRESH_LOOKS: usize = 4;

/// A page moves if the class that gives it keeps items at more than this ratio of the other's cost.
pub(crate) const PAGE_MOVE_RATIO: (u64, u64) = (5, 4);

/// The work of taking back a dead item of a drained page. The unit of work is a look at a chunk,
/// about a tenth of a microsecond in a large store.
pub(crate) const RECLAIM_WORK: usize = 3;

/// The work of moving an item, without its bytes.
pub(crate) const RELOCATION_WORK: usize = 4;

/// Bytes of a moved chunk that count as one unit of work.
pub(crate) const RELOCATION_WORK_BYTES: usize = 512;

/// The work of an eviction.
pub(crate) const EVICTION_WORK: usize = 20;

/// Evictions, or groups of them, to make room for an item whose page is emptied. Each of them frees
/// a chunk of this page, or one that the item moves to.
pub(crate) const EMPTYING_ROUNDS: usize = 32;

/// The further work of an eviction that finds nothing: it looks at up to [`EVICT_WALK_MAX`] chunks.
pub(crate) const WALK_WORK: usize = 128;

/// Work of one allocation on a drain: half of what one operation may take in all, 100 microseconds.
pub(crate) const DRAIN_WORK_MAX: usize = 384;

/// A long chunk does more: one unit of work for this many of its bytes. To take a byte from a page
/// of 100-byte items takes about a fifth of a unit, so a class can grow by all that it stores. A
/// set of 20 kB then takes 0.2 ms while its class grows, and one of 900 kB 0.4 ms.
pub(crate) const DRAIN_WORK_BYTES: usize = 4;

/// Work of one allocation on a lossless drain. No live item is evicted while it can go on.
pub(crate) const COMPACT_WORK: usize = 1024;

/// Work of one allocation on a drain for the reserve.
pub(crate) const RESERVE_WORK: usize = 64;

/// Chunks of a drained page whose buckets are prefetched together.
pub(crate) const PREFETCH_CHUNKS: usize = 8;

/// A store with at least this many pages keeps a spare one in reserve: 16 MiB.
pub(crate) const RESERVE_PAGES_MIN: usize = 256;

/// Pages that a shard wishes for at a time.
pub(crate) const WISH_PAGES: u32 = 16;

/// Classes sampled for each page that a shard gives to others.
pub(crate) const GRANT_PROBES: usize = 4;

/// Pages that a shard clears at once for another one that has nothing left to evict. It mostly
/// takes less than a millisecond.
pub(crate) const DEMANDED_PAGES: u32 = 4;

/// Demands of one allocation that others clear pages. Another allocation may take these pages
/// first.
pub(crate) const DEMANDS_MAX: usize = 8;

/// Pages that a shard may promise to others.
pub(crate) const GRANTED_PAGES_MAX: u32 = 1 << 20;

/// A shard keeps this part of its fair share, and may give the rest to others.
pub(crate) const SHARE_KEPT_PART: usize = 8;

/// A class keeps a page of free chunks, or this part of its chunks if that is more, before other
/// classes get its pages by lossless drains. Chunks are freed and filled again all the time.
pub(crate) const COMPACT_SLACK_PART: usize = 32;

/// Chunks of a class looked at for the longest idle item, for `stats items`.
pub(crate) const AGE_LOOKS_MAX: usize = 256;

/// Pages with room looked at for the emptiest one.
pub(crate) const COMPACT_LOOKS_MAX: usize = 32;

/// Evictions and page moves of one chunk allocation before it gives up.
pub(crate) const ALLOCATION_ROUNDS_MAX: usize = 64;

/// Spare pages that a store keeps.
pub(crate) const SPARE_PAGES_MAX: usize = 2;

/// Pages that a store takes at its start and keeps: those of an empty hash table, and four for
/// chunks.
pub(crate) const PAGES_MIN: usize = INDEX_PAGES_MIN + 4;

/// Pages of an empty hash table: one of buckets and one of overflow buckets.
pub(crate) const INDEX_PAGES_MIN: usize = 2;

/// Events kept until they are taken.
pub(crate) const EVENTS_MAX: usize = 1024;

/// Chunks that an allocation searches for expired items at a time, and how often it does before it
/// evicts live items.
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
    // A sample has pairs of chunks.
    assert!(EVICT_LOOKS.is_multiple_of(2));
    // What is evicted at once is a 64th of a class's chunks at most, and far less than a page.
    assert!(2 * (PAGE_BYTES / AHEAD_CHUNK_BYTES_MAX) >= 64);
    assert!(VICTIMS_MAX * AHEAD_CHUNK_BYTES_MAX <= PAGE_BYTES / 4);
    // The candidates are more than what one allocation takes of them.
    assert!(VICTIMS_MAX < CANDIDATES_MAX);
    assert!(PAGES_MIN > INDEX_PAGES_MIN + 1);
};
