//! One request between shards, and its bytes.
//!
//! ```text
//! | kind 1 | bits 1 | verb 1 | key len 1 | bytes len 4 | hash 8 |
//! | a 4 | b 4 | c 8 | d 4 | e 4 | key | bytes |
//! ```
//! Little endian. Every entry has the same 40-byte head; `a` to `e` mean what its kind needs.

use alloc::vec::Vec;

use slabcore_protocol::{StoreRequest, Verb};
use slabcore_storage::PageWish;

use crate::holds::HoldId;
use crate::request::KeyRequest;
use crate::uploads::UploadId;

const HEAD_BYTES: usize = 40;

const BIT_TICKET: u8 = 1;
const BIT_CAS: u8 = 2;
const BIT_EXPTIME: u8 = 4;
const BIT_INCR: u8 = 8;
const BIT_GOOD: u8 = 16;

/// What a shard is asked to tell of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatsKind {
    /// The counters and gauges of [`slabcore_metrics::Snapshot`].
    Metrics,
    /// The slab classes, a [`crate::ClassTable`].
    Classes,
}

/// One request to another shard.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// A request for a key; the number is its hash.
    Key(u64, KeyRequest<'a>),
    /// An upload starts; the number is the key's hash.
    UploadBegin(u64, UploadId, StoreRequest<'a>),
    /// More bytes of an upload.
    UploadBytes(UploadId, &'a [u8]),
    /// An upload is whole; true if its data block ended as it must.
    UploadEnd(UploadId, bool),
    /// The uploading connection is gone.
    UploadAbandon(UploadId),
    /// The bytes of a held value from this offset on.
    HoldPart(HoldId, usize),
    /// A held value is no longer needed.
    HoldRelease(HoldId),
    /// `flush_all`, as in [`crate::Shard::flush_all`].
    Flush(Option<u32>),
    /// Counters or classes, as words.
    Stats(StatsKind),
    /// Pages would be welcome at the source.
    PagesWanted(PageWish),
}

#[derive(Clone, Copy, Default)]
struct Head {
    kind: u8,
    bits: u8,
    verb: u8,
    hash: u64,
    a: u32,
    b: u32,
    c: u64,
    d: u32,
    e: u32,
}

const GET: u8 = 0;
const STORE: u8 = 1;
const TOO_LARGE: u8 = 2;
const ARITHMETIC: u8 = 3;
const TOUCH: u8 = 4;
const DELETE: u8 = 5;
const UPLOAD_BEGIN: u8 = 6;
const UPLOAD_BYTES: u8 = 7;
const UPLOAD_END: u8 = 8;
const UPLOAD_ABANDON: u8 = 9;
const HOLD_PART: u8 = 10;
const HOLD_RELEASE: u8 = 11;
const FLUSH: u8 = 12;
const STATS_METRICS: u8 = 13;
const STATS_CLASSES: u8 = 14;
const PAGES_WANTED: u8 = 15;

/// Appends `entry`; `answered`: a reply is due.
pub(crate) fn encode_entry(out: &mut Vec<u8>, entry: &Entry<'_>, answered: bool) {
    let (mut head, key, bytes) = parts(entry);
    if answered {
        head.bits |= BIT_TICKET;
    }
    debug_assert!(u8::try_from(key.len()).is_ok(), "a key's length fits a byte");
    let bytes_len = u32::try_from(bytes.len()).expect("a value part fits 32 bits");
    let mut raw = [0; HEAD_BYTES];
    raw[..4].copy_from_slice(&[head.kind, head.bits, head.verb, key.len() as u8]);
    raw[4..8].copy_from_slice(&bytes_len.to_le_bytes());
    raw[8..16].copy_from_slice(&head.hash.to_le_bytes());
    raw[16..20].copy_from_slice(&head.a.to_le_bytes());
    raw[20..24].copy_from_slice(&head.b.to_le_bytes());
    raw[24..32].copy_from_slice(&head.c.to_le_bytes());
    raw[32..36].copy_from_slice(&head.d.to_le_bytes());
    raw[36..40].copy_from_slice(&head.e.to_le_bytes());
    out.reserve(HEAD_BYTES + key.len() + bytes.len());
    out.extend_from_slice(&raw);
    out.extend_from_slice(key);
    out.extend_from_slice(bytes);
}

fn parts<'a>(entry: &Entry<'a>) -> (Head, &'a [u8], &'a [u8]) {
    const NONE: &[u8] = &[];
    let simple = |kind| Head { kind, ..Head::default() };
    match *entry {
        Entry::Key(hash, ref request) => {
            let (head, bytes) = key_parts(request);
            (Head { hash, ..head }, request.key(), bytes)
        }
        Entry::UploadBegin(hash, id, store) => {
            let head = Head { hash, e: id.number, ..store_head(UPLOAD_BEGIN, &store) };
            (head, store.key, NONE)
        }
        Entry::UploadBytes(id, bytes) => {
            (Head { e: id.number, ..simple(UPLOAD_BYTES) }, NONE, bytes)
        }
        Entry::UploadEnd(id, good) => {
            let bits = if good { BIT_GOOD } else { 0 };
            (Head { e: id.number, bits, ..simple(UPLOAD_END) }, NONE, NONE)
        }
        Entry::UploadAbandon(id) => (Head { e: id.number, ..simple(UPLOAD_ABANDON) }, NONE, NONE),
        Entry::HoldPart(hold, offset) => {
            (Head { e: hold.0, c: offset as u64, ..simple(HOLD_PART) }, NONE, NONE)
        }
        Entry::HoldRelease(hold) => (Head { e: hold.0, ..simple(HOLD_RELEASE) }, NONE, NONE),
        Entry::Flush(at) => {
            let bits = if at.is_some() { BIT_EXPTIME } else { 0 };
            (Head { a: at.unwrap_or(0), bits, ..simple(FLUSH) }, NONE, NONE)
        }
        Entry::Stats(StatsKind::Metrics) => (simple(STATS_METRICS), NONE, NONE),
        Entry::Stats(StatsKind::Classes) => (simple(STATS_CLASSES), NONE, NONE),
        Entry::PagesWanted(PageWish { pages, worth }) => {
            (Head { a: pages, c: worth, ..simple(PAGES_WANTED) }, NONE, NONE)
        }
    }
}

fn key_parts<'a>(request: &KeyRequest<'a>) -> (Head, &'a [u8]) {
    let simple = |kind| Head { kind, ..Head::default() };
    match *request {
        KeyRequest::Get { with_cas, exptime, .. } => {
            let cas_bit = if with_cas { BIT_CAS } else { 0 };
            let exptime_bit = if exptime.is_some() { BIT_EXPTIME } else { 0 };
            let b = exptime.unwrap_or(0).cast_unsigned();
            (Head { bits: cas_bit | exptime_bit, b, ..simple(GET) }, &[])
        }
        KeyRequest::Store { store, value } => (store_head(STORE, &store), value),
        KeyRequest::TooLarge { store } => (store_head(TOO_LARGE, &store), &[]),
        KeyRequest::Arithmetic { delta, incr, .. } => {
            let bits = if incr { BIT_INCR } else { 0 };
            (Head { bits, c: delta, ..simple(ARITHMETIC) }, &[])
        }
        KeyRequest::Touch { exptime, .. } => {
            (Head { b: exptime.cast_unsigned(), ..simple(TOUCH) }, &[])
        }
        KeyRequest::Delete { .. } => (simple(DELETE), &[]),
    }
}

