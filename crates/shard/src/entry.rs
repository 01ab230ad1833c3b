//! One request between shards, and its bytes.
//!
//! ```text
//! | kind 1 | bits 1 | verb 1 | key len 1 | bytes len 4 | hash 8 |
//! | a 4 | b 4 | c 8 | d 4 | e 4 | key | bytes |
//! ```
//! Little endian. Entries have the same 40-byte head; `a` to `e` mean what the kind needs. Only a
//! plain get, which is what is asked most, ends with the key behind the first 16 bytes; what the
//! reply to a binary one repeats stands where others have `verb` and `bytes len`. First in `bytes`
//! stand the flags of a meta command, as text, or what the reply to a binary request
//! repeats; `e` counts those before a value.

use alloc::vec::Vec;

use slabcore_protocol::{
    BinaryRequest, DumpFormat, ECHO_BYTES, Echo, MetaCommand, MetaFlags, StoreForm, StoreRequest,
    Streams, Verb,
};
use slabcore_storage::{PageWish, WalkPosition};

use crate::dump::DumpPart;
use crate::request::KeyRequest;
use crate::uploads::UploadId;
use crate::watched_lines::Watch;

const HEAD_BYTES: usize = 40;
/// The head of a plain get.
const SHORT_HEAD_BYTES: usize = 16;

const BIT_TICKET: u8 = 1;
const BIT_CAS: u8 = 2;
const BIT_EXPTIME: u8 = 4;
const BIT_INCR: u8 = 8;
const BIT_GOOD: u8 = 16;
const BIT_META: u8 = 32;
const BIT_BINARY: u8 = 64;

/// What a shard is asked to tell of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatsKind {
    /// The counters and gauges of [`slabcore_metrics::Snapshot`].
    Metrics,
    /// The slab classes, a [`crate::ClassTable`].
    Classes,
    /// As `Metrics`; what else is counted for `stats` begins anew.
    Reset,
    /// How many items have which size: pairs of words.
    Sizes,
    /// Requests by prefix, a [`crate::PrefixCounts`].
    Prefixes,
    /// Nothing; requests are counted by prefix from now on, or no longer.
    Detail(bool),
    /// What the executor last told the shard of its connections.
    Connections,
    /// Nothing; dead items are looked for in the background from now on, or no longer.
    Crawl(bool),
}

impl StatsKind {
    /// All of them; the code of each is its index.
    const ALL: [Self; 10] = [
        Self::Metrics,
        Self::Classes,
        Self::Reset,
        Self::Sizes,
        Self::Prefixes,
        Self::Detail(false),
        Self::Detail(true),
        Self::Connections,
        Self::Crawl(false),
        Self::Crawl(true),
    ];

    fn code(self) -> u8 {
        let place = Self::ALL.iter().position(|kind| *kind == self);
        place.expect("all kinds are there") as u8
    }

    fn of_code(code: u8) -> Self {
        Self::ALL[usize::from(code)]
    }
}

