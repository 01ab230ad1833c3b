//! One client connection: bytes in, replies out, whatever drives its socket.
//!
//! Any split of the input gives the same replies, and they leave in the order of the requests.
//! What a connection keeps between turns is bounded: a cut line, and output up to a limit; beyond
//! it nothing further is executed until the client has read.

use arrayvec::ArrayVec;
use slabcore_protocol::{
    BinaryError, BinaryStatus, DECODED_KEY_BYTES_MAX, DataBlock, Decoder, END, Keys, MetaCommand,
    MetaFlags, Protocol, Step, StoreRequest, encode_value_header, error_lines,
};
use slabcore_shard::{
    Entry, KeyRequest, LargeHit, ReplyPart, Response, Route, Ticket, UploadId, ValueEnd,
};

use crate::affinity::Affinity;
use crate::core::Core;
use crate::limits::{KEY_GROUP, KEYS_PER_VISIT_MAX};
use crate::log;
use crate::login::{Login, refused_before_login};
use crate::outgoing::LargeValue;
use crate::output::Output;
use crate::planned::Planned;
use crate::stage::{Plan, Stage, Todo};

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

/// What a paused get has yet to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestOfKeys {
    /// Address in the input of the first key to ask for.
    address: usize,
    with_cas: bool,
    exptime: Option<i32>,
}

#[derive(Debug)]
enum State {
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
    /// Done: `quit`, a line without end, or a shutdown.
    Closing,
}

