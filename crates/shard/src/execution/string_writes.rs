//! Writes of strings, for the Redis dialect: the value is given by the client.

use alloc::vec::Vec;

use slabcore_protocol::{NewExpiry, RespRefusal, RespVersion, SetCondition, SetReply, StringSet};
use slabcore_storage::{Expiry, HashedKey, Hold, NewItem, StoreVerb};

use crate::execution::shard::Shard;
use crate::execution::string_values::bytes_of;
use crate::requests::clock::Now;
use crate::requests::response::Response;
use crate::requests::string_reply::StringReply;

/// The value that a key had.
enum OldValue {
    /// None, or it is not asked for.
    Absent,
    /// A copy.
    Copied(Vec<u8>),
    /// A longer one.
    Held(Hold),
}

impl Shard {
    /// `SET` and its like. A longer old value than `inline_max` is not copied.
    #[inline]
    pub(super) fn string_set(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        version: RespVersion,
        set: &StringSet<'_>,
        inline_max: usize,
    ) -> Response<'_> {
        self.detail.note_string_store(&self.metrics, key.key());
        if set.reply == SetReply::OldValue {
            return self.string_get_set(now, key, version, set, inline_max);
        }
        Response::String(match (self.string_stored(now, key, set), set.reply) {
            (Err(refusal), _) => StringReply::Refused(refusal),
            (Ok(is_stored), SetReply::Integer) => StringReply::Integer(i64::from(is_stored)),
            (Ok(true), _) => StringReply::Status("OK"),
            (Ok(false), _) => StringReply::Nil(version),
        })
    }

    /// `SET GET`, `GETSET`.
    fn string_get_set(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        version: RespVersion,
        set: &StringSet<'_>,
        inline_max: usize,
    ) -> Response<'_> {
        let old = match self.get_counted::<false>(now, key) {
            None => OldValue::Absent,
            Some(item) if item.value_len() <= inline_max => OldValue::Copied(bytes_of(&item)),
            Some(_) => OldValue::Held(self.hold_found(key)),
        };
        match (self.string_stored(now, key, set), old) {
            (Ok(_), OldValue::Absent) => Response::String(StringReply::Nil(version)),
            (Ok(_), OldValue::Copied(value)) => Response::String(StringReply::Owned(value)),
            (Ok(_), OldValue::Held(hold)) => self.held_reply(hold),
            (Err(refusal), old) => {
                if let OldValue::Held(hold) = old {
                    self.store.release(hold);
                }
                Response::String(StringReply::Refused(refusal))
            }
        }
    }

    /// Stores a value if the condition holds, and counts that; false: it does not hold.
    #[inline]
    fn string_stored(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        set: &StringSet<'_>,
    ) -> Result<bool, RespRefusal<'static>> {
        let verb = match set.condition {
            SetCondition::Always => StoreVerb::Set,
            SetCondition::IfAbsent => StoreVerb::Add,
            SetCondition::IfPresent => StoreVerb::Replace,
        };
        let expiry = match set.expiry {
            NewExpiry::Never | NewExpiry::Refused(_) => Expiry::NEVER,
            NewExpiry::Keep => {
                self.store.peek(now.moment(), key).map_or(Expiry::NEVER, |item| item.expiry())
            }
            NewExpiry::At(at) => now.expiry_at_unix_ms(at),
        };
        let item = NewItem { key, value: set.value, flags: 0, expiry };
        let is_stored = self.string_store(now, &item, verb)?;
        if is_stored {
            self.store.count_set();
        } else {
            self.store.count_set_in_vain(key, set.value.len(), 0, expiry);
        }
        Ok(is_stored)
    }

    /// `APPEND`.
    pub(super) fn string_append(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        value: &[u8],
    ) -> StringReply<'static> {
        self.detail.note_string_store(&self.metrics, key.key());
        if let Ok(old) = self.store.peek(now.moment(), key) {
            let (length, flags, expiry) =
                (old.value_len() + value.len(), old.flags(), old.expiry());
            if value.is_empty() {
                return StringReply::Integer(length as i64);
            }
            let item = NewItem { key, value, flags, expiry };
            if self.store.item_size_limit().is_exceeded(key.key().len(), flags, length) {
                return StringReply::Refused(self.refused_as_too_long(
                    now,
                    &item,
                    StoreVerb::Append,
                ));
            }
            match self.string_store(now, &item, StoreVerb::Append) {
                Ok(true) => {
                    self.store.count_set();
                    return StringReply::Integer(length as i64);
                }
                // The old item was evicted in the meantime.
                Ok(false) => {}
                Err(refusal) => return StringReply::Refused(refusal),
            }
        }
        let stored = self.string_replace(now, key, value, (0, Expiry::NEVER));
        length_or_refusal(stored, value.len())
    }

    /// `SETRANGE`.
    pub(super) fn string_set_range(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        offset: u64,
        value: &[u8],
    ) -> StringReply<'static> {
        self.detail.note_string_store(&self.metrics, key.key());
        let found = self.store.peek(now.moment(), key);
        let (old_len, flags, expiry) = found
            .map_or((0, 0, Expiry::NEVER), |item| (item.value_len(), item.flags(), item.expiry()));
        if value.is_empty() {
            return StringReply::Integer(old_len as i64);
        }
        let end = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(value.len()));
        let new_len = end.unwrap_or(usize::MAX / 2).max(old_len);
        // Before memory for it is taken.
        if self.store.item_size_limit().is_exceeded(key.key().len(), flags, new_len) {
            let item = NewItem { key, value, flags, expiry };
            return StringReply::Refused(self.refused_as_too_long(now, &item, StoreVerb::Set));
        }
        let mut new = Vec::with_capacity(new_len);
        if let Ok(item) = self.store.peek(now.moment(), key) {
            item.value_parts().for_each(|part| new.extend_from_slice(part));
        }
        new.resize(new_len, 0);
        let start = offset as usize;
        new[start..start + value.len()].copy_from_slice(value);
        let stored = self.string_replace(now, key, &new, (flags, expiry));
        length_or_refusal(stored, new_len)
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