fn store_head(kind: u8, store: &StoreRequest<'_>) -> Head {
    let verb = match store.verb {
        Verb::Set => 0,
        Verb::Add => 1,
        Verb::Replace => 2,
        Verb::Append => 3,
        Verb::Prepend => 4,
        Verb::Cas => 5,
    };
    Head {
        kind,
        verb,
        a: store.flags,
        b: store.exptime.cast_unsigned(),
        c: store.cas_unique,
        d: store.value_bytes,
        ..Head::default()
    }
}

/// The entries of a batch in order: whether a reply is due, and the entry.
#[derive(Debug, Clone)]
pub(crate) struct Entries<'a> {
    pub(crate) rest: &'a [u8],
    pub(crate) source: u8,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (bool, Entry<'a>);

    #[inline]
    fn next(&mut self) -> Option<(bool, Entry<'a>)> {
        let (raw, rest) = self.rest.split_first_chunk::<HEAD_BYTES>()?;
        let bytes_len = word(raw, 4) as usize;
        let head = Head {
            kind: raw[0],
            bits: raw[1],
            verb: raw[2],
            hash: long(raw, 8),
            a: word(raw, 16),
            b: word(raw, 20),
            c: long(raw, 24),
            d: word(raw, 32),
            e: word(raw, 36),
        };
        let (key, rest) = rest.split_at(usize::from(raw[3]));
        let (bytes, rest) = rest.split_at(bytes_len);
        self.rest = rest;
        Some((head.bits & BIT_TICKET != 0, head.entry(self.source, key, bytes)))
    }
}

