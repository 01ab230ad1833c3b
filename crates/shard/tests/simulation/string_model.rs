//! What requests of the Redis dialect do, and their replies to the byte.

use slabcore_protocol::{
    ExpireCondition, ExpiryForm, NewExpiry, RespVersion, SetCondition, SetReply, StringOperation,
    StringSet, add_decimals,
};
use slabcore_shard::{Now, ReplyPart};
use slabcore_storage::Expiry;

use crate::model::{Held, Model, ModelItem, is_dead};
use crate::request::Name;

const OK: &[u8] = b"+OK\r\n";
const NOT_AN_INTEGER: &[u8] = b"-ERR value is not an integer or out of range\r\n";
const NOT_A_FLOAT: &[u8] = b"-ERR value is not a valid float\r\n";
const OVERFLOW: &[u8] = b"-ERR increment or decrement would overflow\r\n";
const TOO_LONG: &[u8] = b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
const OUT_OF_MEMORY: &[u8] = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n";

/// The largest item, and what memcached counts beside key, value and flags.
const ITEM_BYTES_MAX: u64 = 1 << 20;
const OVERHEAD_BYTES: u64 = 59;

/// What becomes of an item.
enum After {
    Same,
    Gone,
    New(ModelItem),
}

impl Model {
    /// The keys of the live items of a database, sorted.
    pub(crate) fn live_keys(&self, now: Now, database: u8) -> Vec<Vec<u8>> {
        let items = self.items.iter().filter(|(name, _)| name.0 == database);
        items.filter(|(_, item)| !is_dead(item, now)).map(|(name, _)| name.1.clone()).collect()
    }

    /// Applies a request of the Redis dialect that was just executed, and judges its reply.
    pub(crate) fn string(
        &mut self,
        now: Now,
        name: &Name,
        version: RespVersion,
        operation: StringOperation<'_>,
        reply: ReplyPart<'_>,
    ) -> Option<Held> {
        let (heard, hold) = match reply {
            ReplyPart::Bytes(bytes) => (bytes.to_vec(), None),
            ReplyPart::Held { hold, head, end } => {
                let value: Vec<u8> = hold.parts(0).flatten().copied().collect();
                ([head, &value, end.bytes()].concat(), Some((hold, value)))
            }
        };
        let call = Call { now, name, version, operation };
        if operation == StringOperation::Version {
            self.versioned(&call, &heard);
            return None;
        }
        let known = self.items.get(name).cloned();
        let mut fits = Vec::new();
        for value in known.iter().flat_map(|item| &item.values) {
            let old = known
                .as_ref()
                .map(|item| ModelItem { values: vec![value.clone()], ..item.clone() });
            let (expected, after) = call.outcome(old.as_ref());
            if expected == heard {
                fits.push((value.clone(), after));
            }
        }
        if fits.is_empty() {
            assert!(known.is_none() || self.tight, "{operation:?} {known:?}: {}", shown(&heard));
            if self.tight && heard == OUT_OF_MEMORY && call.takes_memory() {
                return None;
            }
            let (expected, after) = call.outcome(None);
            assert!(expected == heard, "{operation:?}: {} {}", shown(&expected), shown(&heard));
            self.items.remove(name);
            fits.push((Vec::new(), after));
        }
        self.apply(name, fits);
        let (hold, value) = hold?;
        self.held.push(name.clone());
        Some(Held { name: name.clone(), hold, value })
    }

    /// Applies what fits: the value that the item had, and what became of it.
    fn apply(&mut self, name: &Name, fits: Vec<(Vec<u8>, After)>) {
        let (mut kept, mut new) = (Vec::new(), None::<ModelItem>);
        for (value, after) in fits {
            match after {
                After::Same => kept.push(value),
                After::Gone => {}
                After::New(item) => match &mut new {
                    Some(new) => new.values.extend(item.values),
                    None => new = Some(item),
                },
            }
        }
        if let Some(new) = new {
            self.items.insert(name.clone(), new);
        } else if kept.is_empty() {
            self.items.remove(name);
        } else if let Some(item) = self.items.get_mut(name) {
            item.values = kept;
        }
    }

    fn versioned(&mut self, call: &Call<'_>, heard: &[u8]) {
        if heard == call.nil() {
            assert!(self.tight || !self.items.contains_key(call.name), "a live item is gone");
            self.items.remove(call.name);
            return;
        }
        let item = self.items.get_mut(call.name).expect("a dead or deleted key is a hit");
        let text = heard.strip_prefix(b":").and_then(|text| text.strip_suffix(b"\r\n"));
        let text = text.and_then(|text| std::str::from_utf8(text).ok()).expect("an integer");
        let unique = text.parse::<i64>().expect("an integer").cast_unsigned();
        match item.unique {
            Some(known) => assert_eq!(known, unique, "a version changed by itself"),
            // Without memory for the unique it is another number.
            None if self.tight => {}
            None => {
                assert!(!self.uniques.contains(&unique), "a version was told twice");
                self.uniques.push(unique);
                item.unique = Some(unique);
            }
        }
    }
}

