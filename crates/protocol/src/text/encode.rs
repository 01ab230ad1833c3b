//! Encodes values, numbers and statistics.

use alloc::vec::Vec;
use core::fmt::{self, Display, Write};

use crate::words::decimal::{TAIL_BYTES_MAX, Tail, short_digits};

/// The bytes after a value.
pub const VALUE_END: &[u8] = b"\r\n";
/// [`VALUE_END`] and [`END`] together.
pub const VALUE_END_AND_END: &[u8] = b"\r\nEND\r\n";
/// The last line of a retrieval, and of statistics.
pub const END: &[u8] = b"END\r\n";

const VALUE: &[u8] = b"VALUE ";

/// Appends `VALUE <key> <flags> <value_len>[ <cas>]` and CRLF. The caller appends the value and
/// [`VALUE_END`].
#[inline]
pub fn encode_value_header(
    out: &mut Vec<u8>,
    key: &[u8],
    flags: u32,
    value_len: usize,
    cas: Option<u64>,
) {
    out.reserve(VALUE.len().saturating_add(key.len()).saturating_add(TAIL_BYTES_MAX));
    append_value_header(out, key, flags, value_len, cas);
}

/// Appends the header of a value to an `out` that has room for it.
#[expect(clippy::inline_always, reason = "a call costs a tenth of it, and most replies have it")]
#[inline(always)]
fn append_value_header(
    out: &mut Vec<u8>,
    key: &[u8],
    flags: u32,
    value_len: usize,
    cas: Option<u64>,
) {
    out.extend_from_slice(VALUE);
    out.extend_from_slice(key);
    if cas.is_none()
        && let Some((tail, len)) = short_tail(flags, value_len)
    {
        // A copy of fixed length is a few moves. The surplus is cut off.
        let end = out.len().saturating_add(len);
        out.extend_from_slice(&tail);
        out.truncate(end);
        return;
    }
    out.extend_from_slice(header_tail(flags, value_len, cas).as_bytes());
}

/// Appends a whole value: header, bytes and `end`, which is [`VALUE_END`] or
/// [`VALUE_END_AND_END`]. `out` grows at most once.
#[inline]
pub fn encode_value(
    out: &mut Vec<u8>,
    key: &[u8],
    flags: u32,
    cas: Option<u64>,
    value: &[u8],
    end: &'static [u8],
) {
    let fixed = VALUE.len().saturating_add(TAIL_BYTES_MAX).saturating_add(end.len());
    out.reserve(fixed.saturating_add(key.len()).saturating_add(value.len()));
    append_value_header(out, key, flags, value.len(), cas);
    out.extend_from_slice(value);
    out.extend_from_slice(end);
}

/// Appends the reply to `incr` and `decr`: the digits and CRLF.
#[inline]
pub fn encode_number(out: &mut Vec<u8>, n: u64) {
    let mut tail = Tail::new();
    tail.prepend(*b"\r\n");
    tail.prepend_number(n);
    out.extend_from_slice(tail.as_bytes());
}

/// Appends `STAT <name> <value>` and CRLF. Neither may be empty, because clients expect three
/// words.
pub fn encode_stat(out: &mut Vec<u8>, name: impl Display, value: impl Display) {
    encode_text(out, format_args!("STAT {name} {value}\r\n"));
    debug_assert!(!out.ends_with(b" \r\n"), "a statistic without a value");
}

/// Appends formatted text.
pub(crate) fn encode_text(out: &mut Vec<u8>, text: fmt::Arguments<'_>) {
    // Only a Display that fails returns an error here. The text before it is kept.
    let _ = Appender(out).write_fmt(text);
}

/// ` <flags> <value_len>` and CRLF, with their length, if both numbers are short.
#[inline]
fn short_tail(flags: u32, value_len: usize) -> Option<([u8; 16], usize)> {
    const LINE_END: u64 = u16::from_le_bytes(*b"\r\n") as u64;
    if flags > 9 {
        return None;
    }
    let (digits, count) = short_digits(value_len)?;
    let flags = u32::from_le_bytes(*b" 0 \0").wrapping_add(flags << 8);
    let after = u64::from(digits) | LINE_END.wrapping_shl(count.wrapping_mul(8));
    let tail = u128::from(flags) | u128::from(after) << 24;
    Some((tail.to_le_bytes(), count.wrapping_add(5) as usize))
}

/// ` <flags> <value_len>[ <cas>]` and CRLF, built from the end.
#[inline]
fn header_tail(flags: u32, value_len: usize, cas: Option<u64>) -> Tail {
    let mut tail = Tail::new();
    tail.prepend(*b"\r\n");
    if let Some(cas) = cas {
        tail.prepend_number(cas);
        tail.prepend([b' ']);
    }
    tail.prepend_number(value_len as u64);
    tail.prepend([b' ']);
    tail.prepend_number(u64::from(flags));
    tail.prepend([b' ']);
    tail
}

/// Writes formatted text into the output.
struct Appender<'a>(&'a mut Vec<u8>);

impl Write for Appender<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn check(encode: impl Fn(&mut Vec<u8>), expected: &str) {
        let mut out = vec![b'>'];
        encode(&mut out);
        assert_eq!(out, [b">", expected.as_bytes()].concat());
    }

    #[test]
    fn values_carry_flags_length_and_cas() {
        check(|out| encode_value(out, b"k", 0, None, b"hi", VALUE_END), "VALUE k 0 2\r\nhi\r\n");
        check(|out| encode_value(out, b"k", 0, Some(0), b"", VALUE_END), "VALUE k 0 0 0\r\n\r\n");
        check(
            |out| encode_value_header(out, b"k\t", u32::MAX, 1_048_576, Some(u64::MAX)),
            "VALUE k\t 4294967295 1048576 18446744073709551615\r\n",
        );
    }

    #[test]
    fn short_lengths_and_flags_are_written_as_others() {
        for len in [0, 7, 10, 42, 99, 100, 999, 1000, 9999, 10_000, 65_535, 99_999, 100_000] {
            for flags in [0, 5, 9, 10, 11] {
                let expected = alloc::format!("VALUE key {flags} {len}\r\n");
                check(|out| encode_value_header(out, b"key", flags, len, None), &expected);
            }
        }
        let whole = "VALUE k 1 2\r\nhi\r\nEND\r\n";
        check(|out| encode_value(out, b"k", 1, None, b"hi", VALUE_END_AND_END), whole);
    }

    #[test]
    fn a_value_grows_the_output_once() {
        let mut out = Vec::new();
        encode_value(&mut out, &[b'k'; 250], u32::MAX, Some(u64::MAX), &[b'v'; 1000], VALUE_END);
        let capacity = out.capacity();
        out.clear();
        encode_value(&mut out, &[b'k'; 250], u32::MAX, Some(u64::MAX), &[b'v'; 1000], VALUE_END);
        assert_eq!(out.capacity(), capacity);
    }

    #[test]
    fn numbers_and_statistics_are_lines() {
        check(|out| encode_number(out, 0), "0\r\n");
        check(|out| encode_number(out, 1234), "1234\r\n");
        check(|out| encode_stat(out, "threads", 4), "STAT threads 4\r\n");
        check(
            |out| encode_stat(out, format_args!("items:{}:number", 3), "9"),
            "STAT items:3:number 9\r\n",
        );
    }
}
