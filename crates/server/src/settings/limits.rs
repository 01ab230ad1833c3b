//! The limits of the server crate.

use std::time::Duration;

use slabcore_protocol::GET_LINE_BYTES_MAX;
use slabcore_shard::limits::SHARDS_MAX as SHARD_INDEX_MAX;

/// Shards of one server at most.
pub const SHARDS_MAX: usize = SHARD_INDEX_MAX;

/// Steps until a file with other settings fits: it grows, ends a move that was cut off, moves the
/// items, and shrinks.
pub(crate) const REHOMING_STEPS_MAX: usize = 4;

/// Before items move to other shards, their hash tables leave this part of the free pages to the
/// items.
pub(crate) const REHOMING_FREE_PART: usize = 8;

/// Unsent output from which a connection is not served until some of it has left.
pub const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// Bytes of unsent large values from which a connection is not served. The values are not copied,
/// but pinned. The last value read, and [`OPEN_READS_MAX`] values of other shards, may exceed it.
pub const HELD_BYTES_MAX: usize = 512 << 10;

/// Bytes of large values in one send.
pub const SEND_VALUE_BYTES_MAX: usize = 512 << 10;

/// [`SEND_VALUE_BYTES_MAX`] for connections under TLS, where encrypted values are copies.
pub const ENCRYPTED_VALUE_BYTES_MAX: usize = 64 << 10;

/// Divisor: so large a part of the records that a TLS 1.2 key may encrypt is kept back for the
/// replies that are owed when the connection stops executing. With AES-GCM 2^20 of 2^24 records,
/// far more than the largest value and all other replies that may be owed.
pub const RECORDS_KEPT_BACK_PART: u64 = 16;

/// Large values in one send.
pub const SEND_VALUES_MAX: usize = 16;

/// Runs of bytes in one send: the chunks of values, and the bytes between values.
pub const SEND_PIECES_MAX: usize = 64;

/// Ready output from which a send does not wait for another shard's reply.
pub const SEND_EARLY_BYTES: usize = 16 << 10;

/// Items and buckets of a shard that a turn looks at for a snapshot. With short items that takes
/// 10 to 20 us; with longer ones a turn ends with the block of 256 KiB that it fills.
pub const SNAPSHOT_LOOKS: usize = 64;

/// Blocks of a shard that a snapshot fills and writes in turn.
pub const SNAPSHOT_BLOCKS: usize = 8;

/// Memory of a snapshot for each shard, in bytes.
const SNAPSHOT_BYTES_MAX: usize = 4 << 20;

/// Threads that write the files of a snapshot at most. One writes 1 to 3 GB/s.
pub const SNAPSHOT_WRITERS_MAX: usize = 4;

/// Threads that read the files of a snapshot at most.
pub const RESTORE_READERS_MAX: usize = SHARDS_MAX;

/// Items of a snapshot whose buckets are prefetched together.
pub const RESTORE_GROUP: usize = 16;

/// How long a shard with nothing to evict waits for another shard's pages.
pub const DEMAND_WAIT_MAX: Duration = Duration::from_millis(20);

/// Interval of looks whether another shard still demands pages itself.
pub const DEMAND_PAUSE: Duration = Duration::from_micros(50);

/// The shortest window over which an executor measures its load, in milliseconds.
pub const LOAD_WINDOW_MS: u64 = 50;

/// Loads that were measured longer ago do not count, in milliseconds: the executor sleeps.
pub const LOAD_AGE_MAX_MS: u64 = 200;

/// For how long the load must be low until fewer executors serve, in milliseconds.
pub const LOW_LOAD_MS: u64 = 500;

/// The interval at which idle cores are counted while executors are busy, in milliseconds.
pub const IDLE_LOOK_MS: u64 = 100;

/// Load of one executor from which more are to serve, in percent of a core.
pub const PERCENT_OF_ONE: u64 = 80;

/// Load that each of fewer executors may have, in percent of a core.
pub const PERCENT_OF_FEWER: u64 = 60;

/// Idle time of all cores together from which more executors are to serve, in percent of a core.
/// With less they would take turns with those that serve already.
pub const PERCENT_IDLE_FOR_MORE: u64 = 50;

/// Replies of other shards that one connection may wait for.
pub const OPEN_SLOTS_MAX: usize = 512;

/// Requests of one connection in batches whose replies may be large values: their sizes are known
/// only when they arrive. While no shard has a large value, [`OPEN_SLOTS_MAX`] holds instead.
pub const OPEN_READS_MAX: usize = 32;

