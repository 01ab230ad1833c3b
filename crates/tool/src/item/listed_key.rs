//! The lines of `lru_crawler metadump`.

use super::key::decode_percent;
use crate::limits::KEY_BYTES_MAX;

/// A key that a server had when it listed its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedKey {
    pub(crate) key: Vec<u8>,
    /// Bytes of memory that the item needs. 0 if the server does not say it.
    pub(crate) bytes: u64,
    /// Cas unique; 0 if the item has none.
    pub(crate) cas: u64,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListLine {
    Key(ListedKey),
    /// `OK`, before the first key. Servers before 1.6.45 leave it out.
    Begin,
    /// `END`, after the last key.
    End,
    /// The server does not list its keys, or not now.
    Other,
}

impl ListLine {
    /// Reads a line without its end.
    pub(crate) fn parse(line: &[u8]) -> Self {
        match line {
            b"OK" => Self::Begin,
            b"END" => Self::End,
            _ => parse_key(line).map_or(Self::Other, Self::Key),
        }
    }
}

fn parse_key(line: &[u8]) -> Option<ListedKey> {
    let mut words = line.split(|&byte| byte == b' ');
    let key = decode_percent(words.next()?.strip_prefix(b"key=")?)?;
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return None;
    }
    let mut listed = ListedKey { key, bytes: 0, cas: 0 };
    for word in words {
        if let Some(number) = word.strip_prefix(b"size=") {
            listed.bytes = parse_number(number)?;
        } else if let Some(number) = word.strip_prefix(b"cas=") {
            listed.cas = parse_number(number)?;
        }
    }
    Some(listed)
}

fn parse_number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let check = |line: &str, expected: ListLine| {
            assert_eq!(ListLine::parse(line.as_bytes()), expected, "{line}");
        };
        let key = |key: &str, bytes, cas| {
            ListLine::Key(ListedKey { key: key.as_bytes().to_vec(), bytes, cas })
        };
        let all = "key=a%20b exp=-1 la=1700000000 cas=7 fetch=no cls=1 size=71 flags=4294967295 ";
        check(all, key("a b", 71, 7));
        check("key=a exp=5 la=1 cas=0 fetch=yes cls=2 size=60", key("a", 60, 0));
        check("key=a", key("a", 0, 0));
        check("OK", ListLine::Begin);
        check("END", ListLine::End);
        check("BUSY currently processing crawler request", ListLine::Other);
        check("key= exp=-1", ListLine::Other);
        check("key=a size=x", ListLine::Other);
        check(&format!("key={} size=1", "k".repeat(251)), ListLine::Other);
    }
}