/// A request of the Redis dialect.
struct Call<'a> {
    now: Now,
    name: &'a Name,
    version: RespVersion,
    operation: StringOperation<'a>,
}

impl Call<'_> {
    /// The reply to the request if the key has this item, with one value, and what becomes of it.
    fn outcome(&self, old: Option<&ModelItem>) -> (Vec<u8>, After) {
        let value = old.map(|item| &item.values[0]);
        let found = |number: i64| integer(if old.is_some() { number } else { 0 });
        match self.operation {
            StringOperation::Get => (self.value_or_nil(old), After::Same),
            StringOperation::GetDelete => (self.value_or_nil(old), After::Gone),
            StringOperation::GetExpire(expiry) => {
                let after = match (old, expiry) {
                    (Some(item), NewExpiry::Never) => self.expiring(item, Expiry::NEVER),
                    (Some(item), NewExpiry::At(at)) => self.expiring_at(item, at),
                    _ => After::Same,
                };
                (self.value_or_nil(old), after)
            }
            StringOperation::Set(ref set) => self.set(old, set),
            StringOperation::Append(bytes) => match value {
                Some(value) if bytes.is_empty() => (integer(value.len() as i64), After::Same),
                _ => self.written(old, [value.map_or(&b""[..], Vec::as_slice), bytes].concat()),
            },
            StringOperation::SetRange { offset, value: bytes } => {
                self.set_range(old, offset, bytes)
            }
            StringOperation::Range { start, end } => {
                (bulk(range(value.map_or(b"", Vec::as_slice), start, end)), After::Same)
            }
            StringOperation::Add(number) => add(old, number),
            StringOperation::AddDecimal(number) => {
                match add_decimals(value.map_or(b"0", Vec::as_slice), number) {
                    Ok(sum) => (bulk(sum.as_bytes()), changed(old, sum.into_bytes())),
                    Err(_) => (NOT_A_FLOAT.to_vec(), After::Same),
                }
            }
            StringOperation::Delete => (found(1), After::Gone),
            StringOperation::Expire { at, condition } => self.expire(old, at, condition),
            StringOperation::Persist => match old {
                Some(item) if !item.expiry.is_never() => {
                    (integer(1), self.expiring(item, Expiry::NEVER))
                }
                _ => (integer(0), After::Same),
            },
            StringOperation::Expiry(form) => (integer(self.shown_expiry(old, form)), After::Same),
            StringOperation::Length => (integer(value.map_or(0, Vec::len) as i64), After::Same),
            StringOperation::Exists | StringOperation::Touch => (found(1), After::Same),
            StringOperation::Type => {
                let name = if old.is_some() { "+string\r\n" } else { "+none\r\n" };
                (name.as_bytes().to_vec(), After::Same)
            }
            StringOperation::ReferenceCount if old.is_some() => (integer(1), After::Same),
            StringOperation::Encoding if old.is_some() => {
                let value = value.map_or(&b""[..], Vec::as_slice);
                let name = match value.len() {
                    _ if number_of(value).is_some() => "int",
                    0..=44 => "embstr",
                    _ => "raw",
                };
                (bulk(name.as_bytes()), After::Same)
            }
            _ => (self.nil(), After::Same),
        }
    }

    /// Whether it may be refused because there is no memory.
    fn takes_memory(&self) -> bool {
        matches!(
            self.operation,
            StringOperation::Set(_)
                | StringOperation::Append(_)
                | StringOperation::SetRange { .. }
                | StringOperation::Add(_)
                | StringOperation::AddDecimal(_)
        )
    }

    fn nil(&self) -> Vec<u8> {
        let nil: &[u8] = if self.version == RespVersion::Three { b"_\r\n" } else { b"$-1\r\n" };
        nil.to_vec()
    }

    fn value_or_nil(&self, old: Option<&ModelItem>) -> Vec<u8> {
        old.map_or_else(|| self.nil(), |item| bulk(&item.values[0]))
    }

    fn expiring(&self, item: &ModelItem, expiry: Expiry) -> After {
        let item = ModelItem { expiry, unique: None, ..item.clone() };
        if is_dead(&item, self.now) { After::Gone } else { After::New(item) }
    }

    fn expiring_at(&self, item: &ModelItem, at: i64) -> After {
        self.expiring(item, self.now.expiry_at_unix_ms(at))
    }

    fn set(&self, old: Option<&ModelItem>, set: &StringSet<'_>) -> (Vec<u8>, After) {
        let is_stored = match set.condition {
            SetCondition::Always => true,
            SetCondition::IfAbsent => old.is_none(),
            SetCondition::IfPresent => old.is_some(),
        };
        let reply = match set.reply {
            SetReply::Integer => integer(i64::from(is_stored)),
            SetReply::OldValue => self.value_or_nil(old),
            SetReply::Status if is_stored => OK.to_vec(),
            SetReply::Status => self.nil(),
        };
        if !is_stored {
            return (reply, After::Same);
        }
        let expiry = match (set.expiry, old) {
            (NewExpiry::Keep, Some(item)) => item.expiry,
            (NewExpiry::At(at), _) => self.now.expiry_at_unix_ms(at),
            _ => Expiry::NEVER,
        };
        let item = ModelItem { values: vec![set.value.to_vec()], flags: 0, expiry, unique: None };
        let after = if is_dead(&item, self.now) { After::Gone } else { After::New(item) };
        (reply, after)
    }

    fn set_range(&self, old: Option<&ModelItem>, offset: u64, bytes: &[u8]) -> (Vec<u8>, After) {
        let mut value = old.map(|item| item.values[0].clone()).unwrap_or_default();
        if bytes.is_empty() {
            return (integer(value.len() as i64), After::Same);
        }
        let end = offset.saturating_add(bytes.len() as u64).max(value.len() as u64);
        if self.is_too_long(old, end) {
            return (TOO_LONG.to_vec(), After::Same);
        }
        value.resize(end as usize, 0);
        value[offset as usize..offset as usize + bytes.len()].copy_from_slice(bytes);
        self.written(old, value)
    }

    fn is_too_long(&self, old: Option<&ModelItem>, value_bytes: u64) -> bool {
        let flags_bytes = if old.is_some_and(|item| item.flags != 0) { 4 } else { 0 };
        let key_bytes = self.name.1.len() as u64;
        value_bytes.saturating_add(key_bytes + flags_bytes + OVERHEAD_BYTES) > ITEM_BYTES_MAX
    }

    /// A changed value, whose length is the reply.
    fn written(&self, old: Option<&ModelItem>, value: Vec<u8>) -> (Vec<u8>, After) {
        if self.is_too_long(old, value.len() as u64) {
            return (TOO_LONG.to_vec(), After::Same);
        }
        (integer(value.len() as i64), changed(old, value))
    }

    fn expire(
        &self,
        old: Option<&ModelItem>,
        at: i64,
        condition: ExpireCondition,
    ) -> (Vec<u8>, After) {
        let Some(item) = old else { return (integer(0), After::Same) };
        let present = (!item.expiry.is_never()).then(|| self.now.unix_ms_of(item.expiry));
        let holds = match condition {
            ExpireCondition::Always => true,
            ExpireCondition::IfNone => present.is_none(),
            ExpireCondition::IfSome => present.is_some(),
            ExpireCondition::IfLater => present.is_some_and(|present| at > present),
            ExpireCondition::IfEarlier => present.is_none_or(|present| at < present),
            ExpireCondition::IfSomeAndEarlier => present.is_some_and(|present| at < present),
        };
        if !holds {
            return (integer(0), After::Same);
        }
        (integer(1), self.expiring_at(item, at))
    }

    fn shown_expiry(&self, old: Option<&ModelItem>, form: ExpiryForm) -> i64 {
        let Some(item) = old else { return -2 };
        if item.expiry.is_never() {
            return -1;
        }
        let at = self.now.unix_ms_of(item.expiry);
        let left = at - self.now.unix_ms();
        match form {
            ExpiryForm::SecondsLeft => (left + 500) / 1_000,
            ExpiryForm::MillisecondsLeft => left,
            ExpiryForm::UnixSeconds => (at + 500) / 1_000,
            ExpiryForm::UnixMilliseconds => at,
        }
    }
}

