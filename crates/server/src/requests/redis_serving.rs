//! Serves connections that speak Redis' dialect: decodes their commands, and executes them in
//! their order.
//!
//! Commands for one key are staged with those of other connections. All others are executed one by
//! one. A command that needs several shards at once waits until all replies before it are there.

use slabcore_metrics::Command;
use slabcore_protocol::{
    Decoder, Protocol, RespCommand, RespDecoded, RespDecoder, RespLimits, RespRefusal, RespRequest,
    RespWords, StringOperation, StringRequest, inline_words, is_redis_command,
};
use slabcore_shard::{KeyRequest, Route};

use crate::connection::Connection;
use crate::connection::redis_session::RedisSession;
use crate::executor::Executor;
use crate::requests::redis_progress::RedisProgress;
use crate::requests::reply_form::ReplyForm;
use crate::requests::request_command::{command_of_redis, command_of_string};
use crate::requests::stage::{Stage, StagedRequests};
use crate::requests::staged_request::StagedRequest;
use crate::settings::close_reason::CloseReason;
use crate::settings::limits::INLINE_BYTES_KEPT;
use crate::settings::log;

/// First words of inline commands by which a browser is known. The connection is closed.
const BROWSER_WORDS: [&[u8]; 2] = [b"post", b"host:"];

impl Connection {
    /// True if the connection speaks Redis' dialect. The first byte of a connection may tell.
    pub(super) fn speaks_redis(&mut self, executor: &Executor, input: &[u8]) -> bool {
        match self.decoder.protocol() {
            Protocol::Text | Protocol::Binary => false,
            Protocol::Resp if self.redis.is_some() => true,
            Protocol::Auto if input.first() != Some(&b'*') || self.descriptor() < 0 => false,
            Protocol::Auto | Protocol::Resp => {
                self.begin_redis(executor);
                true
            }
        }
    }

    #[cold]
    fn begin_redis(&mut self, executor: &Executor) {
        self.decoder = Decoder::of(Protocol::Resp);
        let number = executor.shared.redis.next_client();
        self.redis = Some(Box::new(RedisSession::new(number, executor.now.tick())));
    }

    /// Goes on with the session of another process. A connection whose session is not understood
    /// ends.
    #[cold]
    pub(crate) fn go_on_with_redis(&mut self, executor: &mut Executor, mut session: &[u8]) {
        let (number, now) = (executor.shared.redis.next_client(), executor.now.tick());
        match RedisSession::decode(&mut session, number, now) {
            Some(session) => {
                self.redis = Some(Box::new(session));
                self.go_on_with_messages(executor);
            }
            None => self.close(executor),
        }
    }

