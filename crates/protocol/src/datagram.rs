//! The frame of a UDP datagram: eight bytes before the commands or replies, which are four numbers
//! of 16 bits.
//!
//! ```text
//! request id | sequence | datagrams in all | reserved
//! ```
//! A request is one datagram and may hold several commands. The reply to each command is a message
//! of its own: one or more datagrams, all with the id of the request.

use crate::binary::binary_header::REPLY_MAGIC;

/// Bytes of a frame.
const FRAME_BYTES: usize = 8;

/// Most datagrams of a message: their number has 16 bits.
pub const MESSAGE_DATAGRAMS_MAX: usize = 0xffff;

/// Bytes of a message in each datagram but the last, which may have fewer. With the frame they are
/// 1400, which an Ethernet carries in one piece.
pub const MESSAGE_PART_BYTES: usize = 1400 - FRAME_BYTES;

/// First words of the lines that memcached or this server sends, except numbers.
const REPLY_WORDS: &[&[u8]] = &[
    b"VALUE",
    b"END",
    b"STORED",
    b"NOT_STORED",
    b"EXISTS",
    b"NOT_FOUND",
    b"DELETED",
    b"TOUCHED",
    b"OK",
    b"RESET",
    b"VERSION",
    b"STAT",
    b"PREFIX",
    b"ITEM",
    b"VA",
    b"HD",
    b"EN",
    b"NF",
    b"NS",
    b"EX",
    b"MN",
    b"ME",
    b"ERROR",
    b"CLIENT_ERROR",
    b"SERVER_ERROR",
    b"Error",
    b"BUSY",
    b"BADCLASS",
    b"NOTSTARTED",
    b"NOSPARE",
    b"SAME",
    b"MEMLIMIT_TOO_SMALL",
    b"MEMLIMIT_ADJUST_FAILED",
    b"WATCHER_TOO_MANY",
    b"WATCHER_FAILED",
];

/// A request that a client has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestDatagram<'a> {
    /// The client's number, which the replies repeat.
    pub id: u16,
    /// The commands, at least a byte.
    pub commands: &'a [u8],
}

impl<'a> RequestDatagram<'a> {
    /// Reads a datagram. `None` if it is not a request: it is empty, a part of several, or a reply.
    /// If two servers answered replies, one datagram with a forged address would keep them busy
    /// without end.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&frame, commands) = bytes.split_first_chunk::<FRAME_BYTES>()?;
        // Like in memcached, the other two numbers are ignored.
        let [id_high, id_low, _, _, total_high, total_low, _, _] = frame;
        let is_whole = u16::from_be_bytes([total_high, total_low]) == 1;
        let id = u16::from_be_bytes([id_high, id_low]);
        let is_request = is_whole && !commands.is_empty() && !is_reply(commands);
        is_request.then_some(Self { id, commands })
    }
}

/// True if a server sends such messages, in any protocol.
pub(crate) fn is_reply(message: &[u8]) -> bool {
    let is_end = |byte: &u8| matches!(byte, b' ' | b'\r' | b'\n' | b':');
    let word_bytes = message.iter().position(is_end).unwrap_or(message.len());
    let word = message.get(..word_bytes).unwrap_or_default();
    message.first() == Some(&REPLY_MAGIC)
        || REPLY_WORDS.contains(&word)
        || !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

/// How many datagrams a message of `message_bytes` bytes needs. `None` if they are more than
/// [`MESSAGE_DATAGRAMS_MAX`].
pub fn message_datagrams(message_bytes: usize) -> Option<u16> {
    u16::try_from(message_bytes.div_ceil(MESSAGE_PART_BYTES)).ok()
}

/// The frame of a reply's datagram: the id of the request, the position in the message from 0 on,
/// and the number of datagrams, which is 0 in the reply to `quit`.
pub const fn reply_frame(id: u16, sequence: u16, total: u16) -> [u8; FRAME_BYTES] {
    let [id, sequence, total] = [id as u64, sequence as u64, total as u64];
    (id << 48 | sequence << 32 | total << 16).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reply::*;
    use alloc::vec::Vec;

    #[test]
    fn a_request_is_one_datagram_with_something_in_it() {
        let read = |bytes| RequestDatagram::read(bytes).map(|it| (it.id, it.commands));
        assert_eq!(read(b"\x01\x02\0\0\0\x01\0\0mn"), Some((0x0102, &b"mn"[..])));
        assert_eq!(read(b"\0\x02\xff\xff\0\x01\xff\xffx"), Some((2, &b"x"[..])));
        for no_request in [
            &b""[..],
            b"\0\x02\0\0\0\x01\0",
            b"\0\x02\0\0\0\x01\0\0",
            b"\0\x02\0\0\0\0\0\0mn",
            b"\0\x02\0\0\0\x02\0\0mn",
            b"\0\x02\0\0\x01\x01\0\0mn",
        ] {
            assert_eq!(read(no_request), None, "{no_request:?}");
        }
    }

    /// Two servers, or one with itself, that answer what the other has answered never stop.
    #[test]
    fn replies_are_no_requests() {
        let lines = [Stored, NotStored, Exists, NotFound, Deleted, Touched, Ok, Reset, End]
            .into_iter()
            .chain([Number(0), Number(u64::MAX), MetaNoop, Version]);
        for line in lines {
            let mut message = Vec::new();
            line.encode(&mut message);
            assert!(is_reply(&message), "{line:?}");
        }
        for message in [
            &b"VALUE a 0 12\r\nx\r\nget a\r\ny\r\nEND\r\n"[..],
            b"VA 2 kfoo\r\nhi\r\n",
            b"HD\r\n",
            b"EN",
            b"ME a exp=-1 la=0 cas=1 fetch=no cls=1 size=63\r\n",
            b"STAT pid 1\r\nEND\r\n",
            b"PREFIX a get 2 hit 1 set 1 del 1\r\nEND\r\n",
            b"ITEM a [1 b; 0 s]\r\nEND\r\n",
            b"ERROR\n",
            b"\x81\x00",
        ] {
            assert!(is_reply(message), "{}", message.escape_ascii());
            let datagram = [b"\0\x01\0\0\0\x01\0\0", message].concat();
            assert_eq!(RequestDatagram::read(&datagram), None);
        }
        for message in [
            &b"get VALUE\r\n"[..],
            b"ERRORS\r\n",
            b"GET a\r\n",
            b" ERROR\r\n",
            b"fool\r\n",
            b"\r\n",
            b"5a\r\n",
            b"mn\r\nERROR\r\n",
            b"\x80\x0a",
        ] {
            assert!(!is_reply(message), "{}", message.escape_ascii());
        }
    }

    #[test]
    fn frames_of_replies() {
        assert_eq!(reply_frame(0x0102, 0x0304, 0x0506), [1, 2, 3, 4, 5, 6, 0, 0]);
    }

    #[test]
    fn datagrams_of_messages() {
        for (bytes, datagrams) in [(0, 0), (1, 1), (1392, 1), (1393, 2), (102_427, 74)] {
            assert_eq!(message_datagrams(bytes), Some(datagrams), "{bytes}");
        }
        let most = MESSAGE_DATAGRAMS_MAX * MESSAGE_PART_BYTES;
        assert_eq!(message_datagrams(most), Some(0xffff));
        assert_eq!(message_datagrams(most + 1), None);
    }
}
