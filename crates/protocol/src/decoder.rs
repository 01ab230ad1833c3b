//! Decodes the input of a connection.

use crate::binary::binary_decoder;
use crate::binary::binary_header::REQUEST_MAGIC;
use crate::meta::meta_lines;
use crate::text::line::Line;
use crate::text::{
    get_lines, key_lines, login_line, server_command_lines, stats_lines, store_lines,
    unknown_lines, watch_line,
};
use crate::words::error_lines::BAD_FORMAT;
use crate::words::limits::{
    GET_LEADING_BLANKS_MAX, GET_LINE_BYTES_MAX, LINE_BYTES_MAX, LINE_BYTES_MIN,
};
use crate::words::line_words::{skip_blanks, split_at_blank};
use crate::{Decoded, Request, Verb};

/// The decoder of one connection.
///
/// It keeps no bytes, only how far it has searched an incomplete line.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    protocol: Protocol,
    /// Bytes of the incomplete line that have no LF. So a line that arrives byte by byte is
    /// searched once, not once for each byte.
    scanned: usize,
}

/// The protocol of a connection. It does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Not yet known. The first byte decides: binary if it is the magic of a request, else text.
    #[default]
    Auto,
    /// Classic and meta commands.
    Text,
    /// The binary protocol.
    Binary,
    /// Redis' dialect. [`RespDecoder`](crate::RespDecoder) decodes it.
    Resp,
}

impl Decoder {
    /// A decoder for a new connection.
    pub const fn new() -> Self {
        Self::of(Protocol::Auto)
    }

    /// A decoder for a connection that may speak only this protocol.
    pub const fn of(protocol: Protocol) -> Self {
        Self { protocol, scanned: 0 }
    }

    /// The protocol of the connection; [`Protocol::Auto`] before its first byte.
    #[inline]
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Restarts after decoded requests that were not executed: they will be decoded again.
    pub fn restart(&mut self) {
        self.scanned = 0;
    }

    /// Decodes the start of `input`, the connection's unconsumed bytes, which begin with the first
    /// byte of a request. After [`Decoded::NeedMore`] the next call must see the same bytes and
    /// more after them; otherwise the bytes that follow the consumed and swallowed ones.
    #[inline]
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Decoded<'a> {
        if self.protocol == Protocol::Text {
            return self.decode_text(input);
        }
        self.decode_any(input)
    }

    #[inline]
    fn decode_text<'a>(&mut self, input: &'a [u8]) -> Decoded<'a> {
        debug_assert!(self.scanned <= input.len(), "pending input went missing");
        let unseen = input.get(self.scanned..).unwrap_or_default();
        let Some(found) = memchr::memchr(b'\n', unseen) else {
            return self.no_line_yet(input);
        };
        let line_bytes = self.scanned.saturating_add(found);
        self.scanned = 0;
        decode_line(input.get(..line_bytes).unwrap_or_default(), line_bytes.saturating_add(1))
    }

    /// As [`Self::decode`], before the login: a line of text must be a login.
    pub fn decode_before_login<'a>(&mut self, input: &'a [u8]) -> Decoded<'a> {
        if self.protocol == Protocol::Binary {
            return self.decode_any(input);
        }
        let line_end = memchr::memchr(b'\n', input);
        let line = line_end.and_then(|end| input.get(..end));
        match line {
            Some(text) => login_line::decode(text, text.len().saturating_add(1)),
            None if input.len() > LINE_BYTES_MAX => Decoded::Close,
            None => Decoded::NeedMore,
        }
    }

    /// Decodes a connection that does not speak text for certain. Its first byte decides the
    /// protocol.
    #[inline(never)]
    fn decode_any<'a>(&mut self, input: &'a [u8]) -> Decoded<'a> {
        if self.protocol == Protocol::Auto {
            match input.first() {
                None => return Decoded::NeedMore,
                Some(&REQUEST_MAGIC) => self.protocol = Protocol::Binary,
                Some(_) => self.protocol = Protocol::Text,
            }
        }
        match self.protocol {
            Protocol::Binary => binary_decoder::decode(input),
            Protocol::Auto | Protocol::Text => self.decode_text(input),
            Protocol::Resp => Decoded::NeedMore,
        }
    }

    /// Waits for the LF of a line, within the limits.
    fn no_line_yet<'a>(&mut self, input: &[u8]) -> Decoded<'a> {
        if input.len() > LINE_BYTES_MAX && !may_be_long_get(input) {
            return Decoded::Close;
        }
        self.scanned = input.len();
        Decoded::NeedMore
    }
}

