//! What the classic commands mean, as a map from keys to items. The time is an argument.
//! [`crate::semantics::meta_model`] adds the meta commands.
//!
//! The model never evicts; a test of a store that does calls [`Model::evict`]. Times are Unix
//! seconds and must not run backwards. A `flush_all` with a time before the server's start flushes
//! nothing.

use std::collections::BTreeMap;

use crate::limits::TTL_SECONDS_MAX;
use crate::semantics::command::{Command, Verb};

/// Bytes that memcached counts for an item besides key, value and flags: header 48, cas unique 8,
/// the key's NUL 1, the value's line end 2. They decide which value is too large.
const ITEM_OVERHEAD_BYTES: usize = 59;

/// A model of a cache.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) items: BTreeMap<Vec<u8>, ModelItem>,
    item_bytes_max: usize,
    started: u64,
    pub(crate) last_cas_unique: u64,
    /// When a delayed `flush_all` takes effect, in Unix seconds. It removes everything written up
    /// to then.
    flush_at: Option<u64>,
}

/// One item of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelItem {
    /// The value's bytes.
    pub value: Vec<u8>,
    /// Client flags.
    pub flags: u32,
    /// Changes with every change of the value.
    pub cas_unique: u64,
    /// Unix second at which the item expires, if it does.
    pub expiry: Option<u64>,
    /// State that only meta commands show.
    pub marks: Marks,
    stored_at: u64,
}

/// Marks of an item that only meta commands set and show. A new item has none.
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Marks {
    /// It was read since it was stored.
    pub fetched: bool,
    /// Its value is out of date.
    pub stale: bool,
    /// A reader was asked to fetch the value again.
    pub claimed: bool,
    /// Its key was sent in base64.
    pub key_encoded: bool,
}

/// The outcome of a command on one item. A miss of `get` is `None`, not an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The value is now the item's.
    Stored,
    /// The verb's condition does not hold.
    NotStored,
    /// The item changed since its cas unique was given out.
    Exists,
    /// There is no such item.
    NotFound,
    /// The item is gone.
    Deleted,
    /// The item has the new expiry.
    Touched,
    /// The item's new number.
    Number(u64),
    /// The value is not a number of 64 bits.
    NonNumeric,
    /// The item would be larger than an item may be.
    TooLarge,
}

impl Outcome {
    /// The reply line.
    pub fn line(self) -> String {
        let words = match self {
            Self::Stored => "STORED",
            Self::NotStored => "NOT_STORED",
            Self::Exists => "EXISTS",
            Self::NotFound => "NOT_FOUND",
            Self::Deleted => "DELETED",
            Self::Touched => "TOUCHED",
            Self::Number(number) => return format!("{number}\r\n"),
            Self::NonNumeric => "CLIENT_ERROR cannot increment or decrement non-numeric value",
            Self::TooLarge => "SERVER_ERROR object too large for cache",
        };
        format!("{words}\r\n")
    }
}

impl Model {
    /// An empty cache with items of at most `item_bytes_max` bytes, overhead included (`-I`),
    /// that started at the Unix second `started`.
    pub fn new(item_bytes_max: usize, started: u64) -> Self {
        Self { items: BTreeMap::new(), item_bytes_max, started, last_cas_unique: 1, flush_at: None }
    }

    /// The longest value that can be stored under this key with these flags, in bytes.
    pub fn value_bytes_max(&self, key: &[u8], flags: u32) -> usize {
        let flags_bytes = if flags == 0 { 0 } else { 4 };
        self.item_bytes_max.saturating_sub(ITEM_OVERHEAD_BYTES + key.len() + flags_bytes)
    }

    /// The live item of this key, which counts as read.
    pub fn get(&mut self, now: u64, key: &[u8]) -> Option<&ModelItem> {
        self.drop_dead(now, key);
        let item = self.items.get_mut(key)?;
        item.marks.fetched = true;
        Some(item)
    }

    /// The live item of this key, with its new expiry.
    pub fn get_and_touch(&mut self, now: u64, key: &[u8], exptime: i32) -> Option<ModelItem> {
        self.drop_dead(now, key);
        let item = self.items.get_mut(key)?;
        item.expiry = expiry(now, exptime);
        item.marks.fetched = true;
        Some(item.clone())
    }

