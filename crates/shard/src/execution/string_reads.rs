//! Reads of strings, for the Redis dialect: their values, and facts about their items.

use core::ops::Range;

use slabcore_metrics::Counter;
use slabcore_protocol::{NewExpiry, RespRefusal, RespVersion, StringOperation, TimeRefusal};
use slabcore_storage::{Expiry, HashedKey, Hit};

use crate::execution::shard::Shard;
use crate::execution::string_values::{
    bytes_of, encoding_of, part_of, range_in, shown_expiry, value_reply, version_of,
};
use crate::requests::clock::Now;
use crate::requests::response::Response;
use crate::requests::string_reply::StringReply;

impl Shard {
    /// `GET`. Longer values than `inline_max` are not copied, here and in the other reads.
    #[inline]
    pub(super) fn string_get<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'a>,
        version: RespVersion,
        inline_max: usize,
    ) -> Response<'a> {
        self.detail.note_get(&self.store, &self.metrics, now, key);
        match self.get_counted::<false>(now, key) {
            Some(item) => value_reply(item, inline_max),
            None => Response::String(StringReply::Nil(version)),
        }
    }

    /// `GETEX`. A past time ends the item, whose value is returned.
    pub(super) fn string_get_expire<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'a>,
        version: RespVersion,
        expiry: NewExpiry,
        inline_max: usize,
    ) -> Response<'a> {
        let expiry = match expiry {
            NewExpiry::Keep => return self.string_get(now, key, version, inline_max),
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
                return self.string_get_delete(now, key, version, "getex", inline_max);
            }
            NewExpiry::At(at) => now.expiry_at_unix_ms(at),
        };
        self.detail.note_get(&self.store, &self.metrics, now, key);
        self.metrics.add(Counter::CmdGet, 1);
        // It counts as read then. Without memory for the expiry it is gone.
        if self.store.set_expiry(now.moment(), key, expiry).is_ok() {
            self.store.count_hit(key, Hit::Get);
        }
        if let Ok(item) = self.store.peek(now.moment(), key) {
            return value_reply(item, inline_max);
        }
        self.metrics.add(Counter::GetMisses, 1);
        Response::String(StringReply::Nil(version))
    }

    /// `GETDEL`, and what has the same effect.
    pub(super) fn string_get_delete(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        version: RespVersion,
        command: &str,
        inline_max: usize,
    ) -> Response<'_> {
        self.detail.note_get(&self.store, &self.metrics, now, key);
        let Some(item) = self.get_counted::<false>(now, key) else {
            return Response::String(StringReply::Nil(version));
        };
        if item.value_len() <= inline_max {
            let value = bytes_of(&item);
            self.string_remove(now, key, command);
            return Response::String(StringReply::Owned(value));
        }
        let hold = self.hold_found(key);
        self.string_remove(now, key, command);
        self.held_reply(hold)
    }

    /// `GETRANGE`.
    pub(super) fn string_range(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        (start, end): (i64, i64),
        inline_max: usize,
    ) -> Response<'_> {
        self.detail.note_get(&self.store, &self.metrics, now, key);
        let found = self.get_counted::<false>(now, key);
        let range = found.and_then(|item| range_in(item.value_len(), start, end));
        match range {
            None => Response::String(StringReply::Bulk(b"")),
            Some(range) if range.len() > inline_max => {
                let hold = self.hold_found(key).of_part(range);
                self.held_reply(hold)
            }
            Some(range) => Response::String(self.short_range(now, key, range)),
        }
    }

    /// A range of the value that was just found.
    fn short_range(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        range: Range<usize>,
    ) -> StringReply<'_> {
        let item = self.store.peek(now.moment(), key).expect("it was just found");
        match item.value() {
            Some(value) => StringReply::Bulk(&value[range]),
            None => StringReply::Owned(part_of(&item, range)),
        }
    }

    /// What only asks for a fact about the item.
    pub(super) fn string_fact(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        version: RespVersion,
        operation: StringOperation<'_>,
    ) -> StringReply<'static> {
        let moment = now.moment();
        let found = match operation {
            StringOperation::Length | StringOperation::Touch => {
                self.get_counted::<false>(now, key).ok_or(())
            }
            StringOperation::Version => self.store.peek_with_cas(moment, key).map_err(drop),
            _ => self.store.peek(moment, key).map_err(drop),
        };
        let Ok(item) = found else {
            return match operation {
                StringOperation::Length | StringOperation::Exists | StringOperation::Touch => {
                    StringReply::Integer(0)
                }
                StringOperation::Type => StringReply::Status("none"),
                StringOperation::Expiry(_) => StringReply::Integer(-2),
                _ => StringReply::Nil(version),
            };
        };
        match operation {
            StringOperation::Length => StringReply::Integer(item.value_len() as i64),
            StringOperation::Type => StringReply::Status("string"),
            StringOperation::Expiry(form) => {
                StringReply::Integer(shown_expiry(now, item.expiry(), form))
            }
            StringOperation::Encoding => StringReply::Bulk(encoding_of(&item).as_bytes()),
            StringOperation::Frequency => StringReply::Refused(RespRefusal::NO_LFU),
            StringOperation::MemoryUsage => StringReply::Integer(item.total_bytes() as i64),
            StringOperation::Version => StringReply::Integer(version_of(&item)),
            StringOperation::IdleTime => {
                let idle = self.store.class_and_idle(moment, key).map_or(0, |(_, idle)| idle);
                StringReply::Integer(idle.into())
            }
            _ => StringReply::Integer(1),
        }
    }
}
