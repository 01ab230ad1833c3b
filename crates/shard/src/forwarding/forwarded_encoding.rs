//! Encodes forwarded requests in the layout of [`crate::forwarding::forwarded_head`].

use alloc::vec::Vec;

use slabcore_protocol::{DumpFormat, ECHO_BYTES, MetaCommand, StoreForm, StoreRequest, Verb};
use slabcore_storage::{HashedKey, PageWish};

use crate::forwarding::forwarded_head::{
    ARITHMETIC, BINARY, BIT_BINARY, BIT_CAS, BIT_EXPTIME, BIT_GOOD, BIT_INCR, BIT_META,
    BIT_NOREPLY, BIT_TICKET, COMMAND, DELETE, DUMP, FLUSH, GET, HEAD_BYTES, Head, META, NO_TICK,
    PAGES_WANTED, PLAIN_BINARY_GET, PLAIN_GET, PLAIN_RESP_GET, QUERY, REASSIGN, SHORT_HEAD_BYTES,
    STORE, TOO_LARGE, TOUCH, UPLOAD_ABANDON, UPLOAD_BEGIN, UPLOAD_BYTES, UPLOAD_END, WATCH,
};
use crate::forwarding::forwarded_request::ForwardedRequest;
use crate::forwarding::forwarded_strings::head_of;
use crate::observation::dump::DumpPart;
use crate::observation::watched_lines::Watch;
use crate::requests::flush_time::FlushTime;
use crate::requests::request::KeyRequest;

/// Appends a classic get of `key` that only returns the value.
#[inline]
pub(super) fn encode_plain_get(out: &mut Vec<u8>, key: HashedKey<'_>, answered: bool) {
    encode_short(out, PLAIN_GET, key, [0; ECHO_BYTES], answered);
}

/// Appends a request with a short head.
#[inline]
fn encode_short(
    out: &mut Vec<u8>,
    kind: u8,
    key: HashedKey<'_>,
    [opcode, o0, o1, o2, o3]: [u8; ECHO_BYTES],
    answered: bool,
) {
    let (key, hash) = (key.key(), key.hash());
    debug_assert!(u8::try_from(key.len()).is_ok(), "a key's length fits a byte");
    let bits = if answered { BIT_TICKET } else { 0 };
    let start = u64::from_le_bytes([kind, bits, opcode, key.len() as u8, o0, o1, o2, o3]);
    let head = u128::from(start) | u128::from(hash) << 64;
    out.reserve(SHORT_HEAD_BYTES + key.len());
    out.extend_from_slice(&head.to_le_bytes());
    out.extend_from_slice(key);
}

/// Appends `request`; `answered`: it gets a reply.
pub(super) fn encode_forwarded(out: &mut Vec<u8>, request: &ForwardedRequest<'_>, answered: bool) {
    match *request {
        ForwardedRequest::PlainGet(key)
        | ForwardedRequest::Key(key, KeyRequest::Get { with_cas: false, exptime: None, .. }) => {
            return encode_plain_get(out, key, answered);
        }
        ForwardedRequest::PlainBinaryGet(key, echo) => {
            return encode_short(out, PLAIN_BINARY_GET, key, *echo.bytes(), answered);
        }
        ForwardedRequest::PlainRespGet(key, version) => {
            let numbers = [0, key.database(), version.number(), 0, 0];
            return encode_short(out, PLAIN_RESP_GET, key, numbers, answered);
        }
        _ => {}
    }
    let Parts { mut head, key, form, bytes } = parts(request);
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

/// The parts of a forwarded request's bytes.
#[derive(Default)]
struct Parts<'a> {
    head: Head,
    key: &'a [u8],
    /// Flags of a meta command, the echo of a binary one, or the key of one of the Redis dialect.
    form: &'a [u8],
    bytes: &'a [u8],
}

fn parts<'a>(request: &'a ForwardedRequest<'_>) -> Parts<'a> {
    let simple = |kind| Head { kind, ..Head::default() };
    let numbered = |kind, number| Head { e: number, ..simple(kind) };
    let head = match *request {
        ForwardedRequest::PlainGet(..)
        | ForwardedRequest::PlainBinaryGet(..)
        | ForwardedRequest::PlainRespGet(..) => {
            unreachable!("it has a head of its own")
        }
        ForwardedRequest::Key(key, ref key_request) => return key_parts(key.hash(), key_request),
        ForwardedRequest::UploadBegin(key, id, ref store) => {
            let mut head = store_head(UPLOAD_BEGIN, store);
            (head.hash, head.e) = (key.hash(), id.number);
            head.bits |= if store.noreply { BIT_NOREPLY } else { 0 };
            return Parts { head, key: store.key, form: form_bytes(store), bytes: &[] };
        }
        ForwardedRequest::UploadBytes(id, bytes) => {
            let head = numbered(UPLOAD_BYTES, id.number);
            return Parts { head, bytes, ..Parts::default() };
        }
        ForwardedRequest::UploadEnd(id, good) => {
            let bits = if good { BIT_GOOD } else { 0 };
            Head { bits, ..numbered(UPLOAD_END, id.number) }
        }
        ForwardedRequest::UploadAbandon(id) => numbered(UPLOAD_ABANDON, id.number),
        ForwardedRequest::Flush(FlushTime::Immediately) => simple(FLUSH),
        ForwardedRequest::Flush(FlushTime::Tick(tick)) => {
            Head { a: tick, bits: BIT_EXPTIME, ..simple(FLUSH) }
        }
        ForwardedRequest::Flush(FlushTime::Never) => {
            Head { a: NO_TICK, bits: BIT_EXPTIME, ..simple(FLUSH) }
        }
        ForwardedRequest::Query(query) => Head { verb: query.code(), ..simple(QUERY) },
        ForwardedRequest::Command(command) => Head { verb: command.code(), ..simple(COMMAND) },
        ForwardedRequest::PagesWanted(PageWish { pages, worth }) => {
            Head { a: pages, c: worth, ..simple(PAGES_WANTED) }
        }
        ForwardedRequest::Dump(DumpPart { format, classes, position }) => {
            let verb = match format {
                DumpFormat::Meta => 0,
                DumpFormat::Requests => 1,
                DumpFormat::Cache => 2,
            };
            Head { verb, hash: position.bits(), c: classes, ..simple(DUMP) }
        }
        ForwardedRequest::Reassign(from, to) => {
            Head { a: from.cast_unsigned(), b: to.cast_unsigned(), ..simple(REASSIGN) }
        }
        ForwardedRequest::Watch(Watch { streams, client }) => {
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
        KeyRequest::String(ref request) => {
            // The key may be longer than its field in the head.
            let (head, bytes) = head_of(hash, request);
            return Parts { head, key: NONE, form: request.key, bytes };
        }
        KeyRequest::Binary(ref request) => {
            // Extras and key stay together, as the client sent them.
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
