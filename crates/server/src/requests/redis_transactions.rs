//! `MULTI`, `DISCARD`, `WATCH`: what `EXEC` will execute, and when.
//!
//! The commands between `MULTI` and `EXEC` are kept as they were sent. A watched key is kept with
//! the version of its item. A key without an item that gets one and loses it again has not changed.

use slabcore_protocol::{RespRefusal, RespWords};

use crate::connection::Connection;
use crate::connection::redis_session::{Transaction, WatchedKey};
use crate::executor::Executor;
use crate::executor::shards::ShardSet;
use crate::requests::redis_progress::RedisProgress;
use crate::settings::limits::REDIS_WATCHED_MAX;

impl Connection {
    /// Keeps a command for `EXEC`.
    pub(super) fn queue(&mut self, executor: &Executor, words: &RespWords<'_>) {
        let transaction = self.session().transaction.get_or_insert_default();
        if transaction.push(words) {
            self.write_redis(|out| out.status("QUEUED"));
        } else {
            self.refuse_command(executor, &RespRefusal::TOO_MUCH_QUEUED);
        }
    }

    /// Refuses a command before its execution: an `EXEC` that follows executes nothing.
    pub(super) fn refuse_command(&mut self, executor: &Executor, refusal: &RespRefusal<'_>) {
        if let Some(transaction) = &mut self.session().transaction {
            transaction.is_broken = true;
        }
        // An `EXEC` with arguments ends the transaction.
        if *refusal == RespRefusal::WrongArity("exec") {
            self.session().end_transaction();
        }
        self.refuse_redis(executor, refusal);
    }

    /// `MULTI`.
    pub(super) fn begin_transaction(&mut self, executor: &Executor) {
        if self.session().transaction.is_some() {
            return self.refuse_redis(executor, &RespRefusal::NESTED_MULTI);
        }
        self.session().transaction = Some(Transaction::default());
        self.write_redis(|out| out.status("OK"));
    }

    /// `DISCARD`.
    pub(super) fn discard_transaction(&mut self, executor: &Executor) {
        if self.session().transaction.is_none() {
            return self.refuse_redis(executor, &RespRefusal::DISCARD_WITHOUT_MULTI);
        }
        self.session().end_transaction();
        self.write_redis(|out| out.status("OK"));
    }

    /// `WATCH`.
    pub(super) fn watch_keys(
        &mut self,
        executor: &mut Executor,
        keys: &RespWords<'_>,
    ) -> RedisProgress {
        if self.session().transaction.is_some() {
            self.refuse_redis(executor, &RespRefusal::WATCH_IN_MULTI);
            return RedisProgress::Done;
        }
        if self.output.is_missing_replies() {
            return RedisProgress::Waits;
        }
        let session = self.session();
        let database = session.database;
        if session.watched.len() + keys.len() > REDIS_WATCHED_MAX {
            self.refuse_redis(executor, &RespRefusal::TOO_MANY_WATCHED);
            return RedisProgress::Done;
        }
        let mut shards = ShardSet::default();
        for key in keys.clone() {
            shards.add(executor.router.route_in(database, key).shard);
        }
        executor.exclusively(shards, |executor| {
            for key in keys.clone() {
                // A key that is watched twice must not have changed since the first time.
                let version = version_of(executor, database, key);
                self.session().watched.push(WatchedKey { database, key: key.into(), version });
            }
        });
        self.write_redis(|out| out.status("OK"));
        RedisProgress::Done
    }
}

/// The version of a key's item, whose shard is held.
pub(super) fn version_of(executor: &mut Executor, database: u8, key: &[u8]) -> Option<i64> {
    let route = executor.router.route_in(database, key);
    let now = executor.now;
    executor.shards.held_mut(route.shard).expect("it was taken").version(now, route.key)
}
