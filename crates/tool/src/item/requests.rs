//! Meta commands about one item.

use std::io::Write;

use super::item::Item;
use super::key::{UnsayableKey, encode_key};

/// What a store does with an item that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreMode {
    /// It stays.
    Add,
    /// It is replaced.
    Set,
}

/// Appends the question for all of an item. It does not count as an access (`u`).
pub(crate) fn encode_get(out: &mut Vec<u8>, key: &[u8]) -> Result<(), UnsayableKey> {
    encode(out, "mg ", key, " k f t h l v u")
}

/// Appends the question whether an item is there.
pub(crate) fn encode_probe(out: &mut Vec<u8>, key: &[u8]) -> Result<(), UnsayableKey> {
    encode(out, "mg ", key, " k u")
}

/// Appends the question for an item's cas unique.
pub(crate) fn encode_peek(out: &mut Vec<u8>, key: &[u8]) -> Result<(), UnsayableKey> {
    encode(out, "mg ", key, " k c u")
}

/// Appends the order to mark an item as stale again, unless its cas unique has changed.
pub(crate) fn encode_invalidate(
    out: &mut Vec<u8>,
    key: &[u8],
    cas: u64,
) -> Result<(), UnsayableKey> {
    encode(out, "md ", key, &format!(" I C{cas}"))
}

fn encode(out: &mut Vec<u8>, command: &str, key: &[u8], flags: &str) -> Result<(), UnsayableKey> {
    let begin = out.len();
    out.extend_from_slice(command.as_bytes());
    let base64 = encode_key(out, key, false).inspect_err(|_| out.truncate(begin))?;
    out.extend_from_slice(base64.as_bytes());
    out.extend_from_slice(flags.as_bytes());
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends a store. `more_flags` begin with a blank, or are empty.
pub(crate) fn encode_store(
    out: &mut Vec<u8>,
    item: &Item,
    exptime: u64,
    more_flags: &str,
) -> Result<(), UnsayableKey> {
    let begin = out.len();
    out.extend_from_slice(b"ms ");
    let base64 =
        encode_key(out, &item.key, item.key_in_base64).inspect_err(|_| out.truncate(begin))?;
    let (length, flags) = (item.value.len(), item.flags);
    write!(out, " {length}{base64} T{exptime} F{flags}{more_flags}\r\n")
        .expect("a vector takes all bytes");
    out.extend_from_slice(&item.value);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

impl StoreMode {
    /// The flag of `ms`.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Add => " ME",
            Self::Set => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::item::Ttl;

    fn item(key: &[u8], key_in_base64: bool) -> Item {
        Item {
            key: key.to_vec(),
            key_in_base64,
            value: b"a\r\n".to_vec(),
            flags: u32::MAX,
            ttl: Ttl::Never,
            read_at: Instant::now(),
            idle_seconds: 0,
            was_read: false,
            cas: 0,
        }
    }

    #[test]
    fn requests_are_written() {
        let check = |item: &Item, expected: &str| {
            let mut out = b"before".to_vec();
            let encoded = encode_store(&mut out, item, 9, StoreMode::Add.flag());
            assert_eq!(String::from_utf8(out).unwrap(), format!("before{expected}"));
            assert_eq!(encoded.is_err(), expected.is_empty());
        };
        check(&item(b"key", false), "ms key 3 T9 F4294967295 ME\r\na\r\n\r\n");
        check(&item(b"key", true), "ms a2V5 3 b T9 F4294967295 ME\r\na\r\n\r\n");
        check(&item(b" ", false), "ms IA== 3 b T9 F4294967295 ME\r\na\r\n\r\n");
        check(&item(&[b' '; 250], false), "");
        let mut out = Vec::new();
        encode_get(&mut out, b"a b").unwrap();
        encode_invalidate(&mut out, b"key", 7).unwrap();
        assert_eq!(out, b"mg YSBi b k f t h l v u\r\nmd key I C7\r\n");
    }
}
