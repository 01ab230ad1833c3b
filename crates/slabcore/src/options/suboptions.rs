//! memcached's extended options, `-o a,b=1`: the lists, parsed and checked.

use std::num::NonZeroU32;

use slabcore_server::settings::Settings;
use slabcore_server::{ExternalStorage, KeptSettings};

use super::option_values::{leading_number, number};
use super::suboption_table::{
    HASH_ALGORITHMS, SUBOPTIONS, SuboptionEffect, SuboptionRow, SuboptionValue,
};
use super::tls_suboptions::{self, TlsSuboptions};
use crate::refusal::Refusal;

/// memcached's default of `slab_chunk_max` in bytes.
const SLAB_CHUNK_BYTES_MAX: usize = 512 << 10;
/// The largest `slab_chunk_max` in KiB.
const SLAB_CHUNK_KIB_MAX: usize = 1_024;
/// The smallest chunk in `slab_sizes`.
const CHUNK_BYTES_MIN: usize = 48;
/// The smallest difference between two chunk sizes of `slab_sizes`, less one.
const CHUNK_BYTES_STEP: usize = 8;
/// The size of memcached's pages, which is also its largest chunk without chained items.
pub(super) const SLAB_PAGE_BYTES: usize = 1 << 20;
/// The largest sum of `hot_lru_pct` and `warm_lru_pct`.
const HOT_AND_WARM_PERCENT_MAX: u32 = 80;

/// The values of all `-o` lists.
#[derive(Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Suboptions {
    pub(super) slab_chunks: SlabChunks,
    pub(super) track_sizes: bool,
    pub(super) tls: TlsSuboptions,
    /// `idle_timeout` in seconds; 0: never.
    pub(super) idle_timeout: u32,
    /// True: connections beyond `-c` are refused at once. False: they wait.
    pub(super) maxconns_fast: bool,
    /// True: the crawler is on at the start.
    pub(super) lru_crawler: bool,
    /// True: statistics and commands of memcached's LRU maintainer are there.
    pub(super) lru_maintainer: bool,
    /// True: statistics and commands of memcached's page mover are there.
    pub(super) slab_reassign: bool,
    /// Values without effect, for `stats settings`.
    pub(super) kept: KeptSettings,
    pub(super) warnings: Vec<String>,
}

/// memcached's largest chunk. It only bounds `-I`, so that the same values are refused as in
/// memcached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlabChunks {
    pub(super) bytes_max: usize,
    /// True if `slab_chunk_max` was given.
    pub(super) is_named: bool,
}

impl Default for Suboptions {
    fn default() -> Self {
        let defaults = Settings::default();
        Self {
            slab_chunks: SlabChunks::default(),
            track_sizes: defaults.track_sizes,
            tls: TlsSuboptions::default(),
            idle_timeout: defaults.idle_timeout.map_or(0, NonZeroU32::get),
            maxconns_fast: defaults.maxconns_fast,
            lru_crawler: defaults.lru_crawler,
            lru_maintainer: defaults.lru_maintainer,
            slab_reassign: defaults.slab_reassign,
            kept: defaults.kept,
            warnings: Vec::new(),
        }
    }
}

impl Default for SlabChunks {
    fn default() -> Self {
        Self { bytes_max: SLAB_CHUNK_BYTES_MAX, is_named: false }
    }
}

/// Parses all `-o` lists.
pub(super) fn parse<'a>(lists: impl Iterator<Item = &'a str>) -> Result<Suboptions, Refusal> {
    let mut suboptions = Suboptions::default();
    // As in getsubopt, a list may end with a comma; elsewhere an empty entry is an error.
    let lists = lists.filter(|list| !list.is_empty());
    let entries = lists.flat_map(|list| list.strip_suffix(',').unwrap_or(list).split(','));
    for entry in entries {
        let (name, value) = match entry.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (entry, None),
        };
        if name.starts_with(tls_suboptions::PREFIX) && suboptions.tls.take(name, value)? {
            continue;
        }
        let Some(row) = SUBOPTIONS.iter().find(|row| row.name == name) else {
            return Err(Refusal::bad_option(format!("Illegal suboption \"{entry}\"")));
        };
        suboptions.track_sizes |= name == "track_sizes";
        let number = checked(row, value)?;
        suboptions.take(row, number, value)?;
    }
    let kept = &suboptions.kept;
    if kept.hot_percent + kept.warm_percent > HOT_AND_WARM_PERCENT_MAX {
        let message = "hot_lru_pct + warm_lru_pct cannot be more than 80% combined";
        return Err(Refusal::usage(message));
    }
    if kept.temporary_items && !suboptions.lru_maintainer {
        return Err(Refusal::usage("temporary_ttl requires lru_maintainer to be enabled"));
    }
    Ok(suboptions)
}

