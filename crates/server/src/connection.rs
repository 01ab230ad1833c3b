//! One client connection: bytes in, replies out, whatever drives its socket.
//!
//! Any split of the input gives the same replies, and they leave in the order of the requests.
//! What a connection keeps between turns is bounded: a cut line, and output up to a limit; beyond
//! it nothing further is executed until the client has read.

use slabcore_protocol::{BinaryError, Decoder, Echo, Keys, Protocol, Step, error_lines};

use crate::affinity::Affinity;
use crate::core::Core;
use crate::data_blocks::Upload;
use crate::dumps::Dump;
use crate::log;
use crate::login::{Login, refused_before_login};
use crate::output::Output;
use crate::planned::Planned;
use crate::stage::{Plan, Stage, Todo};
use crate::watchers::WatcherId;
use crate::watching::CloseReason;

/// Which connection of its shard: an index, and a generation that tells it from earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// Why [`Connection::run`] stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// What is not consumed is the start of a request whose rest is not here.
    Hungry,
    /// There is more to do; others come first.
    Yielded,
    /// Output or another shard's batch is full.
    Blocked,
    /// Nothing more is to be read; close once the output has left.
    Closing,
}

/// What the next bytes of the input are.
#[derive(Debug)]
pub(crate) enum State {
    /// At the first byte of a request.
    Line,
    /// In the middle of a get: the input starts with the rest of its keys.
    Keys {
        with_cas: bool,
        exptime: Option<i32>,
        /// Bytes of these keys with the line end; all of them are here.
        line_bytes: usize,
    },
    /// In the middle of a value that streams into its reservation.
    Upload(Upload),
    /// In the middle of bytes to be ignored; then the reply.
    Swallow { left: u64, reply: Afterwards },
    /// In the middle of a dump; the input waits for its end.
    Dump(Box<Dump>),
    /// Told what others do; nothing that is sent counts.
    Watching(WatcherId),
    /// Done: `quit`, a line without end, or a shutdown.
    Closing,
}

/// What the client hears once bytes were ignored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Afterwards {
    /// A line, or nothing.
    Line(Option<&'static [u8]>),
    /// A binary reply, which may be the last.
    Error(BinaryError),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    decoder: Decoder,
    pub(crate) state: State,
    pub(crate) login: Login,
    pub(crate) affinity: Affinity,
    pub(crate) output: Output,
    /// Descriptor of the socket, as watchers and the log are told; -1: there is none.
    pub(crate) client: i32,
    /// The log tells what a client speaks that may speak anything.
    is_protocol_told: bool,
    /// Why the connection ends, once it does.
    pub(crate) close_reason: CloseReason,
}

impl Connection {
    /// A connection that may speak `protocol`.
    pub(crate) fn new(
        id: ConnectionId,
        protocol: Protocol,
        login: Login,
        affinity: Affinity,
    ) -> Self {
        let (decoder, output) = (Decoder::of(protocol), Output::default());
        Self {
            id,
            decoder,
            state: State::Line,
            login,
            affinity,
            output,
            client: -1,
            is_protocol_told: protocol != Protocol::Auto,
            close_reason: CloseReason::default(),
        }
    }

    /// The connection has moved; nothing is under way in the name of the old id.
    pub(crate) fn rename(&mut self, id: ConnectionId) {
        debug_assert!(self.is_at_request() && self.output.is_empty());
        self.id = id;
    }

