//! A visit to a connection: bytes in, replies out.
//!
//! Any split of the input gives the same replies, and they leave in the order of the requests. A
//! visit ends with the input, with the budget of the visit, or when output or a batch for another
//! shard is full.
//!
//! Dialects: an arm for the steps and the plain reads of each.

use slabcore_protocol::{Decoded, Echo, Keys, Protocol, Request};

use crate::connection::input_state::{IgnoredReply, InputState, PausedGet};
use crate::connection::{Connection, Pause};
use crate::executor::Executor;
use crate::requests::authentication::refused_before_login;
use crate::requests::planned::Planned;
use crate::requests::stage::{Plan, Stage, Todo};
use crate::settings::log;

impl Connection {
    /// Executes requests from `input`, which starts where the last call stopped. Returns how many
    /// bytes were consumed, and why it stopped.
    pub(crate) fn run(&mut self, executor: &mut Executor, input: &[u8]) -> (usize, Pause) {
        let budget = executor.requests_per_visit_max();
        self.run_on(executor, input, 0, budget)
    }

    /// As [`Self::run`], from byte `at` on and with what is left of the visit.
    fn run_on(
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
                return self.run_dump(executor, input, at, budget);
            }
            if at == input.len() {
                return (at, Pause::Hungry);
            }
            if budget == 0 {
                return (at, Pause::Yielded);
            }
            // Another group begins: whoever wants its shard back need not wait for it, too.
            executor.give_back();
            let consumed = self.step(executor, &input[at..], &mut budget);
            if consumed == 0 && !self.is_closing() {
                return (at, Pause::Hungry);
            }
            at += consumed;
            if self.has_paused_get() {
                budget = 0;
            }
        }
    }

    /// Executes requests, at most as many as the budget has left, or goes on with one that is under
    /// way. Returns the bytes consumed; 0 if there are not enough, or the connection is to end.
    #[inline]
    fn step(&mut self, executor: &mut Executor, input: &[u8], budget: &mut usize) -> usize {
        match self.input() {
            InputState::Request => self.lines(executor, input, budget),
            _ => self.rest_of_request(executor, input, budget),
        }
    }

    /// Executes one request, or goes on with it, for a client that has no connection. Returns the
    /// bytes consumed; 0 also if only a connection can be answered.
    pub(super) fn step_alone(&mut self, executor: &mut Executor, input: &[u8]) -> usize {
        if !self.is_at_request() {
            return self.rest_of_request(executor, input, &mut 1);
        }
        let mut stage = Stage::new();
        let plan = self.plan(executor, input, 1, &mut stage);
        if plan.is_endless() {
            return 0;
        }
        stage.prefetch_items(executor);
        self.execute(executor, input, &stage, plan, &mut 1)
    }

    /// As [`Self::run_on`], while a dump is under way.
    #[cold]
    fn run_dump(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        at: usize,
        budget: usize,
    ) -> (usize, Pause) {
        executor.give_back();
        match self.go_on_dumping(executor) {
            Some(pause) => (at, pause),
            None => self.run_on(executor, input, at, budget),
        }
    }

    /// Goes on with a request that is under way; returns the bytes consumed.
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
                self.line_done(input, line_bytes, paused)
            }
            InputState::Upload(_) => self.upload(executor, input),
            InputState::Ignored(_) => self.take_ignored(input.len()),
            InputState::Watching(_) | InputState::Closing => input.len(),
        }
    }

    /// Decodes requests from the first byte of one on, as many as a visit and the stage take.
    #[inline]
    pub(crate) fn plan<'a>(
        &mut self,
        executor: &mut Executor,
        input: &'a [u8],
        limit: usize,
        stage: &mut Stage<'a>,
    ) -> Plan<'a> {
        let start = stage.len();
        if self.login.is_due() {
            let odd = (!input.is_empty()).then(|| self.decoder.decode_before_login(input));
            return Plan { requests: start..start, odd };
        }
        let mut decoded_bytes = 0;
        let mut odd = None;
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
            let Some(planned) = Planned::of(&decoded, rest, &executor.item_size_limit) else {
                odd = Some(decoded);
                break;
            };
            decoded_bytes += planned.consumed;
            stage.push(executor, planned);
        }
        Plan { requests: start..stage.len(), odd }
    }

    /// A request of `head_bytes` without its value, for who reads the log.
    #[cold]
    fn log_request(&mut self, input: &[u8], head_bytes: usize) {
        let protocol = self.decoder.protocol();
        let client = self.descriptor();
        if self.take_protocol_to_log() {
            log::protocol(client, protocol);
        }
        match protocol {
            Protocol::Binary => log::packet(client, &input[..head_bytes]),
            Protocol::Auto | Protocol::Text => log::command(client, input),
        }
    }

    /// Executes planned requests, then goes on as [`Self::run`] with what stands behind them.
    #[inline]
    pub(crate) fn run_planned(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        stage: &Stage<'_>,
        plan: Plan<'_>,
    ) -> (usize, Pause) {
        let mut budget = executor.requests_per_visit_max();
        let consumed = self.execute(executor, input, stage, plan, &mut budget);
        let blocked = self.output.is_full() || executor.outboxes.is_any_full();
        if consumed == 0 && !self.is_closing() && !blocked {
            return (0, Pause::Hungry);
        }
        if self.has_paused_get() {
            budget = 0;
        }
        self.run_on(executor, input, consumed, budget)
    }

    /// Requests from the first byte of one on. Returns the bytes consumed; 0 if the rest of a
    /// request must be waited for.
    fn lines(&mut self, executor: &mut Executor, input: &[u8], budget: &mut usize) -> usize {
        let mut stage = Stage::new();
        let plan = self.plan(executor, input, *budget, &mut stage);
        stage.prefetch_items(executor);
        self.execute(executor, input, &stage, plan, budget)
    }

    #[inline]
    fn execute(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        stage: &Stage<'_>,
        plan: Plan<'_>,
        budget: &mut usize,
    ) -> usize {
        let mut consumed = 0;
        let requests = stage.requests(plan.requests);
        if let Some(first) = requests.first() {
            self.affinity.count(first.route().shard);
            self.set_follows_requests(true);
        }
        for request in requests {
            if self.output.is_full() || executor.outboxes.is_any_full() {
                // The others are decoded again when there is room.
                self.decoder.restart();
                return consumed;
            }
            *budget -= 1;
            match stage.todo(request) {
                Todo::PlainGet(line_bytes) => {
                    consumed += line_bytes;
                    self.plain_get(executor, request.route(), true);
                }
                Todo::PlainMetaGet(flags, line_bytes) => {
                    consumed += line_bytes;
                    self.plain_meta_get(executor, request.route(), flags);
                }
                Todo::PlainBinaryGet(bytes) => {
                    let echo = Echo::of_request(&input[consumed..]);
                    consumed += bytes;
                    self.plain_binary_get(executor, request.route(), echo);
                }
                Todo::Planned(planned) => {
                    consumed += planned.consumed;
                    let (noreply, is_get) = (planned.noreply, planned.is_get);
                    self.routed_request(
                        executor,
                        request.route(),
                        &planned.request,
                        noreply,
                        is_get,
                    );
                }
            }
        }
        match plan.odd {
            Some(decoded) if *budget > 0 && !self.output.is_full() => {
                *budget -= 1;
                let sends = matches!(decoded, Decoded::Request { request: Request::MetaNoop, .. });
                consumed += self.odd(executor, &input[consumed..], decoded, budget);
                // memcached sends what it owes at once for this one.
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

    /// A step that is not a whole request for one key.
    fn odd(
        &mut self,
        executor: &mut Executor,
        input: &[u8],
        decoded: Decoded<'_>,
        budget: &mut usize,
    ) -> usize {
        if self.login.is_due()
            && let Some(error) = refused_before_login(&decoded)
        {
            self.ignore(0, IgnoredReply::Error(error));
            return input.len();
        }
        match decoded {
            Decoded::NeedMore => 0,
            Decoded::Request { request, consumed } => {
                let paused = self.request(executor, request, budget);
                self.line_done(input, consumed, paused)
            }
            Decoded::Store { store, consumed } => self.store(executor, input, store, consumed),
            Decoded::Error { reply, consumed, swallow } => {
                self.ignore(swallow, IgnoredReply::Line(reply));
                consumed
            }
            Decoded::BinaryError { error, consumed, swallow } => {
                self.ignore(swallow, IgnoredReply::Error(error));
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