/// True if a line without LF may still grow, because it may be a long `get`.
#[cold]
fn may_be_long_get(input: &[u8]) -> bool {
    let text = skip_blanks(input);
    let blanks = input.len().saturating_sub(text.len());
    blanks <= GET_LEADING_BLANKS_MAX
        && input.len() <= GET_LINE_BYTES_MAX
        && (text.starts_with(b"get ") || text.starts_with(b"gets "))
}

/// Decodes `text`, a line without its LF. With the LF it has `consumed` bytes.
#[inline]
fn decode_line(text: &[u8], consumed: usize) -> Decoded<'_> {
    if consumed < LINE_BYTES_MIN {
        return Line::new(&[], consumed).error(BAD_FORMAT);
    }
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    // The most frequent commands are found by one comparison of four bytes. The fourth is the blank
    // after the word, which belongs to the words that follow.
    if let Some((start, _)) = text.split_first_chunk::<4>() {
        let line = || Line::new(text.get(3..).unwrap_or_default(), consumed);
        match start {
            b"get " => return get_lines::get(line(), false),
            b"set " => return store_lines::store(line(), Verb::Set),
            [b'm', b'g', b' ', _] => {
                return meta_lines::get(Line::new(text.get(2..).unwrap_or_default(), consumed));
            }
            _ => {}
        }
    }
    decode_command(text, consumed)
}

/// Decodes a line by its first word, which is empty if the line begins with a blank.
fn decode_command(text: &[u8], consumed: usize) -> Decoded<'_> {
    let (word, words) = split_at_blank(text);
    let line = Line::new(words, consumed);
    match word {
        b"get" => get_lines::get(line, false),
        b"gets" => get_lines::get(line, true),
        b"set" => store_lines::store(line, Verb::Set),
        b"add" => store_lines::store(line, Verb::Add),
        b"cas" => store_lines::store(line, Verb::Cas),
        b"incr" => key_lines::arithmetic(line, true),
        b"decr" => key_lines::arithmetic(line, false),
        b"delete" => key_lines::delete(line),
        b"touch" => key_lines::touch(line),
        b"gat" => get_lines::gat(line, false),
        b"gats" => get_lines::gat(line, true),
        b"replace" => store_lines::store(line, Verb::Replace),
        b"append" => store_lines::store(line, Verb::Append),
        b"prepend" => store_lines::store(line, Verb::Prepend),
        b"mg" => meta_lines::get(line),
        b"ms" => meta_lines::store(line),
        b"md" => meta_lines::delete(line),
        b"ma" => meta_lines::arithmetic(line),
        b"mn" => line.request(Request::MetaNoop),
        b"me" => meta_lines::debug(line),
        b"stats" => stats_lines::stats(line),
        b"version" => line.request(Request::Version),
        b"quit" => line.request(Request::Quit),
        b"watch" => watch_line::watch(line),
        b"" => {
            let (word, words) = split_at_blank(skip_blanks(text));
            decode_admin_command(word, Line::new(words, consumed))
        }
        _ => decode_admin_command(word, line),
    }
}

