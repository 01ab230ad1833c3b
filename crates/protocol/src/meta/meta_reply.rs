//! The replies to meta commands: `<status>[ <flag>]*`, with the flags in the order of the request.

use alloc::vec::Vec;

use crate::MetaFlags;
use crate::requests::meta_flags::{LetterSet, next_flag};
use crate::text::encode::VALUE_END;
use crate::words::base64::encode_base64;
use crate::words::decimal::{Tail, short_digits};

/// Flags that a reply shows.
const SHOWN: LetterSet = LetterSet::of(b"Okcstfhl");

/// Bytes reserved for a reply beside its flags: the status with a length, numbers, marks.
const REPLY_BYTES_EXPECTED: usize = 96;

/// The status of a meta command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaStatus {
    /// `HD`, or `VA` if a value follows.
    Done,
    /// `EN`: `mg` found no item.
    Miss,
    /// `NF`: the item does not exist.
    NotFound,
    /// `NS`: a condition of `ms` did not hold.
    NotStored,
    /// `EX`: the item has another cas unique.
    Exists,
}

/// The value that follows a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaValue<'a> {
    /// No value.
    None,
    /// An item's value.
    Bytes(&'a [u8]),
    /// The number that `ma` stored.
    Number(u64),
    /// The length of a value, which the caller appends with [`VALUE_END`](crate::VALUE_END).
    Elsewhere(usize),
}

/// The facts of an item that a reply can show. A fact that is `None` is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ItemFacts {
    /// Cas unique.
    pub cas: Option<u64>,
    /// Bytes of the value.
    pub value_bytes: Option<usize>,
    /// Seconds left to live; -1: the item never expires.
    pub ttl: Option<i64>,
    /// Client flags.
    pub client_flags: Option<u32>,
    /// True if the item was read before.
    pub fetched: Option<bool>,
    /// Seconds since the access before.
    pub idle: Option<u32>,
    /// The item was marked stale.
    pub stale: bool,
    /// Another reader was asked to fetch the value.
    pub claimed: bool,
    /// This reader is asked to fetch the value.
    pub won: bool,
}

/// The reply to a meta command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaReply<'a> {
    /// The status.
    pub status: MetaStatus,
    /// The flags of the request.
    pub flags: MetaFlags<'a>,
    /// Key of the item, not encoded.
    pub key: &'a [u8],
    /// True if the flag `k` shows the key in base64.
    pub key_is_encoded: bool,
    /// The facts of the item.
    pub facts: ItemFacts,
    /// The value that follows.
    pub value: MetaValue<'a>,
}

/// Appends the reply to an `mg` that asks only for the value, if the value is short. Else appends
/// nothing and returns false.
#[inline]
pub fn encode_short_meta_value(out: &mut Vec<u8>, flags: MetaFlags<'_>, value: &[u8]) -> bool {
    if flags.has_any(SHOWN) || !flags.has(b'v') {
        return false;
    }
    let Some((line, len)) = short_line(value.len()) else { return false };
    out.reserve(line.len().saturating_add(value.len()).saturating_add(VALUE_END.len()));
    out.extend_from_slice(&line);
    out.truncate(out.len().saturating_sub(line.len()).saturating_add(len));
    out.extend_from_slice(value);
    out.extend_from_slice(VALUE_END);
    true
}

/// `VA <value_len>` and CRLF, with their length, if the number is short.
#[inline]
fn short_line(value_len: usize) -> Option<([u8; 16], usize)> {
    let (digits, count) = short_digits(value_len)?;
    let start = u128::from(u32::from_le_bytes(*b"VA \0"));
    let line_end = u64::from(u16::from_le_bytes(*b"\r\n")).wrapping_shl(count.wrapping_mul(8));
    let line = start | u128::from(u64::from(digits) | line_end) << 24;
    Some((line.to_le_bytes(), count.wrapping_add(5) as usize))
}

impl<'a> MetaReply<'a> {
    /// A reply without facts of an item.
    pub fn new(status: MetaStatus, flags: MetaFlags<'a>, key: &'a [u8]) -> Self {
        let facts = ItemFacts::default();
        let key_is_encoded = flags.has(b'b');
        Self { status, flags, key, key_is_encoded, facts, value: MetaValue::None }
    }

    /// Bytes of the item's value that follow the line.
    pub fn value_bytes(&self) -> usize {
        match self.value {
            MetaValue::Bytes(value) => value.len(),
            MetaValue::Elsewhere(bytes) => bytes,
            MetaValue::None | MetaValue::Number(_) => 0,
        }
    }

    /// The line of a reply whose value is sent separately.
    pub fn value_elsewhere(&self) -> Vec<u8> {
        let mut line = Vec::new();
        Self { value: MetaValue::Elsewhere(self.value_bytes()), ..*self }.encode(&mut line);
        line
    }

