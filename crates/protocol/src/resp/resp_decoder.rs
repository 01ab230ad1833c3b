//! Decodes the input of a connection that speaks RESP.

use alloc::vec::Vec;

use crate::resp::inline_line::split_into_bulks;
use crate::resp::resp_error::RespError;
use crate::resp::single_resp_get::single_resp_get;
use crate::words::integers::strict_64;
use crate::words::limits::{
    RESP_COMMAND_BYTES_MAX, RESP_LINE_BYTES_MAX, RESP_LOGIN_WORD_BYTES_MAX, RESP_LOGIN_WORDS_MAX,
    RESP_WORD_BYTES_MAX, RESP_WORDS_MAX,
};
use crate::words::resp_words::RespWords;

/// The start of the input, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RespDecoded<'a> {
    /// The command is incomplete. Keep the input, and decode again once more bytes follow.
    NeedMore,
    /// These bytes are done with, and have no reply: an empty line, an empty list, or a part of a
    /// command that is too long. Decode what follows them.
    Skip(usize),
    /// A whole command.
    Command {
        /// Its words.
        words: RespWords<'a>,
        /// Bytes of the command.
        consumed: usize,
    },
    /// A whole inline command. [`inline_words`] splits it into words.
    Inline {
        /// The line, without its end.
        line: &'a [u8],
        /// Bytes of the line.
        consumed: usize,
    },
    /// A word of a command, or the whole of it, was too long. It is read to its end, and these are
    /// the last of its bytes. The connection goes on.
    TooLong(usize),
    /// The input is no command. The connection is closed after the reply.
    Error(RespError),
}

/// What a connection may send.
#[derive(Clone, Copy, Debug)]
pub struct RespLimits {
    /// Longest word, in bytes: the largest value.
    pub word_bytes_max: usize,
    /// Whether the client has logged in, if it must.
    pub is_logged_in: bool,
}

/// The decoder of one connection. Of a command that arrives in parts it remembers how far it was
/// checked, so each byte is looked at once.
#[derive(Debug, Default)]
pub struct RespDecoder {
    /// The command under way.
    command: Partial,
}

/// How far a command was read.
#[derive(Debug, Default)]
struct Partial {
    /// Its words; 0 between commands.
    words: usize,
    /// Those that were not seen whole.
    words_left: usize,
    /// Byte of the input at which its first word begins.
    words_at: usize,
    /// Byte at which the first word begins that was not seen whole.
    checked: usize,
    /// Bytes that have no end of the line that is looked for.
    scanned: usize,
    /// Whether it is too long, and its words are dropped as they come.
    is_refused: bool,
    /// Bytes of a dropped word that are still to come.
    unread: usize,
}

/// A line, and the byte behind it.
type LineEnd<'a> = (&'a [u8], usize);

impl RespDecoder {
    /// A decoder for a new connection.
    pub const fn new() -> Self {
        let command = Partial {
            words: 0,
            words_left: 0,
            words_at: 0,
            checked: 0,
            scanned: 0,
            is_refused: false,
            unread: 0,
        };
        Self { command }
    }

    /// Restarts after decoded commands that were not executed: they will be decoded again.
    pub fn restart(&mut self) {
        debug_assert!(!self.command.is_refused, "the words of a long command were consumed");
        *self = Self::new();
    }

    /// What is left of a command that is too long and dropped: words, and bytes of the word under
    /// way. `None`: no such command is under way.
    pub fn dropped(&self) -> Option<(usize, usize)> {
        self.command.is_refused.then_some((self.command.words_left, self.command.unread))
    }

    /// A decoder that goes on with what [`Self::dropped`] has returned.
    pub fn dropping(words_left: usize, unread: usize) -> Self {
        // The number of all its words is not needed any more.
        let words = words_left.saturating_add(1);
        let command = Partial { words, words_left, unread, is_refused: true, ..Partial::default() };
        Self { command }
    }

    /// True between commands, also if the start of one was seen.
    pub const fn is_at_command(&self) -> bool {
        !self.command.is_refused
    }