    /// Decodes commands for one key into the stage, up to `limit` of them, up to the first other
    /// command.
    #[inline(never)]
    pub(super) fn stage_redis<'a>(
        &mut self,
        executor: &mut Executor,
        input: &'a [u8],
        limit: usize,
        stage: &mut Stage<'a>,
    ) -> StagedRequests<'a> {
        let start = stage.len();
        let limits = self.resp_limits(executor);
        let is_due = self.login.is_due();
        let now = executor.now.unix_ms();
        let session = self.session();
        let mut decoded_bytes = 0;
        let is_plain = session.is_plain()
            && session.decoder.is_at_command()
            && !is_due
            && executor.verbosity < log::COMMANDS;
        while is_plain
            && stage.len() - start < limit
            && !stage.is_full()
            && decoded_bytes < input.len()
        {
            let rest = &input[decoded_bytes..];
            let (database, version) = (session.database, session.version);
            let stage_it = |command, key, operation, consumed| {
                let request = StringRequest { key, database, version, operation };
                let request = KeyRequest::String(request);
                let redis_command = Some(command);
                StagedRequest { request, form: ReplyForm::Plain, consumed, redis_command }
            };
            if let Some((key, consumed)) = session.decoder.single_get(rest) {
                let request = stage_it(RespCommand::get(), key, StringOperation::Get, consumed);
                stage.push_redis(executor, request);
                decoded_bytes += consumed;
                continue;
            }
            let (words, consumed) = match session.decoder.decode(rest, limits) {
                RespDecoded::Command { words, consumed } => (words, consumed),
                RespDecoded::NeedMore => break,
                _ => {
                    // It is decoded again when it is its turn.
                    session.decoder = RespDecoder::new();
                    break;
                }
            };
            let Ok(command) = RespCommand::find(&words) else { break };
            let request = command.parse(words, now);
            let Ok(RespRequest::String { key, operation }) = request else { break };
            stage.push_redis(executor, stage_it(command, key, operation, consumed));
            decoded_bytes += consumed;
        }
        StagedRequests { requests: start..stage.len(), next: None }
    }

    fn resp_limits(&self, executor: &Executor) -> RespLimits {
        RespLimits {
            word_bytes_max: executor.item_size_limit.item_bytes_max,
            is_logged_in: !self.login.is_due(),
        }
    }

    /// Executes a staged command for one key.
    #[inline(never)]
    pub(super) fn staged_string(
        &mut self,
        executor: &mut Executor,
        route: Route<'_>,
        request: &StringRequest<'_>,
        redis_command: Option<&'static RespCommand>,
    ) {
        if let Some(command) = redis_command {
            executor.redis_counts().count(command);
        }
        let command = command_of_string(&request.operation);
        if request.operation == StringOperation::Get {
            self.plain_redis_get(executor, route);
        } else {
            let request = KeyRequest::String(*request);
            self.routed_request(executor, route, &request, ReplyForm::Plain);
        }
        executor.times.count(command);
    }

    /// Staged requests were not executed: they will be decoded again.
    pub(super) fn restart_decoder(&mut self) {
        self.decoder.restart();
        if let Some(session) = &mut self.redis {
            session.decoder = RespDecoder::new();
        }
    }

    /// Executes the command at the start of the input. Returns the bytes consumed; 0 if it is
    /// incomplete, or must wait.
    #[inline(never)]
    pub(super) fn redis_command(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        budget: &mut usize,
    ) -> usize {
        let limits = self.resp_limits(executor);
        let decoded = self.session().decoder.decode(input, limits);
        let (progress, consumed) = match decoded {
            RespDecoded::NeedMore => return 0,
            RespDecoded::Skip(consumed) => return consumed,
            RespDecoded::TooLong(consumed) => {
                self.refuse_redis(executor, &RespRefusal::TOO_LONG);
                (RedisProgress::Done, consumed)
            }
            RespDecoded::Error(error) => {
                self.output.encode(|out| error.encode(out));
                self.close(executor);
                executor.times.count(Command::Other);
                return input.len();
            }
            RespDecoded::Inline { line, consumed } => {
                (self.inline_command(executor, line, budget), consumed)
            }
            RespDecoded::Command { words, consumed } => {
                (self.redis_words(executor, words, true, budget), consumed)
            }
        };
        self.set_waits_for_replies(matches!(progress, RedisProgress::Waits));
        match progress {
            RedisProgress::Done => consumed,
            RedisProgress::Waits => 0,
            RedisProgress::Paused(rest) => {
                self.pause_values(rest.keys);
                rest.address - input.as_ptr().addr()
            }
        }
    }

    fn inline_command(
        &mut self,
        executor: &mut Executor,
        line: &[u8],
        budget: &mut usize,
    ) -> RedisProgress {
        let mut bulks = std::mem::take(&mut self.session().inline);
        let progress = match inline_words(line, &mut bulks) {
            Ok(None) => RedisProgress::Done,
            Ok(Some(words)) => {
                let first = words.clone().next().unwrap_or_default();
                if BROWSER_WORDS.iter().any(|word| first.eq_ignore_ascii_case(word)) {
                    self.set_close_reason(CloseReason::Error);
                    self.close(executor);
                    return RedisProgress::Done;
                }
                self.redis_words(executor, words, false, budget)
            }
            Err(error) => {
                self.output.encode(|out| error.encode(out));
                self.close(executor);
                RedisProgress::Done
            }
        };
        bulks.clear();
        bulks.shrink_to(INLINE_BYTES_KEPT);
        self.session().inline = bulks;
        progress
    }

    /// Logs a command that Redis has, once for each client library.
    #[cold]
    fn note_missing_command(&mut self, executor: &Executor, name: &[u8]) {
        if !self.login.is_due()
            && is_redis_command(name)
            && let library = &self.session().library
            && let Some((name, library)) = executor.shared.redis.note_missing(name, library)
        {
            log::missing_redis_command(&name, &library);
        }
    }

    /// Executes a command, after all that must be checked before. `is_input`: the words are in the
    /// connection's input, and may stay there for a while.
    fn redis_words(
        &mut self,
        executor: &mut Executor,
        words: RespWords<'_>,
        is_input: bool,
        budget: &mut usize,
    ) -> RedisProgress {
        let command = match RespCommand::find(&words) {
            Ok(command) => command,
            Err(refusal) => {
                if matches!(refusal, RespRefusal::UnknownCommand(_)) {
                    self.note_missing_command(executor, words.clone().next().unwrap_or_default());
                }
                self.refuse_command(executor, &refusal);
                executor.times.count(Command::Other);
                return RedisProgress::Done;
            }
        };
        if self.login.is_due() && !command.is_allowed_before_login() {
            self.refuse_command(executor, &RespRefusal::NO_AUTH);
            executor.times.count(Command::Other);
            return RedisProgress::Done;
        }
        if self.session().only_reads_messages() && !command.is_allowed_to_subscribers() {
            self.refuse_command(executor, &RespRefusal::OnlyReadsMessages(command.name()));
            executor.times.count(Command::Other);
            return RedisProgress::Done;
        }
        executor.redis_counts().count(command);
        let session = self.session();
        session.begin_command();
        session.last_command = command.name();
        let progress = if self.session().transaction.is_some() && !command.runs_in_multi() {
            self.queue(executor, &words);
            RedisProgress::Done
        } else {
            match command.parse(words, executor.now.unix_ms()) {
                Ok(RespRequest::Exec) => self.execute_transaction(executor, budget),
                Ok(RespRequest::Eval { script, is_sha, keys, arguments }) => {
                    self.evaluate(executor, (script, is_sha), &keys, &arguments)
                }
                Ok(request) => self.redis_request(executor, request, is_input, budget),
                Err(refusal) => {
                    self.refuse_redis(executor, &refusal);
                    RedisProgress::Done
                }
            }
        };
        if matches!(progress, RedisProgress::Done) {
            executor.times.count(command_of_redis(command));
        }
        progress
    }
}
