//! The lines of commands for the server as a whole.
//!
//! Subcommands may be cut short: a word means the first subcommand, in memcached's order, that
//! starts with it.

use crate::text::line::Line;
use crate::words::error_lines::{
    AGE_FACTORS_TOO_SMALL, BAD_CLASS, BAD_FORMAT, CRAWLER_SLEEP_TOO_LONG, ERROR, NO_ITEMS_TO_CRAWL,
    SEGMENTS_TOO_LARGE, UNKNOWN_CRAWLER_ERROR, WINDOW_OUT_OF_BOUNDS,
};
use crate::words::integers::{signed_32, unsigned_32};
use crate::words::limits::SLAB_CLASS_MAX;
use crate::words::line_words::{is_start_of, next_word, skip_blanks};
use crate::{
    ALL_SLAB_CLASSES, Decoded, DumpFormat, ExternalSetting, Request, RunTimeSetting, ServerCommand,
    ShutdownMode, SlabClasses,
};

/// How many words of a line are read.
const WORDS_MAX: usize = 6;

/// Allowed windows of `slabs automove`, in seconds.
const AUTOMOVE_WINDOWS: core::ops::RangeInclusive<u32> = 3..=1800;

/// Most that the shares of HOT and WARM may add up to, in percent.
const SEGMENTS_PERCENT_MAX: u32 = 80;

const CRAWLER_SLEEP_MICROSECONDS_MAX: u32 = 1_000_000;

/// A command, or the error line for its words.
type Outcome = Result<ServerCommand, &'static [u8]>;

/// The first words of a line.
struct Words<'a> {
    words: [&'a [u8]; WORDS_MAX],
    count: usize,
}

impl<'a> Words<'a> {
    fn of(line: Line<'a>) -> Self {
        let mut rest = line.words;
        let mut words: [&[u8]; WORDS_MAX] = [&[]; WORDS_MAX];
        let mut count = 0_usize;
        for place in &mut words {
            let Some(word) = next_word(&mut rest) else { break };
            *place = word;
            count = count.saturating_add(1);
        }
        Self { words, count }
    }

    fn as_slice(&self) -> &[&'a [u8]] {
        self.words.get(..self.count).unwrap_or_default()
    }
}

