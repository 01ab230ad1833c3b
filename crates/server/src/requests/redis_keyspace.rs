//! Commands of Redis' dialect that look at many keys, or at two: they take the shards that they
//! need.

use slabcore_metrics::Counter;
use slabcore_protocol::{RespRefusal, RespWords, StringOperation, matches_glob, write_bulk};
use slabcore_shard::{FlushTime, Route, Shard, ShardId};

use crate::connection::Connection;
use crate::executor::Executor;
use crate::executor::shards::ShardSet;
use crate::requests::redis_keys::plain_set;
use crate::requests::redis_progress::RedisProgress;
use crate::settings::limits::{KEYS_REPLY_BYTES_MAX, SCAN_COUNT_MAX};

/// Bits of a cursor of `SCAN` that are the place in a shard. Those above them are the shard.
const PLACE_BITS: u32 = 40;

impl Connection {
    /// Executes `change` while all shards are held. `Waits`: replies before it are missing.
    pub(super) fn with_all_shards(
        &mut self,
        executor: &mut Executor,
        change: impl FnOnce(&mut Self, &mut Executor),
    ) -> RedisProgress {
        let all = ShardSet::all(executor.router.shards());
        self.with_shards(executor, all, change)
    }

    /// Executes `change` while these shards are held. `Waits`: replies before it are missing.
    pub(super) fn with_shards(
        &mut self,
        executor: &mut Executor,
        shards: ShardSet,
        change: impl FnOnce(&mut Self, &mut Executor),
    ) -> RedisProgress {
        if !executor.is_exclusive() && self.output.is_missing_replies() {
            return RedisProgress::Waits;
        }
        executor.exclusively(shards, |executor| change(self, executor));
        RedisProgress::Done
    }

    /// `DBSIZE`.
    pub(super) fn database_size(&mut self, executor: &mut Executor) -> RedisProgress {
        self.with_all_shards(executor, |conn, executor| {
            let database = conn.session().database;
            let items: u64 =
                shards_of(executor).map(|it| held(executor, it).items_in(database)).sum();
            conn.write_redis(|out| out.integer(items.cast_signed()));
        })
    }

    /// `FLUSHALL`, or with a database `FLUSHDB`.
    pub(super) fn flush_redis(
        &mut self,
        executor: &mut Executor,
        database: Option<u8>,
    ) -> RedisProgress {
        if !executor.shared.settings.flush_all {
            self.refuse_redis(executor, &RespRefusal::FLUSH_NOT_ALLOWED);
            return RedisProgress::Done;
        }
        self.with_all_shards(executor, |conn, executor| {
            let now = executor.now;
            executor.metrics.add(Counter::CmdFlush, 1);
            for shard in shards_of(executor) {
                let shard = executor.shards.held_mut(shard).expect("all shards are held");
                match database {
                    Some(database) => shard.flush_database(database),
                    None => shard.flush_all(now, FlushTime::Immediately),
                }
            }
            conn.write_redis_ok();
        })
    }

    /// `RANDOMKEY`.
    pub(super) fn random_key(&mut self, executor: &mut Executor) -> RedisProgress {
        self.with_all_shards(executor, |conn, executor| {
            let database = conn.session().database;
            let now = executor.now;
            let mut found = None;
            let count = executor.router.shards();
            let first = executor.random() as usize % count;
            for number in 0..count {
                let place = executor.random();
                let shard = held(executor, ShardId::new((first + number) % count));
                found = shard.random_key(now, database, place);
                if found.is_some() {
                    break;
                }
            }
            conn.write_redis(|out| match &found {
                Some(key) => out.bulk(key),
                None => out.nil(),
            });
        })
    }

