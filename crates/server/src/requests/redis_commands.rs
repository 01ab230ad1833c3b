//! Sends each command of Redis' dialect to the method that executes it.
//!
//! Dialects: Redis' commands.

use slabcore_protocol::{ClientRequest, CommandRequest, RespRequest, RespWords};

use crate::connection::Connection;
use crate::connection::redis_session::ReplyMode;
use crate::executor::Executor;
use crate::requests::redis_config::{config_get, config_set};
use crate::requests::redis_info::{info, sum_of_shards};
use crate::requests::redis_progress::RedisProgress;
use crate::requests::stats::shared_counts;
use crate::settings::kept_time::unix_microseconds;

impl Connection {
    /// Executes one command. `is_input`: its words are in the connection's input. `budget` is how
    /// many further requests may be executed.
    pub(super) fn redis_request(
        &mut self,
        executor: &mut Executor,
        request: RespRequest<'_>,
        is_input: bool,
        budget: &mut usize,
    ) -> RedisProgress {
        match request {
            RespRequest::String { key, operation } => {
                self.string_request(executor, key, operation);
            }
            RespRequest::Count { keys, operation } => {
                return self.count_keys(executor, &keys, operation);
            }
            RespRequest::GetMany(keys) => {
                return self.get_values(executor, keys, is_input, budget);
            }
            RespRequest::SetMany(pairs) => return self.set_keys(executor, &pairs),
            RespRequest::SetManyIfAbsent(pairs) => {
                return self.set_keys_if_absent(executor, &pairs);
            }
            RespRequest::Rename { from, to, if_absent } => {
                return self.rename_key(executor, from, to, if_absent);
            }
            RespRequest::Copy { from, to, database, replaces } => {
                return self.copy_key(executor, (from, to), database, replaces);
            }
            RespRequest::Keys { pattern } => return self.list_keys(executor, pattern),
            RespRequest::Scan { cursor, pattern, count, lists_strings } => {
                return self.scan_keys(executor, cursor, pattern, count, lists_strings);
            }
            RespRequest::RandomKey => return self.random_key(executor),
            RespRequest::DatabaseSize => return self.database_size(executor),
            RespRequest::FlushDatabase => {
                let database = self.session().database;
                return self.flush_redis(executor, Some(database));
            }
            RespRequest::FlushAll => return self.flush_redis(executor, None),
            RespRequest::Info(sections) => return self.redis_info(executor, sections),
            RespRequest::ConfigResetStat => return self.reset_redis_stats(executor),
            RespRequest::Multi => self.begin_transaction(executor),
            RespRequest::Discard => self.discard_transaction(executor),
            RespRequest::Watch(keys) => return self.watch_keys(executor, &keys),
            RespRequest::Unwatch => {
                self.session().watched.clear();
                self.write_redis_ok();
            }
            request => self.redis_connection_request(executor, request),
        }
        RedisProgress::Done
    }

