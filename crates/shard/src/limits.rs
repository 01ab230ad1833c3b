//! Named maxima of the shard crate.

/// Most shards of one server. A shard's index fits a byte, and each pair of shards has its own
/// batches.
pub const SHARDS_MAX: usize = 64;

/// Values up to this many bytes are copied into the reply; longer ones are held, and sent without a
/// copy.
pub const VALUE_INLINE_BYTES_MAX: usize = 16 << 10;

/// When the replies of a batch have this many bytes, further values in it are held, not copied.
pub const BATCH_REPLY_BYTES_SOFT_MAX: usize = 256 << 10;

/// A batch with this many bytes of requests is full.
pub const BATCH_REQUEST_BYTES_SOFT_MAX: usize = 256 << 10;

/// Requests of one batch whose hash buckets and items are prefetched together.
pub const PREFETCH_GROUP: usize = 16;

/// Items and hash buckets that one part of a dump looks at. A part takes less than 100
/// microseconds.
pub const DUMP_LOOKS: usize = 128;

/// Ended uploads whose memory is kept for later ones, about 350 bytes each.
pub const SPARE_UPLOADS_MAX: usize = 64;

/// Bytes of lines for watchers that a shard keeps in one turn; memcached's buffer has the same
/// size.
pub const WATCH_LINES_BYTES_MAX: usize = 64 << 10;

/// Most prefixes of keys that one shard counts (`stats detail`), about 100 bytes each.
pub const PREFIXES_MAX: usize = 8192;

/// Keys that a shard counts to find the hot ones, about 290 bytes each. A key with more than this
/// part of the sampled requests is always among them.
pub const FREQUENT_KEYS_MAX: usize = 128;

/// Most hot keys that are shown.
pub const HOT_KEYS_SHOWN_MAX: usize = 20;

/// Requests of which one is sampled for the hot keys, on average.
pub const HOT_KEY_GAP_MEAN: u32 = 256;

/// Seconds after which the requests for hot keys count half.
pub const HOT_KEY_HALVING_SECONDS: u32 = 60;

/// Bytes of the longest key (protocol.txt).
pub const KEY_BYTES_MAX: usize = 250;

const _: () = assert!(VALUE_INLINE_BYTES_MAX == slabcore_storage::LONG_VALUE_BYTES);
const _: () = assert!(VALUE_INLINE_BYTES_MAX < BATCH_REPLY_BYTES_SOFT_MAX);
const _: () = assert!(KEY_BYTES_MAX <= u8::MAX as usize);
const _: () =
    assert!(slabcore_protocol::RESP_KEY_BYTES_MAX <= slabcore_storage::LONG_KEY_BYTES_MAX);
const _: () = assert!(slabcore_protocol::DATABASES == slabcore_storage::DATABASES);
const _: () = assert!(SHARDS_MAX <= u8::MAX as usize);
const _: () = assert!(HOT_KEYS_SHOWN_MAX < FREQUENT_KEYS_MAX);
