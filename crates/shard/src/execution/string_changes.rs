//! Changes of a string's number and of its expiry, and its deletion, for the Redis dialect.

use slabcore_metrics::Counter;
use slabcore_protocol::{DecimalError, ExpireCondition, RespRefusal, add_decimals, strict_64};
use slabcore_storage::{Expiry, HashedKey, Hit, NewItem, StoreVerb};

use crate::execution::decimal::{SIGNED_BYTES_MAX, signed_decimal};
use crate::execution::shard::Shard;
use crate::execution::string_values::bytes_of;
use crate::requests::clock::Now;
use crate::requests::string_reply::StringReply;

/// Bytes of the longest number that is added to: more digits are out of range.
const NUMBER_BYTES_MAX: usize = 5 << 10;

impl Shard {
    /// `INCR` and its like. A missing number is 0.
    pub(super) fn string_add(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        number: i64,
    ) -> StringReply<'static> {
        let (old, kept) = match self.store.peek(now.moment(), key) {
            Err(_) => (Some(0), None),
            Ok(item) => (item.value().and_then(strict_64), Some((item.flags(), item.expiry()))),
        };
        let Some(old) = old else { return StringReply::Refused(RespRefusal::NOT_AN_INTEGER) };
        let Some(sum) = old.checked_add(number) else {
            return StringReply::Refused(RespRefusal::OVERFLOW);
        };
        let mut room = [0; SIGNED_BYTES_MAX];
        match self.store_number(now, key, signed_decimal(sum, &mut room), kept, number < 0) {
            Ok(()) => StringReply::Integer(sum),
            Err(refusal) => StringReply::Refused(refusal),
        }
    }

    /// `INCRBYFLOAT`. A missing number is 0.
    pub(super) fn string_add_decimal(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        number: &[u8],
    ) -> StringReply<'static> {
        let (old, kept) = match self.store.peek(now.moment(), key) {
            Err(_) => (b"0".to_vec(), None),
            Ok(item) if item.value_len() > NUMBER_BYTES_MAX => {
                return StringReply::Refused(RespRefusal::NOT_A_FLOAT);
            }
            Ok(item) => (bytes_of(&item), Some((item.flags(), item.expiry()))),
        };
        let sum = match add_decimals(&old, number) {
            Ok(sum) => sum.into_bytes(),
            Err(DecimalError::NotANumber) => {
                return StringReply::Refused(RespRefusal::NOT_A_FLOAT);
            }
            Err(DecimalError::NotFinite) => {
                return StringReply::Refused(RespRefusal::NOT_FINITE);
            }
        };
        match self.store_number(now, key, &sum, kept, number.starts_with(b"-")) {
            Ok(()) => StringReply::Owned(sum),
            Err(refusal) => StringReply::Refused(refusal),
        }
    }

    /// Stores the sum in place of a number, and counts an incr or a decr. `kept`: flags and expiry
    /// of the old item; a missing one counts as a miss and, as it is created, as a set.
    fn store_number(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        sum: &[u8],
        kept: Option<(u32, Expiry)>,
        is_less: bool,
    ) -> Result<(), RespRefusal<'static>> {
        let (hit, misses) = if is_less {
            (Hit::Decr, Counter::DecrMisses)
        } else {
            (Hit::Incr, Counter::IncrMisses)
        };
        let Some((flags, expiry)) = kept else {
            self.metrics.add(misses, 1);
            return self.string_replace(now, key, sum, (0, Expiry::NEVER));
        };
        let item = NewItem { key, value: sum, flags, expiry };
        self.string_store(now, &item, StoreVerb::Set)?;
        self.store.count_hit(key, hit);
        Ok(())
    }

    /// `DEL`.
    pub(super) fn string_delete(&mut self, now: Now, key: HashedKey<'_>) -> StringReply<'static> {
        self.detail.note_delete(&self.metrics, key.key());
        let is_deleted = self.store.delete(now.moment(), key).is_ok();
        if !is_deleted {
            self.metrics.add(Counter::DeleteMisses, 1);
        }
        StringReply::Integer(i64::from(is_deleted))
    }

    /// `EXPIRE` and its like. A past time deletes the item.
    pub(super) fn string_expire(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        at: i64,
        condition: ExpireCondition,
    ) -> StringReply<'static> {
        let Ok(item) = self.store.peek(now.moment(), key) else {
            self.count_touch(key, false);
            return StringReply::Integer(0);
        };
        let old = item.expiry();
        let (is_never, old_at) = (old.is_never(), now.unix_ms_of(old));
        let holds = match condition {
            ExpireCondition::Always => true,
            ExpireCondition::IfNone => is_never,
            ExpireCondition::IfSome => !is_never,
            ExpireCondition::IfLater => !is_never && at > old_at,
            ExpireCondition::IfEarlier => is_never || at < old_at,
            ExpireCondition::IfSomeAndEarlier => !is_never && at < old_at,
        };
        self.count_touch(key, true);
        if !holds {
            return StringReply::Integer(0);
        }
        // It has just been found; without memory for the expiry it is gone, too.
        if at <= now.unix_ms() {
            self.string_remove(now, key, "expire");
        } else {
            let _ = self.store.set_expiry(now.moment(), key, now.expiry_at_unix_ms(at));
        }
        StringReply::Integer(1)
    }

    /// `PERSIST`.
    pub(super) fn string_persist(&mut self, now: Now, key: HashedKey<'_>) -> StringReply<'static> {
        let found = self.store.peek(now.moment(), key);
        let has_expiry = found.is_ok_and(|item| !item.expiry().is_never());
        if has_expiry {
            // It has just been found.
            let _ = self.store.set_expiry(now.moment(), key, Expiry::NEVER);
        }
        StringReply::Integer(i64::from(has_expiry))
    }
}