    /// Executes a command that looks at no items.
    fn redis_connection_request(&mut self, executor: &mut Executor, request: RespRequest<'_>) {
        match request {
            RespRequest::Hello { version, login, name } => {
                self.hello(executor, version, login, name);
            }
            RespRequest::Auth { user, password } => self.auth(executor, user, password),
            RespRequest::Ping(text) if self.session().only_reads_messages() => {
                self.write_redis(|out| {
                    out.array_head(2);
                    out.bulk(b"pong");
                    out.bulk(text.unwrap_or_default());
                });
            }
            RespRequest::Ping(None) => self.write_redis(|out| out.status("PONG")),
            RespRequest::Ping(Some(text)) | RespRequest::Echo(text) => {
                self.write_redis(|out| out.bulk(text));
            }
            RespRequest::Select(database) => {
                self.session().database = database;
                self.write_redis_ok();
            }
            RespRequest::Quit => self.quit_redis(executor),
            RespRequest::Reset => self.reset_redis(executor),
            RespRequest::Client(request) => self.redis_client_request(executor, &request),
            RespRequest::Command(request) => self.redis_command_request(executor, &request),
            RespRequest::ConfigGet(patterns) => {
                let found = config_get(&executor.shared, &patterns);
                self.write_redis(|out| {
                    out.map_head(found.len());
                    found.iter().flat_map(|(name, value)| [*name, value]).for_each(|text| {
                        out.bulk(text.as_bytes());
                    });
                });
            }
            RespRequest::ConfigSet(words) => match config_set(&words) {
                Ok(()) => self.write_redis_ok(),
                Err(refusal) => self.refuse_redis(executor, &refusal),
            },
            RespRequest::Time => {
                let now = unix_microseconds();
                self.write_redis(|out| {
                    out.array_head(2);
                    out.bulk((now / 1_000_000).to_string().as_bytes());
                    out.bulk((now % 1_000_000).to_string().as_bytes());
                });
            }
            RespRequest::LastSave => {
                let (clock, snapshots) = (&executor.shared.clock, &executor.shared.snapshots);
                // Without a snapshot it is the start of the server, as in Redis.
                let ago = snapshots.seconds_since_last_complete().unwrap_or_else(|| clock.uptime());
                let unix = clock.now().unix().saturating_sub(ago);
                self.write_redis(|out| out.integer(unix.cast_signed()));
            }
            RespRequest::Fixed(reply) => self.write_redis(|out| reply.write(out)),
            RespRequest::Message(request) => self.message_request(executor, &request),
            RespRequest::ScriptLoad(script) => self.load_script(executor, script),
            RespRequest::ScriptExists(shas) => self.scripts_exist(executor, &shas),
            RespRequest::ScriptFlush => {
                executor.shared.redis.scripts.clear();
                self.write_redis_ok();
            }
            request => unreachable!("{request:?} is executed elsewhere"),
        }
    }

    fn redis_client_request(&mut self, executor: &mut Executor, request: &ClientRequest<'_>) {
        match request {
            ClientRequest::Id => {
                let number = self.session().number;
                self.write_redis(|out| out.integer(number.cast_signed()));
            }
            ClientRequest::GetName => self.client_name(),
            ClientRequest::SetName(name) => self.set_client_name(executor, name),
            ClientRequest::SetInfo { option, value } => {
                self.set_client_library(executor, option, value);
            }
            ClientRequest::Info => {
                let number = self.session().number;
                self.list_clients(executor, vec![number], None);
            }
            ClientRequest::List(words) => {
                let number = |word: &[u8]| slabcore_protocol::strict_64(word);
                let chosen = words.clone().filter_map(number).map(i64::cast_unsigned);
                self.list_clients(executor, chosen.collect(), None);
            }
            ClientRequest::ListType(kind) => {
                self.list_clients(executor, Vec::new(), Some(*kind));
            }
            ClientRequest::ReplyOn => self.set_client_replies(ReplyMode::On),
            ClientRequest::ReplyOff => self.set_client_replies(ReplyMode::Off),
            ClientRequest::ReplySkip => self.set_client_replies(ReplyMode::SkipNext),
        }
    }

    fn redis_command_request(&mut self, executor: &Executor, request: &CommandRequest<'_>) {
        let mut refused = None;
        self.write_redis(|out| refused = request.answer(out).err());
        if let Some(refusal) = refused {
            self.refuse_redis(executor, &refusal);
        }
    }

    /// `CONFIG RESETSTAT`.
    fn reset_redis_stats(&mut self, executor: &mut Executor) -> RedisProgress {
        self.with_all_shards(executor, |conn, executor| {
            let sum = sum_of_shards(executor);
            executor.shared.reset_stats(&sum, shared_counts(&executor.shared));
            executor.shared.redis.baseline.reset(&executor.shared.redis.counts);
            conn.write_redis_ok();
        })
    }

    fn redis_info(&mut self, executor: &mut Executor, sections: RespWords<'_>) -> RedisProgress {
        self.with_all_shards(executor, |conn, executor| {
            let names: Vec<&[u8]> = sections.collect();
            let text = info(executor, &names);
            conn.write_redis(|out| out.verbatim(text.as_bytes()));
        })
    }
}