impl Suboptions {
    fn take(&mut self, row: &SuboptionRow, n: f64, value: Option<&str>) -> Result<(), Refusal> {
        match row.name {
            "maxconns_fast" => self.maxconns_fast = true,
            "no_maxconns_fast" => self.maxconns_fast = false,
            "no_modern" => self.take_no_modern(),
            "lru_crawler" => self.lru_crawler = true,
            "no_lru_crawler" => self.lru_crawler = false,
            "lru_maintainer" => {
                (self.lru_maintainer, self.kept.segmented) = (true, true);
            }
            "no_lru_maintainer" => {
                (self.lru_maintainer, self.kept.segmented) = (false, false);
            }
            "slab_reassign" => self.slab_reassign = true,
            "no_slab_reassign" => self.slab_reassign = false,
            // The table bounds it to 32 bits.
            "idle_timeout" => self.idle_timeout = n as u32,
            "slab_chunk_max" => {
                let bytes_max = slab_chunk_bytes_max(value)?;
                self.slab_chunks = SlabChunks { bytes_max, is_named: true };
                self.kept.slab_chunk_bytes_max = Some(bytes_max);
            }
            "no_chunked_items" => self.take_whole_pages(),
            name => keep(&mut self.kept, name, n, value),
        }
        let name = row.name;
        match row.effect {
            // A word that is not a number was read with `atoi`, which the operator may not expect.
            SuboptionEffect::Works => match (row.value, value) {
                (SuboptionValue::Leading { .. }, Some(word)) if number::<i32>(word).is_none() => {
                    let warning = format!("warning: -o {name}={word} is read as {name}={n}");
                    self.warnings.push(warning);
                }
                _ => {}
            },
            SuboptionEffect::Ignored(why) => {
                self.warnings.push(format!("warning: -o {name} has no effect: {why}"));
            }
            SuboptionEffect::Partly { does, why } => {
                self.warnings.push(format!("warning: -o {name} only {does}: {why}"));
            }
        }
        Ok(())
    }

    fn take_no_modern(&mut self) {
        if !self.slab_chunks.is_named {
            self.take_whole_pages();
        }
        (self.slab_reassign, self.kept.automove) = (false, 0);
        (self.lru_maintainer, self.kept.segmented) = (false, false);
        (self.maxconns_fast, self.lru_crawler) = (false, false);
        self.kept.hash_algorithm = Some("jenkins");
    }

    /// Makes the largest chunk a page of memcached. A large `-I` may still change it, unlike a
    /// given `slab_chunk_max`.
    fn take_whole_pages(&mut self) {
        self.slab_chunks.bytes_max = SLAB_PAGE_BYTES;
        self.kept.slab_chunk_bytes_max = Some(SLAB_PAGE_BYTES);
    }
}

/// Keeps the value of a suboption for `stats settings`. `n` is its number, already in range, or 0
/// without one.
fn keep(kept: &mut KeptSettings, name: &str, n: f64, value: Option<&str>) {
    let whole = n as u32;
    match name {
        "hashpower" => kept.hash_power = whole,
        "hash_algorithm" => {
            kept.hash_algorithm = HASH_ALGORITHMS.iter().copied().find(|it| value == Some(it));
        }
        "tail_repair_time" => kept.tail_repair_time = whole,
        "slab_automove" => kept.automove = value.map_or(1, |_| whole),
        "no_slab_automove" => kept.automove = 0,
        "slab_automove_ratio" => kept.automove_ratio = n,
        "slab_automove_freeratio" => kept.automove_free_ratio = n,
        "slab_automove_window" => kept.automove_window = whole,
        "lru_crawler_sleep" => kept.crawler_sleep = whole,
        "lru_crawler_tocrawl" => kept.crawler_items_max = whole,
        "hot_lru_pct" => kept.hot_percent = whole,
        "warm_lru_pct" => kept.warm_percent = whole,
        "hot_max_factor" => kept.hot_factor = n,
        "warm_max_factor" => kept.warm_factor = n,
        "temporary_ttl" => {
            kept.temporary_items = true;
            // memcached reads a negative number as one without a sign.
            kept.temporary_ttl = (n as i32).cast_unsigned();
        }
        "watcher_logbuf_size" => kept.watcher_log_bytes = u64::from(whole) << 10,
        "worker_logbuf_size" => kept.worker_log_bytes = u64::from(whole) << 10,
        "read_buf_mem_limit" => kept.read_buffer_bytes_max = u64::from(whole) << 20,
        _ => keep_external(&mut kept.external, name, n),
    }
}