    /// One of the six storage commands.
    #[expect(clippy::too_many_arguments, reason = "they are the words of the command line")]
    pub fn store(
        &mut self,
        now: u64,
        verb: Verb,
        key: &[u8],
        flags: u32,
        exptime: i32,
        value: &[u8],
        cas_unique: u64,
    ) -> Outcome {
        self.drop_dead(now, key);
        if value.len() > self.value_bytes_max(key, flags) {
            if verb == Verb::Set {
                // The client meant to replace the old value, so the old value must go.
                self.items.remove(key);
            }
            return Outcome::TooLarge;
        }
        let old = self.items.get(key);
        match (verb, old) {
            (Verb::Set, _) | (Verb::Add, None) | (Verb::Replace, Some(_)) => {}
            (Verb::Cas, Some(old)) if old.cas_unique == cas_unique => {}
            (Verb::Cas, Some(_)) => return Outcome::Exists,
            (Verb::Cas, None) => return Outcome::NotFound,
            (Verb::Append | Verb::Prepend, Some(old)) => {
                let joined = match verb {
                    Verb::Append => [&old.value, value].concat(),
                    _ => [value, &old.value].concat(),
                };
                if joined.len() > self.value_bytes_max(key, old.flags) {
                    return Outcome::NotStored;
                }
                let (flags, expiry) = (old.flags, old.expiry);
                return self.put(now, key, joined, flags, expiry);
            }
            (Verb::Add, Some(_)) | (Verb::Replace | Verb::Append | Verb::Prepend, None) => {
                return Outcome::NotStored;
            }
        }
        self.put(now, key, value.to_vec(), flags, expiry(now, exptime))
    }

    /// Sets a live item's expiry.
    pub fn touch(&mut self, now: u64, key: &[u8], exptime: i32) -> Outcome {
        self.get_and_touch(now, key, exptime).map_or(Outcome::NotFound, |_| Outcome::Touched)
    }

    /// Removes a live item.
    pub fn delete(&mut self, now: u64, key: &[u8]) -> Outcome {
        self.drop_dead(now, key);
        self.items.remove(key).map_or(Outcome::NotFound, |_| Outcome::Deleted)
    }

    /// Executes incr (wraps at 2^64) or decr (stops at 0). A shorter number is padded on the right
    /// with blanks to the old length. A longer one makes a new value.
    pub fn arithmetic(&mut self, now: u64, key: &[u8], delta: u64, incr: bool) -> Outcome {
        self.drop_dead(now, key);
        let Some(item) = self.items.get_mut(key) else { return Outcome::NotFound };
        let Some(number) = leading_number(&item.value) else { return Outcome::NonNumeric };
        let number = if incr { number.wrapping_add(delta) } else { number.saturating_sub(delta) };
        let length = item.value.len();
        item.value = format!("{number:<length$}").into_bytes();
        if item.value.len() > length {
            item.marks = Marks::default();
        }
        self.last_cas_unique += 1;
        item.cas_unique = self.last_cas_unique;
        item.stored_at = now;
        Outcome::Number(number)
    }

    /// Executes `flush_all`, which replaces a pending one.
    pub fn flush_all(&mut self, now: u64, delay: i32) {
        // A flush that took effect has removed its items for good.
        if let Some(at) = self.flush_at.take().filter(|&at| at <= now) {
            self.items.retain(|_, item| item.stored_at > at);
        }
        if delay <= 0 {
            // Items stored later in the same second survive, so no time is kept.
            self.items.clear();
            return;
        }
        let at = expiry(now, delay).unwrap_or(now);
        if at >= self.started {
            // It takes effect a second early.
            self.flush_at = Some(at - 1);
        }
    }

    /// Removes a key that the store under test evicted.
    pub fn evict(&mut self, key: &[u8]) {
        self.items.remove(key);
    }

    /// The keys of live items, in byte order.
    pub fn live_keys(&mut self, now: u64) -> Vec<Vec<u8>> {
        let keys: Vec<_> = self.items.keys().cloned().collect();
        for key in &keys {
            self.drop_dead(now, key);
        }
        self.items.keys().cloned().collect()
    }

