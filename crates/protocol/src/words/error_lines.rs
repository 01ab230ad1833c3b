//! The error lines of the text commands, with their CRLF.

/// Unknown command or subcommand.
pub const ERROR: &[u8] = b"ERROR\r\n";
/// Too few words, a line under four bytes, a key over 250 bytes, or a wrong number.
pub const BAD_FORMAT: &[u8] = b"CLIENT_ERROR bad command line format\r\n";
/// A key over 250 bytes in `get`, `gets`, `gat`, `gats`. memcached sends one CRLF too many here.
pub const BAD_FORMAT_OF_GET: &[u8] = b"CLIENT_ERROR bad command line format\r\n\r\n";
/// No CRLF after the value.
pub const BAD_DATA_CHUNK: &[u8] = b"CLIENT_ERROR bad data chunk\r\n";
/// `touch`, `gat`, `gats`, `flush_all` with an exptime that is not a number.
pub const INVALID_EXPTIME: &[u8] = b"CLIENT_ERROR invalid exptime argument\r\n";
/// `incr` and `decr` by something that is not a number.
pub const INVALID_DELTA: &[u8] = b"CLIENT_ERROR invalid numeric delta argument\r\n";
/// `incr` and `decr` of a value that is not a number.
pub const NON_NUMERIC_VALUE: &[u8] =
    b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
/// The whole item is over the item size limit.
pub const TOO_LARGE: &[u8] = b"SERVER_ERROR object too large for cache\r\n";
/// A storage command found no memory and nothing to evict.
pub const OUT_OF_MEMORY_STORING: &[u8] = b"SERVER_ERROR out of memory storing object\r\n";
/// `incr` and `decr` found no memory and nothing to evict.
pub const OUT_OF_MEMORY: &[u8] = b"SERVER_ERROR out of memory\r\n";
/// No memory for the input of a connection.
pub const OUT_OF_MEMORY_READING: &[u8] = b"SERVER_ERROR out of memory reading request\r\n";
/// No memory for the reply to `stats`.
pub const OUT_OF_MEMORY_WRITING_STATS: &[u8] = b"SERVER_ERROR out of memory writing stats\r\n";
/// `flush_all` is switched off.
pub const FLUSH_ALL_NOT_ALLOWED: &[u8] = b"CLIENT_ERROR flush_all not allowed\r\n";
/// `stats cachedump` is switched off.
pub const STATS_CACHEDUMP_NOT_ALLOWED: &[u8] = b"CLIENT_ERROR stats cachedump not allowed\r\n";
/// `stats detail` is switched off.
pub const STATS_DETAIL_NOT_ALLOWED: &[u8] = b"CLIENT_ERROR stats detail not allowed\r\n";
/// `stats detail` with another word than `on`, `off` or `dump`.
pub const STATS_DETAIL_USAGE: &[u8] = b"CLIENT_ERROR usage: stats detail on|off|dump\r\n";
/// `stats cachedump` without its two numbers.
pub const STATS_CACHEDUMP_BAD_LINE: &[u8] = b"CLIENT_ERROR bad command line\r\n";
/// `stats cachedump` of a slab class that cannot exist.
pub const STATS_CACHEDUMP_ILLEGAL_CLASS: &[u8] = b"CLIENT_ERROR Illegal slab id\r\n";
/// `shutdown` is switched off.
pub const SHUTDOWN_NOT_ENABLED: &[u8] = b"SERVER_ERROR: shutdown not enabled\r\n";
/// `shutdown` with another word than `graceful`.
pub const INVALID_SHUTDOWN_MODE: &[u8] = b"CLIENT_ERROR invalid shutdown mode\r\n";
/// A command before the login.
pub const UNAUTHENTICATED: &[u8] = b"CLIENT_ERROR unauthenticated\r\n";
/// A login with a wrong user or password.
pub const AUTHENTICATION_FAILURE: &[u8] = b"CLIENT_ERROR authentication failure\r\n";
/// A login that announces too many bytes.
pub const AUTH_TOKEN_TOO_LONG: &[u8] = b"CLIENT_ERROR auth token too long\r\n";
/// A login without a blank between user and password.
pub const BAD_AUTH_TOKEN: &[u8] = b"CLIENT_ERROR bad authentication token format\r\n";
/// A login without a CRLF at its end.
pub const BAD_LINE_TERMINATION: &[u8] = b"CLIENT_ERROR bad command line termination\r\n";
/// The connection limit is reached; sent before the new connection is closed.
pub const TOO_MANY_CONNECTIONS: &[u8] = b"ERROR Too many open connections\r\n";
/// The same in Redis' dialect.
pub const TOO_MANY_CLIENTS: &[u8] = b"-ERR max number of clients reached\r\n";
/// A flag of a meta command that is there twice.
pub const DUPLICATE_FLAG: &[u8] = b"CLIENT_ERROR duplicate flag\r\n";
/// A flag that no meta command knows.
pub const INVALID_FLAG: &[u8] = b"CLIENT_ERROR invalid flag\r\n";
/// A duplicate or unknown flag of `ma`.
pub const INVALID_OR_DUPLICATE_FLAG: &[u8] = b"CLIENT_ERROR invalid or duplicate flag\r\n";
/// A token of the flags `T`, `N`, `R`, `C`, `E` that is not a number.
pub const BAD_TOKEN: &[u8] = b"CLIENT_ERROR bad token in command line format\r\n";
/// A token of the flag `D` that is not a number.
pub const INVALID_DELTA_TOKEN: &[u8] = b"CLIENT_ERROR invalid numeric delta value\r\n";
/// A token of the flag `J` that is not a number.
pub const INVALID_INITIAL_TOKEN: &[u8] = b"CLIENT_ERROR invalid numeric initial value\r\n";
/// A token of the flag `O` of more than 31 bytes.
pub const OPAQUE_TOO_LONG: &[u8] = b"CLIENT_ERROR opaque token too long\r\n";
/// A key that is not base64 though the flag `b` says so.
pub const ERROR_DECODING_KEY: &[u8] = b"CLIENT_ERROR error decoding key\r\n";
/// More than 20 words in a meta command.
pub const TOO_MANY_FLAGS: &[u8] = b"CLIENT_ERROR options flags are too long\r\n";
/// `ms` in a mode that does not exist.
pub const INVALID_STORE_MODE: &[u8] = b"CLIENT_ERROR invalid mode for ms M token\r\n";
/// `ma` in a mode that does not exist.
pub const INVALID_ARITHMETIC_MODE: &[u8] = b"CLIENT_ERROR invalid mode for ma M token\r\n";

