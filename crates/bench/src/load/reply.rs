//! Checks every byte of every reply.

use crate::load::item_format::ItemFormat;
use crate::load::request_batch::RequestKind;

/// The state of one reply after the bytes received so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reply {
    /// Correct so far, but incomplete.
    Incomplete,
    /// Correct and complete.
    Complete {
        /// Its length.
        bytes: usize,
        /// Number of keys found or stored. The request's other keys were missed or refused.
        hits: usize,
    },
    /// No possible answer to the request.
    Wrong,
}

/// Checks the reply at the start of `input` to a request of this kind for these keys.
#[must_use]
pub fn check(format: &ItemFormat, kind: RequestKind, keys: &[u32], input: &[u8]) -> Reply {
    match kind {
        RequestKind::Get => check_get(format, keys, input),
        RequestKind::MetaGet => check_meta_get(format, keys[0], input),
        RequestKind::BinaryGet => check_binary_get(format, keys[0], input),
        RequestKind::Set => check_set(input),
    }
}

/// The longest possible reply to a request of this kind for this many keys.
#[must_use]
pub fn bytes_max(format: &ItemFormat, kind: RequestKind, keys: usize) -> usize {
    // "VALUE ", " 0 ", a length of at most 20 digits, two line ends.
    let value = 6 + format.key_bytes() + 3 + 20 + 4 + format.value_bytes_max();
    match kind {
        RequestKind::Get => keys * value + b"END\r\n".len(),
        RequestKind::MetaGet | RequestKind::BinaryGet => value + BINARY_HEAD_BYTES,
        RequestKind::Set => REFUSED.len(),
    }
}

/// The reply to a set that found no memory.
const REFUSED: &[u8] = b"SERVER_ERROR out of memory storing object\r\n";

fn check_set(input: &[u8]) -> Reply {
    match check_line(input, b"STORED\r\n", 1) {
        Reply::Wrong => check_line(input, REFUSED, 0),
        other => other,
    }
}

fn check_get(format: &ItemFormat, keys: &[u32], input: &[u8]) -> Reply {
    let mut bytes = 0;
    let mut hits = 0;
    for &key in keys {
        match check_value(format, key, &input[bytes..]) {
            Value::Hit(length) => {
                bytes += length;
                hits += 1;
            }
            Value::Miss => {}
            Value::Incomplete => return Reply::Incomplete,
            Value::Wrong => return Reply::Wrong,
        }
    }
    match check_line(&input[bytes..], b"END\r\n", hits) {
        Reply::Complete { bytes: end, hits } => Reply::Complete { bytes: bytes + end, hits },
        other => other,
    }
}

enum Value {
    Hit(usize),
    /// The next bytes are another key's value, or the end.
    Miss,
    Incomplete,
    Wrong,
}

/// Checks for `VALUE <key> 0 <bytes>`, the value and its line end.
fn check_value(format: &ItemFormat, key: u32, input: &[u8]) -> Value {
    const WORD: &[u8] = b"VALUE ";
    let Some(rest) = input.strip_prefix(WORD) else {
        return if b"END\r\n".starts_with(input) && input.len() < 5 || WORD.starts_with(input) {
            Value::Incomplete
        } else if input.starts_with(b"END\r\n") {
            Value::Miss
        } else {
            Value::Wrong
        };
    };
    let Some((name, rest)) = rest.split_at_checked(format.key_bytes()) else {
        return Value::Incomplete;
    };
    if !format.is_key(name, key) {
        return Value::Miss;
    }
    match check_body(format, key, b" 0 ", rest) {
        Reply::Complete { bytes, .. } => Value::Hit(WORD.len() + name.len() + bytes),
        Reply::Incomplete => Value::Incomplete,
        Reply::Wrong => Value::Wrong,
    }
}

fn check_meta_get(format: &ItemFormat, key: u32, input: &[u8]) -> Reply {
    if input.first() == Some(&b'V') {
        check_body(format, key, b"VA ", input)
    } else {
        check_line(input, b"EN\r\n", 0)
    }
}

/// Bytes of a binary reply's header.
const BINARY_HEAD_BYTES: usize = 24;

/// Checks for a header, the flags and the value. A miss has a text instead.
fn check_binary_get(format: &ItemFormat, key: u32, input: &[u8]) -> Reply {
    let Some((head, body)) = input.split_first_chunk::<BINARY_HEAD_BYTES>() else {
        return Reply::Incomplete;
    };
    let (status, length) =
        (&head[6..8], u32::from_be_bytes([head[8], head[9], head[10], head[11]]));
    let Some(body) = body.get(..length as usize) else { return Reply::Incomplete };
    let bytes = BINARY_HEAD_BYTES + body.len();
    match (head[0], status) {
        (0x81, [0, 0]) if body.get(4..).is_some_and(|value| format.is_value(value, key)) => {
            Reply::Complete { bytes, hits: 1 }
        }
        (0x81, [0, 1]) => Reply::Complete { bytes, hits: 0 },
        _ => Reply::Wrong,
    }
}

