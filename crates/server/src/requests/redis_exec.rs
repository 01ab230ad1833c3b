//! `EXEC`: executes the commands since `MULTI` without others in between.
//!
//! It takes all shards that they need (see `executor/shards.rs`) and executes them one after the
//! other, so no other client sees a part of them, whatever shards their keys are on.

use slabcore_protocol::{RespCommand, RespRefusal, RespRequest, RespWords};

use crate::connection::Connection;
use crate::executor::Executor;
use crate::executor::shards::ShardSet;
use crate::requests::redis_progress::RedisProgress;
use crate::requests::redis_transactions::version_of;

impl Connection {
    /// `EXEC`.
    pub(super) fn execute_transaction(
        &mut self,
        executor: &mut Executor,
        budget: &mut usize,
    ) -> RedisProgress {
        let is_missing_replies = self.output.is_missing_replies();
        match &self.session().transaction {
            None => {
                self.refuse_redis(executor, &RespRefusal::EXEC_WITHOUT_MULTI);
                return RedisProgress::Done;
            }
            Some(transaction) if transaction.is_broken => {
                self.session().end_transaction();
                self.refuse_redis(executor, &RespRefusal::EXEC_ABORT);
                return RedisProgress::Done;
            }
            Some(_) if is_missing_replies => return RedisProgress::Waits,
            Some(_) => {}
        }
        let session = self.session();
        let database = session.database;
        let watched = std::mem::take(&mut session.watched);
        let transaction = session.transaction.take().unwrap_or_default();
        let mut shards = ShardSet::default();
        for key in &watched {
            shards.add(executor.router.route_in(key.database, &key.key).shard);
        }
        let mut chosen = database;
        for words in transaction.commands() {
            add_shards(executor, &mut chosen, words, &mut shards);
        }
        executor.exclusively(shards, |executor| {
            if watched.iter().any(|it| version_of(executor, it.database, &it.key) != it.version) {
                return self.write_redis(|out| {
                    out.nil_array();
                });
            }
            self.write_redis(|out| out.array_head(transaction.len()));
            for words in transaction.commands() {
                self.execute_queued(executor, words, budget);
            }
        });
        RedisProgress::Done
    }

    fn execute_queued(
        &mut self,
        executor: &mut Executor,
        words: RespWords<'_>,
        budget: &mut usize,
    ) {
        let now = executor.now.unix_ms();
        match RespCommand::find(&words).and_then(|command| command.parse(words, now)) {
            Ok(RespRequest::Eval { script, is_sha, keys, arguments }) => {
                let progress = self.evaluate(executor, (script, is_sha), &keys, &arguments);
                debug_assert_eq!(progress, RedisProgress::Done, "all shards are held");
            }
            Ok(request) => {
                let progress = self.redis_request(executor, request, false, budget);
                debug_assert_eq!(progress, RedisProgress::Done, "all shards are held");
            }
            Err(refusal) => self.refuse_redis(executor, &refusal),
        }
    }
}

/// Adds the shards that a queued command needs. `database`: the one that is chosen then.
fn add_shards(executor: &Executor, database: &mut u8, words: RespWords<'_>, shards: &mut ShardSet) {
    let now = executor.now.unix_ms();
    let request = RespCommand::find(&words).and_then(|command| command.parse(words, now));
    let Ok(request) = request else { return };
    if let RespRequest::Select(chosen) = request {
        *database = chosen;
    }
    if request.needs_all_shards() {
        *shards = ShardSet::all(executor.router.shards());
    } else {
        request.each_key(|key| shards.add(executor.router.route_in(*database, key).shard));
    }
}