/// What the client hears once bytes were ignored.
#[derive(Debug, Clone, Copy)]
enum Afterwards {
    /// A line, or nothing.
    Line(Option<&'static [u8]>),
    /// A binary reply, which may be the last.
    Error(BinaryError),
}

#[derive(Debug)]
struct Upload {
    id: UploadId,
    /// Shard that owns the key.
    shard: usize,
    /// Bytes of the value to come.
    left: u32,
    /// The two bytes behind the value, as far as they are here; where none are due, a CRLF.
    line_end: [u8; 2],
    line_end_len: u8,
    noreply: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Connection {
    id: ConnectionId,
    decoder: Decoder,
    state: State,
    pub(crate) login: Login,
    pub(crate) affinity: Affinity,
    pub(crate) output: Output,
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
        Self { id, decoder, state: State::Line, login, affinity, output }
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

    /// Reads no further; what is owed is still sent.
    pub(crate) fn close(&mut self, core: &mut Core) {
        if let State::Upload(upload) = &self.state {
            core.upload_abandon(upload.shard, upload.id);
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
            if at == input.len() {
                return (at, Pause::Hungry);
            }
            if budget == 0 {
                return (at, Pause::Yielded);
            }
            // Another group begins: whoever wants its shard back need not wait for it, too.
            core.give_back();
            let consumed = match self.state {
                State::Line => self.lines(core, &input[at..], &mut budget),
                _ => self.rest_of_request(core, &input[at..], &mut budget),
            };
            if consumed == 0 && !self.is_closing() {
                return (at, Pause::Hungry);
            }
            at += consumed;
            if matches!(self.state, State::Keys { .. }) {
                budget = 0;
            }
        }
    }

    /// Goes on with a request that is under way; returns the bytes consumed.
    fn rest_of_request(&mut self, core: &mut Core, input: &[u8], budget: &mut usize) -> usize {
        *budget -= 1;
        match &mut self.state {
            State::Line => 0,
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
            State::Closing => input.len(),
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
            if core.verbosity < log::COMMANDS {
                if let Some((key, consumed)) = self.decoder.single_get(rest) {
                    decoded += consumed;
                    stage.push_get(core, key, consumed);
                    continue;
                }
                if let Some((key, flags, consumed)) = self.decoder.single_meta_get(rest) {
                    decoded += consumed;
                    stage.push_meta_get(core, key, flags, consumed);
                    continue;
                }
            }
            let step = self.decoder.decode(rest);
            if core.verbosity >= log::COMMANDS && step != Step::NeedMore {
                match self.decoder.protocol() {
                    Protocol::Binary => log::packet(self.id.index, &rest[..step.head_bytes()]),
                    Protocol::Auto | Protocol::Text => log::command(self.id.index, rest),
                }
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

    /// Ignores `left` bytes, then replies.
    fn swallow(&mut self, left: u64, reply: Afterwards) {
        self.state = State::Swallow { left, reply };
        self.finish_swallow();
    }

    fn finish_swallow(&mut self) {
        let State::Swallow { left: 0, reply } = self.state else { return };
        self.state = State::Line;
        match reply {
            Afterwards::Line(line) => {
                self.output.encode(|out| out.extend_from_slice(line.unwrap_or_default()));
            }
            Afterwards::Error(error) => {
                self.output.encode(|out| error.encode(out));
                if error.closes {
                    self.state = State::Closing;
                }
            }
        }
    }

    /// Ignores `left` bytes of a binary connection, then replies.
    pub(crate) fn swallow_then_say(&mut self, left: u64, error: BinaryError) {
        self.swallow(left, Afterwards::Error(error));
    }

    fn store(
        &mut self,
        core: &mut Core,
        input: &[u8],
        store: StoreRequest<'_>,
        line_bytes: usize,
    ) -> usize {
        let mut bytes = [0; DECODED_KEY_BYTES_MAX];
        let key = store.meta().map_or(store.key, |flags| flags.item_key(store.key, &mut bytes));
        let store = StoreRequest { key, ..store };
        let block_bytes = u64::from(store.value_bytes) + store.line_end_bytes() as u64;
        if core.limits.too_large(store.key.len(), store.flags, store.value_bytes as usize) {
            self.key_request(core, &KeyRequest::TooLarge { store }, true);
            let reply = match store.binary_echo() {
                None => Afterwards::Line((!store.noreply).then_some(error_lines::TOO_LARGE)),
                Some(echo) => {
                    let status = BinaryStatus::TooLarge;
                    Afterwards::Error(BinaryError { echo, status, closes: false })
                }
            };
            self.swallow(block_bytes, reply);
            return line_bytes;
        }
        match store.data_block(&input[line_bytes..]) {
            DataBlock::Whole { value, consumed } => {
                self.key_request(core, &KeyRequest::Store { store, value }, store.noreply);
                line_bytes + consumed
            }
            DataBlock::Bad { consumed } => {
                let reply = (!store.noreply).then_some(error_lines::BAD_DATA_CHUNK);
                self.swallow(0, Afterwards::Line(reply));
                line_bytes + consumed
            }
            DataBlock::Cut => {
                let (shard, id) = core.upload_begin(&store);
                self.state = State::Upload(Upload {
                    id,
                    shard,
                    left: store.value_bytes,
                    line_end: *b"\r\n",
                    line_end_len: 2 - store.line_end_bytes() as u8,
                    noreply: store.noreply,
                });
                line_bytes
            }
        }
    }

    fn upload(&mut self, core: &mut Core, input: &[u8]) -> usize {
        let State::Upload(upload) = &mut self.state else { unreachable!("called in this state") };
        let value_count = (upload.left as usize).min(input.len());
        if value_count > 0 {
            core.upload_bytes(upload.shard, upload.id, &input[..value_count]);
            upload.left -= value_count as u32;
        }
        let mut at = value_count;
        while upload.left == 0 && upload.line_end_len < 2 && at < input.len() {
            upload.line_end[usize::from(upload.line_end_len)] = input[at];
            upload.line_end_len += 1;
            at += 1;
        }
        if upload.left == 0 && upload.line_end_len == 2 {
            let (shard, id, noreply) = (upload.shard, upload.id, upload.noreply);
            let good = upload.line_end == *b"\r\n";
            self.state = State::Line;
            self.upload_end(core, shard, id, good, noreply);
        }
        at
    }

    fn upload_end(
        &mut self,
        core: &mut Core,
        shard: usize,
        id: UploadId,
        good: bool,
        noreply: bool,
    ) {
        core.upload_numbers.give(id.number);
        if shard == core.index {
            let now = core.now;
            let shard = core.shards.own_mut();
            self.output.encode(|out| shard.upload_end(now, id, good, (!noreply).then_some(out)));
        } else {
            let ticket = (!noreply).then(|| self.open_ticket(core));
            core.outboxes.push(shard, &Entry::UploadEnd(id, good), ticket);
        }
    }

    /// Asks for keys in groups, of which each after the first takes from the visit's budget as much
    /// as a request; returns where the keys start that were not asked for because the connection
    /// must pause.
    pub(crate) fn get(
        &mut self,
        core: &mut Core,
        mut keys: Keys<'_>,
        with_cas: bool,
        exptime: Option<i32>,
        budget: &mut usize,
    ) -> Option<RestOfKeys> {
        let mut asked = 0;
        loop {
            let mut group: ArrayVec<(&[u8], Route), KEY_GROUP> = ArrayVec::new();
            for key in keys.by_ref().take(KEY_GROUP) {
                let route = core.router.route(key);
                if let Some(shard) = core.reach(route.shard) {
                    shard.prefetch_bucket(route.hash);
                }
                group.push((key, route));
            }
            core.shards.begin_group();
            for (_, route) in &group {
                if let Some(shard) = core.shards.held(route.shard) {
                    shard.prefetch_item(route.hash);
                }
            }
            for &(key, route) in &group {
                if with_cas || exptime.is_some() {
                    let request = KeyRequest::Get { key, with_cas, exptime };
                    self.routed_request(core, route, &request, false, false);
                } else {
                    self.plain_get(core, route, key, false);
                }
            }
            asked += group.len();
            core.give_back();
            if !group.is_full() || keys.rest().is_empty() {
                break;
            }
            let is_spent = asked >= KEYS_PER_VISIT_MAX || *budget == 0;
            if is_spent || self.output.is_full() || core.outboxes.is_any_full() {
                let address = keys.rest().as_ptr().addr();
                return Some(RestOfKeys { address, with_cas, exptime });
            }
            *budget -= 1;
        }
        self.output.encode(|out| out.extend_from_slice(END));
        None
    }

    /// Bytes of `input` that are done with: the line, or what stands before the keys that a paused
    /// get has yet to ask for.
    fn line_done(&mut self, input: &[u8], line_bytes: usize, paused: Option<RestOfKeys>) -> usize {
        let Some(RestOfKeys { address, with_cas, exptime }) = paused else { return line_bytes };
        let consumed = address - input.as_ptr().addr();
        self.state = State::Keys { with_cas, exptime, line_bytes: line_bytes - consumed };
        consumed
    }

    /// Executes a request for one key here, or sends it to its shard.
    #[inline]
    pub(crate) fn key_request(&mut self, core: &mut Core, request: &KeyRequest<'_>, noreply: bool) {
        let route = core.router.route(request.key());
        self.routed_request(core, route, request, noreply, false);
    }

    /// A get of one key with nothing said of it; `ends`: `END` follows the reply.
    #[expect(clippy::inline_always, reason = "most requests are this one")]
    #[inline(always)]
    fn plain_get(&mut self, core: &mut Core, route: Route, key: &[u8], ends: bool) {
        let now = core.now;
        if let Some(shard) = core.reach(route.shard) {
            let Some(out) = self.output.direct() else {
                let request = KeyRequest::Get { key, with_cas: false, exptime: None };
                return self.routed_request(core, route, &request, false, ends);
            };
            let large = shard.get_into(now, route.hash, key, ends, out);
            let Some(LargeHit { flags, value_bytes }) = large else { return };
            let request = KeyRequest::Get { key, with_cas: false, exptime: None };
            self.large_value(core, route, &request, ValueEnd::LineEnd, |out| {
                encode_value_header(out, key, flags, value_bytes, None);
            });
            if ends {
                self.output.encode(|out| out.extend_from_slice(END));
            }
        } else {
            let ticket = self.open_ticket(core);
            core.outboxes.push_get(route.shard, route.hash, key, ticket);
            if ends {
                self.output.encode(|out| out.extend_from_slice(END));
            }
        }
    }

    /// An mg whose flags only say what to tell.
    #[inline]
    fn plain_meta_get(&mut self, core: &mut Core, route: Route, key: &[u8], flags: MetaFlags<'_>) {
        let now = core.now;
        let request = KeyRequest::Meta { command: MetaCommand::Get, key, flags };
        let (Some(shard), Some(out)) = (core.reach(route.shard), self.output.direct()) else {
            return self.routed_request(core, route, &request, false, false);
        };
        if let Some(head) = shard.meta_get_into(now, route.hash, key, flags, out) {
            self.large_value(core, route, &request, ValueEnd::LineEnd, |out| {
                out.extend_from_slice(&head);
            });
        }
    }

    /// The same with its route known; `with_end`: `END` follows the reply.
    #[inline]
    fn routed_request(
        &mut self,
        core: &mut Core,
        route: Route,
        request: &KeyRequest<'_>,
        noreply: bool,
        with_end: bool,
    ) {
        let now = core.now;
        if let Some(shard) = core.reach(route.shard) {
            let key = request.key();
            match shard.execute(now, route.hash, request) {
                Response::Large { flags, cas, value_bytes } => {
                    self.large_value(core, route, request, ValueEnd::LineEnd, |out| {
                        encode_value_header(out, key, flags, value_bytes, cas);
                    });
                }
                Response::LargeBehind { head, end, .. } => {
                    self.large_value(core, route, request, end, |out| {
                        out.extend_from_slice(&head);
                    });
                }
                ref response if !noreply => {
                    self.output.encode(|out| {
                        if with_end { response.encode_with_end(out) } else { response.encode(out) }
                    });
                    return;
                }
                _ => {}
            }
        } else {
            self.foreign_request(core, route, request, noreply, with_end);
            return;
        }
        if with_end {
            self.output.encode(|out| out.extend_from_slice(END));
        }
    }

    /// Sends a request to the shard that owns its key.
    #[inline]
    fn foreign_request(
        &mut self,
        core: &mut Core,
        route: Route,
        request: &KeyRequest<'_>,
        noreply: bool,
        with_end: bool,
    ) {
        let ticket = (!noreply).then(|| self.open_ticket(core));
        core.outboxes.push(route.shard, &Entry::Key(route.hash, *request), ticket);
        if with_end {
            self.output.encode(|out| out.extend_from_slice(END));
        }
    }

    /// Sends the value that `request` has just found from where it lies; `head` appends what goes
    /// before it.
    fn large_value(
        &mut self,
        core: &mut Core,
        route: Route,
        request: &KeyRequest<'_>,
        end: ValueEnd,
        head: impl FnOnce(&mut Vec<u8>),
    ) {
        let shard = core.shards.held_mut(route.shard).expect("it has just answered");
        let Some(hold) = shard.hold(route.hash, request.key()) else {
            self.output.encode(|out| request.encode_not_held(out));
            return;
        };
        self.output.encode(head);
        let value = LargeValue { shard: route.shard, hold, head: Vec::new(), end, taken_bytes: 0 };
        self.output.open_large(value, &mut core.spares);
    }

    /// Opens a slot for another shard's reply.
    pub(crate) fn open_ticket(&mut self, core: &mut Core) -> Ticket {
        let slot = self.output.open_slot(&mut core.spares);
        self.ticket_for(slot)
    }

    pub(crate) fn ticket_for(&self, slot: u32) -> Ticket {
        Ticket { connection: self.id.index, generation: self.id.generation, slot }
    }

    /// Takes another shard's reply.
    #[inline]
    pub(crate) fn fill(&mut self, core: &mut Core, shard: usize, slot: u32, reply: ReplyPart<'_>) {
        match reply {
            ReplyPart::Held { hold, head, end } => {
                let value = LargeValue { shard, hold, head: head.to_vec(), end, taken_bytes: 0 };
                self.output.fill_large(slot, value);
            }
            ReplyPart::Bytes(bytes) if self.output.is_open(slot) => {
                self.output.fill(slot, bytes, &mut core.spares);
            }
            ReplyPart::Bytes(bytes) => {
                let gather = self.output.gather_mut(slot).expect("a reply is of one or of all");
                if gather.add(bytes) {
                    let reply = gather.reply(core);
                    self.output.finish_gather(slot, &reply, &mut core.spares);
                }
            }
        }
    }
}