/// Replies gathered from all shards that one connection may wait for. Each holds a table of sums
/// and becomes kilobytes of output.
pub const OPEN_GATHERS_MAX: usize = 4;

/// Time for which connections with more requests than one budget are served in turn, before replies
/// are sent and sockets are read again.
pub const TURN_SERVING_DURATION: Duration = Duration::from_micros(250);

/// Requests of a stage, of one or several connections. Their buckets and items take half of a
/// first-level cache.
pub const STAGE_REQUESTS: usize = 64;

/// Groups of requests of earlier turns that a turn answers and records together.
pub const LATE_GROUPS_MAX: usize = 64;

/// Room that a stage must have for another connection.
pub const REQUEST_GROUP: usize = 16;

/// Connections of a stage.
pub const STAGE_CONNECTIONS: usize = 32;

/// Keys of one multi-key get whose hash buckets and items are prefetched together.
pub const KEY_GROUP: usize = 32;

/// Keys of one get that are looked up before other connections are served.
pub const KEYS_PER_SERVING_MAX: usize = 256;

/// Bytes of a reply to `stats cachedump`. memcached's limit.
pub const CACHEDUMP_BYTES_MAX: usize = 2 << 20;

/// Pages whose memory is returned to the system at a time: 4 MiB.
pub const RETURN_PAGES_MAX: usize = 64;

/// Watchers at a time. memcached's limit.
pub const WATCHERS_MAX: usize = 20;

/// Bytes of lines that wait for one watcher. memcached's buffer size.
pub const WATCHER_BYTES_MAX: usize = 256 << 10;

/// Bytes of lines in one send to a watcher.
pub const WATCHER_SEND_BYTES_MAX: usize = 64 << 10;

/// Batches to one shard that may be under way. Further requests wait in the next batch.
pub const BATCHES_IN_FLIGHT_MAX: usize = 4;

/// Receive buffers of one shard that the kernel fills.
pub const RECEIVE_BUFFERS: u16 = 256;
/// Bytes of one receive buffer. memcached's read buffer size.
pub const RECEIVE_BUFFER_BYTES: usize = 16 << 10;

/// Receives, of [`RECEIVE_BUFFER_BYTES`] at most, that discard a connection's input before it is
/// closed.
pub const CLOSE_READS_MAX: usize = 16;

/// Bytes of waiting requests up to which a connection's socket is read.
pub const CARRY_READ_BYTES_MAX: usize = 64 << 10;

/// Memory for complete requests that wait for their turn, of all connections of a shard. Above it,
/// connections with waiting requests are not read.
pub const CARRIED_BYTES_MAX: usize = 64 << 20;

/// Memory for incomplete long requests, of all connections of a shard. Above it, the connection
/// with most of it is closed.
pub const CUT_LINES_BYTES_MAX: usize = 64 << 20;

/// Bytes of the commands between `MULTI` and `EXEC` of one connection.
pub const REDIS_QUEUED_BYTES_MAX: usize = 64 << 20;

/// Bytes of memory that a connection keeps for inline commands.
pub const INLINE_BYTES_KEPT: usize = 1 << 10;

/// Bytes of a reply to `KEYS`.
pub const KEYS_REPLY_BYTES_MAX: usize = 64 << 20;

/// Items and buckets that one `SCAN` looks at, whatever its `COUNT`.
pub const SCAN_COUNT_MAX: usize = 1 << 16;

/// Items of a database that `INFO` looks at in each shard to estimate how many of them expire.
pub const INFO_SAMPLE_ITEMS: usize = 64;

/// Items and buckets of a shard that it looks at to find them. All of a table's first page, so
/// that the few items of a small cache are counted exactly.
pub const INFO_SAMPLE_LOOKS: usize = 2048;

/// Commands that Redis has and this server has not, of each client library, that are logged in the
/// life of the process.
pub const REDIS_MISSING_COMMANDS_MAX: usize = 256;

/// Bytes of the name of a client library in the log.
pub const REDIS_LIBRARY_BYTES_LOGGED: usize = 64;

/// Bytes of the names of channels and patterns to which one connection subscribes, with 64 more for
/// each.
pub const SUBSCRIBED_BYTES_MAX: usize = 1 << 20;

/// Bytes of messages that wait for one subscriber. One with more is closed. Redis' limit.
pub const SUBSCRIBER_BYTES_MAX: usize = 32 << 20;

