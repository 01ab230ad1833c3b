//! Serves a connection: bytes in, replies out.
//!
//! Any split of the input gives the same replies, in the order of the requests. Serving stops at
//! the end of the input, when the budget is spent, or when the output or a batch for another shard
//! is full.
//!
//! Dialects: an arm for each request that the decoder returns, and the plain reads of each dialect.

use slabcore_metrics::Command;
use slabcore_protocol::{Decoded, Echo, Keys, Protocol, Request};
use slabcore_shard::KeyRequest;

use crate::connection::input_state::{IgnoredReply, InputState};
use crate::connection::paused_get::PausedGet;
use crate::connection::{Connection, Pause};
use crate::executor::Executor;
use crate::requests::authentication::refused_before_login;
use crate::requests::reply_form::ReplyForm;
use crate::requests::request_command::{command_of, command_of_get, command_of_key};
use crate::requests::stage::{SlotRequest, Stage, StagedRequests};
use crate::requests::staged_request::StagedRequest;
use crate::settings::log;

impl Connection {
    /// Executes requests from `input`, which starts where the last call stopped. Returns how many
    /// bytes were consumed, and why it stopped.
    pub(crate) fn serve(&mut self, executor: &mut Executor, input: &[u8]) -> (usize, Pause) {
        executor.times.begin_connection();
        let budget = executor.requests_per_serving_max();
        let served = self.serve_from(executor, input, 0, budget);
        self.end_requests(executor);
        served
    }

    /// As [`Self::serve`], from byte `at` on and with what is left of the budget.
    fn serve_from(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        mut at: usize,
        mut budget: usize,
    ) -> (usize, Pause) {
        loop {
            if self.is_closing() {
                return (input.len(), Pause::Closing);
            }
            if self.output.is_full() || executor.outboxes.is_any_full() {
                return (at, Pause::Blocked);
            }
            if self.is_dumping() {
                return self.serve_dump(executor, input, at, budget);
            }
            if at == input.len() {
                return (at, Pause::NeedsInput);
            }
            if budget == 0 {
                return (at, Pause::Yielded);
            }
            // Executors that want their shards back need not wait for the next group.
            executor.give_back();
            let consumed = self.serve_next(executor, &input[at..], &mut budget);
            if consumed == 0 && !self.is_closing() {
                let waits = self.waits_for_replies();
                return (at, if waits { Pause::Blocked } else { Pause::NeedsInput });
            }
            at += consumed;
            if self.has_paused_get() {
                budget = 0;
            }
        }
    }

    /// Executes requests within the budget, or continues one. Returns the bytes consumed; 0 if the
    /// request is incomplete, or the connection closes.
    #[inline]
    fn serve_next(&mut self, executor: &mut Executor, input: &[u8], budget: &mut usize) -> usize {
        match self.input() {
            InputState::Request => self.execute_arrived(executor, input, budget),
            _ => self.rest_of_request(executor, input, budget),
        }
    }

    /// Executes or continues one request of a client without a connection. Returns the bytes
    /// consumed; 0 also if the reply needs a connection.
    pub(super) fn serve_one(&mut self, executor: &mut Executor, input: &[u8]) -> usize {
        executor.times.begin_connection();
        let consumed = self.serve_one_counted(executor, input);
        self.end_requests(executor);
        consumed
    }

    fn serve_one_counted(&mut self, executor: &mut Executor, input: &[u8]) -> usize {
        if !self.is_at_request() {
            return self.rest_of_request(executor, input, &mut 1);
        }
        let mut stage = Stage::new();
        let requests = self.stage_requests(executor, input, 1, &mut stage);
        if requests.is_endless() {
            return 0;
        }
        stage.prefetch_items(executor);
        self.execute(executor, input, &stage, requests, &mut 1)
    }

    /// As [`Self::serve_from`], during a dump.
    #[cold]
    fn serve_dump(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        at: usize,
        budget: usize,
    ) -> (usize, Pause) {
        executor.give_back();
        match self.go_on_dumping(executor) {
            Some(pause) => (at, pause),
            None => self.serve_from(executor, input, at, budget),
        }
    }

