//! The model of one shard: a map that follows each request when the shard executes it, and judges
//! the reply.

use std::collections::BTreeMap;

use slabcore_protocol::{Reply, StringOperation, Verb, encode_value_header, error_lines};
use slabcore_shard::{FlushTime, Now, ReplyPart, ShardId, UploadId};
use slabcore_storage::{Expiry, Hold};

use crate::request::{Ask, Name, Sent, Storage};
use crate::strings::with_bytes;

/// What was last written under a key.
#[derive(Clone, Debug)]
pub(crate) struct ModelItem {
    /// One value; more after arithmetic on an item that may be held: padded, or exact.
    pub(crate) values: Vec<Vec<u8>>,
    pub(crate) flags: u32,
    pub(crate) expiry: Expiry,
    pub(crate) unique: Option<u64>,
}

struct Upload {
    name: Name,
    storage: Storage,
    expiry: Expiry,
    bytes: Vec<u8>,
}

/// A value that the shard keeps for a connection.
pub(crate) struct Held {
    pub(crate) name: Name,
    pub(crate) hold: Hold,
    pub(crate) value: Vec<u8>,
}

/// The model of one shard.
pub(crate) struct Model {
    pub(crate) items: BTreeMap<Name, ModelItem>,
    uploads: BTreeMap<(ShardId, u32), Upload>,
    /// Names of the held values.
    pub(crate) held: Vec<Name>,
    /// Whether live items may be pushed out, and memory may run out.
    pub(crate) tight: bool,
    /// The tick at which a pending flush happens next, and the one at which it ends; 0: none.
    flush_tick: u32,
    flush_end: u32,
    /// The last request of each connection for each key.
    last: BTreeMap<(usize, Name), u64>,
    pub(crate) uniques: Vec<u64>,
}

impl Model {
    pub(crate) fn new(tight: bool) -> Self {
        Self {
            items: BTreeMap::new(),
            uploads: BTreeMap::new(),
            held: Vec::new(),
            tight,
            flush_tick: 0,
            flush_end: 0,
            last: BTreeMap::new(),
            uniques: Vec::new(),
        }
    }

    pub(crate) fn begin_turn(&mut self, now: Now) {
        if self.flush_tick != 0 && self.flush_tick <= now.tick() {
            self.flush_tick = if now.tick() < self.flush_end { self.flush_end } else { 0 };
            self.items.clear();
        }
    }

    /// Applies a request that was just executed, and judges its reply.
    pub(crate) fn executed(
        &mut self,
        now: Now,
        sent: &Sent,
        reply: Option<ReplyPart<'_>>,
    ) -> Option<Held> {
        let name = sent.name();
        if !sent.key.is_empty() {
            let last = self.last.insert((sent.connection, name.clone()), sent.number);
            assert!(last < Some(sent.number), "a connection's requests for a key changed order");
        }
        if self.items.get(&name).is_some_and(|item| is_dead(item, now)) {
            self.items.remove(&name);
        }
        if sent.ask.reads_value() {
            return self.read(now, &name, &sent.ask, reply.expect("a read is answered"));
        }
        let bytes = reply.map(|reply| match reply {
            ReplyPart::Bytes(bytes) => bytes,
            ReplyPart::Held { .. } => panic!("only a get is answered with a held value"),
        });
        match &sent.ask {
            Ask::Get { .. } | Ask::PlainRespGet { .. } | Ask::String { .. } => {
                unreachable!("judged above")
            }
            Ask::Store(storage) => {
                self.stored(&name, storage, Expiry::at(now.expiry(storage.exptime)), bytes);
            }
            Ask::TooLarge(storage) => {
                if storage.verb == Verb::Set {
                    self.items.remove(&name);
                }
                expect(bytes, &[Reply::Error(error_lines::TOO_LARGE)]);
            }
            Ask::Arithmetic { delta, incr } => self.arithmetic(&name, *delta, *incr, bytes),
            Ask::Touch { exptime } => self.touched(now, &name, *exptime, bytes),
            Ask::Delete => {
                let known = self.items.remove(&name).is_some();
                expect(bytes, self.present_or_gone(known, Reply::Deleted));
            }
            Ask::UploadBegin { id, storage } => {
                let expiry = Expiry::at(now.expiry(storage.exptime));
                let upload = Upload { name, storage: storage.clone(), expiry, bytes: Vec::new() };
                assert!(self.uploads.insert(place(*id), upload).is_none());
            }
            Ask::UploadBytes { id, bytes } => {
                self.upload(*id).bytes.extend_from_slice(bytes);
            }
            Ask::UploadEnd { id, good } => self.upload_ended(now, *id, *good, bytes),
            Ask::UploadAbandon { id } => {
                self.uploads.remove(&place(*id)).expect("an upload has begun");
            }
            Ask::Flush { at } => {
                self.flush_tick = 0;
                match *at {
                    FlushTime::Immediately => self.items.clear(),
                    FlushTime::Tick(tick) => (self.flush_tick, self.flush_end) = (tick - 1, tick),
                    FlushTime::Never => {}
                }
                self.begin_turn(now);
                assert!(bytes.is_none_or(<[u8]>::is_empty));
            }
            Ask::PagesWanted { .. } => {}
        }
        None
    }