/// Decodes the commands that memcached also accepts after leading blanks.
fn decode_admin_command<'a>(word: &'a [u8], line: Line<'a>) -> Decoded<'a> {
    match word {
        b"verbosity" => server_command_lines::verbosity(line),
        b"flush_all" => server_command_lines::flush_all(line),
        b"shutdown" => server_command_lines::shutdown(line),
        b"lru_crawler" => server_command_lines::lru_crawler(line),
        b"slabs" => server_command_lines::slabs(line),
        b"lru" => server_command_lines::lru(line),
        b"cache_memlimit" => server_command_lines::cache_memlimit(line),
        b"extstore" => server_command_lines::extstore(line),
        b"refresh_certs" => server_command_lines::refresh_certs(line),
        b"snapshot" => server_command_lines::snapshot(line),
        _ => unknown_lines::unknown(word, line),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::StoreRequest;
    use crate::words::error_lines::ERROR;
    use alloc::vec::Vec;

    /// Decodes `text` with each line end, and calls `judge` with the result and the length of the
    /// line.
    fn decode_both(text: &[u8], judge: impl Fn(Decoded<'_>, usize)) {
        for line_end in [&b"\r\n"[..], b"\n"] {
            let input = [text, line_end, b"get next\r\n"].concat();
            judge(Decoder::new().decode(&input), text.len() + line_end.len());
        }
    }

    pub(crate) fn check_request(text: &[u8], expected: &Request<'_>) {
        decode_both(text, |decoded, consumed| {
            assert_eq!(decoded, Decoded::Request { request: expected.clone(), consumed });
        });
    }

    pub(crate) fn check_store(text: &[u8], expected: StoreRequest<'_>) {
        decode_both(text, |decoded, consumed| {
            assert_eq!(decoded, Decoded::Store { store: expected, consumed });
        });
    }

    pub(crate) fn check_error(text: &[u8], expected: &'static [u8]) {
        check_swallow(text, expected, 0);
    }

    pub(crate) fn check_swallow(text: &[u8], expected: &'static [u8], swallow: u64) {
        decode_both(text, |decoded, consumed| {
            assert_eq!(
                decoded,
                Decoded::Error { reply: Some(expected), consumed, swallow },
                "{text:?}"
            );
        });
    }

    pub(crate) fn check_silent(text: &[u8], swallow: u64) {
        decode_both(text, |decoded, consumed| {
            assert_eq!(decoded, Decoded::Error { reply: None, consumed, swallow }, "{text:?}");
        });
    }

    fn check(input: &[u8], expected: &Decoded<'_>) {
        assert_eq!(&Decoder::new().decode(input), expected, "{} bytes", input.len());
    }

    #[test]
    fn a_line_of_fewer_than_four_bytes_is_no_command() {
        let error = |reply, consumed| Decoded::Error { reply: Some(reply), consumed, swallow: 0 };
        check(b"\n", &error(BAD_FORMAT, 1));
        check(b"\r\n", &error(BAD_FORMAT, 2));
        check(b"a\r\n", &error(BAD_FORMAT, 3));
        check(b"ab\n", &error(BAD_FORMAT, 3));
        check(b"ab\r\n", &error(ERROR, 4));
        check(b"abc\n", &error(ERROR, 4));
    }

    #[test]
    fn one_carriage_return_belongs_to_the_line_end() {
        let input = b"get a\r\r\n";
        let decoded = Decoder::new().decode(input);
        let Decoded::Request { request: Request::Get(get), consumed: 8 } = decoded else {
            panic!("{decoded:?}");
        };
        assert_eq!(get.keys.collect::<Vec<_>>(), [b"a\r"]);
    }

    #[test]
    fn browsers_are_closed_on() {
        check(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &Decoded::Close);
        check(b"POST /x HTTP/1.0  \n", &Decoded::Close);
        check(b"HTTP/1.1\r\n", &Decoded::Error { reply: Some(ERROR), consumed: 10, swallow: 0 });
        check(b"GET HTTP/ a\r\n", &Decoded::Error { reply: Some(ERROR), consumed: 13, swallow: 0 });
    }

    #[test]
    fn only_a_get_may_grow_over_the_line_limit() {
        let pending = |start: &str, bytes: usize| {
            let mut line = start.as_bytes().to_vec();
            line.resize(bytes, b' ');
            Decoder::new().decode(&line) == Decoded::NeedMore
        };
        for start in ["incr", "gat 0 ", "gat", "get", "gets", "mg ", "getsx ", ""] {
            assert!(pending(start, LINE_BYTES_MAX), "{start:?}");
        }
        for start in ["incr", "gat 0 ", "mg ", "getsx ", "set k ", ""] {
            assert!(!pending(start, LINE_BYTES_MAX + 1), "{start:?}");
        }
        for start in ["get", "get k", "gets", "gets k", " get k"] {
            assert!(pending(start, LINE_BYTES_MAX + 1), "{start:?}");
            // An interpreter takes a minute for each line of this length.
            if !cfg!(miri) {
                assert!(pending(start, GET_LINE_BYTES_MAX), "{start:?}");
                assert!(!pending(start, GET_LINE_BYTES_MAX + 1), "{start:?}");
            }
        }
        let blanks = " ".repeat(GET_LEADING_BLANKS_MAX);
        assert!(pending(&(blanks.clone() + "get "), LINE_BYTES_MAX + 1));
        assert!(!pending(&(blanks + " get "), LINE_BYTES_MAX + 1));
    }

    #[test]
    fn a_long_line_that_is_whole_is_decoded() {
        let mut input = b"version ".to_vec();
        input.resize(LINE_BYTES_MAX * 4, b'x');
        input.push(b'\n');
        let consumed = input.len();
        check(&input, &Decoded::Request { request: Request::Version, consumed });
    }

    #[test]
    fn pending_bytes_are_searched_once() {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.decode(b"versi"), Decoded::NeedMore);
        assert_eq!(decoder.scanned, 5);
        assert_eq!(decoder.decode(b"version\r"), Decoded::NeedMore);
        assert_eq!(decoder.scanned, 8);
        let decoded = decoder.decode(b"version\r\nget a\r\n");
        assert_eq!(decoded, Decoded::Request { request: Request::Version, consumed: 9 });
        assert_eq!(decoder.scanned, 0);
    }
}