/// Checks for `before`, the length of the key's value, a line end, the value, a line end.
fn check_body(format: &ItemFormat, key: u32, before: &[u8], input: &[u8]) -> Reply {
    const LINE_END: &[u8] = b"\r\n";
    let mut at = 0;
    for expected in [before, format.value_bytes_text(key), LINE_END] {
        match check_line(&input[at..], expected, 0) {
            Reply::Complete { bytes, .. } => at += bytes,
            other => return other,
        }
    }
    let end = at + format.value_bytes(key);
    if input.len() < end + LINE_END.len() {
        return Reply::Incomplete;
    }
    if format.is_value(&input[at..end], key) && &input[end..end + 2] == LINE_END {
        Reply::Complete { bytes: end + 2, hits: 1 }
    } else {
        Reply::Wrong
    }
}

/// Checks for exactly this text.
fn check_line(input: &[u8], expected: &[u8], hits: usize) -> Reply {
    if input.starts_with(expected) {
        Reply::Complete { bytes: expected.len(), hits }
    } else if expected.starts_with(input) {
        Reply::Incomplete
    } else {
        Reply::Wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format() -> ItemFormat {
        ItemFormat::new(9, &[10])
    }

    /// The reply is complete with this many hits, and every proper prefix of it is incomplete.
    fn check_complete(kind: RequestKind, keys: &[u32], reply: &str, hits: usize) {
        let whole = format!("{reply}VALUE more");
        let bytes = reply.len();
        let seen = check(&format(), kind, keys, whole.as_bytes());
        assert_eq!(seen, Reply::Complete { bytes, hits }, "{reply:?}");
        assert!(bytes <= bytes_max(&format(), kind, keys.len()));
        for cut in 0..bytes {
            let seen = check(&format(), kind, keys, &reply.as_bytes()[..cut]);
            assert_eq!(seen, Reply::Incomplete, "{:?}", &reply[..cut]);
        }
    }

    #[test]
    fn right_replies_are_counted() {
        let one = "VALUE k00000001 0 10\r\n00000001ij\r\n";
        let two = "VALUE k00000002 0 10\r\n00000002ij\r\n";
        check_complete(RequestKind::Get, &[1], &format!("{one}END\r\n"), 1);
        check_complete(RequestKind::Get, &[1], "END\r\n", 0);
        check_complete(RequestKind::Get, &[1, 2], &format!("{one}{two}END\r\n"), 2);
        check_complete(RequestKind::Get, &[1, 2], &format!("{two}END\r\n"), 1);
        check_complete(RequestKind::Get, &[1, 2], &format!("{one}END\r\n"), 1);
        check_complete(RequestKind::Get, &[1, 1], &format!("{one}{one}END\r\n"), 2);
        check_complete(RequestKind::MetaGet, &[1], "VA 10\r\n00000001ij\r\n", 1);
        check_complete(RequestKind::MetaGet, &[1], "EN\r\n", 0);
        check_complete(RequestKind::Set, &[1], "STORED\r\n", 1);
        check_complete(RequestKind::Set, &[1], "SERVER_ERROR out of memory storing object\r\n", 0);
    }

    #[test]
    fn wrong_replies_are_wrong() {
        let cases = [
            (RequestKind::Get, "VALUE k00000001 0 10\r\n00000002ij\r\nEND\r\n"),
            (RequestKind::Get, "VALUE k00000001 0 9\r\n"),
            (RequestKind::Get, "VALUE k00000001 1 10\r\n"),
            (RequestKind::Get, "VALUE k00000002 0 10\r\n"),
            (RequestKind::Get, "VALUE k00000001 0 10\r\n00000001ijEND\r\n"),
            (RequestKind::Get, "STORED\r\n"),
            (RequestKind::Get, "SERVER_ERROR out of memory writing get response\r\n"),
            (RequestKind::MetaGet, "VA 10\r\n00000001iX\r\n"),
            (RequestKind::MetaGet, "HD\r\n"),
            (RequestKind::Set, "SERVER_ERROR object too large for cache\r\n"),
        ];
        for (kind, reply) in cases {
            assert_eq!(check(&format(), kind, &[1], reply.as_bytes()), Reply::Wrong, "{reply:?}");
        }
    }
}
