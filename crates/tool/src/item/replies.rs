//! Replies to meta commands.

use std::time::Instant;

use super::exptime::Ttl;
use super::item::Item;
use super::key::decode_base64;

/// The head of a reply to `mg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GetReply {
    /// The item, whose value of this many bytes follows.
    Value(usize, Box<Item>),
    /// The item is there, and its value was not asked for.
    Hit(Marks),
    /// `EN`.
    Miss,
    /// The value of this many bytes follows. It is not the item's for good: a client has marked it
    /// as stale, or is about to store it.
    Unfinished(usize, Marks),
    /// An error line of the server.
    Refused,
    /// No reply to `mg` about this key.
    Other,
}

/// Marks of an item that a client is to store again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// `W`: the client that reads this reply is to store it.
    pub(crate) won: bool,
    /// `X` or `Z`: it is stale, or another client stores it.
    pub(crate) unfinished: bool,
    /// The cas unique, if it was asked for.
    pub(crate) cas: u64,
}

impl GetReply {
    /// Reads the line of a reply to a question about `key`. A reply about another key is
    /// [`Self::Other`].
    pub(crate) fn parse(line: &[u8], key: &[u8]) -> Self {
        if line == b"EN" || line.starts_with(b"EN ") {
            return Self::Miss;
        }
        if is_error(line) {
            return Self::Refused;
        }
        parse_found(line, key).unwrap_or(Self::Other)
    }
}

fn parse_found(line: &[u8], key: &[u8]) -> Option<GetReply> {
    let mut words = line.split(|&byte| byte == b' ');
    let length = match words.next()? {
        b"VA" => Some(number(words.next()?)?),
        b"HD" => None,
        _ => return None,
    };
    let mut marks = Marks::default();
    let mut item = Item {
        key: key.to_vec(),
        key_in_base64: false,
        value: Vec::new(),
        flags: 0,
        ttl: Ttl::Never,
        read_at: Instant::now(),
        idle_seconds: 0,
        was_read: false,
        cas: 0,
    };
    let mut word_of_key: &[u8] = b"";
    for word in words {
        let Some((&letter, token)) = word.split_first() else { continue };
        match letter {
            b'k' => word_of_key = token,
            b'b' => item.key_in_base64 = true,
            b'f' => item.flags = number(token)?,
            b't' => item.ttl = ttl(token)?,
            b'h' => item.was_read = token == b"1",
            b'l' => item.idle_seconds = number(token)?,
            b'c' => marks.cas = number(token)?,
            b'W' => marks.won = true,
            b'X' | b'Z' => marks.unfinished = true,
            _ => {}
        }
    }
    let is_of_key = if item.key_in_base64 {
        decode_base64(word_of_key).as_deref() == Some(key)
    } else {
        word_of_key == key
    };
    let unfinished = marks.won || marks.unfinished;
    is_of_key.then_some(match length {
        None => GetReply::Hit(marks),
        Some(length) if unfinished => GetReply::Unfinished(length, marks),
        Some(length) => GetReply::Value(length, Box::new(item)),
    })
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn ttl(token: &[u8]) -> Option<Ttl> {
    match number::<i64>(token)? {
        -1 => Some(Ttl::Never),
        seconds => Some(Ttl::Seconds(seconds.try_into().ok()?)),
    }
}

/// A reply to `ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreReply<'l> {
    Stored,
    /// The item is there already.
    NotStored,
    TooLarge,
    OutOfMemory,
    /// Another error line of the server.
    Refused(&'l [u8]),
    /// No reply to `ms`.
    Other,
}

impl<'l> StoreReply<'l> {
    /// Reads a line.
    pub(crate) fn parse(line: &'l [u8]) -> Self {
        match line {
            b"HD" => Self::Stored,
            b"NS" => Self::NotStored,
            b"SERVER_ERROR object too large for cache" => Self::TooLarge,
            b"SERVER_ERROR out of memory storing object" => Self::OutOfMemory,
            _ if is_error(line) => Self::Refused(line),
            _ => Self::Other,
        }
    }
}

fn is_error(line: &[u8]) -> bool {
    line.starts_with(b"SERVER_ERROR") || line.starts_with(b"CLIENT_ERROR")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is read of a reply about this key.
    fn read(line: &str, key: &[u8]) -> String {
        match GetReply::parse(line.as_bytes(), key) {
            GetReply::Value(length, item) => {
                let Item { key_in_base64, flags, ttl, idle_seconds, was_read, .. } = *item;
                format!("{length} {key_in_base64} {flags} {ttl:?} {idle_seconds} {was_read}")
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn replies_are_read() {
        let check = |line: &str, key: &[u8], expected: &str| {
            assert_eq!(read(line, key), expected, "{line}");
        };
        let all = "VA 3 kfoo f4294967295 t99 h1 l7";
        check(all, b"foo", "3 false 4294967295 Seconds(99) 7 true");
        check("VA 0 kZm9v b f0 t-1 h0 l0", b"foo", "0 true 0 Never 0 false");
        check(all, b"bar", "Other");
        check("VA 3 kfoo f4294967296 t-1", b"foo", "Other");
        check("VA 3 kfoo f1 t-2", b"foo", "Other");
        check("VA x kfoo f1 t-1", b"foo", "Other");
        check("EN kfoo", b"foo", "Miss");
        check("EN", b"foo", "Miss");
        let marks = "won: true, unfinished: true, cas: 5";
        check("HD kx c5 X W", b"x", &format!("Hit(Marks {{ {marks} }})"));
        let marks = "won: false, unfinished: true, cas: 0";
        check("VA 1 kx f0 t29 Z X", b"x", &format!("Unfinished(1, Marks {{ {marks} }})"));
        check("SERVER_ERROR out of memory writing get response", b"x", "Refused");
        check("ERROR", b"x", "Other");
    }

    proptest! {
        #[test]
        fn arbitrary_lines_never_panic(line: Vec<u8>, key: Vec<u8>) {
            let _ = GetReply::parse(&line, &key);
            let _ = GetReply::parse(&[&b"VA "[..], &line].concat(), &key);
        }
    }
}