/// Keeps the value of a suboption of external storage. memcached does not show the others.
fn keep_external(external: &mut ExternalStorage, name: &str, n: f64) {
    let whole = n as u32;
    match name {
        "ext_item_size" => external.item_size = whole,
        "ext_item_age" => external.item_age = whole,
        "ext_low_ttl" => external.low_ttl = whole,
        "ext_recache_rate" => external.recache_rate = whole,
        "ext_wbuf_size" => external.write_buffer_bytes = u64::from(whole) << 20,
        "ext_compact_under" => external.compact_under = whole,
        "ext_drop_under" => external.drop_under = whole,
        "ext_max_sleep" => external.max_sleep = whole,
        "ext_max_frag" => external.max_frag = n,
        "ext_drop_unread" => external.drop_unread = true,
        _ => {}
    }
}

/// Checks a value as memcached does, with its messages. Returns a number, or 0 for other values.
fn checked(row: &SuboptionRow, value: Option<&str>) -> Result<f64, Refusal> {
    let refuse = |message: &str| Err(Refusal::bad_option(message));
    match (row.value, value) {
        (SuboptionValue::None, _) | (SuboptionValue::Leading { missing: None, .. }, None) => {
            Ok(0.0)
        }
        (
            SuboptionValue::Word { missing }
            | SuboptionValue::OneOf { missing, .. }
            | SuboptionValue::Number { missing, .. }
            | SuboptionValue::Unsigned { missing, .. }
            | SuboptionValue::Leading { missing: Some(missing), .. },
            None,
        ) => refuse(missing),
        (SuboptionValue::ChunkSizes, None) => refuse("Missing slab_sizes argument"),
        (SuboptionValue::SizedFile, None) => {
            refuse("missing argument to ext_path, ie: ext_path=/d/file:5G")
        }
        (SuboptionValue::Word { .. }, Some(_)) => Ok(0.0),
        (SuboptionValue::OneOf { words, wrong, .. }, Some(word)) => {
            if words.contains(&word) {
                Ok(0.0)
            } else {
                refuse(wrong)
            }
        }
        (SuboptionValue::Number { least, most, wrong, .. }, Some(word)) => {
            match number::<f64>(word).filter(|n| (least..=most).contains(n)) {
                Some(n) => Ok(n),
                None => refuse(wrong),
            }
        }
        (SuboptionValue::Unsigned { wrong, .. }, Some(word)) => match number::<u32>(word) {
            Some(n) => Ok(f64::from(n)),
            None => refuse(wrong),
        },
        (SuboptionValue::Leading { least, most, low, high, .. }, Some(word)) => {
            let n = leading_number(word);
            let wrong = |message: &str| refuse(&message.replace("{}", &n.to_string()));
            match n {
                _ if n < least => wrong(low),
                _ if n > most => wrong(high),
                _ => Ok(f64::from(n)),
            }
        }
        (SuboptionValue::ChunkSizes, Some(word)) => chunk_sizes(word).map(|()| 0.0),
        (SuboptionValue::SizedFile, Some(word)) => sized_file(word).map(|()| 0.0),
    }
}

/// Checks `slab_sizes`. Its errors have the status for usage.
fn chunk_sizes(word: &str) -> Result<(), Refusal> {
    let mut last = None;
    for size in word.split('-') {
        let size = number::<usize>(size).unwrap_or(0);
        let wrong = match last {
            _ if !(CHUNK_BYTES_MIN..=SLAB_CHUNK_BYTES_MAX).contains(&size) => {
                "is out of valid range"
            }
            Some(last) if size <= last => "cannot be lower than or equal to a previous class size",
            Some(last) if size <= last + CHUNK_BYTES_STEP => {
                "must be at least 8 bytes larger than previous class"
            }
            _ => {
                last = Some(size);
                continue;
            }
        };
        return Err(Refusal::usage(format!("slab size {size} {wrong}")));
    }
    Ok(())
}

/// Checks `ext_path`: a file, its size with a unit, and optionally a bucket.
fn sized_file(word: &str) -> Result<(), Refusal> {
    let refuse =
        |why: &str| Err(Refusal::bad_option(format!("{why}\nfailed to parse ext_path argument")));
    let mut parts = word.split(':').skip(1);
    let Some(size) = parts.next() else {
        return refuse("must supply size to ext_path, ie: ext_path=/f/e:64m (M|G|T|P supported)");
    };
    let Some(digits) = size.strip_suffix(|unit: char| "mgtpMGTP".contains(unit)) else {
        return refuse("must supply size to ext_path, ie: ext_path=/f/e:64m (m|g|t|p supported)");
    };
    if let Some(bucket) = parts.next().filter(|bucket| !STORAGE_BUCKETS.contains(bucket)) {
        return refuse(&format!("Unknown extstore bucket: {bucket}"));
    }
    match number::<u64>(digits) {
        Some(size) if size > 0 => Ok(()),
        // memcached checks this after all options, with the status for usage.
        _ => Err(Refusal::usage("supplied ext_path has zero size, cannot use")),
    }
}