    /// As [`single_resp_get`], at the start of `input`. `None` also if a part of a command was
    /// decoded: [`Self::decode`] goes on with it.
    #[inline]
    pub fn single_get<'a>(&self, input: &'a [u8]) -> Option<(&'a [u8], usize)> {
        let is_at_start = self.command.words | self.command.scanned == 0;
        if is_at_start { single_resp_get(input) } else { None }
    }

    /// Decodes the start of `input`, the connection's unconsumed bytes. After
    /// [`RespDecoded::NeedMore`] the next call must see the same bytes and more after them;
    /// otherwise the bytes that follow those that were consumed.
    pub fn decode<'a>(&mut self, input: &'a [u8], limits: RespLimits) -> RespDecoded<'a> {
        if self.command.words == 0 {
            let found = match input.first() {
                None => return RespDecoded::NeedMore,
                Some(b'*') => self.command.begin(input, limits),
                Some(_) => return self.decode_inline(input),
            };
            if let Err(decoded) = found {
                return decoded;
            }
        }
        if self.command.is_refused {
            return self.command.drop_words(input);
        }
        match self.command.check_words(input, limits) {
            Ok(decoded) | Err(decoded) => decoded,
        }
    }

    fn decode_inline<'a>(&mut self, input: &'a [u8]) -> RespDecoded<'a> {
        let scanned = self.command.scanned;
        let unseen = input.get(scanned..).unwrap_or_default();
        let Some(found) = memchr::memchr(b'\n', unseen) else {
            self.command.scanned = input.len();
            let is_long = input.len() > RESP_LINE_BYTES_MAX;
            return if is_long { error(RespError::LongInlineLine) } else { RespDecoded::NeedMore };
        };
        self.command.scanned = 0;
        let end = scanned.saturating_add(found);
        let line = input.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        RespDecoded::Inline { line, consumed: end.saturating_add(1) }
    }
}

/// Splits an inline command into words, as bulk strings in `out`. `None`: there are no words, and
/// there is no reply.
pub fn inline_words<'a>(
    line: &[u8],
    out: &'a mut Vec<u8>,
) -> Result<Option<RespWords<'a>>, RespError> {
    out.clear();
    match split_into_bulks(line, out) {
        None => Err(RespError::UnbalancedQuotes),
        Some(0) => Ok(None),
        Some(count) => Ok(Some(RespWords::new(out, count))),
    }
}

fn error<'a>(error: RespError) -> RespDecoded<'a> {
    RespDecoded::Error(error)
}

