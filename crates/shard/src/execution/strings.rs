//! Requests of the Redis dialect for one key.
//!
//! A value that cannot be stored is refused, and the old one stays: unlike in memcached, where a
//! set that fails removes it. A stale item (meta commands) is a hit.

use alloc::vec::Vec;

use slabcore_metrics::Counter;
use slabcore_protocol::{
    ExpiryForm, NewExpiry, RespRefusal, RespVersion, SetCondition, SetReply, StringOperation,
    StringRequest, StringSet, TimeRefusal,
};
use slabcore_storage::{Expiry, HashedKey, ItemRef, NewItem, StoreOutcome, StoreVerb};

use crate::execution::shard::Shard;
use crate::execution::string_values::{bytes_of, encoding_of, value_reply, version_of};
use crate::requests::clock::Now;
use crate::requests::response::Response;
use crate::requests::string_reply::StringReply;

impl Shard {
    /// As [`Self::execute`], for a request of the Redis dialect.
    pub fn execute_string<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'a>,
        request: &StringRequest<'a>,
    ) -> Response<'a> {
        self.hot_keys.note(now, key);
        self.string(now, key, request)
    }

    /// Executes a request of the Redis dialect.
    #[inline(never)]
    pub(super) fn string<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'a>,
        request: &StringRequest<'a>,
    ) -> Response<'a> {
        let version = request.version;
        let reply = match request.operation {
            StringOperation::Get => return self.string_get(now, key, version),
            StringOperation::GetExpire(expiry) => {
                return self.string_get_expire(now, key, version, expiry);
            }
            StringOperation::Range { start, end } => self.string_range(now, key, start, end),
            StringOperation::GetDelete => self.string_get_delete(now, key, version),
            StringOperation::Set(ref set) => self.string_set(now, key, version, set),
            StringOperation::Append(value) => self.string_append(now, key, value),
            StringOperation::SetRange { offset, value } => {
                self.string_set_range(now, key, offset, value)
            }
            StringOperation::Add(number) => self.string_add(now, key, number),
            StringOperation::AddDecimal(number) => self.string_add_decimal(now, key, number),
            StringOperation::Delete => self.string_delete(now, key),
            StringOperation::Expire { at, condition } => {
                self.string_expire(now, key, at, condition)
            }
            StringOperation::Persist => self.string_persist(now, key),
            StringOperation::Length
            | StringOperation::Exists
            | StringOperation::Touch
            | StringOperation::Type
            | StringOperation::Expiry(_)
            | StringOperation::Encoding
            | StringOperation::IdleTime
            | StringOperation::ReferenceCount
            | StringOperation::Frequency
            | StringOperation::MemoryUsage
            | StringOperation::Version => self.string_fact(now, key, version, request.operation),
        };
        Response::String(reply)
    }

    /// `GET`.
    #[inline]
    fn string_get<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'a>,
        version: RespVersion,
    ) -> Response<'a> {
        self.detail.note_get(&self.store, &self.metrics, now, key);
        match self.get_counted::<false>(now, key) {
            Some(item) => value_reply(item),
            None => Response::String(StringReply::Nil(version)),
        }
    }

    /// `GETEX`. A past time ends the item, whose value is returned.
    fn string_get_expire<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'a>,
        version: RespVersion,
        expiry: NewExpiry,
    ) -> Response<'a> {
        let expiry = match expiry {
            NewExpiry::Keep => return self.string_get(now, key, version),
            NewExpiry::Never => Expiry::NEVER,
            NewExpiry::Refused(refusal) => {
                return Response::String(if self.store.is_live(now.moment(), key) {
                    StringReply::Refused(match refusal {
                        TimeRefusal::NotAnInteger => RespRefusal::NOT_AN_INTEGER,
                        TimeRefusal::OutOfRange => RespRefusal::InvalidExpireTime("getex"),
                    })
                } else {
                    StringReply::Nil(version)
                });
            }
            NewExpiry::At(at) if at <= now.unix_ms() => {
                return Response::String(self.string_get_delete(now, key, version));
            }
            NewExpiry::At(at) => now.expiry_at_unix_ms(at),
        };
        // After a miss, and without memory for the expiry, there is nothing to be read.
        let _ = self.store.set_expiry(now.moment(), key, expiry);
        self.string_get(now, key, version)
    }

    /// `GETDEL`.
    fn string_get_delete(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        version: RespVersion,
    ) -> StringReply<'static> {
        let Some(item) = self.get_counted::<false>(now, key) else {
            return StringReply::Nil(version);
        };
        let value = bytes_of(&item);
        // It has just been found.
        let _ = self.store.delete(now.moment(), key);
        StringReply::Owned(value)
    }

    /// `GETRANGE`.
    fn string_range(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        start: i64,
        end: i64,
    ) -> StringReply<'_> {
        let Some(item) = self.get_counted::<false>(now, key) else {
            return StringReply::Bulk(b"");
        };
        let Some((start, end)) = range_in(item.value_len(), start, end) else {
            return StringReply::Bulk(b"");
        };
        if let Some(value) = item.value() {
            return StringReply::Bulk(&value[start..end]);
        }
        let (mut range, mut offset) = (Vec::with_capacity(end - start), 0);
        for part in item.value_parts() {
            let from = start.clamp(offset, offset + part.len()) - offset;
            let to = end.clamp(offset, offset + part.len()) - offset;
            range.extend_from_slice(&part[from..to]);
            offset += part.len();
        }
        StringReply::Owned(range)
    }

    /// `SET` and its like.
    fn string_set(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        version: RespVersion,
        set: &StringSet<'_>,
    ) -> StringReply<'static> {
        let verb = match set.condition {
            SetCondition::Always => StoreVerb::Set,
            SetCondition::IfAbsent => StoreVerb::Add,
            SetCondition::IfPresent => StoreVerb::Replace,
        };
        let old = (set.reply == SetReply::OldValue)
            .then(|| self.get_counted::<false>(now, key).map(|item| bytes_of(&item)));
        if self.store.item_size_limit().is_exceeded(key.key().len(), 0, set.value.len()) {
            self.metrics.add(Counter::StoreTooLarge, 1);
            return StringReply::Refused(RespRefusal::TOO_LONG);
        }
        let expiry = match set.expiry {
            NewExpiry::Never | NewExpiry::Refused(_) => Expiry::NEVER,
            NewExpiry::Keep => {
                self.store.peek(now.moment(), key).map_or(Expiry::NEVER, |item| item.expiry())
            }
            NewExpiry::At(at) => now.expiry_at_unix_ms(at),
        };
        let item = NewItem { key, value: set.value, flags: 0, expiry };
        let outcome = self.store.store(now.moment(), &item, verb);
        let is_stored = outcome == StoreOutcome::Stored;
        if outcome == StoreOutcome::NoMemory {
            self.metrics.add(Counter::StoreNoMemory, 1);
            return StringReply::Refused(RespRefusal::OUT_OF_MEMORY);
        }
        if is_stored {
            self.store.count_set();
        } else {
            self.store.count_set_in_vain(key, set.value.len(), 0, expiry);
        }
        match (set.reply, old.flatten()) {
            (SetReply::Status, _) if is_stored => StringReply::Status("OK"),
            (SetReply::Status, _) | (SetReply::OldValue, None) => StringReply::Nil(version),
            (SetReply::Integer, _) => StringReply::Integer(i64::from(is_stored)),
            (SetReply::OldValue, Some(value)) => StringReply::Owned(value),
        }
    }

    /// `APPEND`.
    fn string_append(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        value: &[u8],
    ) -> StringReply<'static> {
        let Ok(item) = self.store.peek(now.moment(), key) else {
            let stored = self.string_replace(now, key, value, (0, Expiry::NEVER));
            return length_or_refusal(stored, value.len());
        };
        let (length, flags, expiry) = (item.value_len() + value.len(), item.flags(), item.expiry());
        if value.is_empty() {
            return StringReply::Integer(length as i64);
        }
        let item = NewItem { key, value, flags, expiry };
        let stored = match self.store.store(now.moment(), &item, StoreVerb::Append) {
            StoreOutcome::Stored => {
                self.store.count_set();
                Ok(())
            }
            StoreOutcome::NoMemory => {
                self.metrics.add(Counter::StoreNoMemory, 1);
                Err(RespRefusal::OUT_OF_MEMORY)
            }
            _ => {
                self.metrics.add(Counter::StoreTooLarge, 1);
                Err(RespRefusal::TOO_LONG)
            }
        };
        length_or_refusal(stored, length)
    }

    /// `SETRANGE`.
    fn string_set_range(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        offset: u64,
        value: &[u8],
    ) -> StringReply<'static> {
        let found = self.store.peek(now.moment(), key);
        let old_len = found.as_ref().map_or(0, ItemRef::value_len);
        if value.is_empty() {
            return StringReply::Integer(old_len as i64);
        }
        let end = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(value.len()));
        let new_len = end.unwrap_or(usize::MAX).max(old_len);
        let (mut new, kept) = match found {
            Ok(item) => (bytes_of(&item), (item.flags(), item.expiry())),
            Err(_) => (Vec::new(), (0, Expiry::NEVER)),
        };
        // Before memory for it is taken.
        if self.store.item_size_limit().is_exceeded(key.key().len(), kept.0, new_len) {
            self.metrics.add(Counter::StoreTooLarge, 1);
            return StringReply::Refused(RespRefusal::TOO_LONG);
        }
        new.resize(new_len, 0);
        let start = offset as usize;
        new[start..start + value.len()].copy_from_slice(value);
        let stored = self.string_replace(now, key, &new, kept);
        length_or_refusal(stored, new_len)
    }

    /// `DEL`.
    fn string_delete(&mut self, now: Now, key: HashedKey<'_>) -> StringReply<'static> {
        self.detail.note_delete(&self.metrics, key.key());
        let is_deleted = self.store.delete(now.moment(), key).is_ok();
        if !is_deleted {
            self.metrics.add(Counter::DeleteMisses, 1);
        }
        StringReply::Integer(i64::from(is_deleted))
    }

    /// What only asks for a fact about the item.
    fn string_fact(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        version: RespVersion,
        operation: StringOperation<'_>,
    ) -> StringReply<'static> {
        let moment = now.moment();
        let missing = match operation {
            StringOperation::Length | StringOperation::Exists | StringOperation::Touch => {
                StringReply::Integer(0)
            }
            StringOperation::Type => StringReply::Status("none"),
            StringOperation::Expiry(_) => StringReply::Integer(-2),
            _ => StringReply::Nil(version),
        };
        let is_read = matches!(operation, StringOperation::Length | StringOperation::Touch);
        if is_read && self.get_counted::<false>(now, key).is_none() {
            return missing;
        }
        let idle = self.store.class_and_idle(moment, key).map_or(0, |(_, idle)| idle);
        let found = match operation {
            StringOperation::Version => self.store.peek_with_cas(moment, key),
            _ => self.store.peek(moment, key),
        };
        let Ok(item) = found else { return missing };
        match operation {
            StringOperation::Length => StringReply::Integer(item.value_len() as i64),
            StringOperation::Type => StringReply::Status("string"),
            StringOperation::Expiry(form) => {
                StringReply::Integer(shown_expiry(now, item.expiry(), form))
            }
            StringOperation::Encoding => StringReply::Bulk(encoding_of(&item).as_bytes()),
            StringOperation::IdleTime => StringReply::Integer(idle.into()),
            StringOperation::Frequency => StringReply::Refused(RespRefusal::NO_LFU),
            StringOperation::MemoryUsage => StringReply::Integer(item.total_bytes() as i64),
            StringOperation::Version => StringReply::Integer(version_of(&item)),
            _ => StringReply::Integer(1),
        }
    }
}

