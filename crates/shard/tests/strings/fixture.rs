//! A shard and short ways to ask it.

use std::sync::Arc;

use slabcore_metrics::{Counter, ShardMetrics};
use slabcore_protocol::{
    ExpireCondition, MetaCommand, MetaFlags, NewExpiry, RespVersion, SetCondition, SetReply,
    StoreForm, StoreRequest, StringOperation, StringRequest, StringSet, Verb,
};
use slabcore_shard::{KeyRequest, Now, Response, Shard};
use slabcore_storage::{Config, HashedKey, KeyHasher, PAGE_BYTES, PagePool, Region};

/// The time at which requests are executed.
pub(crate) const NOW: Now = Now::at(5, 1_700_000_000).with_milliseconds(250, 0);

/// A shard of its own pages.
pub(crate) struct Fixture {
    pub(crate) shard: Shard,
    pub(crate) now: Now,
    hasher: KeyHasher,
}

impl Fixture {
    /// A shard that may evict, with room for a few large values.
    pub(crate) fn new() -> Self {
        Self::with(&Config::default(), 100)
    }

    pub(crate) fn with(config: &Config, pages: usize) -> Self {
        let hasher = KeyHasher::new(3);
        let pool = PagePool::new(Region::new(Box::new(vec![0; pages * PAGE_BYTES])));
        let metrics = Arc::new(ShardMetrics::new());
        let shard = Shard::new(config, Arc::new(pool), hasher.clone(), metrics).unwrap();
        Self { shard, now: NOW, hasher }
    }

    pub(crate) fn key(&self, key: &'static str) -> HashedKey<'static> {
        self.hasher.hash(key.as_bytes())
    }

    /// The reply in RESP2; of a value that is held and not sent: its head.
    pub(crate) fn ask(&mut self, key: &'static str, operation: StringOperation<'_>) -> String {
        let (hashed, version) = (self.key(key), RespVersion::Two);
        let request = StringRequest { key: key.as_bytes(), database: 0, version, operation };
        let mut reply = Vec::new();
        match self.shard.execute(self.now, hashed, &KeyRequest::String(request)) {
            Response::LargeWithHead { head, .. } => reply.extend_from_slice(&head),
            response => response.encode(&mut reply),
        }
        String::from_utf8(reply).expect("the values are text")
    }

    pub(crate) fn set(&mut self, key: &'static str, value: &str) {
        assert_eq!(self.ask(key, set(value)), "+OK\r\n");
    }

    pub(crate) fn get(&mut self, key: &'static str) -> String {
        self.ask(key, StringOperation::Get)
    }

    /// A request of memcached's dialects.
    pub(crate) fn classic(&mut self, request: &KeyRequest<'static>) -> String {
        let key = self.hasher.hash(request.key());
        let mut reply = Vec::new();
        self.shard.execute(self.now, key, request).encode(&mut reply);
        String::from_utf8(reply).expect("the values are text")
    }

    pub(crate) fn classic_set(&mut self, key: &'static str, flags: u32, value: &'static str) {
        let store = store_request(Verb::Set, key, flags, value, 0);
        let request = KeyRequest::Store { store, value: value.as_bytes() };
        assert_eq!(self.classic(&request), "STORED\r\n");
    }

    pub(crate) fn classic_get(&mut self, key: &'static str, with_cas: bool) -> String {
        self.classic(&KeyRequest::Get { key: key.as_bytes(), with_cas, exptime: None })
    }

    pub(crate) fn meta(
        &mut self,
        command: MetaCommand,
        key: &'static str,
        flags: &'static str,
    ) -> String {
        let (key, flags) = (key.as_bytes(), MetaFlags::from_validated(flags.as_bytes()));
        self.classic(&KeyRequest::Meta { command, key, flags })
    }

    /// A counter that `stats` shows.
    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.shard.publish();
        self.shard.metrics().snapshot().get(counter)
    }
}

pub(crate) fn store_request(
    verb: Verb,
    key: &'static str,
    flags: u32,
    value: &str,
    cas_unique: u64,
) -> StoreRequest<'static> {
    StoreRequest {
        verb,
        key: key.as_bytes(),
        flags,
        exptime: 0,
        value_bytes: value.len() as u32,
        cas_unique,
        noreply: false,
        form: StoreForm::Classic,
    }
}

/// `SET` without options.
pub(crate) fn set(value: &str) -> StringOperation<'_> {
    set_with(value, SetCondition::Always, NewExpiry::Never, SetReply::Status)
}

pub(crate) fn set_with(
    value: &str,
    condition: SetCondition,
    expiry: NewExpiry,
    reply: SetReply,
) -> StringOperation<'_> {
    StringOperation::Set(StringSet { value: value.as_bytes(), condition, expiry, reply })
}

/// `GETSET`.
pub(crate) fn get_set(value: &str) -> StringOperation<'_> {
    set_with(value, SetCondition::Always, NewExpiry::Never, SetReply::OldValue)
}

/// `PEXPIREAT`, so many milliseconds from [`NOW`].
pub(crate) const fn expire_in(ms: i64) -> StringOperation<'static> {
    expire_in_if(ms, ExpireCondition::Always)
}

pub(crate) const fn expire_in_if(ms: i64, condition: ExpireCondition) -> StringOperation<'static> {
    StringOperation::Expire { at: NOW.unix_ms() + ms, condition }
}