    /// Executes a classic command and appends its reply in wire format.
    pub fn execute(&mut self, now: u64, command: &Command, out: &mut Vec<u8>) {
        let (outcome, noreply) = match command {
            Command::Get { keys, with_cas } => {
                let items = keys.iter().map(|key| (key, self.get(now, key).cloned()));
                write_hits(out, items, *with_cas);
                return;
            }
            Command::GetAndTouch { keys, with_cas, exptime } => {
                let items = keys.iter().map(|key| (key, self.get_and_touch(now, key, *exptime)));
                write_hits(out, items, *with_cas);
                return;
            }
            Command::FlushAll { delay, noreply } => {
                self.flush_all(now, delay.unwrap_or(0));
                out.extend_from_slice(if *noreply { b"" } else { b"OK\r\n" });
                return;
            }
            Command::Store { verb, key, flags, exptime, value, cas_unique, noreply } => {
                (self.store(now, *verb, key, *flags, *exptime, value, *cas_unique), *noreply)
            }
            Command::Touch { key, exptime, noreply } => (self.touch(now, key, *exptime), *noreply),
            Command::Delete { key, noreply } => (self.delete(now, key), *noreply),
            Command::Arithmetic { key, delta, incr, noreply } => {
                (self.arithmetic(now, key, *delta, *incr), *noreply)
            }
        };
        if !noreply {
            out.extend_from_slice(outcome.line().as_bytes());
        }
    }

    pub(crate) fn put(
        &mut self,
        now: u64,
        key: &[u8],
        value: Vec<u8>,
        flags: u32,
        expiry: Option<u64>,
    ) -> Outcome {
        self.last_cas_unique += 1;
        let cas_unique = self.last_cas_unique;
        let marks = Marks::default();
        let item = ModelItem { value, flags, cas_unique, expiry, marks, stored_at: now };
        self.items.insert(key.to_vec(), item);
        Outcome::Stored
    }

    /// Removes the item of this key if it expired or was flushed.
    pub(crate) fn drop_dead(&mut self, now: u64, key: &[u8]) {
        let Some(item) = self.items.get(key) else { return };
        let expired = item.expiry.is_some_and(|expiry| expiry <= now);
        let flushed = self.flush_at.is_some_and(|at| at <= now && item.stored_at <= at);
        if expired || flushed {
            self.items.remove(key);
        }
    }
}

/// When an item with this exptime expires. 0 is never, a negative number at once, up to 30 days is
/// relative, more is a Unix time.
pub fn expiry(now: u64, exptime: i32) -> Option<u64> {
    match exptime {
        0 => None,
        ..0 => Some(now),
        1..=TTL_SECONDS_MAX => Some(now + u64::from(exptime.unsigned_abs())),
        _ => Some(u64::from(exptime.unsigned_abs())),
    }
}

/// The number at the start of a value, as strtoull reads it. Blanks and a `+` may precede it; the
/// value's end, a blank or a NUL must follow. Negative numbers are refused.
fn leading_number(value: &[u8]) -> Option<u64> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
    let start = value.iter().position(|byte| !is_blank(byte))?;
    let value = &value[start..];
    let value = value.strip_prefix(b"+").unwrap_or(value);
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if value.get(digits).is_some_and(|byte| !is_blank(byte) && *byte != 0) {
        return None;
    }
    std::str::from_utf8(&value[..digits]).ok()?.parse().ok()
}

