//! The lines of dumps: `lru_crawler metadump` and `mgdump`, and `stats cachedump`.

use alloc::vec::Vec;

use crate::DumpFormat;
use crate::text::encode::{END, encode_text};
use crate::words::base64::encode_base64;

/// The facts of one item that dumps show.
#[derive(Clone, Copy, Debug)]
pub struct DumpedItem<'a> {
    /// 1 to 250 bytes.
    pub key: &'a [u8],
    /// The key was sent in base64.
    pub key_is_encoded: bool,
    /// Bytes of the value.
    pub value_bytes: usize,
    /// Unix second at which the item dies; `None`: never.
    pub exptime: Option<u64>,
    /// Unix second of the last access.
    pub accessed: u64,
    /// Cas unique; 0 if the item has none.
    pub cas: u64,
    /// A read has found the item.
    pub fetched: bool,
    /// Slab class, from 1.
    pub class: usize,
    /// Bytes of memory that the item needs.
    pub total_bytes: usize,
    /// Client flags.
    pub flags: u32,
}

/// Appends the line of an item, or nothing if the format cannot show its key.
pub fn encode_dump_line(out: &mut Vec<u8>, format: DumpFormat, item: &DumpedItem<'_>) {
    match format {
        DumpFormat::Meta => encode_meta(out, item),
        DumpFormat::Requests => {
            out.extend_from_slice(b"mg ");
            if item.key_is_encoded {
                encode_base64(out, item.key);
                out.extend_from_slice(b" b");
            } else {
                out.extend_from_slice(item.key);
            }
            out.extend_from_slice(b"\r\n");
        }
        DumpFormat::Cache if item.key_is_encoded => {}
        DumpFormat::Cache => {
            out.extend_from_slice(b"ITEM ");
            out.extend_from_slice(item.key);
            let (bytes, exptime) = (item.value_bytes, item.exptime.unwrap_or(0));
            encode_text(out, format_args!(" [{bytes} b; {exptime} s]\r\n"));
        }
    }
}

/// Appends the line of `metadump`. Like in memcached, it ends with a blank and a bare LF.
fn encode_meta(out: &mut Vec<u8>, item: &DumpedItem<'_>) {
    out.extend_from_slice(b"key=");
    encode_uri(out, item.key);
    out.extend_from_slice(b" exp=");
    match item.exptime {
        Some(second) => encode_text(out, format_args!("{second}")),
        None => out.extend_from_slice(b"-1"),
    }
    let &DumpedItem { accessed, cas, class, total_bytes, flags, .. } = item;
    let fetched = if item.fetched { "yes" } else { "no" };
    let head = format_args!(" la={accessed} cas={cas} fetch={fetched} cls={class}");
    encode_text(out, head);
    encode_text(out, format_args!(" size={total_bytes} flags={flags} \n"));
}

/// The line after the last item.
pub const fn dump_end(format: DumpFormat) -> &'static [u8] {
    match format {
        DumpFormat::Meta | DumpFormat::Cache => END,
        DumpFormat::Requests => b"EN\r\n",
    }
}

/// Appends `bytes`; all but letters, digits and `-._~` become `%` and two hexadecimal digits.
pub(crate) fn encode_uri(out: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            encode_text(out, format_args!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: DumpedItem<'static> = DumpedItem {
        key: b"a%\x01-b~",
        key_is_encoded: false,
        value_bytes: 3,
        exptime: Some(1_700_000_100),
        accessed: 1_700_000_000,
        cas: 7,
        fetched: true,
        class: 2,
        total_bytes: 21,
        flags: 5,
    };

    fn check(format: DumpFormat, item: &DumpedItem<'_>, expected: &[u8]) {
        let mut out = Vec::new();
        encode_dump_line(&mut out, format, item);
        assert_eq!(out, expected);
    }

    #[test]
    fn metadump_shows_everything() {
        let line = b"key=a%25%01-b~ exp=1700000100 la=1700000000 cas=7 fetch=yes cls=2 size=21 \
            flags=5 \n";
        check(DumpFormat::Meta, &ITEM, line);
        let item = DumpedItem { exptime: None, fetched: false, cas: 0, ..ITEM };
        let line = b"key=a%25%01-b~ exp=-1 la=1700000000 cas=0 fetch=no cls=2 size=21 flags=5 \n";
        check(DumpFormat::Meta, &item, line);
    }

    #[test]
    fn mgdump_is_to_be_sent_back() {
        check(DumpFormat::Requests, &ITEM, b"mg a%\x01-b~\r\n");
        let item = DumpedItem { key: b"foo", key_is_encoded: true, ..ITEM };
        check(DumpFormat::Requests, &item, b"mg Zm9v b\r\n");
    }

    #[test]
    fn cachedump_leaves_encoded_keys_out() {
        check(DumpFormat::Cache, &ITEM, b"ITEM a%\x01-b~ [3 b; 1700000100 s]\r\n");
        check(DumpFormat::Cache, &DumpedItem { key_is_encoded: true, ..ITEM }, b"");
        let item = DumpedItem { exptime: None, ..ITEM };
        check(DumpFormat::Cache, &item, b"ITEM a%\x01-b~ [3 b; 0 s]\r\n");
    }
}
