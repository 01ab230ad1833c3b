//! The head of a forwarded request: all of its bytes before the key.
//!
//! ```text
//! | kind 1 | bits 1 | verb 1 | key len 1 | bytes len 4 | hash 8 |
//! | a 4 | b 4 | c 8 | d 4 | e 4 | key | bytes |
//! ```
//! Little endian. The head has 40 bytes; `a` to `e` mean what the kind needs. The head of a plain
//! get, the most frequent request, is the first 16 bytes only. A plain binary get has what its
//! reply repeats in the place of `verb` and `bytes len`; a plain get of the Redis dialect has the
//! database and the version of the protocol in the place of the latter. `bytes` begins with the
//! text of a meta command's flags, or with what the reply to a binary request repeats; `e` counts
//! these bytes before a value.

/// The head of a plain get.
pub(super) const SHORT_HEAD_BYTES: usize = 16;
/// The head of any other request.
pub(super) const HEAD_BYTES: usize = 40;

pub(super) const BIT_TICKET: u8 = 1;
pub(super) const BIT_CAS: u8 = 2;
pub(super) const BIT_EXPTIME: u8 = 4;
pub(super) const BIT_INCR: u8 = 8;
pub(super) const BIT_GOOD: u8 = 16;
pub(super) const BIT_META: u8 = 32;
pub(super) const BIT_BINARY: u8 = 64;
/// Of an upload only: it may begin again elsewhere. For others a ticket says it.
pub(super) const BIT_NOREPLY: u8 = 128;

pub(super) const GET: u8 = 0;
pub(super) const STORE: u8 = 1;
pub(super) const TOO_LARGE: u8 = 2;
pub(super) const ARITHMETIC: u8 = 3;
pub(super) const TOUCH: u8 = 4;
pub(super) const DELETE: u8 = 5;
pub(super) const UPLOAD_BEGIN: u8 = 6;
pub(super) const UPLOAD_BYTES: u8 = 7;
pub(super) const UPLOAD_END: u8 = 8;
pub(super) const UPLOAD_ABANDON: u8 = 9;
pub(super) const FLUSH: u8 = 10;
pub(super) const QUERY: u8 = 11;
pub(super) const COMMAND: u8 = 12;
pub(super) const PAGES_WANTED: u8 = 13;
pub(super) const META: u8 = 14;
pub(super) const BINARY: u8 = 15;
pub(super) const DUMP: u8 = 16;
pub(super) const WATCH: u8 = 17;
pub(super) const REASSIGN: u8 = 18;
pub(super) const STRING: u8 = 19;
/// The first kind with a short head; all later kinds have one, too.
pub(super) const PLAIN_GET: u8 = 20;
pub(super) const PLAIN_BINARY_GET: u8 = 21;
pub(super) const PLAIN_RESP_GET: u8 = 22;

/// `a` of a `flush_all` that only cancels a pending one: no time of a flush.
pub(super) const NO_TICK: u32 = 0;

/// The kinds with a long head that look up a key immediately, one bit each.
pub(super) const HAS_KEY: u32 = 1 << GET
    | 1 << STORE
    | 1 << TOO_LARGE
    | 1 << ARITHMETIC
    | 1 << TOUCH
    | 1 << DELETE
    | 1 << META
    | 1 << BINARY
    | 1 << STRING;

/// The fields of a head, except lengths.
#[derive(Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) kind: u8,
    pub(super) bits: u8,
    pub(super) verb: u8,
    pub(super) hash: u64,
    pub(super) a: u32,
    pub(super) b: u32,
    pub(super) c: u64,
    pub(super) d: u32,
    pub(super) e: u32,
}
