//! The replies of a server as a sequence, and in a form in which two servers can be compared.

use std::collections::BTreeMap;

use crate::wire::meta_replies;

/// One reply line, a VALUE line together with its data block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// A line with its end.
    Line(&'a [u8]),
    /// The hit of a meta command whose value follows.
    MetaValue {
        /// The line with its end.
        line: &'a [u8],
        /// The value with its line end.
        block: &'a [u8],
    },
    /// A hit.
    Value {
        /// The key.
        key: &'a [u8],
        /// The client flags as they were written.
        flags: &'a [u8],
        /// The cas unique, when the command asks for it.
        cas_unique: Option<&'a [u8]>,
        /// The value without its line end.
        value: &'a [u8],
    },
}

impl Reply<'_> {
    /// Whether this is the reply to `version`, which tests use as a fence.
    pub fn is_version(&self) -> bool {
        matches!(self, Reply::Line(line) if line.starts_with(b"VERSION "))
    }
}

/// The first reply in `bytes` and its length, or `None` if it is incomplete.
pub fn next(bytes: &[u8]) -> Option<(Reply<'_>, usize)> {
    let line_bytes = bytes.iter().position(|&byte| byte == b'\n')? + 1;
    let line = &bytes[..line_bytes];
    if let Some(value_bytes) = meta_replies::value_bytes(line) {
        let block = bytes.get(line_bytes..line_bytes + value_bytes + 2)?;
        return Some((Reply::MetaValue { line, block }, line_bytes + block.len()));
    }
    let Some(ValueLine { key, flags, value_bytes, cas_unique }) = ValueLine::parse(line) else {
        return Some((Reply::Line(line), line_bytes));
    };
    let length = line_bytes + value_bytes + 2;
    let value = bytes.get(line_bytes..line_bytes + value_bytes)?;
    (bytes.len() >= length).then_some((Reply::Value { key, flags, cas_unique, value }, length))
}

/// The line `VALUE <key> <flags> <bytes>[ <cas unique>]`.
struct ValueLine<'a> {
    key: &'a [u8],
    flags: &'a [u8],
    value_bytes: usize,
    cas_unique: Option<&'a [u8]>,
}

impl<'a> ValueLine<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let words = line.strip_prefix(b"VALUE ")?.strip_suffix(b"\r\n")?;
        let mut words = words.split(|&byte| byte == b' ');
        let (key, flags, bytes) = (words.next()?, words.next()?, words.next()?);
        let value_bytes = std::str::from_utf8(bytes).ok()?.parse().ok()?;
        Some(Self { key, flags, value_bytes, cas_unique: words.next() })
    }
}

/// Removes what two servers may answer differently. Cas uniques become their order of appearance,
/// and the version is dropped. All other bytes stay.
#[derive(Debug, Default)]
pub struct Normaliser {
    order_of_cas: BTreeMap<Vec<u8>, usize>,
    cas_of_key: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Normaliser {
    /// Starts with no cas unique seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// The comparable form of these replies. An incomplete reply at the end stays unchanged.
    pub fn normalise(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut form = Vec::with_capacity(bytes.len());
        while let Some((reply, length)) = next(bytes) {
            match reply {
                Reply::Value { key, flags, cas_unique: Some(cas), value } => {
                    let order = self.order(cas);
                    self.cas_of_key.insert(key.to_vec(), cas.to_vec());
                    for part in [&b"VALUE "[..], key, b" ", flags] {
                        form.extend_from_slice(part);
                    }
                    form.extend_from_slice(format!(" {} cas#{order}\r\n", value.len()).as_bytes());
                    form.extend_from_slice(&bytes[length - value.len() - 2..length]);
                }
                Reply::MetaValue { line, block } => {
                    form.extend(self.meta_form(line));
                    form.extend_from_slice(block);
                }
                reply if reply.is_version() => form.extend_from_slice(b"VERSION *\r\n"),
                Reply::Line(line) => form.extend(self.meta_form(line)),
                Reply::Value { .. } => form.extend_from_slice(&bytes[..length]),
            }
            bytes = &bytes[length..];
        }
        form.extend_from_slice(bytes);
        form
    }

    /// The comparable form of a meta reply line; other lines stay unchanged.
    fn meta_form(&mut self, line: &[u8]) -> Vec<u8> {
        meta_replies::form(line, |cas| self.order(cas)).unwrap_or_else(|| line.to_vec())
    }

    fn order(&mut self, cas: &[u8]) -> usize {
        let next = self.order_of_cas.len() + 1;
        *self.order_of_cas.entry(cas.to_vec()).or_insert(next)
    }

    /// The cas unique that was last seen with this key, in the server's own number.
    pub fn cas_of(&self, key: &[u8]) -> Option<&[u8]> {
        self.cas_of_key.get(key).map(Vec::as_slice)
    }
}

/// Bytes for people: escaped, and without the middle of long ones.
pub fn shown(bytes: &[u8]) -> String {
    const SIDE_BYTES: usize = 300;
    if bytes.len() <= 2 * SIDE_BYTES {
        return format!("\"{}\"", bytes.escape_ascii());
    }
    let left_out = bytes.len() - 2 * SIDE_BYTES;
    let (head, tail) = (&bytes[..SIDE_BYTES], &bytes[bytes.len() - SIDE_BYTES..]);
    format!("\"{}\" ..{left_out} bytes.. \"{}\"", head.escape_ascii(), tail.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(replies: &[u8], form: &[u8]) {
        assert_eq!(shown(&Normaliser::new().normalise(replies)), shown(form));
    }

    #[test]
    fn cas_uniques_become_their_order() {
        check(
            b"VALUE a 0 1 70\r\nx\r\nVALUE b 0 1 9\r\ny\r\nVALUE a 0 1 70\r\nx\r\nEND\r\n",
            b"VALUE a 0 1 cas#1\r\nx\r\nVALUE b 0 1 cas#2\r\ny\r\n\
              VALUE a 0 1 cas#1\r\nx\r\nEND\r\n",
        );
    }

    #[test]
    fn a_value_may_look_like_replies() {
        let value = b"END\r\nVERSION 1";
        let expected = Reply::Value { key: b"a", flags: b"0", cas_unique: None, value };
        let replies = b"VALUE a 0 14\r\nEND\r\nVERSION 1\r\nEND\r\n";
        assert_eq!(next(replies), Some((expected, 30)));
        check(replies, replies);
    }

    #[test]
    fn a_cut_reply_is_no_reply_yet() {
        let replies = b"VALUE a 0 3\r\nxyz\r\n";
        for length in 0..replies.len() {
            assert_eq!(next(&replies[..length]), None);
        }
        assert!(next(replies).is_some());
    }

    #[test]
    fn the_version_is_dropped() {
        check(b"OK\r\nVERSION 1.6.38\r\nERROR\r\n", b"OK\r\nVERSION *\r\nERROR\r\n");
    }
}