    /// Appends the reply, without a value that is elsewhere. `out` grows at most once if keys and
    /// numbers have common lengths.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let copied = if let MetaValue::Bytes(value) = self.value { value.len() } else { 0 };
        let fixed = REPLY_BYTES_EXPECTED.saturating_add(self.key.len());
        out.reserve(fixed.saturating_add(self.flags.text().len()).saturating_add(copied));
        let status: &[u8; 2] = match self.status {
            MetaStatus::Done => b"HD",
            MetaStatus::Miss => b"EN",
            MetaStatus::NotFound => b"NF",
            MetaStatus::NotStored => b"NS",
            MetaStatus::Exists => b"EX",
        };
        let mut start = Tail::new();
        match self.value {
            MetaValue::None => start.prepend(*status),
            value => {
                start.prepend_number(match value {
                    MetaValue::Number(number) => digits(number),
                    _ => self.value_bytes() as u64,
                });
                start.prepend(*b"VA ");
            }
        }
        out.extend_from_slice(start.as_bytes());
        if self.flags.has_any(SHOWN) {
            self.encode_flags(out);
        }
        let ItemFacts { stale, claimed, won, .. } = self.facts;
        if stale || claimed || won {
            self.encode_marks(out);
        }
        out.extend_from_slice(b"\r\n");
        match self.value {
            MetaValue::Bytes(value) => {
                out.extend_from_slice(value);
                out.extend_from_slice(VALUE_END);
            }
            MetaValue::Number(number) => crate::encode_number(out, number),
            MetaValue::None | MetaValue::Elsewhere(_) => {}
        }
    }

    fn encode_flags(&self, out: &mut Vec<u8>) {
        let facts = &self.facts;
        let mut rest = self.flags.text();
        while let Some(word) = next_flag(&mut rest) {
            let shown = match word.first() {
                Some(b'O') => {
                    out.extend_from_slice(b" ");
                    out.extend_from_slice(word);
                    continue;
                }
                Some(b'k') => {
                    self.encode_key(out);
                    continue;
                }
                Some(b't') if facts.ttl == Some(-1) => {
                    out.extend_from_slice(b" t-1");
                    continue;
                }
                Some(b'c') => (b'c', facts.cas),
                Some(b's') => (b's', facts.value_bytes.map(|bytes| bytes as u64)),
                Some(b't') => (b't', facts.ttl.map(i64::cast_unsigned)),
                Some(b'f') => (b'f', facts.client_flags.map(u64::from)),
                Some(b'h') => (b'h', facts.fetched.map(u64::from)),
                Some(b'l') => (b'l', facts.idle.map(u64::from)),
                _ => continue,
            };
            let (letter, Some(number)) = shown else { continue };
            let mut tail = Tail::new();
            tail.prepend_number(number);
            tail.prepend([b' ', letter]);
            out.extend_from_slice(tail.as_bytes());
        }
    }

    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b" k");
        if encode_key(out, self.key, self.key_is_encoded) {
            out.extend_from_slice(b" b");
        }
    }

    #[cold]
    fn encode_marks(&self, out: &mut Vec<u8>) {
        let ItemFacts { stale, claimed, won, .. } = self.facts;
        for (mark, text) in [(claimed, b" Z"), (stale, b" X"), (won, b" W")] {
            if mark {
                out.extend_from_slice(text);
            }
        }
    }
}

/// Appends a key, in base64 if that was asked for or the key has a blank or a line end. Returns
/// true for base64. memcached shows such keys as they are, and clients cannot parse the reply.
fn encode_key(out: &mut Vec<u8>, key: &[u8], is_encoded: bool) -> bool {
    let is_encoded = is_encoded || memchr::memchr2(b' ', b'\n', key).is_some();
    if is_encoded {
        encode_base64(out, key);
    } else {
        out.extend_from_slice(key);
    }
    is_encoded
}

/// The number of digits of `number`.
fn digits(number: u64) -> u64 {
    u64::from(number.checked_ilog10().unwrap_or(0)).saturating_add(1)
}

