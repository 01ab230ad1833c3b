//! Executes a request for one key: calls the store, and counts.

use slabcore_metrics::Counter;
use slabcore_protocol::{
    BinaryReply, BinaryStatus, MetaCommand, Reply, StoreForm, StoreRequest, error_lines,
};
use slabcore_storage::{ArithmeticError, Delta, Expiry, HashedKey, ItemRef, NewItem};

use crate::execution::finished_store::store_verb;
use crate::execution::shard::Shard;
use crate::limits::VALUE_INLINE_BYTES_MAX;
use crate::requests::clock::Now;
use crate::requests::request::KeyRequest;
use crate::requests::response::Response;

impl Shard {
    /// Executes one request; `key` is the request's key, hashed by the router that chose this
    /// shard.
    #[inline]
    pub fn execute<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'a>,
        request: &KeyRequest<'a>,
    ) -> Response<'a> {
        debug_assert_eq!(key.key(), request.key(), "the hash is another key's");
        self.hot_keys.note(now, key);
        match *request {
            KeyRequest::Get { with_cas, exptime, .. } => {
                self.detail.note_get(&self.store, &self.metrics, now, key);
                self.get(now, key, with_cas, exptime)
            }
            KeyRequest::Store { store, value } => {
                self.detail.note_store(&self.metrics, &store);
                if !matches!(store.form, StoreForm::Classic) {
                    return self.other_store(now, key, &store, value);
                }
                let item = NewItem {
                    key,
                    value,
                    flags: store.flags,
                    expiry: Expiry::at(now.expiry(store.exptime)),
                };
                let outcome = self.store.store(now.moment(), &item, store_verb(&store));
                Response::Line(self.stored(now, key, &store, outcome))
            }
            KeyRequest::TooLarge { store } => {
                self.detail.note_store(&self.metrics, &store);
                self.metrics.add(Counter::StoreTooLarge, 1);
                self.drop_old(now, key, &store);
                match store.form {
                    StoreForm::Binary(echo) => {
                        Response::Binary(BinaryReply::new(echo, BinaryStatus::TooLarge))
                    }
                    _ => Response::Line(Reply::Error(error_lines::TOO_LARGE)),
                }
            }
            KeyRequest::Arithmetic { delta, incr, .. } => self.arithmetic(now, key, delta, incr),
            KeyRequest::Touch { exptime, .. } => self.touch(now, key, exptime),
            KeyRequest::Delete { .. } => self.delete(now, key),
            KeyRequest::Meta { command, flags, .. } => match command {
                MetaCommand::Get => self.meta_get(now, key, flags),
                MetaCommand::Delete => self.meta_delete(now, key, flags),
                MetaCommand::Incr => self.meta_arithmetic(now, key, flags, true),
                MetaCommand::Decr => self.meta_arithmetic(now, key, flags, false),
                MetaCommand::Debug => self.meta_debug(now, key),
            },
            KeyRequest::Binary(ref request) => self.binary(now, key, request),
            KeyRequest::String(ref request) => {
                self.string(now, key, request, VALUE_INLINE_BYTES_MAX)
            }
        }
    }

    /// Executes a storage command of the meta or the binary protocol.
    #[inline(never)]
    fn other_store<'a>(
        &mut self,
        now: Now,
        key: HashedKey<'_>,
        store: &StoreRequest<'a>,
        value: &[u8],
    ) -> Response<'a> {
        match (store.form, store.meta()) {
            (StoreForm::Binary(echo), _) => self.binary_store(now, key, store, echo, value),
            (_, flags) => self.meta_store(now, key, store, flags.unwrap_or_default(), value),
        }
    }

    #[inline]
    fn get<'a>(
        &'a mut self,
        now: Now,
        key: HashedKey<'a>,
        with_cas: bool,
        exptime: Option<i32>,
    ) -> Response<'a> {
        let metrics = &self.metrics;
        // As in memcached, a get with a new exptime counts as a touch only.
        let [requests, misses] = match exptime {
            None => [Counter::CmdGet, Counter::GetMisses],
            Some(_) => [Counter::CmdTouch, Counter::TouchMisses],
        };
        metrics.add(requests, 1);
        let found = match exptime {
            Some(exptime) => {
                let expiry = Expiry::at(now.expiry(exptime));
                self.store.get_and_touch(now.moment(), key, expiry, with_cas)
            }
            None if with_cas => self.store.get_with_cas(now.moment(), key),
            None => self.store.get(now.moment(), key),
        };
        match found {
            Ok(item) => hit(key.key(), with_cas, &item),
            Err(_) => {
                metrics.add(misses, 1);
                Response::Miss
            }
        }
    }

    fn arithmetic(&mut self, now: Now, key: HashedKey<'_>, delta: u64, incr: bool) -> Response<'_> {
        let (change, misses) = if incr {
            (Delta::Incr(delta), Counter::IncrMisses)
        } else {
            (Delta::Decr(delta), Counter::DecrMisses)
        };
        match self.store.arithmetic(now.moment(), key, change) {
            Ok(number) => Response::Line(Reply::Number(number)),
            Err(ArithmeticError::NotFound) => {
                self.metrics.add(misses, 1);
                Response::Line(Reply::NotFound)
            }
            Err(ArithmeticError::NonNumeric) => {
                Response::Line(Reply::Error(error_lines::NON_NUMERIC_VALUE))
            }
            Err(ArithmeticError::NoMemory) => {
                Response::Line(Reply::Error(error_lines::OUT_OF_MEMORY))
            }
        }
    }

    fn touch(&mut self, now: Now, key: HashedKey<'_>, exptime: i32) -> Response<'_> {
        self.metrics.add(Counter::CmdTouch, 1);
        match self.store.touch(now.moment(), key, Expiry::at(now.expiry(exptime))) {
            Ok(()) => Response::Line(Reply::Touched),
            Err(_) => {
                self.metrics.add(Counter::TouchMisses, 1);
                Response::Line(Reply::NotFound)
            }
        }
    }

    fn delete(&mut self, now: Now, key: HashedKey<'_>) -> Response<'_> {
        self.detail.note_delete(&self.metrics, key.key());
        match self.store.delete(now.moment(), key) {
            Ok(()) => Response::Line(Reply::Deleted),
            Err(_) => {
                self.metrics.add(Counter::DeleteMisses, 1);
                Response::Line(Reply::NotFound)
            }
        }
    }
}

#[inline]
fn hit<'a>(key: &'a [u8], with_cas: bool, item: &ItemRef<'a>) -> Response<'a> {
    let cas = with_cas.then(|| item.cas());
    match item.value() {
        Some(value) if value.len() <= VALUE_INLINE_BYTES_MAX => {
            Response::Value { key, flags: item.flags(), cas, value }
        }
        None if item.value_len() <= VALUE_INLINE_BYTES_MAX => {
            Response::Parts { key, cas, item: *item }
        }
        _ => Response::Large { flags: item.flags(), cas, value_bytes: item.value_len() },
    }
}
