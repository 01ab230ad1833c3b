//! The lines of `stats`: questions, and the commands `stats reset` and `stats detail on|off`.
//!
//! None of them has `noreply`.

use crate::text::line::Line;
use crate::words::error_lines::{
    BAD_FORMAT, STATS_CACHEDUMP_BAD_LINE, STATS_CACHEDUMP_ILLEGAL_CLASS,
};
use crate::words::integers::unsigned_32;
use crate::words::limits::SLAB_CLASS_MAX;
use crate::words::line_words::{is_start_of, next_word, skip_blanks, split_at_blank};
use crate::{Decoded, Request, ServerCommand, StatsQuery};

/// Decodes `stats [<word>]*`.
pub(crate) fn stats(line: Line<'_>) -> Decoded<'_> {
    line.request(request(skip_blanks(line.words)))
}

/// The request of the words after `stats`.
fn request(words: &[u8]) -> Request<'_> {
    if let Some(query) = StatsQuery::named(words) {
        return Request::Stats(query);
    }
    let (word, rest) = split_at_blank(words);
    let means = |name: &str| is_start_of(word, name);
    // memcached takes the start of these words for the whole word, and looks for them in this
    // order.
    Request::Stats(match () {
        () if means("cachedump") => cachedump(rest),
        () if means("reset") => return command(ServerCommand::ResetStats),
        () if means("detail") => return detail(rest),
        () if means("settings") => StatsQuery::Settings,
        () if means("conns") => StatsQuery::Connections,
        () if means("extstore") => StatsQuery::ExternalStorage,
        () => StatsQuery::named_first(words).unwrap_or(StatsQuery::Unknown),
    })
}

fn command(command: ServerCommand) -> Request<'static> {
    Request::ServerCommand { command, noreply: false }
}

/// The request of the words after `stats detail`, of which the first may be cut short.
fn detail(words: &[u8]) -> Request<'static> {
    let mut rest = words;
    let Some(word) = next_word(&mut rest) else {
        return Request::Stats(StatsQuery::UnreadableDetail);
    };
    let means = |name: &str| is_start_of(word, name);
    match () {
        () if means("on") => command(ServerCommand::CountPrefixes(true)),
        () if means("off") => command(ServerCommand::CountPrefixes(false)),
        () if means("dump") => Request::Stats(StatsQuery::Prefixes),
        () => Request::Stats(StatsQuery::UnreadableDetail),
    }
}

/// The query of the words after `stats cachedump`: a slab class and a limit, 0 for none.
fn cachedump(words: &[u8]) -> StatsQuery<'static> {
    let mut rest = words;
    let (Some(class), Some(limit)) = (next_word(&mut rest), next_word(&mut rest)) else {
        return StatsQuery::UnreadableCachedump(STATS_CACHEDUMP_BAD_LINE);
    };
    match (unsigned_32(class), unsigned_32(limit)) {
        (Some(class), Some(_)) if class > SLAB_CLASS_MAX => {
            StatsQuery::UnreadableCachedump(STATS_CACHEDUMP_ILLEGAL_CLASS)
        }
        (Some(class), Some(limit)) => {
            StatsQuery::Cachedump { class, lines_max: Some(limit).filter(|limit| *limit != 0) }
        }
        _ => StatsQuery::UnreadableCachedump(BAD_FORMAT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::tests::check_request;

    fn check(text: &str, query: StatsQuery<'_>) {
        check_request(text.as_bytes(), &Request::Stats(query));
    }

    fn check_command(text: &str, expected: ServerCommand) {
        check_request(text.as_bytes(), &command(expected));
    }

    #[test]
    fn questions_have_names() {
        check("stats", StatsQuery::General);
        check("stats  items  ", StatsQuery::Items);
        check("stats slabs", StatsQuery::Slabs);
        check("stats sizes", StatsQuery::Sizes);
        check("stats slabcore", StatsQuery::Slabcore);
        check("stats latency", StatsQuery::Latency);
        check("stats shards", StatsQuery::Shards);
        check("stats hotkeys", StatsQuery::HotKeys);
        check("stats mrc", StatsQuery::MissRatioCurve);
        check("stats slabcore owner a  b", StatsQuery::Owners { keys: b"a  b" });
        check("stats items x", StatsQuery::Items);
        check("stats slabs x", StatsQuery::Slabs);
        check("stats sizes x", StatsQuery::Sizes);
        for text in ["noreply", "item", "shards x", "slabcore owner", "slabcore x", "settingsx"] {
            check(&alloc::format!("stats {text}"), StatsQuery::Unknown);
        }
    }

    #[test]
    fn some_names_may_be_cut_short() {
        check("stats s", StatsQuery::Settings);
        check("stats settings x", StatsQuery::Settings);
        check("stats co", StatsQuery::Connections);
        check("stats e", StatsQuery::ExternalStorage);
        check("stats c", StatsQuery::UnreadableCachedump(STATS_CACHEDUMP_BAD_LINE));
    }

    #[test]
    fn some_change_something() {
        check_command("stats reset", ServerCommand::ResetStats);
        check_command("stats reset noreply", ServerCommand::ResetStats);
        check_command("stats r", ServerCommand::ResetStats);
        check_command("stats detail  on", ServerCommand::CountPrefixes(true));
        check_command("stats detail o", ServerCommand::CountPrefixes(true));
        check_command("stats d of x", ServerCommand::CountPrefixes(false));
        check("stats detail dump", StatsQuery::Prefixes);
        check("stats detail", StatsQuery::UnreadableDetail);
        check("stats detail x", StatsQuery::UnreadableDetail);
        check("stats detail onx", StatsQuery::UnreadableDetail);
    }

    #[test]
    fn cachedump_has_a_class_and_a_limit() {
        let dump = |class, lines_max| StatsQuery::Cachedump { class, lines_max };
        check("stats cachedump 1 2", dump(1, Some(2)));
        check("stats cache  63 0 5", dump(63, None));
        let wrong = StatsQuery::UnreadableCachedump;
        check("stats cachedump 1", wrong(STATS_CACHEDUMP_BAD_LINE));
        check("stats cachedump 64 0", wrong(STATS_CACHEDUMP_ILLEGAL_CLASS));
        check("stats cachedump x 0", wrong(BAD_FORMAT));
        check("stats cachedump 64 x", wrong(BAD_FORMAT));
    }
}
