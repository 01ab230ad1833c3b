//! Replies of the binary protocol.

use alloc::vec::Vec;

use crate::binary::binary_header::{BINARY_HEADER_BYTES, ReplyHeader};
use crate::requests::binary_opcode::{GATK, GETK, TOUCH, is_quiet, loud};
use crate::requests::binary_status::BinaryStatus;
use crate::requests::echo::Echo;

/// Bytes of client flags, the only extras a reply has.
const FLAGS_BYTES: u8 = 4;

/// Bytes of a number.
const NUMBER_BYTES: usize = 8;

/// The value at the end of a reply's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryValue<'a> {
    /// Bytes of the value.
    Bytes(&'a [u8]),
    /// A number of eight bytes.
    Number(u64),
    /// The length of a value, which the caller appends.
    Elsewhere(usize),
}

/// A binary reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinaryReply<'a> {
    /// The opcode and opaque number of the request.
    pub echo: Echo,
    /// The status.
    pub status: BinaryStatus,
    /// Cas unique of the item, or 0.
    pub cas: u64,
    /// Client flags, in replies to reads.
    pub flags: Option<u32>,
    /// The key, if the reply repeats it; else empty.
    pub key: &'a [u8],
    /// The value.
    pub value: BinaryValue<'a>,
}

impl<'a> BinaryReply<'a> {
    /// A reply with this status and its text.
    pub const fn new(echo: Echo, status: BinaryStatus) -> Self {
        let value = BinaryValue::Bytes(status.text());
        Self { echo, status, cas: 0, flags: None, key: b"", value }
    }

    /// The reply to a read of `key` that found an item. `touch` returns no value.
    pub const fn hit(echo: Echo, key: &'a [u8], flags: u32, cas: u64, value: &'a [u8]) -> Self {
        let opcode = loud(echo.opcode());
        Self {
            cas,
            flags: Some(flags),
            key: if matches!(opcode, GETK | GATK) { key } else { b"" },
            value: BinaryValue::Bytes(if opcode == TOUCH { b"" } else { value }),
            ..Self::new(echo, BinaryStatus::Done)
        }
    }

    /// The reply to a read of `key` that found nothing. It repeats the key if a hit would, and has
    /// no text then.
    pub const fn miss(echo: Echo, key: &'a [u8]) -> Self {
        let miss = Self::new(echo, BinaryStatus::NotFound);
        match loud(echo.opcode()) {
            GETK | GATK => Self { key, value: BinaryValue::Bytes(b""), ..miss },
            _ => miss,
        }
    }

    /// True if the request's quiet opcode hides this reply: a miss if `is_read`, else success.
    pub fn is_hidden(&self, is_read: bool) -> bool {
        let hidden = if is_read { BinaryStatus::NotFound } else { BinaryStatus::Done };
        self.status == hidden && is_quiet(self.echo.opcode())
    }

    /// Bytes of the value.
    pub const fn value_bytes(&self) -> usize {
        match self.value {
            BinaryValue::Bytes(value) => value.len(),
            BinaryValue::Number(_) => NUMBER_BYTES,
            BinaryValue::Elsewhere(bytes) => bytes,
        }
    }

    /// The reply without its value, which is sent separately.
    pub fn value_elsewhere(&self) -> Vec<u8> {
        let mut head = Vec::new();
        Self { value: BinaryValue::Elsewhere(self.value_bytes()), ..*self }.encode(&mut head);
        head
    }

    /// Appends the reply, without a value that is elsewhere.
    #[inline(never)]
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.append(out);
    }

    /// As [`Self::encode`], without a call, for the most frequent reply. `out` grows at most once.
    #[expect(clippy::inline_always, reason = "what is known of a hit makes most of it go away")]
    #[inline(always)]
    pub fn append(&self, out: &mut Vec<u8>) {
        let extras_bytes = if self.flags.is_some() { FLAGS_BYTES } else { 0 };
        let body_bytes = usize::from(extras_bytes)
            .saturating_add(self.key.len())
            .saturating_add(self.value_bytes());
        let elsewhere =
            if let BinaryValue::Elsewhere(value_bytes) = self.value { value_bytes } else { 0 };
        out.reserve(BINARY_HEADER_BYTES.saturating_add(body_bytes.saturating_sub(elsewhere)));
        ReplyHeader {
            echo: self.echo,
            status: self.status as u16,
            key_bytes: self.key.len(),
            extras_bytes,
            body_bytes,
            cas: self.cas,
        }
        .encode(out);
        if let Some(flags) = self.flags {
            out.extend_from_slice(&flags.to_be_bytes());
        }
        out.extend_from_slice(self.key);
        match self.value {
            BinaryValue::Bytes(value) => out.extend_from_slice(value),
            BinaryValue::Number(number) => out.extend_from_slice(&number.to_be_bytes()),
            BinaryValue::Elsewhere(_) => {}
        }
    }
}