    /// Continues a request that has begun. Returns the bytes consumed.
    fn rest_of_request(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        budget: &mut usize,
    ) -> usize {
        *budget -= 1;
        match *self.input() {
            InputState::Request | InputState::Dump(_) => 0,
            InputState::Get(PausedGet { with_cas, exptime, line_bytes }) => {
                let Some((b'\n', line)) = input[..line_bytes].split_last() else {
                    unreachable!("the whole line was here when its get began");
                };
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                self.end_request();
                let keys = Keys::from_validated(line);
                let paused = self.get(executor, keys, with_cas, exptime, budget);
                if paused.is_none() {
                    executor.times.count(command_of_get(exptime));
                }
                self.line_done(input, line_bytes, paused)
            }
            InputState::Values(keys) => self.go_on_with_values(executor, input, keys, budget),
            InputState::Upload(_) => self.upload(executor, input),
            InputState::Ignored(_) => self.go_on_ignoring(executor, input.len()),
            InputState::Watching(_) | InputState::Closing => input.len(),
        }
    }

    /// Decodes up to `limit` requests into the stage. `input` starts with the first byte of one.
    #[inline]
    pub(crate) fn stage_requests<'a>(
        &mut self,
        executor: &mut Executor,
        input: &'a [u8],
        limit: usize,
        stage: &mut Stage<'a>,
    ) -> StagedRequests<'a> {
        let is_usual = matches!(self.decoder.protocol(), Protocol::Text | Protocol::Binary);
        if !is_usual || self.login.is_due() {
            return self.stage_unusual(executor, input, limit, stage);
        }
        self.stage_usual(executor, input, limit, stage)
    }

    /// As [`Self::stage_requests`], of a connection whose protocol is not known, that must log in,
    /// or that speaks Redis' dialect.
    #[inline(never)]
    fn stage_unusual<'a>(
        &mut self,
        executor: &mut Executor,
        input: &'a [u8],
        limit: usize,
        stage: &mut Stage<'a>,
    ) -> StagedRequests<'a> {
        if self.speaks_redis(executor, input) {
            return self.stage_redis(executor, input, limit, stage);
        }
        if self.login.is_due() {
            let next = (!input.is_empty()).then(|| self.decoder.decode_before_login(input));
            let end = stage.len();
            return StagedRequests { requests: end..end, next };
        }
        self.stage_usual(executor, input, limit, stage)
    }

    #[expect(clippy::inline_always, reason = "most connections do this in each turn")]
    #[inline(always)]
    fn stage_usual<'a>(
        &mut self,
        executor: &mut Executor,
        input: &'a [u8],
        limit: usize,
        stage: &mut Stage<'a>,
    ) -> StagedRequests<'a> {
        let start = stage.len();
        let mut decoded_bytes = 0;
        let mut next = None;
        while stage.len() - start < limit && !stage.is_full() && decoded_bytes < input.len() {
            let rest = &input[decoded_bytes..];
            if executor.reads_plainly {
                let read_bytes = stage.push_read(executor, &mut self.decoder, rest);
                if read_bytes > 0 {
                    decoded_bytes += read_bytes;
                    continue;
                }
            }
            let decoded = self.decoder.decode(rest);
            if executor.verbosity >= log::COMMANDS && decoded != Decoded::NeedMore {
                self.log_request(rest, decoded.head_bytes());
            }
            let Some(request) = StagedRequest::of(&decoded, rest, &executor.item_size_limit) else {
                next = Some(decoded);
                break;
            };
            decoded_bytes += request.consumed;
            stage.push(executor, request);
        }
        StagedRequests { requests: start..stage.len(), next }
    }

    /// Logs a request, which has `head_bytes` without its value.
    #[cold]
    fn log_request(&mut self, input: &[u8], head_bytes: usize) {
        let protocol = self.decoder.protocol();
        let client = self.descriptor();
        if self.take_protocol_to_log() {
            log::protocol(client, protocol);
        }
        match protocol {
            Protocol::Binary => log::packet(client, &input[..head_bytes]),
            Protocol::Auto | Protocol::Text | Protocol::Resp => log::command(client, input),
        }
    }

    /// Executes staged requests, then the rest of `input` as [`Self::serve`] does.
    #[inline]
    pub(crate) fn serve_staged(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        stage: &Stage<'_>,
        requests: StagedRequests<'_>,
    ) -> (usize, Pause) {
        executor.times.begin_connection();
        let served = self.serve_staged_counted(executor, input, stage, requests);
        self.end_requests(executor);
        served
    }

    #[inline]
    fn serve_staged_counted(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        stage: &Stage<'_>,
        requests: StagedRequests<'_>,
    ) -> (usize, Pause) {
        let mut budget = executor.requests_per_serving_max();
        let consumed = self.execute(executor, input, stage, requests, &mut budget);
        let blocked = self.output.is_full() || executor.outboxes.is_any_full();
        // A command of Redis' dialect may be one that is not staged.
        if consumed == 0 && !self.is_closing() && !blocked && self.redis.is_none() {
            return (0, Pause::NeedsInput);
        }
        if self.has_paused_get() {
            budget = 0;
        }
        self.serve_from(executor, input, consumed, budget)
    }

    /// Decodes and executes requests; `input` starts with the first byte of one. Returns the bytes
    /// consumed; 0 if the first is incomplete.
    fn execute_arrived(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        budget: &mut usize,
    ) -> usize {
        let mut stage = Stage::new();
        let requests = self.stage_requests(executor, input, *budget, &mut stage);
        if requests.is_empty() && self.redis.is_some() {
            *budget -= 1;
            return self.redis_command(executor, input, budget);
        }
        stage.prefetch_items(executor);
        self.execute(executor, input, &stage, requests, budget)
    }

    /// Executes staged requests, and what the decoder found after them. Returns the bytes consumed.
    #[inline]
    fn execute(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        stage: &Stage<'_>,
        requests: StagedRequests<'_>,
        budget: &mut usize,
    ) -> usize {
        let mut consumed = 0;
        let slots = stage.slots(requests.requests);
        if let Some(first) = slots.first() {
            self.affinity.count(first.route().shard);
            self.set_follows_requests(true);
        }
        for slot in slots {
            if self.output.is_full() || executor.outboxes.is_any_full() {
                // The remaining requests are decoded again when there is room.
                self.restart_decoder();
                return consumed;
            }
            *budget -= 1;
            match stage.request(slot) {
                SlotRequest::PlainGet(line_bytes) => {
                    consumed += line_bytes;
                    self.plain_get(executor, slot.route(), ReplyForm::WithEnd);
                    executor.times.count(Command::Get);
                }
                SlotRequest::PlainMetaGet(flags, line_bytes) => {
                    consumed += line_bytes;
                    self.plain_meta_get(executor, slot.route(), flags);
                    executor.times.count(Command::Get);
                }
                SlotRequest::PlainBinaryGet(bytes) => {
                    let echo = Echo::of_request(&input[consumed..]);
                    consumed += bytes;
                    self.plain_binary_get(executor, slot.route(), echo);
                    executor.times.count(Command::Get);
                }
                SlotRequest::Other(StagedRequest {
                    request: KeyRequest::String(it),
                    consumed: bytes,
                    redis_command,
                    ..
                }) => {
                    consumed += bytes;
                    self.staged_string(executor, slot.route(), it, *redis_command);
                }
                SlotRequest::Other(other) => {
                    consumed += other.consumed;
                    self.routed_request(executor, slot.route(), &other.request, other.form);
                    executor.times.count(command_of_key(&other.request));
                }
            }
        }
        match requests.next {
            Some(decoded) if *budget > 0 && !self.output.is_full() => {
                *budget -= 1;
                let sends = matches!(decoded, Decoded::Request { request: Request::MetaNoop, .. });
                consumed += self.execute_decoded(executor, &input[consumed..], decoded, budget);
                // memcached sends all replies at once for `mn`.
                self.set_follows_requests(!sends);
                consumed
            }
            Some(_) => {
                self.decoder.restart();
                consumed
            }
            None => consumed,
        }
    }

    /// Executes what is not a whole request for one key. Returns the bytes consumed.
    fn execute_decoded(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        decoded: Decoded<'_>,
        budget: &mut usize,
    ) -> usize {
        if self.login.is_due()
            && let Some(error) = refused_before_login(&decoded)
        {
            self.refuse(executor, 0, IgnoredReply::Error(error), Command::Other);
            return input.len();
        }
        match decoded {
            Decoded::NeedMore => 0,
            Decoded::Request { request, consumed } => {
                let command = command_of(&request);
                let paused = self.request(executor, request, budget);
                if paused.is_none() {
                    executor.times.count(command);
                }
                self.line_done(input, consumed, paused)
            }
            Decoded::Store { store, consumed } => self.store(executor, input, store, consumed),
            Decoded::Error { reply, consumed, swallow } => {
                self.refuse(executor, swallow, IgnoredReply::Line(reply), Command::Other);
                consumed
            }
            Decoded::BinaryError { error, consumed, swallow } => {
                self.refuse(executor, swallow, IgnoredReply::Error(error), Command::Other);
                consumed
            }
            Decoded::Login { token_bytes, consumed } => {
                self.log_in(executor, input, token_bytes, consumed)
            }
            Decoded::Auth { auth, consumed } => self.authenticate(executor, input, &auth, consumed),
            Decoded::Close => {
                self.close(executor);
                0
            }
        }
    }
}