impl Head {
    fn entry<'a>(self, source: u8, key: &'a [u8], bytes: &'a [u8]) -> Entry<'a> {
        let upload = UploadId { source, number: self.e };
        let hold = HoldId(self.e);
        let at = (self.bits & BIT_EXPTIME != 0).then_some(self.a);
        match self.kind {
            UPLOAD_BEGIN => Entry::UploadBegin(self.hash, upload, self.store(key)),
            UPLOAD_BYTES => Entry::UploadBytes(upload, bytes),
            UPLOAD_END => Entry::UploadEnd(upload, self.bits & BIT_GOOD != 0),
            UPLOAD_ABANDON => Entry::UploadAbandon(upload),
            HOLD_PART => Entry::HoldPart(hold, self.c as usize),
            HOLD_RELEASE => Entry::HoldRelease(hold),
            FLUSH => Entry::Flush(at),
            STATS_METRICS => Entry::Stats(StatsKind::Metrics),
            STATS_CLASSES => Entry::Stats(StatsKind::Classes),
            PAGES_WANTED => Entry::PagesWanted(PageWish { pages: self.a, worth: self.c }),
            _ => Entry::Key(self.hash, self.key_request(key, bytes)),
        }
    }

    fn key_request<'a>(self, key: &'a [u8], value: &'a [u8]) -> KeyRequest<'a> {
        match self.kind {
            GET => KeyRequest::Get {
                key,
                with_cas: self.bits & BIT_CAS != 0,
                exptime: (self.bits & BIT_EXPTIME != 0).then_some(self.b.cast_signed()),
            },
            STORE => KeyRequest::Store { store: self.store(key), value },
            TOO_LARGE => KeyRequest::TooLarge { store: self.store(key) },
            ARITHMETIC => {
                KeyRequest::Arithmetic { key, delta: self.c, incr: self.bits & BIT_INCR != 0 }
            }
            TOUCH => KeyRequest::Touch { key, exptime: self.b.cast_signed() },
            DELETE => KeyRequest::Delete { key },
            kind => unreachable!("entry kind {kind}"),
        }
    }

    fn store(self, key: &[u8]) -> StoreRequest<'_> {
        let verb = match self.verb {
            0 => Verb::Set,
            1 => Verb::Add,
            2 => Verb::Replace,
            3 => Verb::Append,
            4 => Verb::Prepend,
            5 => Verb::Cas,
            verb => unreachable!("storage verb {verb}"),
        };
        StoreRequest {
            verb,
            key,
            flags: self.a,
            exptime: self.b.cast_signed(),
            value_bytes: self.d,
            cas_unique: self.c,
            noreply: false,
        }
    }
}

fn word(raw: &[u8; HEAD_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]])
}

fn long(raw: &[u8; HEAD_BYTES], at: usize) -> u64 {
    u64::from(word(raw, at)) | u64::from(word(raw, at + 4)) << 32
}