/// A list of slab classes with one that cannot exist.
pub const BAD_CLASS: &[u8] = b"BADCLASS invalid class id\r\n";
/// A list without a slab class.
pub const NO_ITEMS_TO_CRAWL: &[u8] = b"NOTSTARTED no items to crawl\r\n";
/// `lru_crawler crawl hash`: only dumps walk by hash.
pub const UNKNOWN_CRAWLER_ERROR: &[u8] = b"ERROR an unknown error happened\r\n";
/// A command that needs the crawler, after `lru_crawler disable`.
pub const CRAWLER_DISABLED: &[u8] = b"CLIENT_ERROR lru crawler disabled\r\n";
/// `lru_crawler enable` while the crawler is enabled.
pub const CRAWLER_ENABLED_ALREADY: &[u8] = b"ERROR failed to start lru crawler thread\r\n";
/// `lru_crawler sleep` of more than a second.
pub const CRAWLER_SLEEP_TOO_LONG: &[u8] = b"CLIENT_ERROR sleep must be one second or less\r\n";
/// `lru_crawler metadump` is switched off.
pub const METADUMP_NOT_ALLOWED: &[u8] = b"ERROR metadump not allowed\r\n";
/// `snapshot` without a directory for snapshots.
pub const SNAPSHOT_NOT_ENABLED: &[u8] = b"SERVER_ERROR snapshots not enabled (--snapshot-dir)\r\n";
/// `snapshot` while one is written.
pub const SNAPSHOT_UNDER_WAY: &[u8] = b"SERVER_ERROR a snapshot is under way\r\n";
/// `lru_crawler mgdump` is switched off.
pub const MGDUMP_NOT_ALLOWED: &[u8] = b"ERROR key dump not allowed\r\n";
/// `lru_crawler metadump` after other commands of a packet.
pub const METADUMP_AFTER_COMMANDS: &[u8] =
    b"ERROR cannot pipeline other commands before metadump\r\n";
/// `lru_crawler mgdump` after other commands of a packet.
pub const MGDUMP_AFTER_COMMANDS: &[u8] = b"ERROR cannot pipeline other commands before mgdump\r\n";
/// `watch` after other commands of a packet.
pub const WATCH_AFTER_COMMANDS: &[u8] = b"ERROR cannot pipeline other commands before watch\r\n";
/// `ma` found no memory for the item that it would create, and nothing to evict.
pub const OUT_OF_MEMORY_CREATING: &[u8] = b"SERVER_ERROR Out of memory allocating new item\r\n";
/// `cache_memlimit` below 8.
pub const MEMORY_LIMIT_TOO_SMALL: &[u8] =
    b"MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n";
/// `cache_memlimit` with a number that must be meant as bytes.
pub const MEMORY_LIMIT_IN_BYTES: &[u8] =
    b"MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n";
/// `cache_memlimit` of more than the memory can be extended to.
pub const MEMORY_LIMIT_OUT_OF_BOUNDS: &[u8] =
    b"MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n";
