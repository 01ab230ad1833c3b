//! Cuts what a server sends into replies to `stats` commands.

use std::fmt;

use super::stat_table::StatTable;
use crate::escaped::visible;
use crate::limits::{LINE_BYTES_MAX, TABLE_BYTES_MAX, TABLE_LINES_MAX, VALUE_BYTES_MAX};

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StatsReply {
    /// `STAT` lines and `END`.
    Table(StatTable),
    /// An error line: the server does not know the topic, or the client may not ask.
    Refused(String),
}

/// What no memcached sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReplyError {
    /// A line is longer than [`LINE_BYTES_MAX`].
    LineTooLong,
    /// A table is longer than [`TABLE_BYTES_MAX`] or [`TABLE_LINES_MAX`].
    TableTooLong,
    /// A value is longer than [`VALUE_BYTES_MAX`].
    ValueTooLong,
    /// No line end follows a value.
    ValueWithoutEnd,
    /// A line is none of a reply to what was asked.
    OtherLine(String),
}

impl ReplyError {
    /// The error of a line that does not belong there.
    pub(crate) fn other_line(line: &[u8]) -> Self {
        let shown = line.get(..OTHER_LINE_BYTES_MAX).unwrap_or(line);
        Self::OtherLine(String::from_utf8_lossy(shown).into_owned())
    }
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong => write!(f, "a line is longer than {LINE_BYTES_MAX} bytes"),
            Self::TableTooLong => f.write_str("a table is too long"),
            Self::ValueTooLong => write!(f, "a value is longer than {VALUE_BYTES_MAX} bytes"),
            Self::ValueWithoutEnd => f.write_str("no line end follows a value"),
            Self::OtherLine(line) => write!(f, "a line begins with \"{}\"", visible(line)),
        }
    }
}

/// Begins of error lines.
const ERRORS: [&[u8]; 3] = [b"ERROR", b"CLIENT_ERROR", b"SERVER_ERROR"];

/// Bytes of a foreign line that an error shows.
const OTHER_LINE_BYTES_MAX: usize = 60;

/// Bytes received, and the table that they belong to.
#[derive(Debug, Default)]
pub(crate) struct ReplyReader {
    /// Received bytes without those of whole lines that were taken.
    received: Vec<u8>,
    table: StatTable,
    table_bytes: usize,
}

impl ReplyReader {
    /// Adds received bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// The next whole reply; `None` if more bytes are needed.
    pub(crate) fn next_reply(&mut self) -> Result<Option<StatsReply>, ReplyError> {
        let mut taken = 0;
        let reply = loop {
            let rest = self.received.get(taken..).unwrap_or_default();
            let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
                break if rest.len() > LINE_BYTES_MAX {
                    Err(ReplyError::LineTooLong)
                } else {
                    Ok(None)
                };
            };
            let line = rest.get(..length).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            taken += length + 1;
            self.table_bytes += length + 1;
            match read_line(line, &mut self.table) {
                Ok(LineKind::Stat) if self.table_is_too_long() => {
                    break Err(ReplyError::TableTooLong);
                }
                Ok(LineKind::Stat) => {}
                Ok(LineKind::End) => {
                    self.table_bytes = 0;
                    break Ok(Some(StatsReply::Table(std::mem::take(&mut self.table))));
                }
                Ok(LineKind::Refusal(text)) => {
                    self.table_bytes = 0;
                    self.table = StatTable::default();
                    break Ok(Some(StatsReply::Refused(text)));
                }
                Err(error) => break Err(error),
            }
        };
        self.received.drain(..taken);
        reply
    }

    fn table_is_too_long(&self) -> bool {
        self.table_bytes > TABLE_BYTES_MAX || self.table.len() > TABLE_LINES_MAX
    }
}

enum LineKind {
    Stat,
    End,
    Refusal(String),
}

fn read_line(line: &[u8], table: &mut StatTable) -> Result<LineKind, ReplyError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(ReplyError::LineTooLong);
    }
    if line == b"END" {
        return Ok(LineKind::End);
    }
    if let Some(stat) = line.strip_prefix(b"STAT ") {
        let stat = String::from_utf8_lossy(stat);
        let (name, value) = stat.split_once(' ').unwrap_or((&stat, ""));
        table.insert(name.to_owned(), value.to_owned());
        return Ok(LineKind::Stat);
    }
    let word = line.split(|&byte| byte == b' ').next().unwrap_or_default();
    if ERRORS.contains(&word) {
        return Ok(LineKind::Refusal(String::from_utf8_lossy(line).into_owned()));
    }
    Err(ReplyError::other_line(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All replies in these bytes, however they are cut.
    fn replies(bytes: &[u8]) -> Result<Vec<StatsReply>, ReplyError> {
        let read = |piece_bytes: usize| {
            let mut reader = ReplyReader::default();
            let mut replies = Vec::new();
            for piece in bytes.chunks(piece_bytes) {
                reader.push(piece);
                while let Some(reply) = reader.next_reply()? {
                    replies.push(reply);
                }
            }
            Ok(replies)
        };
        let whole = read(bytes.len());
        let piece_bytes = if bytes.len() < 10_000 { 1 } else { 1000 };
        assert_eq!(whole, read(piece_bytes), "cut into pieces");
        whole
    }

    fn names(replies: &[StatsReply]) -> Vec<String> {
        let name = |reply: &StatsReply| match reply {
            StatsReply::Table(table) => {
                let value = |name| table.text(name).unwrap_or("none").to_owned();
                format!("{} {}", value("a"), value("b"))
            }
            StatsReply::Refused(text) => text.clone(),
        };
        replies.iter().map(name).collect()
    }

    #[test]
    fn replies_are_cut_at_their_ends() {
        let check = |bytes: &[u8], expected: &[&str]| {
            assert_eq!(names(&replies(bytes).unwrap()), expected, "{}", bytes.escape_ascii());
        };
        check(b"STAT a 1\r\nEND\r\nSTAT b 2 3\r\nEND\r\n", &["1 none", "none 2 3"]);
        check(b"STAT a 1\r\nEN", &[]);
        check(b"ERROR\r\nSTAT b\r\nEND\r\n", &["ERROR", "none "]);
        check(b"CLIENT_ERROR x y\nEND\n", &["CLIENT_ERROR x y", "none none"]);
        check(b"STAT a END\r\nSTAT b \xff\r\nEND\r\n", &["END \u{fffd}"]);
    }

    #[test]
    fn what_no_memcached_sends_is_an_error() {
        let check = |bytes: &[u8], expected: ReplyError| {
            assert_eq!(replies(bytes), Err(expected), "{} bytes", bytes.len());
        };
        check(b"HTTP/1.1 400\r\n", ReplyError::OtherLine("HTTP/1.1 400".into()));
        check(b"\x15\x03\x01\0\x02\n", ReplyError::OtherLine("\x15\x03\x01\0\x02".into()));
        check(&[b'x'; LINE_BYTES_MAX + 2], ReplyError::LineTooLong);
        let line = [b"STAT ".to_vec(), vec![b'x'; LINE_BYTES_MAX], b"\r\n".to_vec()].concat();
        check(&line, ReplyError::LineTooLong);
        let many: Vec<String> =
            (0..=TABLE_LINES_MAX).map(|it| format!("STAT {it} 1\r\n")).collect();
        check(many.concat().as_bytes(), ReplyError::TableTooLong);
        let same = format!("STAT a {}\r\n", "1".repeat(4000)).repeat(TABLE_BYTES_MAX / 4000);
        check(same.as_bytes(), ReplyError::TableTooLong);
    }
}