/// One request to another shard.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// A get of a key, with nothing said of it; the number is its hash.
    PlainGet(u64, &'a [u8]),
    /// The same in the binary protocol, and what the reply repeats.
    PlainBinaryGet(u64, &'a [u8], Echo),
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
    /// `flush_all`, as in [`crate::Shard::flush_all`].
    Flush(Option<u32>),
    /// Counters or classes, as words.
    Stats(StatsKind),
    /// Pages would be welcome at the source.
    PagesWanted(PageWish),
    /// A part of a dump.
    Dump(DumpPart),
    /// A page is to leave a slab class for another, as numbered by memcached.
    Reassign(i32, i32),
    /// Whose the requests are that follow, for those who watch.
    Watch(Watch),
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
const FLUSH: u8 = 10;
const STATS: u8 = 11;
const PAGES_WANTED: u8 = 13;
const META: u8 = 14;
const BINARY: u8 = 15;
const DUMP: u8 = 16;
const WATCH: u8 = 17;
const REASSIGN: u8 = 18;
/// The kinds from here on have a short head.
const PLAIN_GET: u8 = 19;
const PLAIN_BINARY_GET: u8 = 20;

/// The kinds with a long head that look for a key at once, a bit each.
const HAS_KEY: u32 = 1 << GET
    | 1 << STORE
    | 1 << TOO_LARGE
    | 1 << ARITHMETIC
    | 1 << TOUCH
    | 1 << DELETE
    | 1 << META
    | 1 << BINARY;

/// Appends a get of `key` with nothing said of it.
#[inline]
pub(crate) fn encode_plain_get(out: &mut Vec<u8>, hash: u64, key: &[u8], answered: bool) {
    encode_short(out, PLAIN_GET, hash, key, [0; ECHO_BYTES], answered);
}

/// Appends an entry with a short head.
#[inline]
fn encode_short(
    out: &mut Vec<u8>,
    kind: u8,
    hash: u64,
    key: &[u8],
    [opcode, o0, o1, o2, o3]: [u8; ECHO_BYTES],
    answered: bool,
) {
    debug_assert!(u8::try_from(key.len()).is_ok(), "a key's length fits a byte");
    let bits = if answered { BIT_TICKET } else { 0 };
    let start = u64::from_le_bytes([kind, bits, opcode, key.len() as u8, o0, o1, o2, o3]);
    let head = u128::from(start) | u128::from(hash) << 64;
    out.reserve(SHORT_HEAD_BYTES + key.len());
    out.extend_from_slice(&head.to_le_bytes());
    out.extend_from_slice(key);
}

/// Appends `entry`; `answered`: a reply is due.
pub(crate) fn encode_entry(out: &mut Vec<u8>, entry: &Entry<'_>, answered: bool) {
    match *entry {
        Entry::PlainGet(hash, key)
        | Entry::Key(hash, KeyRequest::Get { key, with_cas: false, exptime: None }) => {
            return encode_plain_get(out, hash, key, answered);
        }
        Entry::PlainBinaryGet(hash, key, echo) => {
            return encode_short(out, PLAIN_BINARY_GET, hash, key, *echo.bytes(), answered);
        }
        _ => {}
    }
    let Parts { mut head, key, form, bytes } = parts(entry);
    if answered {
        head.bits |= BIT_TICKET;
    }
    debug_assert!(u8::try_from(key.len()).is_ok(), "a key's length fits a byte");
    let bytes_len = form.len() + bytes.len();
    let bytes_len = u32::try_from(bytes_len).expect("a value part and flags fit 32 bits");
    let mut raw = [0; HEAD_BYTES];
    raw[..4].copy_from_slice(&[head.kind, head.bits, head.verb, key.len() as u8]);
    raw[4..8].copy_from_slice(&bytes_len.to_le_bytes());
    raw[8..16].copy_from_slice(&head.hash.to_le_bytes());
    raw[16..20].copy_from_slice(&head.a.to_le_bytes());
    raw[20..24].copy_from_slice(&head.b.to_le_bytes());
    raw[24..32].copy_from_slice(&head.c.to_le_bytes());
    raw[32..36].copy_from_slice(&head.d.to_le_bytes());
    raw[36..40].copy_from_slice(&head.e.to_le_bytes());
    out.reserve(HEAD_BYTES + key.len() + form.len() + bytes.len());
    out.extend_from_slice(&raw);
    out.extend_from_slice(key);
    out.extend_from_slice(form);
    out.extend_from_slice(bytes);
}

/// What is written for an entry.
#[derive(Default)]
struct Parts<'a> {
    head: Head,
    key: &'a [u8],
    /// Flags of a meta command, or the echo of a binary one.
    form: &'a [u8],
    bytes: &'a [u8],
}

fn parts<'a>(entry: &'a Entry<'_>) -> Parts<'a> {
    let simple = |kind| Head { kind, ..Head::default() };
    let numbered = |kind, number| Head { e: number, ..simple(kind) };
    let head = match *entry {
        Entry::PlainGet(..) | Entry::PlainBinaryGet(..) => {
            unreachable!("it has a head of its own")
        }
        Entry::Key(hash, ref request) => return key_parts(hash, request),
        Entry::UploadBegin(hash, id, ref store) => {
            let head = Head { hash, e: id.number, ..store_head(UPLOAD_BEGIN, store) };
            return Parts { head, key: store.key, form: form_bytes(store), bytes: &[] };
        }
        Entry::UploadBytes(id, bytes) => {
            let head = numbered(UPLOAD_BYTES, id.number);
            return Parts { head, bytes, ..Parts::default() };
        }
        Entry::UploadEnd(id, good) => {
            let bits = if good { BIT_GOOD } else { 0 };
            Head { bits, ..numbered(UPLOAD_END, id.number) }
        }
        Entry::UploadAbandon(id) => numbered(UPLOAD_ABANDON, id.number),
        Entry::Flush(at) => {
            let bits = if at.is_some() { BIT_EXPTIME } else { 0 };
            Head { a: at.unwrap_or(0), bits, ..simple(FLUSH) }
        }
        Entry::Stats(kind) => Head { verb: kind.code(), ..simple(STATS) },
        Entry::PagesWanted(PageWish { pages, worth }) => {
            Head { a: pages, c: worth, ..simple(PAGES_WANTED) }
        }
        Entry::Dump(DumpPart { format, classes, position }) => {
            let verb = match format {
                DumpFormat::Meta => 0,
                DumpFormat::Requests => 1,
                DumpFormat::Cache => 2,
            };
            Head { verb, hash: position.bits(), c: classes, ..simple(DUMP) }
        }
        Entry::Reassign(from, to) => {
            Head { a: from.cast_unsigned(), b: to.cast_unsigned(), ..simple(REASSIGN) }
        }
        Entry::Watch(Watch { streams, client }) => {
            Head { verb: streams.bits(), a: client.cast_unsigned(), ..simple(WATCH) }
        }
    };
    Parts { head, ..Parts::default() }
}

fn key_parts<'a>(hash: u64, request: &'a KeyRequest<'_>) -> Parts<'a> {
    const NONE: &[u8] = &[];
    let simple = |kind| Head { kind, ..Head::default() };
    let (head, form, bytes) = match *request {
        KeyRequest::Get { with_cas, exptime, .. } => {
            let cas_bit = if with_cas { BIT_CAS } else { 0 };
            let exptime_bit = if exptime.is_some() { BIT_EXPTIME } else { 0 };
            let b = exptime.unwrap_or(0).cast_unsigned();
            (Head { bits: cas_bit | exptime_bit, b, ..simple(GET) }, NONE, NONE)
        }
        KeyRequest::Store { ref store, value } => {
            let form = form_bytes(store);
            let form_bytes = u32::try_from(form.len()).expect("a line is shorter than 4 GiB");
            (Head { e: form_bytes, ..store_head(STORE, store) }, form, value)
        }
        KeyRequest::TooLarge { ref store } => {
            (store_head(TOO_LARGE, store), form_bytes(store), NONE)
        }
        KeyRequest::Arithmetic { delta, incr, .. } => {
            let bits = if incr { BIT_INCR } else { 0 };
            (Head { bits, c: delta, ..simple(ARITHMETIC) }, NONE, NONE)
        }
        KeyRequest::Touch { exptime, .. } => {
            (Head { b: exptime.cast_unsigned(), ..simple(TOUCH) }, NONE, NONE)
        }
        KeyRequest::Delete { .. } => (simple(DELETE), NONE, NONE),
        KeyRequest::Meta { command, flags, .. } => {
            let verb = match command {
                MetaCommand::Get => 0,
                MetaCommand::Delete => 1,
                MetaCommand::Incr => 2,
                MetaCommand::Decr => 3,
                MetaCommand::Debug => 4,
            };
            (Head { verb, ..simple(META) }, flags.text(), NONE)
        }
        KeyRequest::Binary(ref request) => {
            // Extras and key go together, as they came.
            let head = Head { verb: request.extras_bytes, c: request.cas, ..simple(BINARY) };
            let form = request.echo.bytes();
            return Parts {
                head: Head { hash, ..head },
                key: NONE,
                form,
                bytes: request.extras_and_key,
            };
        }
    };
    Parts { head: Head { hash, ..head }, key: request.key(), form, bytes }
}

fn form_bytes<'a>(store: &'a StoreRequest<'_>) -> &'a [u8] {
    match &store.form {
        StoreForm::Classic => &[],
        StoreForm::Meta(text) => text,
        StoreForm::Binary(echo) => echo.bytes(),
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
        bits: match store.form {
            StoreForm::Classic => 0,
            StoreForm::Meta(_) => BIT_META,
            StoreForm::Binary(_) => BIT_BINARY,
        },
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
        let (short, rest) = self.rest.split_first_chunk::<SHORT_HEAD_BYTES>()?;
        if short[0] == PLAIN_GET {
            let (key, rest) = rest.split_at(usize::from(short[3]));
            self.rest = rest;
            return Some((short[1] & BIT_TICKET != 0, Entry::PlainGet(hash_in(short), key)));
        }
        self.next_other()
    }
}

/// The hash in a head.
fn hash_in(head: &[u8; SHORT_HEAD_BYTES]) -> u64 {
    (u128::from_le_bytes(*head) >> 64) as u64
}

impl<'a> Entries<'a> {
    /// The hashes of the keys of so many entries.
    #[inline]
    pub(crate) fn hashes(&self, mut entries: usize) -> impl Iterator<Item = u64> + use<'a> {
        let mut rest = self.rest;
        core::iter::from_fn(move || {
            while entries > 0 {
                entries -= 1;
                let (head, _) = rest.split_first_chunk::<SHORT_HEAD_BYTES>()?;
                if head[0] >= PLAIN_GET {
                    rest = &rest[SHORT_HEAD_BYTES + usize::from(head[3])..];
                    return Some(hash_in(head));
                }
                let bytes_len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
                rest = &rest[HEAD_BYTES + usize::from(head[3]) + bytes_len as usize..];
                if HAS_KEY & 1 << head[0] != 0 {
                    return Some(hash_in(head));
                }
            }
            None
        })
    }

    /// An entry that is no plain get.
    fn next_other(&mut self) -> Option<(bool, Entry<'a>)> {
        if self.rest.first() == Some(&PLAIN_BINARY_GET) {
            return self.next_binary_get();
        }
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

    fn next_binary_get(&mut self) -> Option<(bool, Entry<'a>)> {
        let (head, rest) = self.rest.split_first_chunk::<SHORT_HEAD_BYTES>()?;
        let [_, bits, opcode, key_len, o0, o1, o2, o3, ..] = *head;
        let (key, rest) = rest.split_at(usize::from(key_len));
        self.rest = rest;
        let echo = Echo::new(opcode, [o0, o1, o2, o3]);
        Some((bits & BIT_TICKET != 0, Entry::PlainBinaryGet(hash_in(head), key, echo)))
    }
}

impl Head {
    fn entry<'a>(self, source: u8, key: &'a [u8], bytes: &'a [u8]) -> Entry<'a> {
        let upload = UploadId { source, number: self.e };
        let at = (self.bits & BIT_EXPTIME != 0).then_some(self.a);
        match self.kind {
            UPLOAD_BEGIN => Entry::UploadBegin(self.hash, upload, self.store(key, bytes)),
            UPLOAD_BYTES => Entry::UploadBytes(upload, bytes),
            UPLOAD_END => Entry::UploadEnd(upload, self.bits & BIT_GOOD != 0),
            UPLOAD_ABANDON => Entry::UploadAbandon(upload),
            FLUSH => Entry::Flush(at),
            STATS => Entry::Stats(StatsKind::of_code(self.verb)),
            PAGES_WANTED => Entry::PagesWanted(PageWish { pages: self.a, worth: self.c }),
            DUMP => Entry::Dump(self.dump_part()),
            REASSIGN => Entry::Reassign(self.a.cast_signed(), self.b.cast_signed()),
            WATCH => Entry::Watch(Watch {
                streams: Streams::from_bits(self.verb),
                client: self.a.cast_signed(),
            }),
            _ => Entry::Key(self.hash, self.key_request(key, bytes)),
        }
    }

    fn key_request<'a>(self, key: &'a [u8], bytes: &'a [u8]) -> KeyRequest<'a> {
        match self.kind {
            GET => KeyRequest::Get {
                key,
                with_cas: self.bits & BIT_CAS != 0,
                exptime: (self.bits & BIT_EXPTIME != 0).then_some(self.b.cast_signed()),
            },
            STORE => {
                let (form, value) = bytes.split_at(self.e as usize);
                KeyRequest::Store { store: self.store(key, form), value }
            }
            TOO_LARGE => KeyRequest::TooLarge { store: self.store(key, bytes) },
            ARITHMETIC => {
                KeyRequest::Arithmetic { key, delta: self.c, incr: self.bits & BIT_INCR != 0 }
            }
            TOUCH => KeyRequest::Touch { key, exptime: self.b.cast_signed() },
            DELETE => KeyRequest::Delete { key },
            META => KeyRequest::Meta {
                command: self.meta_command(),
                key,
                flags: MetaFlags::from_validated(bytes),
            },
            BINARY => {
                let (echo, extras_and_key) = echo(bytes);
                let (extras_bytes, cas) = (self.verb, self.c);
                KeyRequest::Binary(BinaryRequest { echo, extras_bytes, cas, extras_and_key })
            }
            kind => unreachable!("entry kind {kind}"),
        }
    }

    fn dump_part(self) -> DumpPart {
        let format = match self.verb {
            0 => DumpFormat::Meta,
            1 => DumpFormat::Requests,
            2 => DumpFormat::Cache,
            verb => unreachable!("dump format {verb}"),
        };
        DumpPart { format, classes: self.c, position: WalkPosition::from_bits(self.hash) }
    }

    fn meta_command(self) -> MetaCommand {
        match self.verb {
            0 => MetaCommand::Get,
            1 => MetaCommand::Delete,
            2 => MetaCommand::Incr,
            3 => MetaCommand::Decr,
            4 => MetaCommand::Debug,
            verb => unreachable!("meta command {verb}"),
        }
    }

    fn store<'a>(self, key: &'a [u8], form: &'a [u8]) -> StoreRequest<'a> {
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
            form: match self.bits & (BIT_META | BIT_BINARY) {
                0 => StoreForm::Classic,
                BIT_META => StoreForm::Meta(form),
                _ => StoreForm::Binary(echo(form).0),
            },
        }
    }
}

fn echo(bytes: &[u8]) -> (Echo, &[u8]) {
    let (echo, rest) = bytes.split_first_chunk::<ECHO_BYTES>().expect("a binary entry has one");
    (Echo::from_bytes(*echo), rest)
}

fn word(raw: &[u8; HEAD_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]])
}

fn long(raw: &[u8; HEAD_BYTES], at: usize) -> u64 {
    u64::from(word(raw, at)) | u64::from(word(raw, at + 4)) << 32
}