/// Bytes of messages that wait for all subscribers of the server. Above it, the one with most of
/// them is closed.
pub const SUBSCRIBERS_BYTES_MAX: usize = 64 << 20;

/// Bytes of messages in one send to a subscriber, up to the end of a message.
pub const SUBSCRIBER_SEND_BYTES_MAX: usize = 64 << 10;

/// Keys that one connection watches.
pub const REDIS_WATCHED_MAX: usize = 1 << 14;

/// Bytes of requests of a connection that speaks Redis' dialect, that wait until its client reads:
/// client libraries write a whole pipeline before they read the first reply. A connection with more
/// is closed.
pub const REDIS_PIPELINE_BYTES_MAX: usize = 64 << 20;

/// Output buffers kept for reuse by one shard.
pub const SPARE_OUTPUTS_MAX: usize = 1024;
/// Memory of one output buffer that is kept for reuse: enough for usual output or an incomplete
/// request, but not for a buffer that carried a large value.
pub const SPARE_OUTPUT_BYTES_EACH_MAX: usize = 128 << 10;
/// Memory of all output buffers that one shard keeps for reuse.
pub const SPARE_OUTPUT_BYTES_MAX: usize = 16 << 20;

/// Lists of pieces kept for reuse by one shard, of [`SEND_PIECES_MAX`] pieces each.
pub const SPARE_SEND_MESSAGES_MAX: usize = 64;

/// Queues of slots kept for reuse by one shard, of [`OPEN_SLOTS_MAX`] slots at most each.
pub const SPARE_SLOT_QUEUES_MAX: usize = 64;

/// Connections accepted at one listening socket before other sockets and stop signals have their
/// turn.
pub const ACCEPTS_PER_SOCKET_MAX: usize = 64;

/// Connections handed to a shard that it has not taken yet.
pub const HANDED_OVER_MAX: usize = 1024;

/// Messages in a shard's mailbox: all batches that can exist, connections, and a few control
/// messages. All other shards may find room for a connection at the same time.
pub const MAILBOX_MESSAGES_MAX: usize =
    2 * BATCHES_IN_FLIGHT_MAX * SHARDS_MAX + HANDED_OVER_MAX + SHARDS_MAX + 16;

/// Connections that one turn of a shard looks at to find idle ones: some 10 microseconds.
pub const IDLE_SWEEP_CONNECTIONS: usize = 512;

/// How long a stopping server waits for replies to leave.
pub const FINISH_DURATION: Duration = Duration::from_secs(2);

/// Log lines in a second about commands (`-vv`). Further lines are only counted.
pub const LOG_COMMANDS_PER_SECOND_MAX: u32 = 10_000;
/// Log lines in a second about connections opened and closed (`-vv`).
pub const LOG_CONNECTIONS_PER_SECOND_MAX: u32 = 1_000;
/// Log lines in a second about connections refused (`-v`).
pub const LOG_REFUSALS_PER_SECOND_MAX: u32 = 10;
/// Log lines in a second about failed TLS handshakes (`-v`).
pub const LOG_HANDSHAKES_PER_SECOND_MAX: u32 = 10;

/// Log lines in a second about failed accepts, except for `-c`.
pub const LOG_ACCEPT_FAILURES_PER_SECOND_MAX: u32 = 1;

/// Log lines in a second about connections that end because the kernel cannot watch them.
pub const LOG_WATCH_FAILURES_PER_SECOND_MAX: u32 = 1;

/// Log lines in a second about settings that clients change.
pub const LOG_SETTINGS_PER_SECOND_MAX: u32 = 10;

/// Connections of one shard that are about to move to others, at a time.
pub const LEAVING_MAX: usize = 8;

/// Turns for which a connection that is to move waits for its client to read.
pub const LEAVE_PATIENCE_TURNS: u8 = 8;

/// How often a connection that could not leave is served until it tries again. While it waits for
/// its client, its executor does not sleep.
pub const HOME_PAUSE_SERVINGS: u8 = 32;

/// Time that connections have to end what they are at when another process takes over. All others
/// wait for it.
pub const HAND_OVER_PATIENCE: Duration = Duration::from_millis(10);

/// Bytes of unread replies and unexecuted input that a connection may take to another process. One
/// with more is closed.
pub const RECORD_BYTES_MAX: usize = 64 << 20;

/// Bytes of one message of a take-over.
pub const MESSAGE_BYTES_MAX: usize = 2 * RECORD_BYTES_MAX;

