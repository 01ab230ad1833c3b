//! The headers of binary requests and replies: 24 bytes in network order.
//!
//! ```text
//! | magic 1 | opcode 1 | key len 2 | extras len 1 | type 1 | vbucket 2, or status 2 |
//! | body len 4 | opaque 4 | cas 8 |
//! ```
//! The body follows: extras, key and value. Its length is the sum of all three.

use alloc::vec::Vec;

use crate::requests::echo::Echo;

/// Bytes of a header.
pub const BINARY_HEADER_BYTES: usize = 24;

/// First byte of every request.
pub const REQUEST_MAGIC: u8 = 0x80;

/// First byte of every reply.
pub const REPLY_MAGIC: u8 = 0x81;

/// The header of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequestHeader {
    pub(crate) magic: u8,
    pub(crate) echo: Echo,
    pub(crate) key_bytes: u16,
    pub(crate) extras_bytes: u8,
    pub(crate) body_bytes: u32,
    pub(crate) cas: u64,
}

impl RequestHeader {
    #[inline]
    pub(crate) const fn read(raw: &[u8; BINARY_HEADER_BYTES]) -> Self {
        // Like in memcached, type and vbucket are ignored.
        let &[
            magic,
            opcode,
            k0,
            k1,
            extras_bytes,
            _,
            _,
            _,
            b0,
            b1,
            b2,
            b3,
            o0,
            o1,
            o2,
            o3,
            c0,
            c1,
            c2,
            c3,
            c4,
            c5,
            c6,
            c7,
        ] = raw;
        Self {
            magic,
            echo: Echo::new(opcode, [o0, o1, o2, o3]),
            key_bytes: u16::from_be_bytes([k0, k1]),
            extras_bytes,
            body_bytes: u32::from_be_bytes([b0, b1, b2, b3]),
            cas: u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]),
        }
    }
}

/// The header of a reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyHeader {
    pub(crate) echo: Echo,
    pub(crate) status: u16,
    pub(crate) key_bytes: usize,
    pub(crate) extras_bytes: u8,
    /// Bytes of extras, key and value.
    pub(crate) body_bytes: usize,
    pub(crate) cas: u64,
}

impl ReplyHeader {
    #[inline]
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let [k0, k1] = (self.key_bytes as u16).to_be_bytes();
        let [s0, s1] = self.status.to_be_bytes();
        let [b0, b1, b2, b3] = (self.body_bytes as u32).to_be_bytes();
        let [o0, o1, o2, o3] = self.echo.opaque();
        let raw = [
            [REPLY_MAGIC, self.echo.opcode(), k0, k1, self.extras_bytes, 0, s0, s1],
            [b0, b1, b2, b3, o0, o1, o2, o3],
            self.cas.to_be_bytes(),
        ];
        out.extend_from_slice(raw.as_flattened());
    }
}