fn decoded(line: Line<'_>, outcome: Outcome) -> Decoded<'_> {
    match outcome {
        Ok(command) => line.request(Request::ServerCommand { command, noreply: line.is_noreply() }),
        Err(error) => line.error_unless_noreply(error),
    }
}

/// Decodes `flush_all [<delay>] [noreply]`.
pub(crate) fn flush_all(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    let delay = match next_word(&mut rest) {
        None => Some(0),
        // `flush_all noreply`: the only word is not the delay.
        Some(b"noreply") if rest.is_empty() => Some(0),
        Some(word) => signed_32(word),
    };
    decoded(line, Ok(ServerCommand::FlushAll { delay }))
}

/// Decodes `verbosity <level> [noreply]`.
pub(crate) fn verbosity(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    let level = next_word(&mut rest).and_then(unsigned_32);
    decoded(line, level.map(ServerCommand::Verbosity).ok_or(BAD_FORMAT))
}

/// Decodes `shutdown [<mode>]`.
pub(crate) fn shutdown(line: Line<'_>) -> Decoded<'_> {
    let mode = match skip_blanks(line.words) {
        b"" => ShutdownMode::AtOnce,
        word if is_start_of(word, "graceful") => ShutdownMode::Graceful,
        _ => ShutdownMode::Unknown,
    };
    decoded(line, Ok(ServerCommand::Shutdown(mode)))
}

/// Decodes `lru_crawler <subcommand> [<argument>]`.
pub(crate) fn lru_crawler(line: Line<'_>) -> Decoded<'_> {
    let words = Words::of(line);
    match *words.as_slice() {
        [sub, list] if is_start_of(sub, "metadump") => dump(line, DumpFormat::Meta, list),
        [sub, list] if is_start_of(sub, "mgdump") => dump(line, DumpFormat::Requests, list),
        ref words => decoded(line, crawler_command(words)),
    }
}

fn dump<'a>(line: Line<'a>, format: DumpFormat, list: &[u8]) -> Decoded<'a> {
    let classes = classes_to_dump(list);
    line.request(Request::Dump { format, classes, noreply: line.is_noreply() })
}

fn crawler_command(words: &[&[u8]]) -> Outcome {
    match *words {
        [sub, list] if is_start_of(sub, "crawl") => {
            Ok(ServerCommand::Crawl(classes_to_crawl(list)))
        }
        [sub, number] if is_start_of(sub, "tocrawl") => {
            let items = unsigned_32(number).ok_or(BAD_FORMAT)?;
            Ok(ServerCommand::Set(RunTimeSetting::CrawlerItemsMax(items)))
        }
        [sub, number] if is_start_of(sub, "sleep") => {
            let sleep = unsigned_32(number).ok_or(BAD_FORMAT)?;
            if sleep > CRAWLER_SLEEP_MICROSECONDS_MAX {
                return Err(CRAWLER_SLEEP_TOO_LONG);
            }
            Ok(ServerCommand::Set(RunTimeSetting::CrawlerSleep(sleep)))
        }
        [sub] if is_start_of(sub, "enable") => Ok(ServerCommand::EnableCrawler(true)),
        [sub] if is_start_of(sub, "disable") => Ok(ServerCommand::EnableCrawler(false)),
        _ => Err(ERROR),
    }
}

fn classes_to_dump(list: &[u8]) -> SlabClasses {
    if list == b"hash" { Ok(ALL_SLAB_CLASSES) } else { classes(list) }
}

fn classes_to_crawl(list: &[u8]) -> SlabClasses {
    if list == b"hash" { Err(UNKNOWN_CRAWLER_ERROR) } else { classes(list) }
}

/// The set for `all`, or for numbers separated by commas.
fn classes(list: &[u8]) -> SlabClasses {
    if list == b"all" {
        return Ok(ALL_SLAB_CLASSES);
    }
    let mut set = 0_u64;
    for word in list.split(|&byte| byte == b',').filter(|word| !word.is_empty()) {
        let class = unsigned_32(word).filter(|class| (1..=SLAB_CLASS_MAX).contains(class));
        set |= 1 << class.ok_or(BAD_CLASS)?;
    }
    if set == 0 { Err(NO_ITEMS_TO_CRAWL) } else { Ok(set) }
}

/// Decodes `slabs reassign <from> <to>` and `slabs automove ...`.
pub(crate) fn slabs(line: Line<'_>) -> Decoded<'_> {
    decoded(line, slabs_command(Words::of(line).as_slice()))
}

fn slabs_command(words: &[&[u8]]) -> Outcome {
    match *words {
        [sub, from, to] if is_start_of(sub, "reassign") => {
            // Whether page moves are allowed is checked before these words.
            let classes = signed_32(from).zip(signed_32(to));
            Ok(classes.map_or(ServerCommand::UnreadableReassign, |(from, to)| {
                ServerCommand::Reassign { from, to }
            }))
        }
        [sub, kind, ref rest @ ..] if is_start_of(sub, "automove") => {
            automove(kind, rest.first().copied()).map(ServerCommand::Set)
        }
        _ => Err(ERROR),
    }
}

fn automove(kind: &[u8], value: Option<&[u8]>) -> Result<RunTimeSetting, &'static [u8]> {
    if is_start_of(kind, "ratio") {
        return value.and_then(factor).map(RunTimeSetting::AutomoveRatio).ok_or(ERROR);
    }
    if is_start_of(kind, "freeratio") {
        return value.and_then(factor).map(RunTimeSetting::AutomoveFreeRatio).ok_or(ERROR);
    }
    if is_start_of(kind, "window") {
        let seconds = value.and_then(unsigned_32).ok_or(BAD_FORMAT)?;
        if !AUTOMOVE_WINDOWS.contains(&seconds) {
            return Err(WINDOW_OUT_OF_BOUNDS);
        }
        return Ok(RunTimeSetting::AutomoveWindow(seconds));
    }
    match unsigned_32(kind).ok_or(BAD_FORMAT)? {
        level @ 0..=2 => Ok(RunTimeSetting::Automove(level)),
        _ => Err(ERROR),
    }
}

/// Decodes `lru tune|mode|temp_ttl ...`.
pub(crate) fn lru(line: Line<'_>) -> Decoded<'_> {
    decoded(line, lru_setting(Words::of(line).as_slice()).map(ServerCommand::Set))
}

fn lru_setting(words: &[&[u8]]) -> Result<RunTimeSetting, &'static [u8]> {
    match *words {
        [sub, hot, warm, hot_factor, warm_factor, ..] if is_start_of(sub, "tune") => {
            let (hot_percent, warm_percent) =
                unsigned_32(hot).zip(unsigned_32(warm)).ok_or(ERROR)?;
            let (hot_factor, warm_factor) =
                factor(hot_factor).zip(factor(warm_factor)).ok_or(ERROR)?;
            if hot_percent.saturating_add(warm_percent) > SEGMENTS_PERCENT_MAX {
                return Err(SEGMENTS_TOO_LARGE);
            }
            if hot_factor <= 0.0 || warm_factor <= 0.0 {
                return Err(AGE_FACTORS_TOO_SMALL);
            }
            Ok(RunTimeSetting::Segments { hot_percent, warm_percent, hot_factor, warm_factor })
        }
        [sub, mode, ..] if is_start_of(sub, "mode") => match mode {
            _ if is_start_of(mode, "flat") => Ok(RunTimeSetting::Segmented(false)),
            _ if is_start_of(mode, "segmented") => Ok(RunTimeSetting::Segmented(true)),
            _ => Err(ERROR),
        },
        [sub, ttl, ..] if is_start_of(sub, "temp_ttl") => {
            signed_32(ttl).map(RunTimeSetting::TemporaryTtl).ok_or(ERROR)
        }
        _ => Err(ERROR),
    }
}

/// Decodes `cache_memlimit <MiB>`.
pub(crate) fn cache_memlimit(line: Line<'_>) -> Decoded<'_> {
    let words = Words::of(line);
    let megabytes = words.as_slice().first().and_then(|word| unsigned_32(word));
    decoded(line, megabytes.map(ServerCommand::MemoryLimit).ok_or(ERROR))
}

/// Decodes `extstore <setting> <value>`. Only words that memcached accepts are valid.
pub(crate) fn extstore(line: Line<'_>) -> Decoded<'_> {
    let setting = match *Words::of(line).as_slice() {
        [sub, class, limit, ..] if is_start_of(sub, "free_memchunks") => {
            let class = unsigned_32(class).filter(|class| *class <= SLAB_CLASS_MAX);
            class.zip(unsigned_32(limit)).map(|_| ExternalSetting::FreeChunks)
        }
        [sub, value, ..] => external_setting(sub, value),
        _ => None,
    };
    decoded(line, setting.map(ServerCommand::ExternalStorage).ok_or(ERROR))
}

fn external_setting(sub: &[u8], value: &[u8]) -> Option<ExternalSetting> {
    if let Some((_, setting)) = EXTERNAL_NUMBERS.iter().find(|(name, _)| is_start_of(sub, name)) {
        return unsigned_32(value).map(setting);
    }
    if is_start_of(sub, "max_frag") {
        return factor(value).map(ExternalSetting::MaxFrag);
    }
    None
}

/// Makes a setting from its number.
type OfNumber = fn(u32) -> ExternalSetting;

/// The settings of external storage that are whole numbers.
const EXTERNAL_NUMBERS: &[(&str, OfNumber)] = &[
    ("item_size", ExternalSetting::ItemSize),
    ("item_age", ExternalSetting::ItemAge),
    ("low_ttl", ExternalSetting::LowTtl),
    ("recache_rate", ExternalSetting::RecacheRate),
    ("compact_under", ExternalSetting::CompactUnder),
    ("drop_under", ExternalSetting::DropUnder),
    ("max_sleep", ExternalSetting::MaxSleep),
    ("drop_unread", |number| ExternalSetting::DropUnread(number != 0)),
];

/// Decodes `refresh_certs`.
pub(crate) fn refresh_certs(line: Line<'_>) -> Decoded<'_> {
    decoded(line, Ok(ServerCommand::RefreshCertificates))
}

/// Decodes `snapshot [<name>] [noreply]`.
pub(crate) fn snapshot(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    let name = next_word(&mut rest).unwrap_or_default();
    let noreply = line.is_noreply();
    let is_name = name != b"noreply" || !skip_blanks(rest).is_empty();
    let last = next_word(&mut rest);
    if last.is_some_and(|word| word != b"noreply") || next_word(&mut rest).is_some() {
        return line.error_unless_noreply(BAD_FORMAT);
    }
    line.request(Request::Snapshot { name: if is_name { name } else { b"" }, noreply })
}

/// A finite number with or without decimal places.
fn factor(word: &[u8]) -> Option<f64> {
    core::str::from_utf8(word).ok()?.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::tests::{check_error, check_request, check_silent};
    use alloc::format;

    fn check(text: &str, command: ServerCommand) {
        check_request(text.as_bytes(), &Request::ServerCommand { command, noreply: false });
    }

    fn check_dump(text: &str, format: DumpFormat, classes: SlabClasses) {
        let dump = Request::Dump { format, classes, noreply: false };
        check_request(text.as_bytes(), &dump);
    }

    #[test]
    fn flush_all_takes_an_optional_delay() {
        let flush_all = |delay, noreply| Request::ServerCommand {
            command: ServerCommand::FlushAll { delay },
            noreply,
        };
        check_request(b"flush_all", &flush_all(Some(0), false));
        check_request(b"flush_all 0 5", &flush_all(Some(0), false));
        check_request(b"flush_all -1", &flush_all(Some(-1), false));
        check_request(b"flush_all noreply", &flush_all(Some(0), true));
        check_request(b"flush_all 10 noreply", &flush_all(Some(10), true));
        check_request(b"flush_all a", &flush_all(None, false));
        check_request(b"flush_all noreply 5", &flush_all(None, false));
        check_request(b"flush_all a noreply", &flush_all(None, true));
    }

    #[test]
    fn verbosity_needs_a_level() {
        check("verbosity 1", ServerCommand::Verbosity(1));
        let command = ServerCommand::Verbosity(9);
        let quiet = Request::ServerCommand { command, noreply: true };
        check_request(b"verbosity 9 x noreply", &quiet);
        check_error(b"verbosity", BAD_FORMAT);
        check_error(b"verbosity x", BAD_FORMAT);
        check_error(b"verbosity -1", BAD_FORMAT);
        check_silent(b"verbosity noreply", 0);
    }

    #[test]
    fn shutdown_has_a_mode() {
        let shutdown = ServerCommand::Shutdown;
        check("shutdown", shutdown(ShutdownMode::AtOnce));
        check("shutdown graceful", shutdown(ShutdownMode::Graceful));
        check("shutdown g", shutdown(ShutdownMode::Graceful));
        check("shutdown graceful now", shutdown(ShutdownMode::Unknown));
        let command = shutdown(ShutdownMode::Unknown);
        let quiet = Request::ServerCommand { command, noreply: true };
        check_request(b"shutdown noreply", &quiet);
    }

    #[test]
    fn commands_are_found_after_blanks() {
        check("  flush_all", ServerCommand::FlushAll { delay: Some(0) });
        check(" shutdown graceful", ServerCommand::Shutdown(ShutdownMode::Graceful));
        check_error(b" verbosity x", BAD_FORMAT);
    }

    #[test]
    fn dumps_name_their_classes() {
        let check = |text: &str, classes| check_dump(text, DumpFormat::Meta, classes);
        check("lru_crawler metadump all", Ok(ALL_SLAB_CLASSES));
        check("lru_crawler metadump hash", Ok(ALL_SLAB_CLASSES));
        check("lru_crawler meta all", Ok(ALL_SLAB_CLASSES));
        check("lru_crawler m 1,5,", Ok(1 << 1 | 1 << 5));
        check("lru_crawler metadump 63", Ok(1 << 63));
        check("lru_crawler metadump ,", Err(NO_ITEMS_TO_CRAWL));
        for list in ["0", "64", "x", "1,x", "1-2", "allx", "-1"] {
            check(&format!("lru_crawler metadump {list}"), Err(BAD_CLASS));
        }
        for text in ["lru_crawler mgdump hash", "lru_crawler mg all"] {
            check_dump(text, DumpFormat::Requests, Ok(ALL_SLAB_CLASSES));
        }
        for text in ["metadump", "mgdump", "metadump all 1", "metadumps all", "", "foo"] {
            check_error(format!("lru_crawler {text}").as_bytes(), ERROR);
        }
        check_silent(b"lru_crawler metadump all noreply", 0);
    }

    #[test]
    fn the_crawler_is_set_and_sent() {
        check("lru_crawler crawl all", ServerCommand::Crawl(Ok(ALL_SLAB_CLASSES)));
        check("lru_crawler c 2", ServerCommand::Crawl(Ok(4)));
        check("lru_crawler crawl hash", ServerCommand::Crawl(Err(UNKNOWN_CRAWLER_ERROR)));
        check("lru_crawler sleep 10", ServerCommand::Set(RunTimeSetting::CrawlerSleep(10)));
        check("lru_crawler t 7", ServerCommand::Set(RunTimeSetting::CrawlerItemsMax(7)));
        check("lru_crawler enable", ServerCommand::EnableCrawler(true));
        check("lru_crawler d", ServerCommand::EnableCrawler(false));
        check_error(b"lru_crawler sleep 1000001", CRAWLER_SLEEP_TOO_LONG);
        check_error(b"lru_crawler sleep -1", BAD_FORMAT);
        check_error(b"lru_crawler tocrawl x", BAD_FORMAT);
        check_error(b"lru_crawler enable x", ERROR);
    }

    #[test]
    fn pages_move_between_classes() {
        check("slabs reassign 1 2", ServerCommand::Reassign { from: 1, to: 2 });
        check("slabs r -1 0", ServerCommand::Reassign { from: -1, to: 0 });
        check("slabs reassign 1 x", ServerCommand::UnreadableReassign);
        check_error(b"slabs reassign 1", ERROR);
        check_error(b"slabs reassign 1 2 3", ERROR);
        let set = |setting| ServerCommand::Set(setting);
        check("slabs automove 2", set(RunTimeSetting::Automove(2)));
        check("slabs a 1 5", set(RunTimeSetting::Automove(1)));
        check("slabs automove ratio 0.5", set(RunTimeSetting::AutomoveRatio(0.5)));
        check("slabs automove freeratio 0.02", set(RunTimeSetting::AutomoveFreeRatio(0.02)));
        check("slabs automove window 3", set(RunTimeSetting::AutomoveWindow(3)));
        check_error(b"slabs automove 3", ERROR);
        check_error(b"slabs automove x", BAD_FORMAT);
        check_error(b"slabs automove -1", BAD_FORMAT);
        check_error(b"slabs automove", ERROR);
        check_error(b"slabs automove ratio", ERROR);
        check_error(b"slabs automove ratio x", ERROR);
        check_error(b"slabs automove window x", BAD_FORMAT);
        check_error(b"slabs automove window 2", WINDOW_OUT_OF_BOUNDS);
        check_error(b"slabs automove window 1801", WINDOW_OUT_OF_BOUNDS);
    }

    #[test]
    fn segments_are_tuned() {
        let segments = RunTimeSetting::Segments {
            hot_percent: 10,
            warm_percent: 20,
            hot_factor: 0.1,
            warm_factor: 2.0,
        };
        check("lru tune 10 20 0.1 2.0", ServerCommand::Set(segments));
        check("lru t 10 20 0.1 2 5", ServerCommand::Set(segments));
        check("lru mode f", ServerCommand::Set(RunTimeSetting::Segmented(false)));
        check("lru mode segmented", ServerCommand::Set(RunTimeSetting::Segmented(true)));
        check("lru temp_ttl -1", ServerCommand::Set(RunTimeSetting::TemporaryTtl(-1)));
        check("lru t 5", ServerCommand::Set(RunTimeSetting::TemporaryTtl(5)));
        check_error(b"lru tune 50 40 0.1 2.0", SEGMENTS_TOO_LARGE);
        check_error(b"lru tune 10 20 0 2.0", AGE_FACTORS_TOO_SMALL);
        check_error(b"lru tune 10 20 0.1 -1", AGE_FACTORS_TOO_SMALL);
        for text in ["", "tune", "tune x 20 0.1 2", "tune 1 2 x 2", "mode", "mode x", "temp_ttl x"]
        {
            check_error(format!("lru {text}").as_bytes(), ERROR);
        }
    }

    #[test]
    fn snapshots_have_a_name_or_none() {
        let check = |text: &str, name: &[u8], noreply| {
            check_request(text.as_bytes(), &Request::Snapshot { name, noreply });
        };
        check("snapshot", b"", false);
        check("snapshot noreply", b"", true);
        check("snapshot nightly", b"nightly", false);
        check("snapshot nightly noreply", b"nightly", true);
        check("snapshot noreply noreply", b"noreply", true);
        check_error(b"snapshot a b", BAD_FORMAT);
        check_error(b"snapshot a noreply b", BAD_FORMAT);
        check_silent(b"snapshot a b noreply", 0);
    }

    #[test]
    fn other_commands() {
        check("cache_memlimit 100 5", ServerCommand::MemoryLimit(100));
        check_error(b"cache_memlimit", ERROR);
        check_error(b"cache_memlimit -1", ERROR);
        check_silent(b"cache_memlimit x noreply", 0);
        check("refresh_certs x", ServerCommand::RefreshCertificates);
        let external = |text: &str, setting| {
            check(&format!("extstore {text}"), ServerCommand::ExternalStorage(setting));
        };
        external("item_size 5", ExternalSetting::ItemSize(5));
        external("free_memchunks 1 5", ExternalSetting::FreeChunks);
        external("max_frag 0.5", ExternalSetting::MaxFrag(0.5));
        external("drop_unread 2", ExternalSetting::DropUnread(true));
        external("d 2", ExternalSetting::DropUnder(2));
        for text in ["", "item_size", "item_size x", "foo 5", "free_memchunks 64 5", "max_frag x"] {
            check_error(format!("extstore {text}").as_bytes(), ERROR);
        }
        let command = ServerCommand::MemoryLimit(64);
        let quiet = Request::ServerCommand { command, noreply: true };
        check_request(b"cache_memlimit 64 noreply", &quiet);
    }
}