    /// Applies a request whose reply may have the value, and judges it.
    fn read(&mut self, now: Now, name: &Name, ask: &Ask, reply: ReplyPart<'_>) -> Option<Held> {
        match ask {
            &Ask::Get { with_cas, exptime } => self.got(now, name, with_cas, exptime, reply),
            &Ask::PlainRespGet { version } => {
                self.string(now, name, version, StringOperation::Get, reply)
            }
            Ask::String { version, operation, bytes } => {
                self.string(now, name, *version, with_bytes(*operation, bytes), reply)
            }
            _ => unreachable!("it reads no value"),
        }
    }

    /// Notes that a held value of this key is on its way back, or has come.
    pub(crate) fn released(&mut self, name: &Name) {
        let place = self.held.iter().position(|held| held == name);
        self.held.swap_remove(place.expect("a hold is released once"));
    }

    fn upload(&mut self, id: UploadId) -> &mut Upload {
        self.uploads.get_mut(&place(id)).expect("an upload has begun")
    }

    fn present_or_gone(&self, known: bool, reply: Reply) -> &'static [Reply] {
        match (known, self.tight, reply) {
            (false, ..) => &[Reply::NotFound],
            (true, false, Reply::Deleted) => &[Reply::Deleted],
            (true, true, Reply::Deleted) => &[Reply::Deleted, Reply::NotFound],
            (true, false, _) => &[Reply::Touched],
            (true, true, _) => &[Reply::Touched, Reply::NotFound],
        }
    }

    fn got(
        &mut self,
        now: Now,
        name: &Name,
        with_cas: bool,
        exptime: Option<i32>,
        reply: ReplyPart<'_>,
    ) -> Option<Held> {
        if matches!(reply, ReplyPart::Bytes(b"")) {
            let known = self.items.remove(name).is_some();
            assert!(self.tight || !known, "a live item is gone");
            return None;
        }
        let item = self.items.get_mut(name).expect("a dead or deleted key is a hit");
        let (head, behind, held) = match reply {
            ReplyPart::Held { hold, head, .. } => (head, &[][..], Some(hold)),
            ReplyPart::Bytes(bytes) => {
                let line = bytes.iter().position(|&byte| byte == b'\n').expect("a VALUE line") + 1;
                (&bytes[..line], &bytes[line..], None)
            }
        };
        let unique = with_cas.then(|| unique_of(head));
        let fits = |value: &Vec<u8>| {
            let mut line = Vec::new();
            encode_value_header(&mut line, &name.1, item.flags, value.len(), unique);
            let same = match &held {
                Some(hold) => hold.parts(0).flatten().eq(value),
                None => behind.strip_suffix(b"\r\n") == Some(&value[..]),
            };
            same && line == head
        };
        item.values.retain(fits);
        assert!(
            !item.values.is_empty(),
            "another value than the last written: {}",
            String::from_utf8_lossy(head),
        );
        if let Some(unique) = unique.filter(|&unique| unique != 0) {
            if item.unique.is_none() {
                assert!(!self.uniques.contains(&unique), "a unique was told twice");
                self.uniques.push(unique);
            }
            assert_eq!(*item.unique.get_or_insert(unique), unique, "a unique changed by itself");
        }
        if let Some(exptime) = exptime {
            item.expiry = Expiry::at(now.expiry(exptime));
        }
        let hold = held?;
        self.held.push(name.clone());
        Some(Held { name: name.clone(), hold, value: item.values[0].clone() })
    }

    fn stored(&mut self, name: &Name, storage: &Storage, expiry: Expiry, reply: Option<&[u8]>) {
        let (mut reply_now, mut stored) = outcome(self.items.get(name), storage, expiry);
        let heard = |expected: Reply| reply.is_none_or(|reply| reply == line(expected));
        if !heard(reply_now) {
            assert!(self.tight, "{reply_now:?} is not {reply:?}");
            if heard(Reply::Error(error_lines::OUT_OF_MEMORY_STORING)) {
                if storage.verb == Verb::Set {
                    self.items.remove(name);
                }
                return;
            }
            // It was evicted before.
            self.items.remove(name);
            (reply_now, stored) = outcome(None, storage, expiry);
            assert!(heard(reply_now), "{reply_now:?} is not {reply:?}");
        }
        if let Some(item) = stored {
            self.items.insert(name.clone(), item);
        }
    }

    fn upload_ended(&mut self, now: Now, id: UploadId, good: bool, reply: Option<&[u8]>) {
        let Upload { name, mut storage, expiry, bytes } =
            self.uploads.remove(&place(id)).expect("an upload has begun");
        storage.value = bytes;
        if self.items.get(&name).is_some_and(|item| is_dead(item, now)) {
            self.items.remove(&name);
        }
        if good {
            self.stored(&name, &storage, expiry, reply);
            return;
        }
        expect(reply, &[Reply::Error(error_lines::BAD_DATA_CHUNK)]);
    }

    fn arithmetic(&mut self, name: &Name, delta: u64, incr: bool, reply: Option<&[u8]>) {
        let reply = reply.expect("arithmetic is answered");
        let Some(item) = self.items.get_mut(name) else {
            expect(Some(reply), &[Reply::NotFound]);
            return;
        };
        if self.tight && reply == line(Reply::NotFound) {
            self.items.remove(name);
            return;
        }
        if self.tight && reply == line(Reply::Error(error_lines::OUT_OF_MEMORY)) {
            return;
        }
        let is_held = self.held.iter().any(|held| held == name);
        let mut values = Vec::new();
        for old in &item.values {
            let Some(number) = number_of(old) else { continue };
            let number =
                if incr { number.wrapping_add(delta) } else { number.saturating_sub(delta) };
            if reply == line(Reply::Number(number)) {
                values.push(format!("{number:<length$}", length = old.len()).into_bytes());
                // A held value is not padded in place but replaced.
                values.extend(is_held.then(|| number.to_string().into_bytes()));
            }
        }
        if values.is_empty() {
            expect(Some(reply), &[Reply::Error(error_lines::NON_NUMERIC_VALUE)]);
            assert!(item.values.iter().any(|value| number_of(value).is_none()));
            return;
        }
        (item.values, item.unique) = (values, None);
    }

    fn touched(&mut self, now: Now, name: &Name, exptime: i32, reply: Option<&[u8]>) {
        let known = self.items.get_mut(name);
        let is_known = known.is_some();
        if let Some(item) = known {
            item.expiry = Expiry::at(now.expiry(exptime));
        }
        expect(reply, self.present_or_gone(is_known, Reply::Touched));
        if reply == Some(&line(Reply::NotFound)[..]) {
            self.items.remove(name);
        }
    }
}

