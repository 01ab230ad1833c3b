//! The table of memcached's extended options (`-o`): their values and their effects.

/// The effect of an extended option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SuboptionEffect {
    /// It works, or its effect is always there.
    Works,
    /// It is accepted with a warning and has no effect, for this reason.
    Ignored(&'static str),
    /// It does only a part of what it does in memcached. A warning says which part, and why.
    Partly { does: &'static str, why: &'static str },
}

/// The value of an extended option, after its `=`.
#[derive(Debug, Clone, Copy)]
pub(super) enum SuboptionValue {
    /// No value. One that is given is ignored, as in memcached.
    None,
    /// Any word.
    Word { missing: &'static str },
    /// One of these words.
    OneOf { missing: &'static str, words: &'static [&'static str], wrong: &'static str },
    /// A number from `least` to `most`, both included.
    Number { missing: &'static str, least: f64, most: f64, wrong: &'static str },
    /// A whole number without a sign.
    Unsigned { missing: &'static str, wrong: &'static str },
    /// A word that memcached reads with `atoi`, from `least` to `most`, both included. `low` and
    /// `high` are the messages for other numbers, with `{}` for the number. The value may be left
    /// out if `missing` is `None`.
    Leading {
        missing: Option<&'static str>,
        least: i32,
        most: i32,
        low: &'static str,
        high: &'static str,
    },
    /// Ascending chunk sizes in bytes, separated by `-`.
    ChunkSizes,
    /// A file with its size, such as `/path:64m`.
    SizedFile,
}

/// One extended option.
pub(crate) struct SuboptionRow {
    pub(crate) name: &'static str,
    pub(super) value: SuboptionValue,
    pub(crate) effect: SuboptionEffect,
}

const fn flag(name: &'static str, effect: SuboptionEffect) -> SuboptionRow {
    SuboptionRow { name, value: SuboptionValue::None, effect }
}

const fn number(
    name: &'static str,
    missing: &'static str,
    (least, most): (f64, f64),
    wrong: &'static str,
    effect: SuboptionEffect,
) -> SuboptionRow {
    SuboptionRow { name, value: SuboptionValue::Number { missing, least, most, wrong }, effect }
}

const fn leading(
    name: &'static str,
    missing: &'static str,
    (least, most): (i32, i32),
    [low, high]: [&'static str; 2],
    effect: SuboptionEffect,
) -> SuboptionRow {
    let value = SuboptionValue::Leading { missing: Some(missing), least, most, low, high };
    SuboptionRow { name, value, effect }
}

const fn unsigned(
    name: &'static str,
    missing: &'static str,
    wrong: &'static str,
    effect: SuboptionEffect,
) -> SuboptionRow {
    SuboptionRow { name, value: SuboptionValue::Unsigned { missing, wrong }, effect }
}

/// A whole number for external storage, which has no effect here.
const fn external(name: &'static str, missing: &'static str, wrong: &'static str) -> SuboptionRow {
    unsigned(name, missing, wrong, SuboptionEffect::Ignored(NO_STORAGE))
}

/// memcached's hash functions.
pub(super) const HASH_ALGORITHMS: &[&str] = &["jenkins", "murmur3", "xxh3"];

/// The largest signed 32-bit number, which bounds some of memcached's values.
const I32_MAX: f64 = i32::MAX as f64;

const AUTOMOVE_WRONG: &str = "slab_automove must be between 0 and 2";
const GROWS: &str = "the hash table grows and shrinks by itself, bucket by bucket, out of -m";
const HASHED: &str = "keys are hashed by aHash with a secret seed";
const CRAWLS: &str = "an index finds expired items, a few in each turn";
const STATS_AND_COMMANDS: &str = "removes its stats and commands";
const PAGES: &str = "pages always move to the slab classes whose items cost least to keep";
const CHAINS: &str = "items over 32 KiB are chains of chunks, whatever the slab classes";
const NO_STORAGE: &str = "items are kept in memory only: what does not fit in -m is evicted";
const REPLIES: &str = "at most 64 KiB of replies wait for each connection";

/// All extended options of memcached but those of TLS.
pub(crate) const SUBOPTIONS: &[SuboptionRow] = {
    use SuboptionEffect::{Ignored, Partly, Works};
    &[
        flag("maxconns_fast", Works),
        flag("no_maxconns_fast", Works),
        flag("modern", Works),
        flag(
            "no_modern",
            Partly {
                does: "means no_maxconns_fast, no_lru_crawler, no_lru_maintainer, no_slab_reassign",
                why: "there is one way to hash",
            },
        ),
        // Unlike memcached, this refuses a negative number of seconds.
        leading(
            "idle_timeout",
            "Missing numeric argument for idle_timeout",
            (0, i32::MAX),
            ["idle_timeout must be >= 0", ""],
            Works,
        ),
        leading(
            "hashpower",
            "Missing numeric argument for hashpower",
            (12, 32),
            [
                "Initial hashtable multiplier of {} is too low",
                "Initial hashtable multiplier of {} is too high\n\
                 Choose a value based on \"STAT hash_power_level\" from a running instance",
            ],
            Ignored(GROWS),
        ),
        flag("no_hashexpand", Ignored(GROWS)),
        SuboptionRow {
            name: "hash_algorithm",
            value: SuboptionValue::OneOf {
                missing: "Missing hash_algorithm argument",
                words: HASH_ALGORITHMS,
                wrong: "Unknown hash_algorithm option (jenkins, murmur3, xxh3)",
            },
            effect: Ignored(HASHED),
        },
        number(
            "tail_repair_time",
            "Missing numeric argument for tail_repair_time",
            (10.0, I32_MAX),
            "Cannot set tail_repair_time to less than 10 seconds",
            Ignored("clients cannot leak references to items, so nothing needs repair"),
        ),
        flag("slab_reassign", Works),
        flag("no_slab_reassign", Partly { does: STATS_AND_COMMANDS, why: PAGES }),
        SuboptionRow {
            name: "slab_automove",
            value: SuboptionValue::Leading {
                missing: None,
                least: 0,
                most: 2,
                low: AUTOMOVE_WRONG,
                high: AUTOMOVE_WRONG,
            },
            effect: Ignored(PAGES),
        },
        flag("no_slab_automove", Ignored(PAGES)),
        number(
            "slab_automove_ratio",
            "Missing slab_automove_ratio argument",
            (f64::MIN_POSITIVE, 1.0),
            "slab_automove_ratio must be > 0 and < 1",
            Ignored(PAGES),
        ),
        number(
            "slab_automove_window",
            "Missing slab_automove_window argument",
            (3.0, 1800.0),
            "slab_automove_window must be > 2 and < 1800",
            Ignored(PAGES),
        ),
        number(
            "slab_automove_freeratio",
            "Missing slab_automove_freeratio argument",
            (f64::MIN, f64::MAX),
            "could not parse argument to slab_automove_freeratio",
            Ignored(PAGES),
        ),
        SuboptionRow {
            name: "slab_sizes",
            value: SuboptionValue::ChunkSizes,
            effect: Ignored("-n and -f choose the sizes of slab classes"),
        },
        SuboptionRow {
            name: "slab_chunk_max",
            value: SuboptionValue::Word { missing: "Missing slab_chunk_max argument" },
            effect: Ignored(CHAINS),
        },
        flag("no_chunked_items", Ignored(CHAINS)),
        flag("lru_maintainer", Works),
        flag("no_lru_maintainer", Works),
        flag("lru_crawler", Works),
        flag("no_lru_crawler", Works),
        number(
            "lru_crawler_sleep",
            "Missing lru_crawler_sleep value",
            (0.0, 1_000_000.0),
            "LRU crawler sleep must be between 0 and 1 second",
            Ignored(CRAWLS),
        ),
        unsigned(
            "lru_crawler_tocrawl",
            "Missing lru_crawler_tocrawl value",
            "lru_crawler_tocrawl takes a numeric 32bit value",
            Ignored(CRAWLS),
        ),
        number(
            "hot_lru_pct",
            "Missing hot_lru_pct argument",
            (1.0, 79.0),
            "hot_lru_pct must be > 1 and < 80",
            Works,
        ),
        number(
            "warm_lru_pct",
            "Missing warm_lru_pct argument",
            (1.0, 79.0),
            "warm_lru_pct must be > 1 and < 80",
            Works,
        ),
        number(
            "hot_max_factor",
            "Missing hot_max_factor argument",
            (f64::MIN_POSITIVE, f64::MAX),
            "hot_max_factor must be > 0",
            Works,
        ),
        number(
            "warm_max_factor",
            "Missing warm_max_factor argument",
            (f64::MIN_POSITIVE, f64::MAX),
            "warm_max_factor must be > 0",
            Works,
        ),
        leading(
            "temporary_ttl",
            "Missing temporary_ttl argument",
            (i32::MIN, i32::MAX),
            ["", ""],
            Partly {
                does: "makes eviction take such items last",
                why: "without others they are evicted, and new items are not refused",
            },
        ),
        flag("track_sizes", Works),
        unsigned(
            "watcher_logbuf_size",
            "Missing watcher_logbuf_size argument",
            "could not parse argument to watcher_logbuf_size",
            Ignored("at most 256 KiB of lines wait for each watcher"),
        ),
        unsigned(
            "worker_logbuf_size",
            "Missing worker_logbuf_size argument",
            "could not parse argument to worker_logbuf_size",
            Ignored("each shard keeps at most 64 KiB of lines a turn"),
        ),
        unsigned(
            "read_buf_mem_limit",
            "Missing read_buf_mem_limit argument",
            "could not parse argument to read_buf_mem_limit",
            Ignored("each shard has 4 MiB of receive buffers for all its connections"),
        ),
        flag("resp_obj_mem_limit", Ignored(REPLIES)),
        flag("inline_ascii_resp", Ignored(REPLIES)),
        flag("no_inline_ascii_resp", Ignored(REPLIES)),
        flag(
            "drop_privileges",
            Ignored("SystemCallFilter in deploy/slabcore.service restricts system calls"),
        ),
        flag("no_drop_privileges", Works),
        unsigned(
            "sock_cookie_id",
            "Missing sock_cookie_id argument",
            "could not parse argument to sock_cookie_id",
            Ignored("sockets have no mark: filter by address, port or user"),
        ),
        SuboptionRow {
            name: "ext_path",
            value: SuboptionValue::SizedFile,
            effect: Ignored(NO_STORAGE),
        },
        flag("ext_drop_unread", Ignored(NO_STORAGE)),
        external(
            "ext_page_size",
            "Missing ext_page_size argument",
            "could not parse argument to ext_page_size",
        ),
        external(
            "ext_wbuf_size",
            "Missing ext_wbuf_size argument",
            "could not parse argument to ext_wbuf_size",
        ),
        external(
            "ext_threads",
            "Missing ext_threads argument",
            "could not parse argument to ext_threads",
        ),
        external(
            "ext_item_size",
            "Missing ext_item_size argument",
            "could not parse argument to ext_item_size",
        ),
        external(
            "ext_item_age",
            "Missing ext_item_age argument",
            "could not parse argument to ext_item_age",
        ),
        external(
            "ext_low_ttl",
            "Missing ext_low_ttl argument",
            "could not parse argument to ext_low_ttl",
        ),
        external(
            "ext_recache_rate",
            "Missing ext_recache_rate argument",
            "could not parse argument to ext_recache_rate",
        ),
        external(
            "ext_compact_under",
            "Missing ext_compact_under argument",
            "could not parse argument to ext_compact_under",
        ),
        external(
            "ext_drop_under",
            "Missing ext_drop_under argument",
            "could not parse argument to ext_drop_under",
        ),
        external(
            "ext_max_sleep",
            "Missing ext_max_sleep argument",
            "could not parse argument to ext_max_sleep",
        ),
        external(
            "ext_io_depth",
            "Missing ext_io_depth argument",
            "could not parse argument to ext_io_depth",
        ),
        number(
            "ext_max_frag",
            "Missing ext_max_frag argument",
            (f64::MIN, f64::MAX),
            "could not parse argument to ext_max_frag",
            Ignored(NO_STORAGE),
        ),
    ]
};
