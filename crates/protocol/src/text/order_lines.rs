//! The lines of orders to the server. Their subcommands may be cut short: the first in memcached's
//! order that begins with the word is meant.

use crate::requests::server_order::{
    ALL_SLAB_CLASSES, DumpFormat, ExternalSetting, RunTimeSetting, ServerOrder, SlabClasses,
    Streams,
};
use crate::text::line::Line;
use crate::words::error_lines::{
    AGE_FACTORS_TOO_SMALL, BAD_CLASS, BAD_FORMAT, CRAWLER_SLEEP_TOO_LONG, ERROR, NO_ITEMS_TO_CRAWL,
    SEGMENTS_TOO_LARGE, UNKNOWN_CRAWLER_ERROR, WINDOW_OUT_OF_BOUNDS,
};
use crate::words::integers::{signed_32, unsigned_32};
use crate::words::limits::SLAB_CLASS_MAX;
use crate::words::line_words::next_word;
use crate::{Decoded, Request};

/// Words of a line that are looked at.
const WORDS_MAX: usize = 6;

/// Seconds that the window of `slabs automove` may have.
const AUTOMOVE_WINDOWS: core::ops::RangeInclusive<u32> = 3..=1800;

/// Shares of HOT and WARM together, in percent.
const SEGMENTS_PERCENT_MAX: u32 = 80;

const CRAWLER_SLEEP_MICROSECONDS_MAX: u32 = 1_000_000;

/// An order, or the line that says what is wrong with it.
type Outcome = Result<ServerOrder, &'static [u8]>;

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

/// Whether `word` is `name` or the start of it.
fn means(word: &[u8], name: &str) -> bool {
    name.as_bytes().starts_with(word)
}

