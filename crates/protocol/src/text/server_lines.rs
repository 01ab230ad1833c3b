//! The lines of the commands on the server as a whole, and of what is no command at all.

use crate::text::line::Line;
use crate::words::error_lines::{
    BAD_FORMAT, ERROR, STATS_CACHEDUMP_BAD_LINE, STATS_CACHEDUMP_ILLEGAL_CLASS,
};
use crate::words::integers::{signed_32, unsigned_32};
use crate::words::limits::SLAB_CLASS_MAX;
use crate::words::line_words::{next_word, skip_blanks};
use crate::{Decoded, Request};

/// Decodes `flush_all [<delay>] [noreply]`.
pub(crate) fn flush_all(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    let noreply = line.is_noreply();
    let delay = match next_word(&mut rest) {
        None => Some(0),
        // `flush_all noreply`: the only word is not the delay.
        Some(b"noreply") if rest.is_empty() => Some(0),
        Some(word) => signed_32(word),
    };
    line.request(Request::FlushAll { delay, noreply })
}

/// Decodes `verbosity <level> [noreply]`.
pub(crate) fn verbosity(line: Line<'_>) -> Decoded<'_> {
    let mut rest = line.words;
    match next_word(&mut rest).and_then(unsigned_32) {
        Some(level) => line.request(Request::Verbosity { level, noreply: line.is_noreply() }),
        None => line.error_unless_noreply(BAD_FORMAT),
    }
}

/// Decodes `stats [<word>]*`.
pub(crate) fn stats(line: Line<'_>) -> Decoded<'_> {
    line.request(Request::Stats { words: skip_blanks(line.words) })
}

/// Slab class and limit of `stats cachedump`, or the line that says what is wrong with them; `None`
/// if the words behind `stats` ask for something else.
pub fn cachedump_words(words: &[u8]) -> Option<Result<(u32, u32), &'static [u8]>> {
    let mut rest = words;
    if !b"cachedump".starts_with(next_word(&mut rest)?) {
        return None;
    }
    let (Some(class), Some(limit)) = (next_word(&mut rest), next_word(&mut rest)) else {
        return Some(Err(STATS_CACHEDUMP_BAD_LINE));
    };
    Some(match (unsigned_32(class), unsigned_32(limit)) {
        (Some(class), Some(_)) if class > SLAB_CLASS_MAX => Err(STATS_CACHEDUMP_ILLEGAL_CLASS),
        (Some(class), Some(limit)) => Ok((class, limit)),
        _ => Err(BAD_FORMAT),
    })
}

/// Decodes `shutdown [<word>]*`.
pub(crate) fn shutdown(line: Line<'_>) -> Decoded<'_> {
    line.request(Request::Shutdown { words: skip_blanks(line.words) })
}

/// Answers a line whose first word, `word`, is no command. The request line of a browser closes the
/// connection: a page could otherwise have the browser send commands in the body of a request.
#[cold]
pub(crate) fn unknown<'a>(word: &[u8], line: Line<'a>) -> Decoded<'a> {
    match line.words.rsplit(|&byte| byte == b' ').next() {
        Some(last) if last.starts_with(b"HTTP/") => Decoded::Close,
        // As for memcached, the last word may be the only one.
        _ if word == b"noreply" && line.words.is_empty() => line.silence(),
        _ => line.error_unless_noreply(ERROR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::tests::{check_error, check_request, check_silent};

    #[test]
    fn flush_all_takes_an_optional_delay() {
        let flush_all = |delay, noreply| Request::FlushAll { delay, noreply };
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
        check_request(b"verbosity 1", &Request::Verbosity { level: 1, noreply: false });
        check_request(b"verbosity 9 x noreply", &Request::Verbosity { level: 9, noreply: true });
        check_error(b"verbosity", BAD_FORMAT);
        check_error(b"verbosity x", BAD_FORMAT);
        check_error(b"verbosity -1", BAD_FORMAT);
        check_silent(b"verbosity noreply", 0);
    }

    #[test]
    fn words_are_handed_on_trimmed() {
        check_request(b"stats", &Request::Stats { words: b"" });
        check_request(b"stats  items  ", &Request::Stats { words: b"items" });
        check_request(b"stats detail  on", &Request::Stats { words: b"detail  on" });
        check_request(b"stats reset noreply", &Request::Stats { words: b"reset noreply" });
        check_request(b"shutdown", &Request::Shutdown { words: b"" });
        check_request(b"shutdown graceful", &Request::Shutdown { words: b"graceful" });
        check_request(b"version", &Request::Version);
        check_request(b"version noreply", &Request::Version);
        check_request(b"quit", &Request::Quit);
        check_request(b"quit now", &Request::Quit);
    }

    #[test]
    fn cachedump_has_a_class_and_a_limit() {
        assert_eq!(cachedump_words(b"items 1 2"), None);
        assert_eq!(cachedump_words(b""), None);
        assert_eq!(cachedump_words(b"cachedump 1 2"), Some(Ok((1, 2))));
        assert_eq!(cachedump_words(b"cache  63 0 5"), Some(Ok((63, 0))));
        assert_eq!(cachedump_words(b"cachedump 1"), Some(Err(STATS_CACHEDUMP_BAD_LINE)));
        assert_eq!(cachedump_words(b"cachedump 64 0"), Some(Err(STATS_CACHEDUMP_ILLEGAL_CLASS)));
        assert_eq!(cachedump_words(b"cachedump x 0"), Some(Err(BAD_FORMAT)));
        assert_eq!(cachedump_words(b"cachedump 64 x"), Some(Err(BAD_FORMAT)));
    }

    #[test]
    fn what_is_no_command_is_an_error() {
        check_error(b"foo", ERROR);
        check_error(b"quitx", ERROR);
        check_error(b"GET a", ERROR);
        check_error(b" get a", ERROR);
        check_error(b"get\ta", ERROR);
        check_error(b"foo noreply 1", ERROR);
        check_error(b"config get cluster", ERROR);
        check_error(b"    ", ERROR);
        check_error(b"HTTP/1.1", ERROR);
        check_error(b" quit", ERROR);
        check_silent(b"foo noreply", 0);
        check_silent(b"noreply", 0);
    }

    #[test]
    fn admin_commands_are_found_behind_blanks() {
        check_request(b"  flush_all", &Request::FlushAll { delay: Some(0), noreply: false });
        check_request(b" shutdown graceful", &Request::Shutdown { words: b"graceful" });
        check_error(b" verbosity x", BAD_FORMAT);
    }
}