/// Appends the reply to `me`: `size` in bytes, the number of the slab class, and all facts but the
/// client flags.
pub fn encode_meta_debug(
    out: &mut Vec<u8>,
    key: &[u8],
    key_is_encoded: bool,
    facts: &ItemFacts,
    slab_class: usize,
    size: usize,
) {
    out.extend_from_slice(b"ME ");
    encode_key(out, key, key_is_encoded);
    let ttl = facts.ttl.unwrap_or(-1);
    let (la, cas) = (facts.idle.unwrap_or(0), facts.cas.unwrap_or(0));
    let fetch = if facts.fetched == Some(true) { "yes" } else { "no" };
    crate::text::encode::encode_text(
        out,
        format_args!(" exp={ttl} la={la} cas={cas} fetch={fetch} cls={slab_class} size={size}\r\n"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reply: &MetaReply<'_>, expected: &str) {
        let mut out = b">".to_vec();
        reply.encode(&mut out);
        assert_eq!(out, [b">", expected.as_bytes()].concat());
    }

    fn reply(status: MetaStatus, flags: &[u8]) -> MetaReply<'_> {
        MetaReply::new(status, MetaFlags::from_validated(flags), b"foo")
    }

    #[test]
    fn a_miss_echoes_and_tells_nothing() {
        check(&reply(MetaStatus::Miss, b""), "EN\r\n");
        check(&reply(MetaStatus::NotFound, b" s t v f h l c k O"), "NF kfoo O\r\n");
        check(&reply(MetaStatus::NotStored, b"  Oab\tc   k b"), "NS Oab\tc kZm9v b\r\n");
        check(&reply(MetaStatus::Exists, b" b"), "EX\r\n");
    }

    #[test]
    fn flags_come_in_the_order_asked_for() {
        let facts = ItemFacts {
            cas: Some(u64::MAX),
            value_bytes: Some(2),
            ttl: Some(4_294_967_234),
            client_flags: Some(7),
            fetched: Some(true),
            idle: Some(30),
            ..ItemFacts::default()
        };
        let hit = MetaReply { facts, ..reply(MetaStatus::Done, b" l h f t s c k T5 v") };
        check(&hit, "HD l30 h1 f7 t4294967234 s2 c18446744073709551615 kfoo\r\n");
        let hit = MetaReply { value: MetaValue::Bytes(b"hi"), ..hit };
        check(&hit, "VA 2 l30 h1 f7 t4294967234 s2 c18446744073709551615 kfoo\r\nhi\r\n");
        let facts = ItemFacts { ttl: Some(-1), ..facts };
        let hit = MetaReply { facts, flags: MetaFlags::from_validated(b"t"), ..hit };
        check(&MetaReply { value: MetaValue::Bytes(b""), ..hit }, "VA 0 t-1\r\n\r\n");
        check(&MetaReply { value: MetaValue::Elsewhere(1_000_000), ..hit }, "VA 1000000 t-1\r\n");
        check(&MetaReply { value: MetaValue::Number(0), ..hit }, "VA 1 t-1\r\n0\r\n");
        check(&MetaReply { value: MetaValue::Number(100), ..hit }, "VA 3 t-1\r\n100\r\n");
    }

    #[test]
    fn short_values_are_encoded_as_others() {
        for bytes in [0, 1, 9, 10, 100, 1234, 9999] {
            let value = alloc::vec![b'v'; bytes];
            let flags = MetaFlags::from_validated(b" v q");
            let expected =
                MetaReply { value: MetaValue::Bytes(&value), ..reply(MetaStatus::Done, b" v q") };
            let (mut out, mut whole) = (b">".to_vec(), b">".to_vec());
            assert!(encode_short_meta_value(&mut out, flags, &value));
            expected.encode(&mut whole);
            assert_eq!(out, whole);
        }
        let mut out = Vec::new();
        for (flags, bytes) in [(&b" v s"[..], 5), (b" q", 5), (b" v", 10_000)] {
            let flags = MetaFlags::from_validated(flags);
            assert!(!encode_short_meta_value(&mut out, flags, &alloc::vec![b'v'; bytes]));
        }
        assert!(out.is_empty());
    }

    #[test]
    fn marks_stand_last() {
        let marked = |stale, claimed, won| {
            let facts = ItemFacts { stale, claimed, won, ..ItemFacts::default() };
            MetaReply { facts, ..reply(MetaStatus::Done, b" k") }
        };
        check(&marked(true, false, true), "HD kfoo X W\r\n");
        check(&marked(true, true, false), "HD kfoo Z X\r\n");
        check(&marked(false, false, true), "HD kfoo W\r\n");
    }

    #[test]
    fn a_key_that_would_break_the_line_is_encoded() {
        let key = |key| MetaReply { key, ..reply(MetaStatus::Done, b" k") };
        check(&key(b"a b"), "HD kYSBi b\r\n");
        check(&key(b"a\nb"), "HD kYQpi b\r\n");
        check(&key(b"a\tb"), "HD ka\tb\r\n");
    }

    #[test]
    fn the_debug_line() {
        let mut out = Vec::new();
        let facts = ItemFacts { idle: Some(3), cas: Some(9), ..ItemFacts::default() };
        encode_meta_debug(&mut out, b"foo", true, &facts, 4, 60);
        assert_eq!(out, b"ME Zm9v exp=-1 la=3 cas=9 fetch=no cls=4 size=60\r\n");
    }
}
