//! Executes the requests of the binary protocol for one key, except storage requests.

use slabcore_metrics::Counter;
use slabcore_protocol::{
    BinaryArithmetic, BinaryCommand, BinaryReply, BinaryRequest, BinaryStatus, BinaryValue, Verb,
    binary_opcode,
};
use slabcore_storage::{
    Amendment, ArithmeticError, Delta, Expiry, HashedKey, ItemRef, NewItem, StoreOutcome, StoreVerb,
};

use crate::execution::decimal::{DIGITS_MAX, decimal};
use crate::execution::shard::Shard;
use crate::limits::VALUE_INLINE_BYTES_MAX;
use crate::requests::clock::Now;
use crate::requests::response::{Response, ValueEnd};

impl Shard {
    /// Executes a binary request.
    #[inline(never)]
    pub(super) fn binary<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'_>,
        request: &BinaryRequest<'a>,
    ) -> Response<'a> {
        match request.command() {
            BinaryCommand::Get | BinaryCommand::GetAndTouch { .. } => {
                self.detail.note_get(&self.store, &self.metrics, now, key);
            }
            BinaryCommand::Delete => self.detail.note_delete(&self.metrics, request.key()),
            BinaryCommand::Arithmetic(_) => {}
        }
        match request.command() {
            BinaryCommand::Get => self.binary_get(now, key, request),
            BinaryCommand::GetAndTouch { exptime } => {
                self.binary_touch(now, key, request, now.unsigned_expiry(exptime))
            }
            BinaryCommand::Delete => {
                let status = self.binary_delete(now, key, request);
                changed(BinaryReply::new(request.echo, status))
            }
            BinaryCommand::Arithmetic(change) => {
                changed(self.binary_arithmetic(now, key, request, change))
            }
        }
    }

    fn binary_get<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'_>,
        request: &BinaryRequest<'a>,
    ) -> Response<'a> {
        match self.get_counted::<true>(now, key) {
            Some(item) => hit(request, &item),
            None => read(BinaryReply::miss(request.echo, request.key())),
        }
    }

    /// Executes touch and get-and-touch. Neither counts as a get, as in memcached.
    fn binary_touch<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'_>,
        request: &BinaryRequest<'a>,
        expiry: u32,
    ) -> Response<'a> {
        self.metrics.add(Counter::CmdTouch, 1);
        match self.store.get_and_touch(now.moment(), key, Expiry::at(expiry), true) {
            Ok(item) => hit(request, &item),
            Err(_) => {
                self.metrics.add(Counter::TouchMisses, 1);
                read(BinaryReply::miss(request.echo, request.key()))
            }
        }
    }

    fn binary_delete(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        request: &BinaryRequest<'_>,
    ) -> BinaryStatus {
        match self.store.peek(now.moment(), key) {
            Ok(item) if request.cas != 0 && request.cas != item.cas() => BinaryStatus::Exists,
            Ok(_) => {
                // The item was just seen.
                let _ = self.store.delete(now.moment(), key);
                BinaryStatus::Done
            }
            Err(_) => {
                self.metrics.add(Counter::DeleteMisses, 1);
                BinaryStatus::NotFound
            }
        }
    }

    fn binary_arithmetic(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        request: &BinaryRequest<'_>,
        change: BinaryArithmetic,
    ) -> BinaryReply<'static> {
        let (delta, misses) = if change.incr {
            (Delta::Incr(change.delta), Counter::IncrMisses)
        } else {
            (Delta::Decr(change.delta), Counter::DecrMisses)
        };
        let error = |status| BinaryReply::new(request.echo, status);
        let (cas, is_empty) = match self.store.peek(now.moment(), key) {
            Ok(item) => (item.cas(), item.value_len() == 0),
            Err(_) => {
                let Some(exptime) = change.exptime else {
                    self.metrics.add(misses, 1);
                    return error(BinaryStatus::NotFound);
                };
                return self.create_binary_number(now, key, request, change.initial, exptime);
            }
        };
        // Like memcached, refuses an empty value before it compares the cas unique, and any other
        // non-number after.
        if !is_empty && request.cas != 0 && request.cas != cas {
            return error(BinaryStatus::Exists);
        }
        match self.store.arithmetic(now.moment(), key, delta) {
            Ok(number) => self.number_reply(now, key, request, number),
            Err(ArithmeticError::NotFound) => error(BinaryStatus::NotFound),
            Err(ArithmeticError::NonNumeric) => error(BinaryStatus::NonNumeric),
            Err(ArithmeticError::NoMemory) => error(BinaryStatus::OutOfMemory),
        }
    }

    fn create_binary_number(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        request: &BinaryRequest<'_>,
        initial: u64,
        exptime: u32,
    ) -> BinaryReply<'static> {
        let mut digits = [0; DIGITS_MAX];
        let value = decimal(initial, &mut digits);
        let expiry = Expiry::at(now.unsigned_expiry(exptime));
        let item = NewItem { key, value, flags: 0, expiry };
        self.watch_log.show_look(&self.store, now, key);
        if self.store.store(now.moment(), &item, StoreVerb::Set) == StoreOutcome::NoMemory {
            return BinaryReply::new(request.echo, BinaryStatus::OutOfMemory);
        }
        self.watch_log.show_stored(&self.store, now, &item, Verb::Add);
        self.number_reply(now, key, request, initial)
    }

    fn number_reply(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        request: &BinaryRequest<'_>,
        number: u64,
    ) -> BinaryReply<'static> {
        let value = BinaryValue::Number(number);
        let reply = BinaryReply { value, ..BinaryReply::new(request.echo, BinaryStatus::Done) };
        self.with_unique(now, key, reply)
    }

    /// The reply to a change, with the cas unique that the item gets for it. A hidden reply needs
    /// none.
    pub(super) fn with_unique<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        reply: BinaryReply<'a>,
    ) -> BinaryReply<'a> {
        if reply.is_hidden(false) {
            return reply;
        }
        let amendment = Amendment { with_cas: true, ..Amendment::default() };
        let item = self.store.amend(now.moment(), key, &amendment);
        BinaryReply { cas: item.map_or(0, |item| item.cas()), ..reply }
    }
}

/// The reply to a read that found `item`.
pub(super) fn hit<'a>(request: &BinaryRequest<'a>, item: &ItemRef<'a>) -> Response<'a> {
    let reply =
        |value| BinaryReply::hit(request.echo, request.key(), item.flags(), item.cas(), value);
    let is_touch = binary_opcode::loud(request.echo.opcode()) == binary_opcode::TOUCH;
    match item.value() {
        Some(value) if value.len() <= VALUE_INLINE_BYTES_MAX => Response::Binary(reply(value)),
        _ if is_touch => Response::Binary(reply(b"")),
        _ => {
            let value_bytes = item.value_len();
            let value = BinaryValue::Elsewhere(value_bytes);
            let head = BinaryReply { value, ..reply(b"") }.value_elsewhere();
            let end = ValueEnd::Nothing;
            if value_bytes <= VALUE_INLINE_BYTES_MAX {
                Response::PartsWithHead { head, item: *item, end }
            } else {
                Response::LargeWithHead { head, end }
            }
        }
    }
}

/// The response to a read. A quiet opcode hides a miss.
fn read(reply: BinaryReply<'_>) -> Response<'_> {
    if reply.is_hidden(true) { Response::Quiet } else { Response::Binary(reply) }
}

/// The response to a change. A quiet opcode hides success.
pub(super) fn changed(reply: BinaryReply<'_>) -> Response<'_> {
    if reply.is_hidden(false) { Response::Quiet } else { Response::Binary(reply) }
}