fn step(line: Line<'_>, outcome: Outcome) -> Decoded<'_> {
    match outcome {
        Ok(order) => line.request(Request::Order { order, noreply: line.is_noreply() }),
        Err(error) => line.error_unless_noreply(error),
    }
}

/// Decodes `lru_crawler <subcommand> [<argument>]`.
pub(crate) fn lru_crawler(line: Line<'_>) -> Decoded<'_> {
    step(line, crawler_order(Words::of(line).as_slice()))
}

fn crawler_order(words: &[&[u8]]) -> Outcome {
    match *words {
        [sub, list] if means(sub, "crawl") => Ok(ServerOrder::Crawl(classes_to_crawl(list))),
        [sub, list] if means(sub, "metadump") => {
            Ok(ServerOrder::Dump(DumpFormat::Meta, classes_to_dump(list)))
        }
        [sub, list] if means(sub, "mgdump") => {
            Ok(ServerOrder::Dump(DumpFormat::Requests, classes_to_dump(list)))
        }
        [sub, number] if means(sub, "tocrawl") => {
            let items = unsigned_32(number).ok_or(BAD_FORMAT)?;
            Ok(ServerOrder::Set(RunTimeSetting::CrawlerItemsMax(items)))
        }
        [sub, number] if means(sub, "sleep") => {
            let sleep = unsigned_32(number).ok_or(BAD_FORMAT)?;
            if sleep > CRAWLER_SLEEP_MICROSECONDS_MAX {
                return Err(CRAWLER_SLEEP_TOO_LONG);
            }
            Ok(ServerOrder::Set(RunTimeSetting::CrawlerSleep(sleep)))
        }
        [sub] if means(sub, "enable") => Ok(ServerOrder::EnableCrawler(true)),
        [sub] if means(sub, "disable") => Ok(ServerOrder::EnableCrawler(false)),
        _ => Err(ERROR),
    }
}

fn classes_to_dump(list: &[u8]) -> SlabClasses {
    if list == b"hash" { Ok(ALL_SLAB_CLASSES) } else { classes(list) }
}

fn classes_to_crawl(list: &[u8]) -> SlabClasses {
    if list == b"hash" { Err(UNKNOWN_CRAWLER_ERROR) } else { classes(list) }
}

/// `all`, or numbers with commas between them.
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
    step(line, slabs_order(Words::of(line).as_slice()))
}

fn slabs_order(words: &[&[u8]]) -> Outcome {
    match *words {
        [sub, from, to] if means(sub, "reassign") => {
            // Whether there is this order at all is looked at before its words.
            let classes = signed_32(from).zip(signed_32(to));
            Ok(classes.map_or(ServerOrder::UnreadableReassign, |(from, to)| {
                ServerOrder::Reassign { from, to }
            }))
        }
        [sub, kind, ref rest @ ..] if means(sub, "automove") => {
            automove(kind, rest.first().copied()).map(ServerOrder::Set)
        }
        _ => Err(ERROR),
    }
}

fn automove(kind: &[u8], value: Option<&[u8]>) -> Result<RunTimeSetting, &'static [u8]> {
    if means(kind, "ratio") {
        return value.and_then(factor).map(RunTimeSetting::AutomoveRatio).ok_or(ERROR);
    }
    if means(kind, "freeratio") {
        return value.and_then(factor).map(RunTimeSetting::AutomoveFreeRatio).ok_or(ERROR);
    }
    if means(kind, "window") {
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
    step(line, lru_setting(Words::of(line).as_slice()).map(ServerOrder::Set))
}

fn lru_setting(words: &[&[u8]]) -> Result<RunTimeSetting, &'static [u8]> {
    match *words {
        [sub, hot, warm, hot_factor, warm_factor, ..] if means(sub, "tune") => {
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
        [sub, mode, ..] if means(sub, "mode") => match mode {
            _ if means(mode, "flat") => Ok(RunTimeSetting::Segmented(false)),
            _ if means(mode, "segmented") => Ok(RunTimeSetting::Segmented(true)),
            _ => Err(ERROR),
        },
        [sub, ttl, ..] if means(sub, "temp_ttl") => {
            signed_32(ttl).map(RunTimeSetting::TemporaryTtl).ok_or(ERROR)
        }
        _ => Err(ERROR),
    }
}

/// Decodes `cache_memlimit <MiB>`.
pub(crate) fn cache_memlimit(line: Line<'_>) -> Decoded<'_> {
    let words = Words::of(line);
    let megabytes = words.as_slice().first().and_then(|word| unsigned_32(word));
    step(line, megabytes.map(ServerOrder::MemoryLimit).ok_or(ERROR))
}

/// Decodes `extstore <setting> <value>`: the words must be what memcached takes.
pub(crate) fn extstore(line: Line<'_>) -> Decoded<'_> {
    let setting = match *Words::of(line).as_slice() {
        [sub, class, limit, ..] if means(sub, "free_memchunks") => {
            let class = unsigned_32(class).filter(|class| *class <= SLAB_CLASS_MAX);
            class.zip(unsigned_32(limit)).map(|_| ExternalSetting::FreeChunks)
        }
        [sub, value, ..] => external_setting(sub, value),
        _ => None,
    };
    step(line, setting.map(ServerOrder::ExternalStorage).ok_or(ERROR))
}

fn external_setting(sub: &[u8], value: &[u8]) -> Option<ExternalSetting> {
    if let Some((_, setting)) = EXTERNAL_NUMBERS.iter().find(|(name, _)| means(sub, name)) {
        return unsigned_32(value).map(setting);
    }
    if means(sub, "max_frag") {
        return factor(value).map(ExternalSetting::MaxFrag);
    }
    None
}

/// Makes a setting of its number.
type OfNumber = fn(u32) -> ExternalSetting;

/// Settings of external storage that are whole numbers.
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

/// Decodes `watch [<stream>]*`.
pub(crate) fn watch(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    let mut streams = Some(Streams::default());
    while let Some(word) = next_word(&mut rest) {
        streams = streams.zip(stream(word)).map(|(all, one)| all | one);
    }
    let streams = streams.map(|all| if all.is_empty() { Streams::FETCHERS } else { all });
    line.request(Request::Order { order: ServerOrder::Watch(streams), noreply: false })
}

/// In memcached's order. It tells nobody of the commands as they came in, though it has a name for
/// them, nor, without its proxy, of what that does.
const STREAMS: &[(&str, Streams)] = &[
    ("rawcmds", Streams::SILENT),
    ("evictions", Streams::EVICTIONS),
    ("fetchers", Streams::FETCHERS),
    ("mutations", Streams::MUTATIONS),
    ("sysevents", Streams::SYSTEM),
    ("connevents", Streams::CONNECTIONS),
    ("proxyreqs", Streams::SILENT),
    ("proxyevents", Streams::SILENT),
    ("proxyuser", Streams::SILENT),
    ("deletions", Streams::DELETIONS),
];

fn stream(word: &[u8]) -> Option<Streams> {
    STREAMS.iter().find(|(name, _)| means(word, name)).map(|(_, stream)| *stream)
}

/// Decodes `refresh_certs`.
pub(crate) fn refresh_certs(line: Line<'_>) -> Decoded<'_> {
    step(line, Ok(ServerOrder::RefreshCertificates))
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

    fn check(text: &str, order: ServerOrder) {
        check_request(text.as_bytes(), &Request::Order { order, noreply: false });
    }

    #[test]
    fn dumps_name_their_classes() {
        let dump = |classes| ServerOrder::Dump(DumpFormat::Meta, classes);
        check("lru_crawler metadump all", dump(Ok(ALL_SLAB_CLASSES)));
        check("lru_crawler metadump hash", dump(Ok(ALL_SLAB_CLASSES)));
        check("lru_crawler meta all", dump(Ok(ALL_SLAB_CLASSES)));
        check("lru_crawler m 1,5,", dump(Ok(1 << 1 | 1 << 5)));
        check("lru_crawler metadump 63", dump(Ok(1 << 63)));
        check("lru_crawler metadump ,", dump(Err(NO_ITEMS_TO_CRAWL)));
        for list in ["0", "64", "x", "1,x", "1-2", "allx", "-1"] {
            check(&format!("lru_crawler metadump {list}"), dump(Err(BAD_CLASS)));
        }
        let all = ServerOrder::Dump(DumpFormat::Requests, Ok(ALL_SLAB_CLASSES));
        check("lru_crawler mgdump hash", all);
        check("lru_crawler mg all", all);
        for text in ["metadump", "mgdump", "metadump all 1", "metadumps all", "", "foo"] {
            check_error(format!("lru_crawler {text}").as_bytes(), ERROR);
        }
        check_silent(b"lru_crawler metadump all noreply", 0);
    }

    #[test]
    fn the_crawler_is_set_and_sent() {
        check("lru_crawler crawl all", ServerOrder::Crawl(Ok(ALL_SLAB_CLASSES)));
        check("lru_crawler c 2", ServerOrder::Crawl(Ok(4)));
        check("lru_crawler crawl hash", ServerOrder::Crawl(Err(UNKNOWN_CRAWLER_ERROR)));
        check("lru_crawler sleep 10", ServerOrder::Set(RunTimeSetting::CrawlerSleep(10)));
        check("lru_crawler t 7", ServerOrder::Set(RunTimeSetting::CrawlerItemsMax(7)));
        check("lru_crawler enable", ServerOrder::EnableCrawler(true));
        check("lru_crawler d", ServerOrder::EnableCrawler(false));
        check_error(b"lru_crawler sleep 1000001", CRAWLER_SLEEP_TOO_LONG);
        check_error(b"lru_crawler sleep -1", BAD_FORMAT);
        check_error(b"lru_crawler tocrawl x", BAD_FORMAT);
        check_error(b"lru_crawler enable x", ERROR);
    }

    #[test]
    fn pages_move_between_classes() {
        check("slabs reassign 1 2", ServerOrder::Reassign { from: 1, to: 2 });
        check("slabs r -1 0", ServerOrder::Reassign { from: -1, to: 0 });
        check("slabs reassign 1 x", ServerOrder::UnreadableReassign);
        check_error(b"slabs reassign 1", ERROR);
        check_error(b"slabs reassign 1 2 3", ERROR);
        let set = |setting| ServerOrder::Set(setting);
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
        check("lru tune 10 20 0.1 2.0", ServerOrder::Set(segments));
        check("lru t 10 20 0.1 2 5", ServerOrder::Set(segments));
        check("lru mode f", ServerOrder::Set(RunTimeSetting::Segmented(false)));
        check("lru mode segmented", ServerOrder::Set(RunTimeSetting::Segmented(true)));
        check("lru temp_ttl -1", ServerOrder::Set(RunTimeSetting::TemporaryTtl(-1)));
        check("lru t 5", ServerOrder::Set(RunTimeSetting::TemporaryTtl(5)));
        check_error(b"lru tune 50 40 0.1 2.0", SEGMENTS_TOO_LARGE);
        check_error(b"lru tune 10 20 0 2.0", AGE_FACTORS_TOO_SMALL);
        check_error(b"lru tune 10 20 0.1 -1", AGE_FACTORS_TOO_SMALL);
        for text in ["", "tune", "tune x 20 0.1 2", "tune 1 2 x 2", "mode", "mode x", "temp_ttl x"]
        {
            check_error(format!("lru {text}").as_bytes(), ERROR);
        }
    }

    #[test]
    fn streams_are_named() {
        let watch = ServerOrder::Watch;
        check("watch", watch(Some(Streams::FETCHERS)));
        check("watch fet", watch(Some(Streams::FETCHERS)));
        let both = Streams::EVICTIONS | Streams::DELETIONS;
        check("watch deletions evictions", watch(Some(both)));
        check("watch proxyreqs rawcmds", watch(Some(Streams::SILENT)));
        check("watch fetchers foo", watch(None));
        check("watch fetchersx", watch(None));
    }

    #[test]
    fn other_orders() {
        check("cache_memlimit 100 5", ServerOrder::MemoryLimit(100));
        check_error(b"cache_memlimit", ERROR);
        check_error(b"cache_memlimit -1", ERROR);
        check_silent(b"cache_memlimit x noreply", 0);
        check("refresh_certs x", ServerOrder::RefreshCertificates);
        let external = |text: &str, setting| {
            check(&format!("extstore {text}"), ServerOrder::ExternalStorage(setting));
        };
        external("item_size 5", ExternalSetting::ItemSize(5));
        external("free_memchunks 1 5", ExternalSetting::FreeChunks);
        external("max_frag 0.5", ExternalSetting::MaxFrag(0.5));
        external("drop_unread 2", ExternalSetting::DropUnread(true));
        external("d 2", ExternalSetting::DropUnder(2));
        for text in ["", "item_size", "item_size x", "foo 5", "free_memchunks 64 5", "max_frag x"] {
            check_error(format!("extstore {text}").as_bytes(), ERROR);
        }
        let order = ServerOrder::MemoryLimit(64);
        check_request(b"cache_memlimit 64 noreply", &Request::Order { order, noreply: true });
    }
}