/// The buckets of memcached's external storage.
const STORAGE_BUCKETS: [&str; 6] =
    ["compact", "lowttl", "chunked", "default", "coldcompact", "old"];

/// Parses `slab_chunk_max`, which is in KiB, and returns bytes.
fn slab_chunk_bytes_max(value: Option<&str>) -> Result<usize, Refusal> {
    let refuse = |message: &str| Err(Refusal::bad_option(message));
    match value.and_then(number::<isize>) {
        None => refuse("could not parse argument to slab_chunk_max"),
        Some(kib) => match usize::try_from(kib) {
            Ok(0) | Err(_) => refuse("slab_chunk_max must be >= 0"),
            Ok(kib) if kib > SLAB_CHUNK_KIB_MAX => {
                refuse("slab_chunk_max must be specified in kilobytes.")
            }
            Ok(kib) => Ok(kib << 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_without_effect_warn() {
        let lists =
            ["modern,idle_timeout=5", "", "no_maxconns_fast,slab_chunk_max=16,track_sizes,"];
        let suboptions = parse(lists.into_iter()).unwrap();
        assert_eq!(suboptions.slab_chunks.bytes_max, 16 << 10);
        assert_eq!((suboptions.idle_timeout, suboptions.maxconns_fast), (5, false));
        let expected = ["warning: -o slab_chunk_max has no effect: \
             items over 32 KiB are chains of chunks, whatever the slab classes"];
        assert_eq!(suboptions.warnings, expected);
    }

    #[test]
    fn surprising_readings_warn() {
        let check = |list: &str, seconds: u32, fast: bool, expected: &str| {
            let suboptions = parse([list].into_iter()).unwrap();
            assert_eq!((suboptions.idle_timeout, suboptions.maxconns_fast), (seconds, fast));
            assert_eq!(suboptions.warnings, [expected]);
        };
        let zero = "warning: -o idle_timeout=x is read as idle_timeout=0";
        check("idle_timeout=x", 0, true, zero);
        check("idle_timeout=5s", 5, true, "warning: -o idle_timeout=5s is read as idle_timeout=5");
        let slow = "warning: -o no_modern only means no_maxconns_fast, no_lru_crawler, \
             no_lru_maintainer, no_slab_reassign: there is one way to hash";
        check("no_modern", 0, false, slow);
    }

    #[test]
    fn refusals() {
        let check = |list: &str, exit_code: u8, message: &str| {
            let refusal = parse([list].into_iter()).unwrap_err();
            let expected = (exit_code, message.to_owned());
            assert_eq!((refusal.exit_code, refusal.to_string()), expected, "{list}");
        };
        check("foo", 1, "Illegal suboption \"foo\"");
        check("foo=1", 1, "Illegal suboption \"foo=1\"");
        check("modern,foo", 1, "Illegal suboption \"foo\"");
        check("slab_chunk_max", 1, "Missing slab_chunk_max argument");
        check("slab_chunk_max=0", 1, "slab_chunk_max must be >= 0");
        check("ssl_foo", 1, "Illegal suboption \"ssl_foo\"");
        check("ext_foo", 1, "Illegal suboption \"ext_foo\"");
        let zero = "supplied ext_path has zero size, cannot use";
        check("ext_path=/x:0m", 64, zero);
        check("ext_path=/x:m", 64, zero);
        for list in [",", ",,", "modern,,", ",modern"] {
            check(list, 1, "Illegal suboption \"\"");
        }
        check("hashpower=x", 1, "Initial hashtable multiplier of 0 is too low");
        let high = "Initial hashtable multiplier of 33 is too high\n\
            Choose a value based on \"STAT hash_power_level\" from a running instance";
        check("hashpower=33", 1, high);
        let maintainer = "temporary_ttl requires lru_maintainer to be enabled";
        check("temporary_ttl=5,no_lru_maintainer", 64, maintainer);
        check("no_modern,temporary_ttl=5", 64, maintainer);
        let parsed = "could not parse argument to worker_logbuf_size";
        check("worker_logbuf_size=1.5", 1, parsed);
        check("worker_logbuf_size=-1", 1, parsed);
        // memcached takes it.
        check("idle_timeout=-1", 1, "idle_timeout must be >= 0");
        // memcached crashes.
        check("slab_sizes", 1, "Missing slab_sizes argument");
    }
}
