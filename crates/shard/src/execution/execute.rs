//! Requests for one key, executed: what is asked of the store and what is counted.

use slabcore_metrics::Counter;
use slabcore_protocol::{
    BinaryReply, BinaryStatus, MetaCommand, Reply, StoreForm, StoreRequest, Verb, error_lines,
};
use slabcore_storage::{ArithmeticError, Delta, ItemRef, NewItem, StoreOutcome, StoreVerb};

use crate::execution::shard::Shard;
use crate::limits::VALUE_INLINE_BYTES_MAX;
use crate::requests::clock::Now;
use crate::requests::request::KeyRequest;
use crate::requests::response::Response;

/// A storage command, and what became of it.
#[derive(Clone, Copy)]
struct Finished<'a> {
    now: Now,
    hash: u64,
    store: &'a StoreRequest<'a>,
    outcome: StoreOutcome,
}

impl Shard {
    /// Executes one request. `hash` is the key's, from the router that chose this shard.
    #[inline]
    pub fn execute<'a>(
        &'a mut self,
        now: Now,
        hash: u64,
        request: &KeyRequest<'a>,
    ) -> Response<'a> {
        match *request {
            KeyRequest::Get { key, with_cas, exptime } => {
                self.note_get(now, hash, key);
                self.get(now, hash, key, with_cas, exptime)
            }
            KeyRequest::Store { store, value } => {
                self.note_store(&store);
                if !matches!(store.form, StoreForm::Classic) {
                    return self.other_store(now, hash, &store, value);
                }
                let item = NewItem {
                    key: store.key,
                    value,
                    flags: store.flags,
                    exptime: now.expiry(store.exptime),
                };
                let outcome = self.store.store(now.tick, hash, &item, store_verb(&store));
                Response::Line(self.stored(now, hash, &store, outcome))
            }
            KeyRequest::TooLarge { store } => {
                self.note_store(&store);
                self.metrics.add(Counter::StoreTooLarge, 1);
                self.drop_old(now, hash, &store);
                match store.form {
                    StoreForm::Binary(echo) => {
                        Response::Binary(BinaryReply::new(echo, BinaryStatus::TooLarge))
                    }
                    _ => Response::Line(Reply::Error(error_lines::TOO_LARGE)),
                }
            }
            KeyRequest::Arithmetic { key, delta, incr } => {
                self.arithmetic(now, hash, key, delta, incr)
            }
            KeyRequest::Touch { key, exptime } => self.touch(now, hash, key, exptime),
            KeyRequest::Delete { key } => self.delete(now, hash, key),
            KeyRequest::Meta { command, key, flags } => match command {
                MetaCommand::Get => self.meta_get(now, hash, key, flags),
                MetaCommand::Delete => self.meta_delete(now, hash, key, flags),
                MetaCommand::Incr => self.meta_arithmetic(now, hash, key, flags, true),
                MetaCommand::Decr => self.meta_arithmetic(now, hash, key, flags, false),
                MetaCommand::Debug => self.meta_debug(now, hash, key),
            },
            KeyRequest::Binary(ref request) => self.binary(now, hash, request),
        }
    }

    /// Stores in another dialect than the classic commands.
    #[inline(never)]
    fn other_store<'a>(
        &mut self,
        now: Now,
        hash: u64,
        store: &StoreRequest<'a>,
        value: &[u8],
    ) -> Response<'a> {
        match (store.form, store.meta()) {
            (StoreForm::Binary(echo), _) => self.binary_store(now, hash, store, echo, value),
            (_, flags) => self.meta_store(now, hash, store, flags.unwrap_or_default(), value),
        }
    }

    #[inline]
    fn get<'a>(
        &'a mut self,
        now: Now,
        hash: u64,
        key: &'a [u8],
        with_cas: bool,
        exptime: Option<i32>,
    ) -> Response<'a> {
        let metrics = &self.metrics;
        // With a new exptime it counts as a touch, and only as that, as in memcached.
        let [requests, misses] = match exptime {
            None => [Counter::CmdGet, Counter::GetMisses],
            Some(_) => [Counter::CmdTouch, Counter::TouchMisses],
        };
        metrics.add(requests, 1);
        let found = match exptime {
            Some(exptime) => {
                let expiry = now.expiry(exptime);
                self.store.get_and_touch(now.tick, hash, key, expiry, with_cas)
            }
            None if with_cas => self.store.get_with_cas(now.tick, hash, key),
            None => self.store.get(now.tick, hash, key),
        };
        match found {
            Ok(item) => hit(key, with_cas, &item),
            Err(_) => {
                metrics.add(misses, 1);
                Response::Miss
            }
        }
    }

    /// Counts a finished storage command and says what the client hears.
    pub(crate) fn stored(
        &mut self,
        now: Now,
        hash: u64,
        store: &StoreRequest<'_>,
        outcome: StoreOutcome,
    ) -> Reply {
        let finished = Finished { now, hash, store, outcome };
        if self.watched.is_some() {
            return self.shown_and_counted(finished);
        }
        self.counted(finished)
    }

    /// In a function of its own, so that what it needs costs nothing while nobody watches.
    #[cold]
    fn shown_and_counted(&mut self, finished: Finished<'_>) -> Reply {
        let Finished { now, hash, store, outcome } = finished;
        self.show_outcome(now, hash, store, outcome);
        self.counted(finished)
    }

    #[inline]
    fn counted(&mut self, finished: Finished<'_>) -> Reply {
        let Finished { now, hash, store, outcome } = finished;
        if matches!(outcome, StoreOutcome::NoMemory) {
            self.metrics.add(Counter::StoreNoMemory, 1);
            self.drop_old(now, hash, store);
            return Reply::Error(error_lines::OUT_OF_MEMORY_STORING);
        }
        if outcome == StoreOutcome::Stored {
            self.store.count_set();
        } else {
            self.count_set_in_vain(store);
        }
        if store.verb == Verb::Cas && outcome == StoreOutcome::NotFound {
            self.metrics.add(Counter::CasMisses, 1);
        }
        match outcome {
            StoreOutcome::Stored => Reply::Stored,
            StoreOutcome::NotStored => Reply::NotStored,
            StoreOutcome::Exists => Reply::Exists,
            StoreOutcome::NotFound => Reply::NotFound,
            StoreOutcome::NoMemory => Reply::Error(error_lines::OUT_OF_MEMORY_STORING),
        }
    }

    /// Counts a storage command that got memory and stored nothing.
    #[cold]
    pub(crate) fn count_set_in_vain(&mut self, store: &StoreRequest<'_>) {
        let value_bytes = store.value_bytes as usize;
        self.store.count_set_in_vain(store.key.len(), value_bytes, store.flags, store.exptime != 0);
    }

    /// A set that cannot be kept must not leave the old value to be read.
    pub(crate) fn drop_old(&mut self, now: Now, hash: u64, store: &StoreRequest<'_>) {
        if store.drops_old() {
            // A miss is as good: there is no old value.
            let _ = self.store.discard(now.tick, hash, store.key);
        }
    }

    fn arithmetic(
        &mut self,
        now: Now,
        hash: u64,
        key: &[u8],
        delta: u64,
        incr: bool,
    ) -> Response<'_> {
        let (change, misses) = if incr {
            (Delta::Incr(delta), Counter::IncrMisses)
        } else {
            (Delta::Decr(delta), Counter::DecrMisses)
        };
        match self.store.arithmetic(now.tick, hash, key, change) {
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

    fn touch(&mut self, now: Now, hash: u64, key: &[u8], exptime: i32) -> Response<'_> {
        self.metrics.add(Counter::CmdTouch, 1);
        match self.store.touch(now.tick, hash, key, now.expiry(exptime)) {
            Ok(()) => Response::Line(Reply::Touched),
            Err(_) => {
                self.metrics.add(Counter::TouchMisses, 1);
                Response::Line(Reply::NotFound)
            }
        }
    }

    fn delete(&mut self, now: Now, hash: u64, key: &[u8]) -> Response<'_> {
        self.note_delete(key);
        match self.store.delete(now.tick, hash, key) {
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

/// The store's verb for a command line.
#[inline]
pub(crate) fn store_verb(store: &StoreRequest<'_>) -> StoreVerb {
    match store.verb {
        Verb::Set => StoreVerb::Set,
        Verb::Add => StoreVerb::Add,
        Verb::Replace => StoreVerb::Replace,
        Verb::Append => StoreVerb::Append,
        Verb::Prepend => StoreVerb::Prepend,
        Verb::Cas => StoreVerb::Cas(store.cas_unique),
    }
}