fn length_or_refusal(
    stored: Result<(), RespRefusal<'static>>,
    length: usize,
) -> StringReply<'static> {
    match stored {
        Ok(()) => StringReply::Integer(length as i64),
        Err(refusal) => StringReply::Refused(refusal),
    }
}

/// The bytes of a range, from its first to behind its last. `None`: it is empty.
fn range_in(length: usize, start: i64, end: i64) -> Option<(usize, usize)> {
    let length = length as i64;
    // As in Redis, a range whose ends are both counted from the end, in the wrong order, is empty.
    if start < 0 && end < 0 && start > end {
        return None;
    }
    let from_begin = |at: i64| if at < 0 { length.saturating_add(at).max(0) } else { at };
    let (start, end) = (from_begin(start), from_begin(end).min(length - 1));
    (0 <= start && start <= end).then(|| (start as usize, end as usize + 1))
}

/// An expiry as it is shown. -1: never.
fn shown_expiry(now: Now, expiry: Expiry, form: ExpiryForm) -> i64 {
    if expiry.is_never() {
        return -1;
    }
    let at = now.unix_ms_of(expiry);
    let left = (at - now.unix_ms()).max(0);
    match form {
        ExpiryForm::SecondsLeft => (left + 500) / 1_000,
        ExpiryForm::MillisecondsLeft => left,
        ExpiryForm::UnixSeconds => (at + 500) / 1_000,
        ExpiryForm::UnixMilliseconds => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_redis_cuts_them() {
        for (length, start, end, expected) in [
            (11, 0, 3, Some((0, 4))),
            (11, 0, -1, Some((0, 11))),
            (11, -4, -1, Some((7, 11))),
            (11, 5, 3, None),
            (11, 5, 5_000, Some((5, 11))),
            (11, -5_000, 10_000, Some((0, 11))),
            (11, 11, 12, None),
            (11, -1, -5, None),
            (0, 0, -1, None),
            (3, i64::MIN, i64::MAX, Some((0, 3))),
        ] {
            assert_eq!(range_in(length, start, end), expected, "{length} {start} {end}");
        }
    }
}