    /// `KEYS`. A reply over the limit is refused.
    pub(super) fn list_keys(&mut self, executor: &mut Executor, pattern: &[u8]) -> RedisProgress {
        self.with_all_shards(executor, |conn, executor| {
            let database = conn.session().database;
            let now = executor.now;
            let (mut bulks, mut count) = (Vec::new(), 0);
            for shard in shards_of(executor) {
                let mut place = 0;
                loop {
                    place =
                        held(executor, shard).scan(now, place, database, SCAN_COUNT_MAX, |item| {
                            if matches_glob(pattern, item.key()) {
                                write_bulk(&mut bulks, item.key());
                                count += 1;
                            }
                        });
                    if bulks.len() > KEYS_REPLY_BYTES_MAX {
                        return conn.refuse_redis(executor, &RespRefusal::TOO_MANY_KEYS);
                    }
                    if place == 0 {
                        break;
                    }
                }
            }
            conn.write_redis(|out| out.array_head(count));
            conn.write_redis_bytes(&bulks);
        })
    }

    /// `SCAN`.
    pub(super) fn scan_keys(
        &mut self,
        executor: &mut Executor,
        cursor: u64,
        pattern: Option<&[u8]>,
        count: u64,
        lists_strings: bool,
    ) -> RedisProgress {
        let number = (cursor >> PLACE_BITS) as usize;
        let place = cursor & ((1 << PLACE_BITS) - 1);
        if number >= executor.router.shards() {
            // A cursor that no reply had, or of a server with more shards: nothing is left.
            self.write_scan(0, 0, &[]);
            return RedisProgress::Done;
        }
        let mut shards = ShardSet::default();
        shards.add(ShardId::new(number));
        self.with_shards(executor, shards, |conn, executor| {
            let database = conn.session().database;
            let now = executor.now;
            let count = usize::try_from(count).unwrap_or(usize::MAX).min(SCAN_COUNT_MAX);
            let (mut bulks, mut found) = (Vec::new(), 0);
            let shard = held(executor, ShardId::new(number));
            let next = shard.scan(now, place, database, count, |item| {
                let matches = pattern.is_none_or(|pattern| matches_glob(pattern, item.key()));
                if matches && lists_strings {
                    write_bulk(&mut bulks, item.key());
                    found += 1;
                }
            });
            let is_last = number + 1 == executor.router.shards();
            let cursor = match next {
                0 if is_last => 0,
                0 => (number as u64 + 1) << PLACE_BITS,
                place => (number as u64) << PLACE_BITS | place,
            };
            conn.write_scan(cursor, found, &bulks);
        })
    }

    fn write_scan(&mut self, cursor: u64, count: usize, bulks: &[u8]) {
        self.write_redis(|out| {
            out.array_head(2);
            out.bulk(cursor.to_string().as_bytes());
            out.array_head(count);
        });
        self.write_redis_bytes(bulks);
    }

    /// `RENAME`, or `RENAMENX`.
    pub(super) fn rename_key(
        &mut self,
        executor: &mut Executor,
        from: &[u8],
        to: &[u8],
        if_absent: bool,
    ) -> RedisProgress {
        let database = self.session().database;
        let (shards, from, to) = pair(executor, (database, from), (database, to));
        self.with_shards(executor, shards, |conn, executor| {
            let now = executor.now;
            if !held(executor, from.shard).is_live(now, from.key) {
                return conn.refuse_redis(executor, &RespRefusal::NO_SUCH_KEY);
            }
            let is_taken = if_absent && held(executor, to.shard).is_live(now, to.key);
            let is_moved = !is_taken && (from == to || copy_item(executor, from, to));
            if is_moved && from != to {
                let shard = executor.shards.held_mut(from.shard).expect("it was taken");
                shard.remove(now, from.key);
            }
            match (if_absent, is_taken || is_moved) {
                (_, false) => conn.refuse_redis(executor, &RespRefusal::OUT_OF_MEMORY),
                (true, _) => conn.write_redis(|out| out.integer(i64::from(!is_taken))),
                (false, _) => conn.write_redis_ok(),
            }
        })
    }

