//! Named maxima of the shard crate.

/// Shards of one server at most: an index fits a byte, batches are per pair.
pub const SHARDS_MAX: usize = 64;

/// Values up to this many bytes are copied into the reply at once; larger ones are held and sent
/// from where they lie.
pub const VALUE_INLINE_BYTES_MAX: usize = 16 << 10;

/// Once the replies of a batch reach this size, further values in it are held, not copied.
pub const BATCH_REPLY_BYTES_SOFT_MAX: usize = 256 << 10;

/// A batch that has this many request bytes takes no further request.
pub const BATCH_REQUEST_BYTES_SOFT_MAX: usize = 256 << 10;

/// Requests of one batch whose hash buckets and items are prefetched together.
pub const PREFETCH_GROUP: usize = 16;

/// Items and hash buckets that one part of a dump looks at: below 100 microseconds.
pub const DUMP_LOOKS: usize = 128;

/// Ended uploads whose memory is kept for others, of about 350 bytes each.
pub const SPARE_UPLOADS_MAX: usize = 64;

/// Lines for watchers that a shard keeps in a turn: memcached's own buffer size.
pub const WATCH_LINES_BYTES_MAX: usize = 64 << 10;

/// Prefixes of keys that one shard counts requests of (`stats detail`), of about 100 bytes each.
pub const PREFIXES_MAX: usize = 8192;

/// Keys are at most this long (protocol.txt).
pub const KEY_BYTES_MAX: usize = 250;

const _: () = assert!(VALUE_INLINE_BYTES_MAX == slabcore_storage::LONG_VALUE_BYTES);
const _: () = assert!(VALUE_INLINE_BYTES_MAX < BATCH_REPLY_BYTES_SOFT_MAX);
const _: () = assert!(KEY_BYTES_MAX <= u8::MAX as usize);
const _: () = assert!(SHARDS_MAX <= u8::MAX as usize);