/// The item with another value; a missing one has no flags and never expires.
fn changed(old: Option<&ModelItem>, value: Vec<u8>) -> After {
    let (flags, expiry) = old.map_or((0, Expiry::NEVER), |item| (item.flags, item.expiry));
    After::New(ModelItem { values: vec![value], flags, expiry, unique: None })
}

/// `INCR` and its like.
fn add(old: Option<&ModelItem>, number: i64) -> (Vec<u8>, After) {
    let Some(before) = old.map_or(Some(0), |item| number_of(&item.values[0])) else {
        return (NOT_AN_INTEGER.to_vec(), After::Same);
    };
    match before.checked_add(number) {
        None => (OVERFLOW.to_vec(), After::Same),
        Some(sum) => (integer(sum), changed(old, sum.to_string().into_bytes())),
    }
}

/// As Redis cuts it: an end before the begin of the value is its first byte.
fn range(value: &[u8], start: i64, end: i64) -> &[u8] {
    let length = value.len() as i128;
    let place = |at: i64| if at < 0 { (length + i128::from(at)).max(0) } else { i128::from(at) };
    let (first, last) = (place(start), place(end).min(length - 1));
    let is_backwards = start < 0 && end < 0 && start > end;
    if is_backwards || first > last { b"" } else { &value[first as usize..=last as usize] }
}

/// The number that a text is, as Redis writes it.
fn number_of(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

fn integer(number: i64) -> Vec<u8> {
    format!(":{number}\r\n").into_bytes()
}

fn bulk(value: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat()
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned()
}