    /// True if the connection is to be closed once its output has left.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing)
    }

    /// True if the client is told what others do.
    pub(crate) fn is_watching(&self) -> bool {
        matches!(self.state, State::Watching(_))
    }

    /// Reads no further; what is owed is still sent.
    pub(crate) fn close(&mut self, core: &mut Core) {
        match &self.state {
            State::Upload(upload) => core.upload_abandon(upload.shard, upload.id),
            State::Watching(watcher) => core.end_watching(*watcher),
            _ => {}
        }
        self.state = State::Closing;
    }

    /// There is no memory for what the client sends: says so and ends the connection.
    pub(crate) fn refuse_input(&mut self, core: &mut Core) {
        if !self.is_closing() {
            if self.decoder.protocol() != Protocol::Binary {
                self.output.encode(|out| out.extend_from_slice(error_lines::OUT_OF_MEMORY_READING));
            }
            self.close(core);
        }
    }

    /// Gives back what the connection holds elsewhere; it is gone.
    pub(crate) fn end(&mut self, core: &mut Core) {
        self.close(core);
        for value in self.output.drain_large() {
            core.release(value);
        }
    }

    /// Executes requests from `input`, which starts where the last call stopped. Returns how many
    /// bytes were consumed, and why it stopped.
    pub(crate) fn run(&mut self, core: &mut Core, input: &[u8]) -> (usize, Pause) {
        let budget = core.requests_per_visit_max();
        self.run_on(core, input, 0, budget)
    }

    /// As [`Self::run`], from byte `at` on and with what is left of the visit.
    fn run_on(
        &mut self,
        core: &mut Core,
        input: &[u8],
        mut at: usize,
        mut budget: usize,
    ) -> (usize, Pause) {
        loop {
            if self.is_closing() {
                return (input.len(), Pause::Closing);
            }
            if self.output.is_full() || core.outboxes.is_any_full() {
                return (at, Pause::Blocked);
            }
            if self.is_dumping() {
                return self.run_dump(core, input, at, budget);
            }
            if at == input.len() {
                return (at, Pause::Hungry);
            }
            if budget == 0 {
                return (at, Pause::Yielded);
            }
            // Another group begins: whoever wants its shard back need not wait for it, too.
            core.give_back();
            let consumed = self.step(core, &input[at..], &mut budget);
            if consumed == 0 && !self.is_closing() {
                return (at, Pause::Hungry);
            }
            at += consumed;
            if matches!(self.state, State::Keys { .. }) {
                budget = 0;
            }
        }
    }

    /// Executes requests, at most as many as the budget has left, or goes on with one that is under
    /// way. Returns the bytes consumed; 0 if there are not enough, or the connection is to end.
    #[inline]
    pub(crate) fn step(&mut self, core: &mut Core, input: &[u8], budget: &mut usize) -> usize {
        match self.state {
            State::Line => self.lines(core, input, budget),
            _ => self.rest_of_request(core, input, budget),
        }
    }

    /// As [`Self::run_on`], while a dump is under way.
    #[cold]
    fn run_dump(
        &mut self,
        core: &mut Core,
        input: &[u8],
        at: usize,
        budget: usize,
    ) -> (usize, Pause) {
        core.give_back();
        match self.go_on_dumping(core) {
            Some(pause) => (at, pause),
            None => self.run_on(core, input, at, budget),
        }
    }

    /// Goes on with a request that is under way; returns the bytes consumed.
    fn rest_of_request(&mut self, core: &mut Core, input: &[u8], budget: &mut usize) -> usize {
        *budget -= 1;
        match &mut self.state {
            State::Line | State::Dump(_) => 0,
            State::Keys { with_cas, exptime, line_bytes } => {
                let (with_cas, exptime, line_bytes) = (*with_cas, *exptime, *line_bytes);
                let Some((b'\n', line)) = input[..line_bytes].split_last() else {
                    unreachable!("the whole line was here when its get began");
                };
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                self.state = State::Line;
                let keys = Keys::from_validated(line);
                let paused = self.get(core, keys, with_cas, exptime, budget);
                self.line_done(input, line_bytes, paused)
            }
            State::Upload(_) => self.upload(core, input),
            State::Swallow { left, .. } => {
                let count =
                    usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= count as u64;
                self.finish_swallow();
                count
            }
            State::Watching(_) | State::Closing => input.len(),
        }
    }

    /// Decodes requests from the first byte of one on, as many as a visit and the stage take.
    #[inline]
    pub(crate) fn plan<'a>(
        &mut self,
        core: &mut Core,
        input: &'a [u8],
        limit: usize,
        stage: &mut Stage<'a>,
    ) -> Plan<'a> {
        let start = stage.len();
        if self.login.is_due() {
            let odd = (!input.is_empty()).then(|| self.decoder.decode_before_login(input));
            return Plan { requests: start..start, odd };
        }
        let mut decoded = 0;
        let mut odd = None;
        while stage.len() - start < limit && !stage.is_full() && decoded < input.len() {
            let rest = &input[decoded..];
            if core.reads_plainly {
                let read_bytes = stage.push_read(core, &mut self.decoder, rest);
                if read_bytes > 0 {
                    decoded += read_bytes;
                    continue;
                }
            }
            let step = self.decoder.decode(rest);
            if core.verbosity >= log::COMMANDS && step != Step::NeedMore {
                self.log_request(rest, step.head_bytes());
            }
            let Some(planned) = Planned::of(&step, rest, &core.limits) else {
                odd = Some(step);
                break;
            };
            decoded += planned.consumed;
            stage.push(core, planned);
        }
        Plan { requests: start..stage.len(), odd }
    }

    /// A request of `head_bytes` without its value, for who reads the log.
    #[cold]
    fn log_request(&mut self, input: &[u8], head_bytes: usize) {
        let protocol = self.decoder.protocol();
        if !std::mem::replace(&mut self.is_protocol_told, true) {
            log::protocol(self.client, protocol);
        }
        match protocol {
            Protocol::Binary => log::packet(self.client, &input[..head_bytes]),
            Protocol::Auto | Protocol::Text => log::command(self.client, input),
        }
    }

    /// True if the connection's next bytes are the first of a request.
    pub(crate) fn is_at_request(&self) -> bool {
        matches!(self.state, State::Line)
    }

    /// Executes planned requests, then goes on as [`Self::run`] with what stands behind them.
    #[inline]
    pub(crate) fn run_planned(
        &mut self,
        core: &mut Core,
        input: &[u8],
        stage: &Stage<'_>,
        plan: Plan<'_>,
    ) -> (usize, Pause) {
        let mut budget = core.requests_per_visit_max();
        let consumed = self.execute(core, input, stage, plan, &mut budget);
        let blocked = self.output.is_full() || core.outboxes.is_any_full();
        if consumed == 0 && !self.is_closing() && !blocked {
            return (0, Pause::Hungry);
        }
        if matches!(self.state, State::Keys { .. }) {
            budget = 0;
        }
        self.run_on(core, input, consumed, budget)
    }

    /// Requests from the first byte of one on. Returns the bytes consumed; 0 if the rest of a
    /// request must be waited for.
    fn lines(&mut self, core: &mut Core, input: &[u8], budget: &mut usize) -> usize {
        let mut stage = Stage::new();
        let plan = self.plan(core, input, *budget, &mut stage);
        stage.prefetch_items(core);
        self.execute(core, input, &stage, plan, budget)
    }

    #[inline]
    fn execute(
        &mut self,
        core: &mut Core,
        input: &[u8],
        stage: &Stage<'_>,
        plan: Plan<'_>,
        budget: &mut usize,
    ) -> usize {
        let mut consumed = 0;
        let requests = stage.requests(plan.requests);
        if let Some(first) = requests.first() {
            self.affinity.look(first.route().shard);
        }
        for request in requests {
            if self.output.is_full() || core.outboxes.is_any_full() {
                // The others are decoded again when there is room.
                self.decoder.restart();
                return consumed;
            }
            *budget -= 1;
            match stage.todo(request) {
                Todo::PlainGet(line_bytes) => {
                    consumed += line_bytes;
                    self.plain_get(core, request.route(), request.key, true);
                }
                Todo::PlainMetaGet(flags, line_bytes) => {
                    consumed += line_bytes;
                    self.plain_meta_get(core, request.route(), request.key, flags);
                }
                Todo::PlainBinaryGet(bytes) => {
                    let echo = Echo::of_request(&input[consumed..]);
                    consumed += bytes;
                    self.plain_binary_get(core, request.route(), request.key, echo);
                }
                Todo::Planned(planned) => {
                    consumed += planned.consumed;
                    let (noreply, is_get) = (planned.noreply, planned.is_get);
                    self.routed_request(core, request.route(), &planned.request, noreply, is_get);
                }
            }
        }
        match plan.odd {
            Some(step) if *budget > 0 && !self.output.is_full() => {
                *budget -= 1;
                consumed + self.odd_step(core, &input[consumed..], step, budget)
            }
            Some(_) => {
                self.decoder.restart();
                consumed
            }
            None => consumed,
        }
    }

    /// A step that is not a whole request for one key.
    fn odd_step(
        &mut self,
        core: &mut Core,
        input: &[u8],
        step: Step<'_>,
        budget: &mut usize,
    ) -> usize {
        if self.login.is_due()
            && let Some(error) = refused_before_login(&step)
        {
            self.swallow_then_say(0, error);
            return input.len();
        }
        match step {
            Step::NeedMore => 0,
            Step::Request { request, consumed } => {
                let paused = self.request(core, request, budget);
                self.line_done(input, consumed, paused)
            }
            Step::Store { store, consumed } => self.store(core, input, store, consumed),
            Step::Error { reply, consumed, swallow } => {
                self.swallow(swallow, Afterwards::Line(reply));
                consumed
            }
            Step::BinaryError { error, consumed, swallow } => {
                self.swallow_then_say(swallow, error);
                consumed
            }
            Step::Login { token_bytes, consumed } => {
                self.log_in(core, input, token_bytes, consumed)
            }
            Step::Auth { auth, consumed } => self.authenticate(core, input, &auth, consumed),
            Step::Close => {
                self.close(core);
                0
            }
        }
    }
}