fn write_hits<'a>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = (&'a Vec<u8>, Option<ModelItem>)>,
    with_cas: bool,
) {
    for (key, item) in items {
        let Some(item) = item else { continue };
        out.extend_from_slice(b"VALUE ");
        out.extend_from_slice(key);
        out.extend_from_slice(format!(" {} {}", item.flags, item.value.len()).as_bytes());
        if with_cas {
            out.extend_from_slice(format!(" {}", item.cas_unique).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&item.value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"END\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn model() -> Model {
        Model::new(1 << 20, NOW - 10)
    }

    fn set(model: &mut Model, now: u64, value: &[u8], exptime: i32) {
        assert_eq!(model.store(now, Verb::Set, b"a", 0, exptime, value, 0), Outcome::Stored);
    }

    /// incr or decr on this value gives this reply, and get then this value.
    fn check_arithmetic(value: &str, delta: u64, incr: bool, outcome: Outcome, after: &str) {
        let mut model = model();
        set(&mut model, NOW, value.as_bytes(), 0);
        assert_eq!(model.arithmetic(NOW, b"a", delta, incr), outcome, "{value:?}");
        let item = model.get(NOW, b"a").expect("the item stays");
        assert_eq!(String::from_utf8_lossy(&item.value), after);
    }

    #[test]
    fn arithmetic() {
        check_arithmetic("10", 1, false, Outcome::Number(9), "9 ");
        check_arithmetic("99", 1, true, Outcome::Number(100), "100");
        check_arithmetic("5", 6, false, Outcome::Number(0), "0");
        check_arithmetic(
            "18446744073709551615",
            1,
            true,
            Outcome::Number(0),
            &format!("{:<20}", 0),
        );
        check_arithmetic(" +12 abc", 1, true, Outcome::Number(13), "13      ");
        check_arithmetic("12abc", 1, true, Outcome::NonNumeric, "12abc");
        check_arithmetic("", 1, true, Outcome::NonNumeric, "");
        check_arithmetic(
            "18446744073709551616",
            1,
            true,
            Outcome::NonNumeric,
            "18446744073709551616",
        );
    }

    #[test]
    fn expiry_by_exptime() {
        assert_eq!(expiry(NOW, 0), None);
        assert_eq!(expiry(NOW, -5), Some(NOW));
        assert_eq!(expiry(NOW, TTL_SECONDS_MAX), Some(NOW + 2_592_000));
        assert_eq!(expiry(NOW, TTL_SECONDS_MAX + 1), Some(2_592_001));
        let mut model = model();
        set(&mut model, NOW, b"x", 2);
        assert!(model.get(NOW + 1, b"a").is_some());
        assert!(model.get(NOW + 2, b"a").is_none());
    }

    #[test]
    fn a_delayed_flush_fires_a_second_early_and_takes_what_is_stored_then() {
        let mut model = model();
        model.flush_all(NOW, 3);
        set(&mut model, NOW + 1, b"x", 0);
        assert!(model.get(NOW + 1, b"a").is_some());
        assert!(model.get(NOW + 2, b"a").is_none());
        set(&mut model, NOW + 2, b"x", 0);
        assert!(model.get(NOW + 2, b"a").is_none());
        set(&mut model, NOW + 3, b"x", 0);
        assert!(model.get(NOW + 3, b"a").is_some());
    }

    #[test]
    fn a_new_flush_replaces_the_pending_one() {
        let mut model = model();
        set(&mut model, NOW, b"x", 0);
        model.flush_all(NOW, 3);
        model.flush_all(NOW, 100);
        assert!(model.get(NOW + 50, b"a").is_some());
        // Before the start of the server: flushes nothing, and cancels.
        model.flush_all(NOW + 50, (NOW - 1_000) as i32);
        assert!(model.get(NOW + 500, b"a").is_some());
    }

    #[test]
    fn too_large_takes_the_old_value_away_for_set_only() {
        for (verb, left) in [(Verb::Set, false), (Verb::Replace, true), (Verb::Cas, true)] {
            let mut model = model();
            set(&mut model, NOW, b"x", 0);
            let value = vec![0; model.value_bytes_max(b"a", 0) + 1];
            assert_eq!(model.store(NOW, verb, b"a", 0, 0, &value, 2), Outcome::TooLarge);
            assert_eq!(model.get(NOW, b"a").is_some(), left, "{verb:?}");
        }
        assert_eq!(model().value_bytes_max(b"a", 0), 1_048_516);
    }

    #[test]
    fn cas_stores_once() {
        let mut model = model();
        set(&mut model, NOW, b"x", 0);
        let unique = model.get(NOW, b"a").expect("it was set").cas_unique;
        let mut cas = |key: &[u8]| model.store(NOW, Verb::Cas, key, 0, 0, b"y", unique);
        assert_eq!(cas(b"a"), Outcome::Stored);
        assert_eq!(cas(b"a"), Outcome::Exists);
        assert_eq!(cas(b"b"), Outcome::NotFound);
    }
}
