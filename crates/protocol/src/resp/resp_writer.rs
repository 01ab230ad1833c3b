//! Replies.

use alloc::vec::Vec;

use crate::words::decimal::Tail;
use crate::words::resp_version::RespVersion;

/// Writes a reply, or a part of one, to the end of a buffer.
#[derive(Debug)]
pub struct RespWriter<'a> {
    out: &'a mut Vec<u8>,
    version: RespVersion,
}

impl<'a> RespWriter<'a> {
    /// A writer for a connection with this version.
    pub fn new(out: &'a mut Vec<u8>, version: RespVersion) -> Self {
        Self { out, version }
    }

    /// A status, such as `OK`. The text has no line end.
    pub fn status(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// An error: its class and text, such as `ERR syntax error`. Line ends in it become blanks.
    pub fn error(&mut self, text: &[u8]) {
        self.out.push(b'-');
        let bytes =
            text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte });
        self.out.extend(bytes);
        self.end_line();
    }

    /// An integer.
    pub fn integer(&mut self, number: i64) {
        let sign: &[u8] = if number < 0 { b":-" } else { b":" };
        self.out.extend_from_slice(sign);
        write_number_line(self.out, number.unsigned_abs());
    }

    /// A string of any bytes.
    pub fn bulk(&mut self, bytes: &[u8]) {
        write_bulk(self.out, bytes);
    }

    /// The head of a string of so many bytes. The caller writes these and a CRLF.
    pub fn bulk_head(&mut self, bytes: usize) {
        write_head(self.out, b'$', bytes);
    }

    /// No value.
    pub fn nil(&mut self) {
        self.out.extend_from_slice(match self.version {
            RespVersion::Two => b"$-1\r\n",
            RespVersion::Three => b"_\r\n",
        });
    }

    /// No list, such as the reply to an `EXEC` that was not executed.
    pub fn nil_array(&mut self) {
        self.out.extend_from_slice(match self.version {
            RespVersion::Two => b"*-1\r\n",
            RespVersion::Three => b"_\r\n",
        });
    }

    /// The head of a list of so many replies.
    pub fn array_head(&mut self, len: usize) {
        write_head(self.out, b'*', len);
    }

    /// The head of a map of so many pairs of replies. In RESP2 it is a list.
    pub fn map_head(&mut self, pairs: usize) {
        match self.version {
            RespVersion::Two => self.array_head(pairs.saturating_mul(2)),
            RespVersion::Three => write_head(self.out, b'%', pairs),
        }
    }

    /// The head of a set of so many replies. In RESP2 it is a list.
    pub fn set_head(&mut self, len: usize) {
        match self.version {
            RespVersion::Two => self.array_head(len),
            RespVersion::Three => write_head(self.out, b'~', len),
        }
    }

    /// The head of a message that no command asked for. In RESP2 it is a list.
    pub fn push_head(&mut self, len: usize) {
        match self.version {
            RespVersion::Two => self.array_head(len),
            RespVersion::Three => write_head(self.out, b'>', len),
        }
    }

    /// A text for people. In RESP2 it is a string.
    pub fn verbatim(&mut self, text: &[u8]) {
        const FORMAT: &[u8] = b"txt:";
        match self.version {
            RespVersion::Two => self.bulk(text),
            RespVersion::Three => {
                write_head(self.out, b'=', text.len().saturating_add(FORMAT.len()));
                self.out.extend_from_slice(FORMAT);
                self.out.extend_from_slice(text);
                self.end_line();
            }
        }
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.end_line();
    }

    fn end_line(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// Appends a bulk string, which is the same in all versions.
pub fn write_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    write_head(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn write_head(out: &mut Vec<u8>, kind: u8, number: usize) {
    out.push(kind);
    write_number_line(out, number as u64);
}

fn write_number_line(out: &mut Vec<u8>, number: u64) {
    let mut tail = Tail::new();
    tail.prepend(*b"\r\n");
    tail.prepend_number(number);
    out.extend_from_slice(tail.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(version: RespVersion, write: impl Fn(&mut RespWriter<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut RespWriter::new(&mut out, version));
        out
    }

    #[test]
    fn replies_of_both_versions() {
        let check = |write: &dyn Fn(&mut RespWriter<'_>), two: &str, three: &str| {
            assert_eq!(written(RespVersion::Two, write), two.as_bytes());
            assert_eq!(written(RespVersion::Three, write), three.as_bytes());
        };
        check(&|it| it.status("OK"), "+OK\r\n", "+OK\r\n");
        check(&|it| it.error(b"ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n");
        check(&|it| it.integer(0), ":0\r\n", ":0\r\n");
        let least = ":-9223372036854775808\r\n";
        check(&|it| it.integer(i64::MIN), least, least);
        check(&|it| it.bulk(b"a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n");
        check(&|it| it.bulk_head(12), "$12\r\n", "$12\r\n");
        check(&|it| it.nil(), "$-1\r\n", "_\r\n");
        check(&|it| it.nil_array(), "*-1\r\n", "_\r\n");
        check(&|it| it.array_head(2), "*2\r\n", "*2\r\n");
        check(&|it| it.map_head(7), "*14\r\n", "%7\r\n");
        check(&|it| it.set_head(3), "*3\r\n", "~3\r\n");
        check(&|it| it.push_head(3), "*3\r\n", ">3\r\n");
        check(&|it| it.verbatim(b"abc"), "$3\r\nabc\r\n", "=7\r\ntxt:abc\r\n");
    }
}