    /// `COPY`.
    pub(super) fn copy_key(
        &mut self,
        executor: &mut Executor,
        (from, to): (&[u8], &[u8]),
        target: Option<u8>,
        replaces: bool,
    ) -> RedisProgress {
        let database = self.session().database;
        let target = target.unwrap_or(database);
        if from == to && database == target {
            self.refuse_redis(executor, &RespRefusal::SAME_OBJECTS);
            return RedisProgress::Done;
        }
        let (shards, from, to) = pair(executor, (database, from), (target, to));
        self.with_shards(executor, shards, |conn, executor| {
            let now = executor.now;
            let is_there = held(executor, from.shard).is_live(now, from.key);
            let is_taken = !replaces && held(executor, to.shard).is_live(now, to.key);
            let copies = is_there && !is_taken;
            if copies && !copy_item(executor, from, to) {
                return conn.refuse_redis(executor, &RespRefusal::OUT_OF_MEMORY);
            }
            conn.write_redis(|out| out.integer(i64::from(copies)));
        })
    }

    /// `MSETNX`.
    pub(super) fn set_keys_if_absent(
        &mut self,
        executor: &mut Executor,
        pairs: &RespWords<'_>,
    ) -> RedisProgress {
        let database = self.session().database;
        let mut shards = ShardSet::default();
        for key in pairs.clone().step_by(2) {
            shards.add(executor.router.route_in(database, key).shard);
        }
        self.with_shards(executor, shards, |conn, executor| {
            let now = executor.now;
            let is_free = pairs.clone().step_by(2).all(|key| {
                let route = executor.router.route_in(database, key);
                !held(executor, route.shard).is_live(now, route.key)
            });
            let mut error = Vec::new();
            let mut words = pairs.clone();
            while is_free
                && error.is_empty()
                && let (Some(key), Some(value)) = (words.next(), words.next())
            {
                let reply = conn.execute_here(executor, database, key, plain_set(value));
                if reply.first() == Some(&b'-') {
                    error = reply;
                }
            }
            if error.is_empty() {
                conn.write_redis(|out| out.integer(i64::from(is_free)));
            } else {
                conn.write_redis_bytes(&error);
            }
        })
    }

    /// Executes a request for a key whose shard is held. Returns the reply.
    pub(super) fn execute_here(
        &mut self,
        executor: &mut Executor,
        database: u8,
        key: &[u8],
        operation: StringOperation<'_>,
    ) -> Vec<u8> {
        let (request, _) = self.string_request_of(key, operation);
        let route = executor.router.route_in(database, key);
        let now = executor.now;
        let shard = executor.shards.held_mut(route.shard).expect("it was taken");
        let mut reply = Vec::new();
        shard.execute_string(now, route.key, &request).encode(&mut reply);
        reply
    }
}

fn shards_of(executor: &Executor) -> impl Iterator<Item = ShardId> + use<> {
    ShardId::first(executor.router.shards())
}

/// A shard that was taken.
fn held(executor: &Executor, shard: ShardId) -> &Shard {
    executor.shards.held(shard).expect("it was taken")
}

/// The routes of two keys, and their shards.
fn pair<'a>(
    executor: &Executor,
    from: (u8, &'a [u8]),
    to: (u8, &'a [u8]),
) -> (ShardSet, Route<'a>, Route<'a>) {
    let from = executor.router.route_in(from.0, from.1);
    let to = executor.router.route_in(to.0, to.1);
    let mut shards = ShardSet::default();
    shards.add(from.shard);
    shards.add(to.shard);
    (shards, from, to)
}

/// Copies an item with its flags and its expiry. False if there is no memory for it.
fn copy_item(executor: &mut Executor, from: Route<'_>, to: Route<'_>) -> bool {
    let now = executor.now;
    let shard = executor.shards.held_mut(from.shard).expect("it was taken");
    let Some(item) = shard.copy_out(now, from.key) else { return false };
    let shard = executor.shards.held_mut(to.shard).expect("it was taken");
    shard.put_copy(now, to.key, &item)
}