/// `slabs automove window` outside of 3 to 1800 seconds.
pub const WINDOW_OUT_OF_BOUNDS: &[u8] = b"CLIENT_ERROR automove window too low or too high\r\n";
/// Page moves by command are switched off.
pub const REASSIGN_DISABLED: &[u8] = b"CLIENT_ERROR slab reassignment disabled\r\n";
/// `slabs reassign` while a page moves.
pub const REASSIGN_BUSY: &[u8] = b"BUSY currently processing reassign request\r\n";
/// `slabs reassign` from or to a slab class that cannot exist.
pub const REASSIGN_BAD_CLASS: &[u8] = b"BADCLASS invalid src or dst class id\r\n";
/// `slabs reassign` from a slab class without a spare page.
pub const REASSIGN_NO_SPARE: &[u8] = b"NOSPARE source class has no spare pages\r\n";
/// `slabs reassign` from a slab class to itself.
pub const REASSIGN_SAME: &[u8] = b"SAME src and dst class are identical\r\n";
/// `lru tune` with too large shares.
pub const SEGMENTS_TOO_LARGE: &[u8] = b"ERROR hot and warm pcts must not exceed 80\r\n";
/// `lru tune` with a factor that is not positive.
pub const AGE_FACTORS_TOO_SMALL: &[u8] = b"ERROR hot/warm age factors must be greater than 0\r\n";
/// `watch` is switched off.
pub const WATCH_NOT_ALLOWED: &[u8] = b"CLIENT_ERROR watch commands not allowed\r\n";
/// One watcher too many.
pub const TOO_MANY_WATCHERS: &[u8] = b"WATCHER_TOO_MANY log watcher limit reached\r\n";
/// `refresh_certs` of a server without TLS.
pub const TLS_NOT_ENABLED: &[u8] = b"Error TLS not enabled\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datagram::is_reply;

    const LINES: &[&[u8]] = &[
        ERROR,
        BAD_FORMAT,
        BAD_DATA_CHUNK,
        INVALID_EXPTIME,
        INVALID_DELTA,
        NON_NUMERIC_VALUE,
        TOO_LARGE,
        OUT_OF_MEMORY_STORING,
        OUT_OF_MEMORY,
        OUT_OF_MEMORY_READING,
        OUT_OF_MEMORY_WRITING_STATS,
        FLUSH_ALL_NOT_ALLOWED,
        STATS_CACHEDUMP_NOT_ALLOWED,
        STATS_DETAIL_NOT_ALLOWED,
        STATS_DETAIL_USAGE,
        STATS_CACHEDUMP_BAD_LINE,
        UNAUTHENTICATED,
        AUTHENTICATION_FAILURE,
        AUTH_TOKEN_TOO_LONG,
        BAD_AUTH_TOKEN,
        BAD_LINE_TERMINATION,
        STATS_CACHEDUMP_ILLEGAL_CLASS,
        SHUTDOWN_NOT_ENABLED,
        INVALID_SHUTDOWN_MODE,
        TOO_MANY_CONNECTIONS,
        DUPLICATE_FLAG,
        INVALID_FLAG,
        INVALID_OR_DUPLICATE_FLAG,
        BAD_TOKEN,
        INVALID_DELTA_TOKEN,
        INVALID_INITIAL_TOKEN,
        OPAQUE_TOO_LONG,
        ERROR_DECODING_KEY,
        TOO_MANY_FLAGS,
        INVALID_STORE_MODE,
        INVALID_ARITHMETIC_MODE,
        BAD_CLASS,
        NO_ITEMS_TO_CRAWL,
        UNKNOWN_CRAWLER_ERROR,
        CRAWLER_DISABLED,
        CRAWLER_ENABLED_ALREADY,
        CRAWLER_SLEEP_TOO_LONG,
        METADUMP_NOT_ALLOWED,
        SNAPSHOT_NOT_ENABLED,
        SNAPSHOT_UNDER_WAY,
        MGDUMP_NOT_ALLOWED,
        METADUMP_AFTER_COMMANDS,
        MGDUMP_AFTER_COMMANDS,
        WATCH_AFTER_COMMANDS,
        OUT_OF_MEMORY_CREATING,
        MEMORY_LIMIT_TOO_SMALL,
        MEMORY_LIMIT_IN_BYTES,
        MEMORY_LIMIT_OUT_OF_BOUNDS,
        WINDOW_OUT_OF_BOUNDS,
        REASSIGN_DISABLED,
        REASSIGN_BUSY,
        REASSIGN_BAD_CLASS,
        REASSIGN_NO_SPARE,
        REASSIGN_SAME,
        SEGMENTS_TOO_LARGE,
        AGE_FACTORS_TOO_SMALL,
        WATCH_NOT_ALLOWED,
        TOO_MANY_WATCHERS,
        TLS_NOT_ENABLED,
    ];

    /// Clients compare whole lines, so a stray blank or a missing CR breaks them.
    #[test]
    fn every_line_ends_in_one_crlf() {
        for line in LINES {
            let text = line.strip_suffix(b"\r\n").expect("ends in CRLF");
            assert!(text.iter().all(|&byte| (b' '..=b'~').contains(&byte)), "{line:?}");
            assert!(!text.ends_with(b" "), "{line:?}");
            assert!(is_reply(line), "{line:?} could be answered by another server");
        }
        assert_eq!(BAD_FORMAT_OF_GET, [BAD_FORMAT, b"\r\n"].concat());
    }
}
