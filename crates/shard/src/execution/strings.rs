//! Requests of the Redis dialect for one key: which method executes which operation.
//!
//! A value that cannot be stored is refused, and the old one stays: unlike in memcached, where a
//! set that fails removes it. A stale item (meta commands) is a hit.

use slabcore_protocol::{StringOperation, StringRequest};
use slabcore_storage::HashedKey;

use crate::execution::shard::Shard;
use crate::limits::VALUE_INLINE_BYTES_MAX;
use crate::requests::clock::Now;
use crate::requests::response::Response;

impl Shard {
    /// As [`Self::execute`], for a request of the Redis dialect.
    pub fn execute_string<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'a>,
        request: &StringRequest<'a>,
    ) -> Response<'a> {
        self.hot_keys.note(now, key);
        self.string(now, key, request, VALUE_INLINE_BYTES_MAX)
    }

    /// Executes a request of the Redis dialect. Values of more than `inline_max` bytes are held for
    /// the reply, not copied into it.
    #[inline(never)]
    pub(super) fn string<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'a>,
        request: &StringRequest<'a>,
        inline_max: usize,
    ) -> Response<'a> {
        self.end_untaken_hold();
        let version = request.version;
        let reply = match request.operation {
            StringOperation::Get => return self.string_get(now, key, version, inline_max),
            StringOperation::Set(ref set) => {
                return self.string_set(now, key, version, set, inline_max);
            }
            StringOperation::GetExpire(expiry) => {
                return self.string_get_expire(now, key, version, expiry, inline_max);
            }
            StringOperation::GetDelete => {
                return self.string_get_delete(now, key, version, "getdel", inline_max);
            }
            StringOperation::Range { start, end } => {
                return self.string_range(now, key, (start, end), inline_max);
            }
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
}
