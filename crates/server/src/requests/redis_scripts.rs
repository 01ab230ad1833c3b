//! `EVAL`, `EVALSHA`: scripts are executed while the shards of their keys are held, so no
//! other client sees a part of them.

use std::mem;
use std::sync::Arc;

use slabcore_protocol::{RespCommand, RespRefusal, RespVersion, RespWords, write_bulk};
use slabcore_script::Script;

use crate::connection::Connection;
use crate::connection::redis_session::ReplyMode;
use crate::executor::Executor;
use crate::executor::shards::ShardSet;
use crate::requests::redis_progress::RedisProgress;
use crate::settings::limits::SEND_VALUE_BYTES_MAX;

impl Connection {
    /// `EVAL`, or with a SHA-1 as the script `EVALSHA`.
    pub(super) fn evaluate(
        &mut self,
        executor: &mut Executor,
        (script, is_sha): (&[u8], bool),
        keys: &RespWords<'_>,
        arguments: &RespWords<'_>,
    ) -> RedisProgress {
        if !executor.is_exclusive() && self.output.is_missing_replies() {
            return RedisProgress::Waits;
        }
        let scripts = &executor.shared.redis.scripts;
        let text: Arc<[u8]> = if is_sha {
            let Some(text) = scripts.get(script) else {
                self.refuse_redis(executor, &RespRefusal::NO_SCRIPT);
                return RedisProgress::Done;
            };
            text
        } else {
            // Clients name it by its SHA-1 next time. If it is forgotten, they send it again.
            scripts.remember(script);
            script.into()
        };
        let database = self.session().database;
        let mut shards = ShardSet::default();
        for key in keys.clone() {
            shards.add(executor.router.route_in(database, key).shard);
        }
        if keys.len() == 0 {
            shards = ShardSet::all(executor.router.shards());
        }
        executor.exclusively(shards, |executor| {
            let (keys, arguments): (Vec<&[u8]>, Vec<&[u8]>) =
                (keys.clone().collect(), arguments.clone().collect());
            let is_resp3 = self.session().version == RespVersion::Three;
            let script = Script { text: &text, keys: &keys, arguments: &arguments, is_resp3 };
            let reply = slabcore_script::run(&script, &mut |words| {
                self.captured(executor, |conn, executor| conn.called(executor, words))
            });
            self.write_redis_bytes(&reply);
        });
        RedisProgress::Done
    }

    /// Executes a command of a script.
    fn called(&mut self, executor: &mut Executor, words: &[Vec<u8>]) {
        let mut bulks = Vec::new();
        for word in words {
            write_bulk(&mut bulks, word);
        }
        let words = RespWords::of_bulks(&bulks, words.len());
        let now = executor.now.unix_ms();
        let found = RespCommand::find(&words).map_err(|refusal| match refusal {
            RespRefusal::WrongArity(_) => RespRefusal::ARITY_IN_SCRIPTS,
            _ => RespRefusal::UNKNOWN_IN_SCRIPTS,
        });
        let request = found.and_then(|command| {
            if !command.is_allowed_in_scripts() {
                return Err(RespRefusal::NOT_IN_SCRIPTS);
            }
            command.parse(words, now)
        });
        let request = match request {
            Ok(request) => request,
            Err(refusal) => return self.refuse_redis(executor, &refusal),
        };
        let database = self.session().database;
        let mut are_held = true;
        request.each_key(|key| {
            let shard = executor.router.route_in(database, key).shard;
            are_held &= executor.shards.held(shard).is_some();
        });
        if request.needs_all_shards() {
            let mut all = slabcore_shard::ShardId::first(executor.router.shards());
            are_held &= all.all(|shard| executor.shards.held(shard).is_some());
        }
        if !are_held {
            return self.refuse_redis(executor, &RespRefusal::UNDECLARED_KEY);
        }
        // The shards are held, so it neither waits nor pauses.
        let _ = self.redis_request(executor, request, false, &mut 0);
    }

    /// The replies of what `run` executes, in RESP2, in place of the client's.
    fn captured(
        &mut self,
        executor: &mut Executor,
        run: impl FnOnce(&mut Self, &mut Executor),
    ) -> Vec<u8> {
        let output = mem::take(&mut self.output);
        let session = self.session();
        let version = mem::replace(&mut session.version, RespVersion::Two);
        let replies = mem::replace(&mut session.replies, ReplyMode::On);
        run(self, executor);
        let session = self.session();
        (session.version, session.replies) = (version, replies);
        let mut bytes = Vec::new();
        while self.output.can_send() {
            let outgoing = self.output.take(&mut executor.spares, SEND_VALUE_BYTES_MAX);
            outgoing.append_to(&mut bytes);
            executor.spares.put(outgoing.replies);
            self.output.all_sent();
            if let Some(parts) = outgoing.parts {
                executor.parts_sent(&mut self.output, parts);
            }
        }
        self.output = output;
        bytes
    }
}