/// The reply to a storage command on `old`, and what is then stored.
fn outcome(
    old: Option<&ModelItem>,
    storage: &Storage,
    expiry: Expiry,
) -> (Reply, Option<ModelItem>) {
    let Storage { verb, flags, cas_unique, value, .. } = storage;
    let new = ModelItem { values: vec![value.clone()], flags: *flags, expiry, unique: None };
    let joined = |old: &ModelItem| {
        let join = |old: &Vec<u8>| match verb {
            Verb::Append => [&old[..], value].concat(),
            _ => [value, &old[..]].concat(),
        };
        let values = old.values.iter().map(join).collect();
        ModelItem { values, unique: None, ..old.clone() }
    };
    match (verb, old) {
        (Verb::Set, _) | (Verb::Add, None) | (Verb::Replace, Some(_)) => (Reply::Stored, Some(new)),
        (Verb::Append | Verb::Prepend, Some(old)) => (Reply::Stored, Some(joined(old))),
        (Verb::Cas, Some(old)) if old.unique == Some(*cas_unique) => (Reply::Stored, Some(new)),
        (Verb::Cas, Some(_)) => (Reply::Exists, None),
        (Verb::Cas, None) => (Reply::NotFound, None),
        (Verb::Add | Verb::Replace | Verb::Append | Verb::Prepend, _) => (Reply::NotStored, None),
    }
}

pub(crate) fn is_dead(item: &ModelItem, now: Now) -> bool {
    item.expiry.has_come(now.moment())
}

fn place(id: UploadId) -> (ShardId, u32) {
    (id.source, id.number)
}

fn line(reply: Reply) -> Vec<u8> {
    let mut line = Vec::new();
    reply.encode(&mut line);
    line
}

fn expect(reply: Option<&[u8]>, expected: &[Reply]) {
    let Some(reply) = reply else { return };
    assert!(expected.iter().any(|&one| line(one) == reply), "{expected:?} is not {reply:?}");
}

/// The last number of a `VALUE` line.
fn unique_of(head: &[u8]) -> u64 {
    let text = std::str::from_utf8(head).expect("keys are text here").trim_end();
    text.rsplit(' ').next().and_then(|word| word.parse().ok()).expect("a unique ends the line")
}

fn number_of(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.split([' ', '\0']).next()?.parse().ok()
}
