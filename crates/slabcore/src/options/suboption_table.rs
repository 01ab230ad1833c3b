//! The table of memcached's extended options: what value each takes, and what it does here.

/// What an extended option does in this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SuboptionEffect {
    /// It is honoured, or asks for what is so anyway.
    Silent,
    /// It has no meaning here; a warning says what does its work.
    Meaningless(&'static str),
    /// It does a part of what it does in memcached; a warning says which, and why no more.
    Only { does: &'static str, why: &'static str },
}

/// What an extended option takes behind its `=`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SuboptionValue {
    /// Nothing; what is given is ignored, as in memcached.
    None,
    /// Anything.
    Word { missing: &'static str },
    /// One of these words.
    OneOf { missing: &'static str, words: &'static [&'static str], wrong: &'static str },
    /// A number between these, both included.
    Number { missing: &'static str, least: f64, most: f64, wrong: &'static str },
    /// A whole number without sign.
    Unsigned { missing: &'static str, wrong: &'static str },
    /// A number that begins with a whole one between these, both included, or is 0: memcached reads
    /// any word so. Without `missing` it may be left out. `low` and `high` say what is wrong, with
    /// the number for `{}`.
    Leading {
        missing: Option<&'static str>,
        least: i32,
        most: i32,
        low: &'static str,
        high: &'static str,
    },
    /// Chunk sizes in bytes, ascending, with `-` between them.
    ChunkSizes,
    /// A file and its size, as `/path:64m`.
    SizedFile,
}

/// One extended option.
pub(crate) struct SuboptionRow {
    pub(crate) name: &'static str,
    pub(crate) value: SuboptionValue,
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

/// A whole number about external storage.
const fn external(name: &'static str, missing: &'static str, wrong: &'static str) -> SuboptionRow {
    unsigned(name, missing, wrong, SuboptionEffect::Meaningless(NO_STORAGE))
}

/// memcached's hash functions.
pub(crate) const HASH_ALGORITHMS: &[&str] = &["jenkins", "murmur3", "xxh3"];

/// memcached reads some values as signed 32-bit numbers.
const I32_MAX: f64 = i32::MAX as f64;

const AUTOMOVE_WRONG: &str = "slab_automove must be between 0 and 2";
const GROWS: &str = "the hash table grows and shrinks by itself, bucket by bucket, out of -m";
const HASHED: &str = "keys are hashed by aHash with a secret seed";
const NO_LISTS: &str = "there are no LRU lists: eviction samples items and takes what costs most";
const CRAWLS: &str = "expired items are found by an index, a little in each turn";
const STATS_AND_ORDERS: &str = "takes its stats and orders away";
const PAGES: &str = "pages always go to the slab class whose items cost least to keep";
const CHAINS: &str = "items over 32 KiB are chains of chunks, whatever the classes";
const NO_STORAGE: &str = "there is no storage beside memory: what does not fit in -m is evicted";
const REPLIES: &str = "replies are made when they are sent; 64 KiB of them wait at most";

/// Every extended option of memcached but those of TLS.
pub(crate) const SUBOPTIONS: &[SuboptionRow] = {
    use SuboptionEffect::{Meaningless, Only, Silent};
    &[
        flag("maxconns_fast", Silent),
        flag("no_maxconns_fast", Silent),
        flag("modern", Silent),
        flag(
            "no_modern",
            Only {
                does: "means no_maxconns_fast, no_lru_crawler, no_lru_maintainer, no_slab_reassign",
                why: "there is one way to hash and evict",
            },
        ),
        // Any number of seconds, but not less than none, which memcached takes.
        leading(
            "idle_timeout",
            "Missing numeric argument for idle_timeout",
            (0, i32::MAX),
            ["idle_timeout must be >= 0", ""],
            Silent,
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
            Meaningless(GROWS),
        ),
        flag("no_hashexpand", Meaningless(GROWS)),
        SuboptionRow {
            name: "hash_algorithm",
            value: SuboptionValue::OneOf {
                missing: "Missing hash_algorithm argument",
                words: HASH_ALGORITHMS,
                wrong: "Unknown hash_algorithm option (jenkins, murmur3, xxh3)",
            },
            effect: Meaningless(HASHED),
        },
        number(
            "tail_repair_time",
            "Missing numeric argument for tail_repair_time",
            (10.0, I32_MAX),
            "Cannot set tail_repair_time to less than 10 seconds",
            Meaningless("no client can leak a reference to an item, so none is repaired"),
        ),
        flag("slab_reassign", Silent),
        flag("no_slab_reassign", Only { does: STATS_AND_ORDERS, why: PAGES }),
        SuboptionRow {
            name: "slab_automove",
            value: SuboptionValue::Leading {
                missing: None,
                least: 0,
                most: 2,
                low: AUTOMOVE_WRONG,
                high: AUTOMOVE_WRONG,
            },
            effect: Meaningless(PAGES),
        },
        flag("no_slab_automove", Meaningless(PAGES)),
        number(
            "slab_automove_ratio",
            "Missing slab_automove_ratio argument",
            (f64::MIN_POSITIVE, 1.0),
            "slab_automove_ratio must be > 0 and < 1",
            Meaningless(PAGES),
        ),
        number(
            "slab_automove_window",
            "Missing slab_automove_window argument",
            (3.0, 1800.0),
            "slab_automove_window must be > 2 and < 1800",
            Meaningless(PAGES),
        ),
        number(
            "slab_automove_freeratio",
            "Missing slab_automove_freeratio argument",
            (f64::MIN, f64::MAX),
            "could not parse argument to slab_automove_freeratio",
            Meaningless(PAGES),
        ),
        SuboptionRow {
            name: "slab_sizes",
            value: SuboptionValue::ChunkSizes,
            effect: Meaningless("-n and -f choose the slab classes"),
        },
        SuboptionRow {
            name: "slab_chunk_max",
            value: SuboptionValue::Word { missing: "Missing slab_chunk_max argument" },
            effect: Meaningless(CHAINS),
        },
        flag("no_chunked_items", Meaningless(CHAINS)),
        flag("lru_maintainer", Silent),
        flag("no_lru_maintainer", Only { does: STATS_AND_ORDERS, why: NO_LISTS }),
        flag("lru_crawler", Silent),
        flag("no_lru_crawler", Silent),
        number(
            "lru_crawler_sleep",
            "Missing lru_crawler_sleep value",
            (0.0, 1_000_000.0),
            "LRU crawler sleep must be between 0 and 1 second",
            Meaningless(CRAWLS),
        ),
        unsigned(
            "lru_crawler_tocrawl",
            "Missing lru_crawler_tocrawl value",
            "lru_crawler_tocrawl takes a numeric 32bit value",
            Meaningless(CRAWLS),
        ),
        number(
            "hot_lru_pct",
            "Missing hot_lru_pct argument",
            (1.0, 79.0),
            "hot_lru_pct must be > 1 and < 80",
            Meaningless(NO_LISTS),
        ),
        number(
            "warm_lru_pct",
            "Missing warm_lru_pct argument",
            (1.0, 79.0),
            "warm_lru_pct must be > 1 and < 80",
            Meaningless(NO_LISTS),
        ),
        number(
            "hot_max_factor",
            "Missing hot_max_factor argument",
            (f64::MIN_POSITIVE, f64::MAX),
            "hot_max_factor must be > 0",
            Meaningless(NO_LISTS),
        ),
        number(
            "warm_max_factor",
            "Missing warm_max_factor argument",
            (f64::MIN_POSITIVE, f64::MAX),
            "warm_max_factor must be > 0",
            Meaningless(NO_LISTS),
        ),
        leading(
            "temporary_ttl",
            "Missing temporary_ttl argument",
            (i32::MIN, i32::MAX),
            ["", ""],
            Only {
                does: "has such items evicted after all others",
                why: "where there are no others, new items are stored and not refused",
            },
        ),
        flag("track_sizes", Silent),
        unsigned(
            "watcher_logbuf_size",
            "Missing watcher_logbuf_size argument",
            "could not parse argument to watcher_logbuf_size",
            Meaningless("256 KiB of lines wait for each watcher at most"),
        ),
        unsigned(
            "worker_logbuf_size",
            "Missing worker_logbuf_size argument",
            "could not parse argument to worker_logbuf_size",
            Meaningless("each shard keeps 64 KiB of lines in a turn at most"),
        ),
        unsigned(
            "read_buf_mem_limit",
            "Missing read_buf_mem_limit argument",
            "could not parse argument to read_buf_mem_limit",
            Meaningless("each shard has 4 MiB of receive buffers, shared by its connections"),
        ),
        flag("resp_obj_mem_limit", Meaningless(REPLIES)),
        flag("inline_ascii_resp", Meaningless(REPLIES)),
        flag("no_inline_ascii_resp", Meaningless(REPLIES)),
        flag(
            "drop_privileges",
            Meaningless("the unit's SystemCallFilter does it (deploy/slabcore.service)"),
        ),
        flag("no_drop_privileges", Silent),
        unsigned(
            "sock_cookie_id",
            "Missing sock_cookie_id argument",
            "could not parse argument to sock_cookie_id",
            Meaningless("sockets carry no mark: filter by address, port or user"),
        ),
        SuboptionRow {
            name: "ext_path",
            value: SuboptionValue::SizedFile,
            effect: Meaningless(NO_STORAGE),
        },
        flag("ext_drop_unread", Meaningless(NO_STORAGE)),
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
            Meaningless(NO_STORAGE),
        ),
    ]
};
