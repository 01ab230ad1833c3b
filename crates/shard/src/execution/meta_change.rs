//! Executes `md` and `ma`.

use slabcore_metrics::Counter;
use slabcore_protocol::{
    ItemFacts, MetaFlags, MetaReply, MetaStatus, MetaValue, Reply, Verb, error_lines,
};
use slabcore_storage::{
    Amendment, ArithmeticError, Delta, Expiry, HashedKey, Hit, Marks, NewItem, NewUnique,
    StoreOutcome, StoreVerb,
};

use crate::execution::decimal::{DIGITS_MAX, decimal};
use crate::execution::meta_item::{exptimes, named_unique, ttl};
use crate::execution::shard::Shard;
use crate::requests::clock::Now;
use crate::requests::response::Response;

impl Shard {
    /// Executes an md: deletes the item, or marks it as stale (`I`), or empties its value (`x`).
    pub(super) fn meta_delete<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'a>,
        flags: MetaFlags<'a>,
    ) -> Response<'a> {
        let status = self.meta_deleted(now, key, flags);
        match status {
            Some(status) => {
                Response::meta(MetaReply::new(status, flags, key.key()), MetaStatus::Done)
            }
            None => Response::Line(Reply::Error(error_lines::OUT_OF_MEMORY)),
        }
    }

    /// Does what an md asks; `None`: there is no memory.
    fn meta_deleted(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        flags: MetaFlags<'_>,
    ) -> Option<MetaStatus> {
        let old = match self.store.peek(now.moment(), key) {
            Ok(item) => (item.cas(), item.marks()),
            Err(_) => {
                self.metrics.add(Counter::DeleteMisses, 1);
                return Some(MetaStatus::NotFound);
            }
        };
        let (cas, marks) = old;
        if flags.number(b'C').is_some_and(|unique| unique == 0 || unique != cas) {
            self.metrics.add(Counter::DeleteMisses, 1);
            return Some(MetaStatus::Exists);
        }
        let (invalidates, empties) = (flags.has(b'I'), flags.has(b'x'));
        let expiry = flags.seconds(b'T').map(|exptime| Expiry::at(now.expiry(exptime)));
        if empties {
            if !invalidates {
                self.store.count_hit(key, Hit::Delete);
            }
            let client_flags = flags.number(b'F').unwrap_or(0) as u32;
            let item = NewItem {
                key,
                value: b"",
                flags: client_flags,
                expiry: expiry.unwrap_or(Expiry::NEVER),
            };
            self.watch_log.show_look(&self.store, now, key);
            let outcome = self.store.store(now.moment(), &item, StoreVerb::Set);
            if outcome == StoreOutcome::NoMemory {
                return None;
            }
            self.watch_log.show_emptied(&self.store, now, &item, !invalidates);
            let unique = match named_unique(flags) {
                NewUnique::Keep if !invalidates && cas != 0 => NewUnique::Set(cas),
                unique => unique,
            };
            let marks = Marks { stale: invalidates, ..Marks::default() };
            let amendment = Amendment { marks: Some(marks), unique, ..Amendment::default() };
            self.store.amend(now.moment(), key, &amendment);
        } else if invalidates {
            let unique = match named_unique(flags) {
                NewUnique::Keep => NewUnique::Renew,
                unique => unique,
            };
            let marks = Some(Marks { stale: true, claimed: false, ..marks });
            let amendment = Amendment { marks, expiry, unique, ..Amendment::default() };
            self.store.amend(now.moment(), key, &amendment);
        } else {
            // The item was just seen.
            let _ = self.store.delete(now.moment(), key);
        }
        Some(MetaStatus::Done)
    }

    /// Executes an ma; `incr`: it adds, else it subtracts.
    pub(super) fn meta_arithmetic<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'a>,
        flags: MetaFlags<'a>,
        incr: bool,
    ) -> Response<'a> {
        let misses = if incr { Counter::IncrMisses } else { Counter::DecrMisses };
        let (exptime, cas, is_empty) = match self.store.peek(now.moment(), key) {
            Ok(item) => (item.exptime(), item.cas(), item.value_len() == 0),
            Err(_) => {
                if flags.has(b'N') {
                    return self.create_number(now, key, flags);
                }
                self.metrics.add(misses, 1);
                return Response::Meta(MetaReply::new(MetaStatus::NotFound, flags, key.key()));
            }
        };
        let compared = flags.number(b'C').filter(|unique| *unique != 0);
        if !is_empty && compared.is_some_and(|unique| unique != cas) {
            return Response::Meta(MetaReply::new(MetaStatus::Exists, flags, key.key()));
        }
        let delta = flags.number(b'D').unwrap_or(1);
        let delta = if incr { Delta::Incr(delta) } else { Delta::Decr(delta) };
        let number = match self.store.arithmetic(now.moment(), key, delta) {
            Ok(number) => number,
            Err(error) => return Response::Line(arithmetic_error(error)),
        };
        let (after, shown) = exptimes(now, flags, exptime, false);
        let amendment = Amendment {
            expiry: flags.has(b'T').then(|| Expiry::at(after)),
            unique: named_unique(flags),
            with_cas: flags.has(b'c'),
            ..Amendment::default()
        };
        let item = self.store.amend(now.moment(), key, &amendment);
        let cas = item.map_or(0, |item| item.cas());
        let reply = number_reply(now, key.key(), flags, number, (shown, cas));
        Response::meta(reply, MetaStatus::Done)
    }

    /// Executes the flag `N` of an ma: creates the item with the number given by `J`.
    fn create_number<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'a>,
        flags: MetaFlags<'a>,
    ) -> Response<'a> {
        let number = flags.number(b'J').unwrap_or(0);
        let (exptime, shown) = exptimes(now, flags, 0, true);
        let mut digits = [0; DIGITS_MAX];
        let value = (decimal(number, &mut digits), exptime);
        self.watch_log.show_look(&self.store, now, key);
        match self.create(now, key, flags, value, false) {
            Some(cas) => {
                // Watchers read exptime 0, as from memcached, which sets the exptime later.
                let item = NewItem { key, value: value.0, flags: 0, expiry: Expiry::NEVER };
                self.watch_log.show_stored(&self.store, now, &item, Verb::Add);
                let reply = number_reply(now, key.key(), flags, number, (shown, cas));
                Response::meta(reply, MetaStatus::Done)
            }
            None => Response::Line(Reply::Error(error_lines::OUT_OF_MEMORY_CREATING)),
        }
    }
}

fn number_reply<'a>(
    now: Now,
    key: &'a [u8],
    flags: MetaFlags<'a>,
    number: u64,
    (exptime, cas): (u32, u64),
) -> MetaReply<'a> {
    let facts = ItemFacts { ttl: Some(ttl(now, exptime)), cas: Some(cas), ..ItemFacts::default() };
    let value = if flags.has(b'v') { MetaValue::Number(number) } else { MetaValue::None };
    MetaReply { facts, value, ..MetaReply::new(MetaStatus::Done, flags, key) }
}

fn arithmetic_error(error: ArithmeticError) -> Reply {
    match error {
        ArithmeticError::NotFound => Reply::NotFound,
        ArithmeticError::NonNumeric => Reply::Error(error_lines::NON_NUMERIC_VALUE),
        ArithmeticError::NoMemory => Reply::Error(error_lines::OUT_OF_MEMORY),
    }
}