impl Partial {
    /// Reads how many words the command has. `Err`: there is none to go on with.
    fn begin<'a>(&mut self, input: &[u8], limits: RespLimits) -> Result<(), RespDecoded<'a>> {
        let (number, end) = self.line(input, 0, RespError::LongCountLine)?;
        let count = strict_64(number).ok_or(error(RespError::InvalidWordCount))?;
        if count <= 0 {
            return Err(RespDecoded::Skip(end));
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > RESP_WORDS_MAX {
            return Err(error(RespError::InvalidWordCount));
        }
        if count > RESP_LOGIN_WORDS_MAX && !limits.is_logged_in {
            return Err(error(RespError::WordsBeforeLogin));
        }
        *self = Self { words: count, words_left: count, words_at: end, checked: end, ..*self };
        Ok(())
    }

    /// Looks for the end of the line that begins at `start`, and returns what is behind its first
    /// byte.
    fn line<'i, 'a>(
        &mut self,
        input: &'i [u8],
        start: usize,
        too_long: RespError,
    ) -> Result<LineEnd<'i>, RespDecoded<'a>> {
        let unseen = input.get(start.max(self.scanned)..).unwrap_or_default();
        let begin = input.len().saturating_sub(unseen.len());
        let end = memchr::memchr(b'\r', unseen).map(|found| begin.saturating_add(found));
        // The byte after the CR belongs to the line, whatever it is.
        let Some(end) = end.filter(|end| end.saturating_add(1) < input.len()) else {
            // A CR at the end is looked for again.
            self.scanned = end.unwrap_or(input.len());
            let is_long = input.len().saturating_sub(start) > RESP_LINE_BYTES_MAX;
            return Err(if is_long { error(too_long) } else { RespDecoded::NeedMore });
        };
        self.scanned = 0;
        let line = input.get(start.saturating_add(1)..end).unwrap_or_default();
        Ok((line, end.saturating_add(2)))
    }

    /// Reads the length of the word that begins at `start`. Returns it, and where its bytes begin.
    fn word_length<'a>(
        &mut self,
        input: &[u8],
        start: usize,
    ) -> Result<(usize, usize), RespDecoded<'a>> {
        let (number, begin) = self.line(input, start, RespError::LongLengthLine)?;
        match input.get(start) {
            Some(b'$') => {}
            other => return Err(error(RespError::NoWord(other.copied().unwrap_or_default()))),
        }
        let length = strict_64(number).and_then(|number| usize::try_from(number).ok());
        let length = length.filter(|length| *length <= RESP_WORD_BYTES_MAX);
        Ok((length.ok_or(error(RespError::InvalidWordLength))?, begin))
    }

    /// Goes on to the end of the command.
    fn check_words<'a>(
        &mut self,
        input: &'a [u8],
        limits: RespLimits,
    ) -> Result<RespDecoded<'a>, RespDecoded<'a>> {
        while self.words_left > 0 {
            let (length, begin) = self.word_length(input, self.checked)?;
            if length > RESP_LOGIN_WORD_BYTES_MAX && !limits.is_logged_in {
                return Err(error(RespError::WordLengthBeforeLogin));
            }
            let command_bytes = begin.saturating_add(length);
            if length > limits.word_bytes_max
                || command_bytes.saturating_sub(limits.word_bytes_max) > RESP_COMMAND_BYTES_MAX
            {
                self.refuse(length);
                return Ok(RespDecoded::Skip(begin));
            }
            let end = command_bytes.saturating_add(2);
            if input.len() < end {
                return Ok(RespDecoded::NeedMore);
            }
            self.checked = end;
            self.words_left = self.words_left.saturating_sub(1);
        }
        let (consumed, count) = (self.checked, self.words);
        let bulks = input.get(self.words_at..consumed).unwrap_or_default();
        *self = Self::default();
        Ok(RespDecoded::Command { words: RespWords::new(bulks, count), consumed })
    }

    /// Drops the command from a word of this length on.
    fn refuse(&mut self, length: usize) {
        self.is_refused = true;
        self.unread = length.saturating_add(2);
        self.words_left = self.words_left.saturating_sub(1);
    }

    /// Drops the words of a command that is too long.
    fn drop_words<'a>(&mut self, input: &[u8]) -> RespDecoded<'a> {
        let mut done = 0_usize;
        loop {
            let left = input.len().saturating_sub(done);
            let dropped = self.unread.min(left);
            self.unread = self.unread.saturating_sub(dropped);
            done = done.saturating_add(dropped);
            if self.unread == 0 && self.words_left == 0 {
                *self = Self::default();
                return RespDecoded::TooLong(done);
            }
            let length = if self.unread > 0 {
                Err(RespDecoded::NeedMore)
            } else {
                self.word_length(input, done)
            };
            match length {
                Ok((length, begin)) => {
                    done = begin;
                    self.refuse(length);
                }
                Err(RespDecoded::NeedMore) if done > 0 => {
                    // The line is searched again from its start.
                    self.scanned = 0;
                    return RespDecoded::Skip(done);
                }
                Err(decoded) => return decoded,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    const LIMITS: RespLimits = RespLimits { word_bytes_max: 1 << 20, is_logged_in: true };

    fn shown(words: RespWords<'_>) -> String {
        let words: Vec<String> = words.map(|word| word.escape_ascii().to_string()).collect();
        words.join(" ")
    }

    fn text_of(error: RespError) -> String {
        let mut reply = Vec::new();
        error.encode(&mut reply);
        String::from_utf8_lossy(&reply).trim_end().to_string()
    }

    /// What an input is decoded to: commands as words with blanks between them, and errors.
    fn decoded(parts: &[&[u8]], limits: RespLimits) -> Vec<String> {
        let (mut decoder, mut input, mut found) = (RespDecoder::new(), Vec::new(), Vec::new());
        for part in parts {
            input.extend_from_slice(part);
            loop {
                let consumed = match decoder.decode(&input, limits) {
                    RespDecoded::NeedMore => break,
                    RespDecoded::Skip(consumed) => consumed,
                    RespDecoded::TooLong(consumed) => {
                        found.push(String::from("too long"));
                        consumed
                    }
                    RespDecoded::Command { words, consumed } => {
                        assert_eq!(words.len(), words.clone().count());
                        found.push(shown(words));
                        consumed
                    }
                    RespDecoded::Inline { line, consumed } => {
                        let mut bulks = Vec::new();
                        match inline_words(line, &mut bulks) {
                            Ok(Some(words)) => found.push(shown(words)),
                            Ok(None) => {}
                            Err(error) => {
                                found.push(text_of(error));
                                return found;
                            }
                        }
                        consumed
                    }
                    RespDecoded::Error(error) => {
                        found.push(text_of(error));
                        return found;
                    }
                };
                assert!(consumed > 0, "it goes on");
                input.drain(..consumed);
            }
        }
        found
    }

    fn check(input: &[u8], expected: &[&str]) {
        assert_eq!(decoded(&[input], LIMITS), expected, "{}", input.escape_ascii());
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(decoded(&bytes, LIMITS), expected, "{} by bytes", input.escape_ascii());
    }

    #[test]
    fn commands() {
        check(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", &["GET k"]);
        check(b"*1\r\n$0\r\n\r\n*1\r\n$2\r\n\r\n\r\n", &["", r"\r\n"]);
        check(b"*0\r\n*-1\r\n*-10\r\n\r\n\n*1\r\n$4\r\nPING\r\n", &["PING"]);
        // The byte after the CR, and those after a word, are not looked at.
        check(b"*1\rx$1\rxayy*1\r\n$1\r\nb\r\n", &["a", "b"]);
        check(b"*2\r\n$3\r\nGET\r\n", &[]);
    }

    #[test]
    fn inline_commands() {
        check(b"PING\r\nget  k \nset k 'a b'\r\n", &["PING", "get k", "set k a b"]);
        check(br#"set k "\x41\n\"\q" 'it\'s \n'"#, &[]);
        check(b"set k \"\\x41\\n\\\"\\q\\xzz\" 'it\\'s \\n'\n", &[r#"set k A\n\"qxzz it\'s \\n"#]);
        check(b"get \"\"\n", &["get "]);
        check(b"get a\"b c\"\n", &["get ab c"]);
        for line in [&b"get \"a\n"[..], b"get 'a\n", b"get \"a\"b\n", b"get 'a'b\n"] {
            check(line, &["-ERR Protocol error: unbalanced quotes in request"]);
        }
    }

    #[test]
    fn what_is_no_command() {
        let check = |input: &[u8], text: &str| {
            check(input, &[&alloc::format!("-ERR Protocol error: {text}")]);
        };
        for count in ["x", "", "+1", "01", "-0", "1048577", "99999999999999999999"] {
            check(alloc::format!("*{count}\r\n").as_bytes(), "invalid multibulk length");
        }
        for length in ["x", "", "+1", "01", "-1", "536870913"] {
            check(alloc::format!("*1\r\n${length}\r\n").as_bytes(), "invalid bulk length");
        }
        check(b"*1\r\nabc\r\n", "expected '$', got 'a'");
        check(b"*2\r\n$1\r\na\r\n*1\r\n", "expected '$', got '*'");
        let long = |start: &[u8]| [start, &vec![b'1'; RESP_LINE_BYTES_MAX + 1][..]].concat();
        check(&long(b"*"), "too big mbulk count string");
        check(&long(b"*1\r\n$"), "too big bulk count string");
        check(&long(b"get "), "too big inline request");
    }

    #[test]
    fn before_the_login() {
        let check = |input: &[u8], expected: &str| {
            let limits = RespLimits { is_logged_in: false, ..LIMITS };
            assert_eq!(decoded(&[input], limits), [expected]);
        };
        check(b"*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n", "AUTH p");
        check(b"*11\r\n", "-ERR Protocol error: unauthenticated multibulk length");
        check(b"*1\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length");
    }

    /// A value over the limit is read and refused, and the connection goes on.
    #[test]
    fn long_words_are_dropped() {
        let limits = RespLimits { word_bytes_max: 10, ..LIMITS };
        let input = b"*3\r\n$3\r\nset\r\n$11\r\n01234567890\r\n$1\r\nv\r\n*1\r\n$1\r\na\r\n";
        assert_eq!(decoded(&[input], limits), ["too long", "a"]);
        for at in 0..input.len() {
            let (head, tail) = input.split_at(at);
            assert_eq!(decoded(&[head, tail], limits), ["too long", "a"], "cut at {at}");
        }
    }

    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".to_vec()),
            Just(b"*1\r\n$12\r\n0123456789ab\r\n".to_vec()),
            Just(b"set a 'b c'\r\n".to_vec()),
            Just(b"*1\r\n".to_vec()),
            Just(b"$3\r\n".to_vec()),
            prop::collection::vec(prop::sample::select(b"*$-019\r\n \"'a".to_vec()), 0..12),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// Any bytes, cut anywhere, decode to the same. Nothing panics.
        #[test]
        fn splits_change_nothing(
            input in pieces(),
            cuts in prop::collection::vec(0..100_usize, 0..6),
        ) {
            let limits = RespLimits { word_bytes_max: 10, ..LIMITS };
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
            cuts.extend([0, input.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|cut| &input[cut[0]..cut[1]]).collect();
            prop_assert_eq!(decoded(&parts, limits), decoded(&[&input], limits));
        }
    }
}