/// Connections in one message of a take-over.
pub const MESSAGE_CONNECTIONS_MAX: usize = 250;

/// Descriptors in one message of a take-over: those of connections, or all listening sockets.
pub const MESSAGE_DESCRIPTORS_MAX: usize = 4096;

/// Time for which one process waits in the middle of a message of the other one.
pub const MESSAGE_PART_DURATION_MAX: Duration = Duration::from_secs(5);

/// Time for which the old process waits until the new one is ready to take over.
pub const SUCCESSOR_START_MAX: Duration = Duration::from_secs(10);

/// Time for which one process waits for the other's next message while nobody serves. Then the old
/// one serves on.
pub const HAND_OVER_ANSWER_MAX: Duration = Duration::from_secs(2);

/// Time for which the old process waits until the new one serves. It may have to search the items.
pub const SUCCESSOR_SERVES_MAX: Duration = Duration::from_mins(5);

/// Time in which connections under TLS end before a take-over. The others are served meanwhile.
pub const ENCRYPTED_END_MAX: Duration = Duration::from_secs(2);

/// Time in which all connections have left, or the take-over is given up.
pub const HAND_OVER_DURATION_MAX: Duration = Duration::from_secs(2);

/// Datagrams of one shard that are being answered. Others wait in the sockets, where the kernel
/// bounds them and drops the rest.
pub const PENDING_DATAGRAMS_MAX: usize = 64;

/// Bytes of the answer to one datagram, 12,054 datagrams. A longer answer is dropped.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Bytes of all answers that one shard is preparing. Above it, the longest is dropped.
pub const ANSWERS_BYTES_MAX: usize = 64 << 20;

/// Datagrams of one message that are sent before other datagrams have their turn.
pub const DATAGRAM_BURST: usize = 16;

/// Time that a turn spends with datagrams.
pub const TURN_DATAGRAMS_DURATION: Duration = Duration::from_micros(250);

/// Connections of one shard in a reply to `stats conns`. The reply says how many are left out.
pub const CONNECTIONS_REPORTED_MAX: usize = 1024;

/// Prefixes in a reply to `stats detail dump`: those of all shards together.
pub const PREFIXES_SHOWN_MAX: usize = 65_536;

/// Prefixes with series of their own in `/metrics`, four each.
pub const PREFIXES_EXPORTED_MAX: usize = 100;

/// Slab classes of all shards together up to which a scrape has series for each class of each
/// shard: half a megabyte of text. Above it there are series per class and series per shard.
pub const SHARD_CLASSES_MAX: usize = 1024;

/// Steps of background work per turn. A step takes well below a microsecond.
pub const MAINTAIN_STEPS: u32 = 64;

/// Turns with background work, of some 20 microseconds each, after which a sleeping executor rests
/// for a second. The work takes about 2 % of a core.
pub const BACKGROUND_TURNS_PER_SECOND: u32 = 1_000;

/// Seconds of such a rest at most.
pub const BACKGROUND_REST_SECONDS_MAX: u32 = 600;

/// Microseconds that an executor waits in the ring for more work before it parks.
pub const LULL_MICROSECONDS: u32 = 1000;

/// Threads for TLS handshakes. There are no more of them than shards.
pub const HANDSHAKE_THREADS_MAX: usize = 4;

/// Time that a client has for its handshake.
pub const HANDSHAKE_DURATION_MAX: Duration = Duration::from_secs(10);

const _: () = assert!(2 * GET_LINE_BYTES_MAX + RECEIVE_BUFFER_BYTES < CUT_LINES_BYTES_MAX);
const _: () = assert!(OUTPUT_BYTES_MAX + CARRY_READ_BYTES_MAX < RECORD_BYTES_MAX);
const _: () = assert!(MESSAGE_CONNECTIONS_MAX <= MESSAGE_DESCRIPTORS_MAX);
const _: () = assert!(RECEIVE_BUFFERS.is_power_of_two());
const _: () = assert!(SEND_EARLY_BYTES < OUTPUT_BYTES_MAX);
const _: () = assert!(KEY_GROUP <= OPEN_SLOTS_MAX);
const _: () = assert!(OPEN_READS_MAX <= OPEN_SLOTS_MAX);

const _: () =
    assert!(SNAPSHOT_BLOCKS * (slabcore_snapshot::BLOCK_BYTES_MAX + 64) <= SNAPSHOT_BYTES_MAX);