/// Appends the lines of a text reply as packets: one for each `STAT` line, and an empty one at the
/// end. Other lines, such as `OK`, have no packet.
pub fn encode_stat_packets(out: &mut Vec<u8>, echo: Echo, text: &[u8]) {
    let done = BinaryReply::new(echo, BinaryStatus::Done);
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(pair) = line.strip_prefix(b"STAT ") else { continue };
        let end = pair.iter().position(|&byte| byte == b' ').unwrap_or(pair.len());
        let (key, rest) = pair.split_at_checked(end).unwrap_or((pair, b""));
        let value = BinaryValue::Bytes(rest.strip_prefix(b" ").unwrap_or(rest));
        BinaryReply { key, value, ..done }.encode(out);
    }
    done.encode(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests::binary_opcode::{GAT, GET, GETKQ, GETQ, SET, SETQ, STAT};
    use proptest::prelude::*;

    fn echo(opcode: u8) -> Echo {
        Echo::new(opcode, [1, 2, 3, 4])
    }

    fn check(reply: &BinaryReply<'_>, expected: &[&[u8]]) {
        let mut out = Vec::new();
        reply.encode(&mut out);
        assert_eq!(out, expected.concat(), "{reply:?}");
    }

    #[test]
    fn replies_repeat_opcode_and_opaque() {
        let done = BinaryReply { cas: 7, ..BinaryReply::new(echo(SET), BinaryStatus::Done) };
        let head = b"\x81\x01\0\0\0\0\0\0\0\0\0\0\x01\x02\x03\x04\0\0\0\0\0\0\0\x07";
        check(&done, &[head]);
        let error = BinaryReply::new(echo(SETQ), BinaryStatus::TooLarge);
        let head = b"\x81\x11\0\0\0\0\0\x03\0\0\0\x0a\x01\x02\x03\x04\0\0\0\0\0\0\0\0";
        check(&error, &[head, b"Too large."]);
        let number = BinaryReply { value: BinaryValue::Number(258), ..done };
        let head = b"\x81\x01\0\0\0\0\0\0\0\0\0\x08\x01\x02\x03\x04\0\0\0\0\0\0\0\x07";
        check(&number, &[head, b"\0\0\0\0\0\0\x01\x02"]);
    }

    #[test]
    fn hits_and_misses_tell_what_the_opcode_asks() {
        let reply_of = |opcode| {
            let hit = BinaryReply::hit(echo(opcode), b"key", 5, 7, b"value");
            let miss = BinaryReply::miss(echo(opcode), b"key");
            (hit.key, hit.value_bytes(), miss.key, miss.value_bytes(), miss.is_hidden(true))
        };
        assert_eq!(reply_of(GET), (&b""[..], 5, &b""[..], 9, false));
        assert_eq!(reply_of(GETQ), (&b""[..], 5, &b""[..], 9, true));
        assert_eq!(reply_of(GETKQ), (&b"key"[..], 5, &b"key"[..], 0, true));
        assert_eq!(reply_of(TOUCH), (&b""[..], 0, &b""[..], 9, false));
        assert_eq!(reply_of(GAT), (&b""[..], 5, &b""[..], 9, false));
    }

    #[test]
    fn lines_become_packets() {
        let mut out = Vec::new();
        encode_stat_packets(&mut out, echo(STAT), b"STAT a b c\r\nSTAT d e\r\nEND\r\n");
        let mut expected = Vec::new();
        for (key, value) in [(&b"a"[..], &b"b c"[..]), (b"d", b"e"), (b"", b"")] {
            let value = BinaryValue::Bytes(value);
            BinaryReply { key, value, ..BinaryReply::new(echo(STAT), BinaryStatus::Done) }
                .encode(&mut expected);
        }
        assert_eq!(out, expected);
    }

    proptest! {
        /// A reply is as long as its header says, and a value that goes another way fits after it.
        #[test]
        fn a_value_may_go_another_way(
            key in prop::collection::vec(any::<u8>(), 1..250),
            value in prop::collection::vec(any::<u8>(), 0..300),
            flags: u32,
        ) {
            let reply = BinaryReply::hit(echo(GETKQ), &key, flags, 1, &value);
            let mut whole = Vec::new();
            reply.encode(&mut whole);
            let head = reply.value_elsewhere();
            prop_assert!(head.capacity() <= whole.len() - value.len(), "no room for the value");
            prop_assert_eq!([head, value].concat(), whole.clone());
            let body = u32::from_be_bytes([whole[8], whole[9], whole[10], whole[11]]);
            prop_assert_eq!(body as usize + BINARY_HEADER_BYTES, whole.len());
        }
    }
}
