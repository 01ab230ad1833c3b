//! Changes of a string's number and of its expiry, for the Redis dialect.

use alloc::string::ToString;

use slabcore_metrics::Counter;
use slabcore_protocol::{DecimalError, ExpireCondition, RespRefusal, add_decimals, strict_64};
use slabcore_storage::{Expiry, HashedKey};

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
        let found = self.store.peek(now.moment(), key).ok();
        let (misses, is_miss) =
            (if number < 0 { Counter::DecrMisses } else { Counter::IncrMisses }, found.is_none());
        let (old, kept) = match &found {
            None => (Some(0), (0, Expiry::NEVER)),
            Some(item) => (item.value().and_then(strict_64), (item.flags(), item.expiry())),
        };
        if is_miss {
            self.metrics.add(misses, 1);
        }
        let Some(old) = old else { return StringReply::Refused(RespRefusal::NOT_AN_INTEGER) };
        let Some(sum) = old.checked_add(number) else {
            return StringReply::Refused(RespRefusal::OVERFLOW);
        };
        match self.string_replace(now, key, sum.to_string().as_bytes(), kept) {
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
            Err(_) => (b"0".to_vec(), (0, Expiry::NEVER)),
            Ok(item) if item.value_len() > NUMBER_BYTES_MAX => {
                return StringReply::Refused(RespRefusal::NOT_A_FLOAT);
            }
            Ok(item) => (bytes_of(&item), (item.flags(), item.expiry())),
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
        match self.string_replace(now, key, &sum, kept) {
            Ok(()) => StringReply::Owned(sum),
            Err(refusal) => StringReply::Refused(refusal),
        }
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
            let _ = self.store.delete(now.moment(), key);
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
