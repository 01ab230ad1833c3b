//! Named maxima of the tool. A server may send anything: each bound holds for a hostile one, too.

use std::time::Duration;

/// Longest line of a reply, in bytes: a name, a key and a value are far shorter.
pub(crate) const LINE_BYTES_MAX: usize = 8 * 1024;

/// Most lines of one table: 1,024 shards have 20,000.
pub(crate) const TABLE_LINES_MAX: usize = 32 * 1024;

/// Most bytes of one table.
pub(crate) const TABLE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of one read from the server.
pub(crate) const READ_BYTES: usize = 64 * 1024;

/// Slab classes shown at most. A server has 63.
pub(crate) const CLASSES_MAX: usize = 256;

/// Shards shown at most.
pub(crate) const SHARDS_MAX: usize = 4096;

/// Kinds of commands shown at most.
pub(crate) const COMMANDS_MAX: usize = 32;

/// Hot keys shown at most. A server names 20.
pub(crate) const HOT_KEYS_MAX: usize = 100;

/// Points of the curve of hit ratios at most. A server names 5.
pub(crate) const CURVE_POINTS_MAX: usize = 16;

/// Longest text of a server that is shown in one place, in characters.
pub(crate) const SHOWN_CHARACTERS_MAX: usize = 512;

/// Samples that the plots of the screen remember.
pub(crate) const HISTORY_SAMPLES_MAX: usize = 600;

/// Events that wait for the screen.
pub(crate) const EVENTS_MAX: usize = 64;

/// Longest time to connect to one address.
pub(crate) const CONNECT_DURATION_MAX: Duration = Duration::from_secs(3);

/// Longest time for all answers of a sample, and longest silence of a server unless another one is
/// chosen.
pub(crate) const ANSWER_DURATION_MAX: Duration = Duration::from_secs(5);

/// Shortest and longest time between two samples.
pub(crate) const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// See [`INTERVAL_MIN`].
pub(crate) const INTERVAL_MAX: Duration = Duration::from_hours(1);

/// Longest file that is read: a password or certificates.
pub(crate) const FILE_BYTES_MAX: u64 = 1024 * 1024;

const _: () = assert!(LINE_BYTES_MAX <= TABLE_BYTES_MAX);
const _: () = assert!(READ_BYTES >= LINE_BYTES_MAX);

/// Longest key of memcached's protocols, in bytes.
pub(crate) const KEY_BYTES_MAX: usize = 250;

/// Longest value: the largest item size (`-I`) that a server can have.
pub(crate) const VALUE_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Items that are asked for, or sent, before their replies are read.
pub(crate) const BATCH_ITEMS_MAX: usize = 128;

/// Bytes of the items of a batch. One larger item is a batch of its own.
pub(crate) const BATCH_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes of the keys of a batch. Requests must fit into the sockets' buffers: a server that cannot
/// send its replies reads no more requests.
pub(crate) const BATCH_KEY_BYTES_MAX: usize = 16 * 1024;

/// Bytes of requests that are gathered before they are sent.
pub(crate) const SENT_BYTES: usize = 256 * 1024;

/// Connections to each server. Each has a thread.
pub(crate) const CONNECTIONS_MAX: usize = 64;

/// Longest time for which a busy server is asked again to list its keys.
pub(crate) const BUSY_DURATION_MAX: Duration = Duration::from_secs(30);

/// Time between two such questions.
pub(crate) const BUSY_PAUSE: Duration = Duration::from_millis(200);

/// Keys that a summary names for each reason.
pub(crate) const EXAMPLES_MAX: usize = 5;

/// Answers that a summary counts one by one. Further ones count as one of them.
pub(crate) const REFUSALS_MAX: usize = 16;

/// Time between two looks at the progress.
pub(crate) const PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// Time between two lines of progress where there is no terminal.
pub(crate) const PROGRESS_LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Longest sleep of a limited rate before it looks whether a signal asks for the end.
pub(crate) const PACE_SLEEP_MAX: Duration = Duration::from_millis(100);

/// Batches of a limited rate in a second: smaller ones come more evenly.
pub(crate) const PACED_BATCHES_PER_SECOND: u64 = 10;

const _: () = assert!(BATCH_KEY_BYTES_MAX >= KEY_BYTES_MAX);

/// Longest silence of a server that can be chosen.
pub(crate) const SILENCE_SECONDS_MAX: u64 = 3600;
