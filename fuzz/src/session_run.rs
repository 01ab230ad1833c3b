//! One client's session against one or more shards: bytes in, replies out.
//!
//! Requests for another shard's key travel in batches, as between cores. The client's own shard is
//! 0.

use std::sync::Arc;

use slabcore_metrics::ShardMetrics;
use slabcore_protocol::{
    DECODED_KEY_BYTES_MAX, DataBlock, Decoded, Decoder, END, MetaCommand, MetaFlags, MetaRequest,
    Protocol, Reply, Request, ServerCommand, StoreForm, StoreRequest, VALUE_END, Verb,
    encode_value_header, error_lines,
};
use slabcore_shard::{
    Batch, ForwardedRequest, KeyRequest, Now, ReplyPart, Response, Router, Shard, ShardId, Ticket,
    UploadId,
};
use slabcore_storage::{Config, Hold, ItemSizeLimit, KeyHasher, PAGE_BYTES, PagePool, Region};

use crate::session_input::Piece;
use crate::uniques::Uniques;

/// Pages of the pool: more than a session can fill, so that nothing is evicted, and so many that
/// the allocator maps fresh ones each time instead of clearing them.
const PAGES: usize = 640;
/// Largest item, as memcached counts it.
const ITEM_BYTES_MAX: usize = 128 << 10;
/// Number of uploads after which their numbers start again.
const UPLOAD_NUMBERS: u32 = 3;
const UNIX_AT_ZERO: u64 = 1_700_000_000;

/// The client's unfinished request.
enum State {
    Line,
    Upload {
        upload: Upload,
        left: u32,
    },
    LineEnd(Upload),
    Swallow {
        left: u64,
        reply: Option<&'static [u8]>,
    },
    /// The client ended the session.
    Quit,
    /// The decoder closed the connection.
    Closed,
}

/// A value that streams in.
#[derive(Clone, Copy)]
struct Upload {
    shard: usize,
    id: UploadId,
    noreply: bool,
}

/// A reply at its position.
enum Slot {
    Open,
    Ready(Vec<u8>),
}

/// A client's session.
struct Session {
    shards: Vec<Shard>,
    router: Router,
    /// Requests for each other shard.
    batches: Vec<Batch>,
    now: Now,
    decoder: Decoder,
    state: State,
    /// Bytes of an incomplete request.
    input: Vec<u8>,
    slots: Vec<Slot>,
    /// Slots whose uniques are the client's numbers already.
    numbered: usize,
    uploads: u32,
    uniques: Uniques,
}

/// A client's replies.
#[derive(Debug, PartialEq, Eq)]
pub struct Replies {
    /// All replies. Cas uniques are numbered in the order in which they were given.
    pub bytes: Vec<u8>,
    /// The decoder closed the connection.
    pub closed: bool,
}

/// Plays `pieces` to `shards` shards.
pub fn replies(pieces: &[Piece], shards: usize) -> Replies {
    let mut session = Session::new(shards);
    let mut replies = Vec::new();
    for piece in pieces {
        session.input.extend_from_slice(&piece.bytes);
        session.read();
        session.deliver_batches();
        replies.extend(session.take_replies());
        session.check();
        session.now = Now::at(session.now.tick() + piece.seconds, session.now.unix_at_zero());
        session.shards.iter_mut().for_each(|shard| shard.begin_turn(session.now));
    }
    let closed = matches!(session.state, State::Closed);
    session.end();
    Replies { bytes: replies, closed }
}

impl Session {
    fn new(shards: usize) -> Self {
        let region = Region::new(Box::new(vec![0_u8; PAGES * PAGE_BYTES]));
        let pool = Arc::new(PagePool::new(region));
        let hasher = KeyHasher::new(11);
        let shard = |number: usize| {
            let config = Config {
                shards: shards as u32,
                shard: number as u32,
                item_bytes_max: ITEM_BYTES_MAX,
                fair_share_pages: PAGES / shards,
                ..Config::default()
            };
            let metrics = Arc::new(ShardMetrics::new());
            Shard::new(&config, Arc::clone(&pool), hasher.clone(), metrics).expect("pages enough")
        };
        Self {
            shards: (0..shards).map(shard).collect(),
            router: Router::new(hasher.clone(), shards),
            batches: (0..shards).map(|_| Batch::new(ShardId::new(0))).collect(),
            now: Now::at(2, UNIX_AT_ZERO),
            decoder: Decoder::of(Protocol::Text),
            state: State::Line,
            input: Vec::new(),
            slots: Vec::new(),
            numbered: 0,
            uploads: 0,
            uniques: Uniques::default(),
        }
    }

    /// Executes complete requests.
    fn read(&mut self) {
        let input = std::mem::take(&mut self.input);
        let mut at = 0;
        loop {
            let rest = &input[at..];
            let consumed = match &mut self.state {
                State::Line => self.line(rest),
                State::Upload { upload, left } => {
                    let (upload, count) = (*upload, rest.len().min(*left as usize));
                    *left -= count as u32;
                    if *left == 0 {
                        self.state = State::LineEnd(upload);
                    }
                    self.upload_bytes(upload, &rest[..count]);
                    count
                }
                State::LineEnd(upload) => {
                    let Some(line_end) = rest.first_chunk::<2>() else { break };
                    let upload = *upload;
                    self.state = State::Line;
                    self.upload_end(upload, line_end == b"\r\n");
                    2
                }
                State::Swallow { left, reply } => {
                    let count = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= count as u64;
                    if *left == 0 {
                        let reply = *reply;
                        self.state = State::Line;
                        self.reply(reply.unwrap_or_default().to_vec());
                    }
                    count
                }
                State::Quit | State::Closed => rest.len(),
            };
            at += consumed;
            if consumed == 0 {
                break;
            }
        }
        self.input = input[at..].to_vec();
    }

    fn line(&mut self, input: &[u8]) -> usize {
        match self.decoder.decode(input) {
            Decoded::NeedMore => 0,
            Decoded::Request { request, consumed } => {
                self.request(request);
                consumed
            }
            Decoded::Store { store, consumed } => consumed + self.store(store, &input[consumed..]),
            Decoded::Error { reply, consumed, swallow: 0 } => {
                self.reply(reply.unwrap_or_default().to_vec());
                consumed
            }
            Decoded::Error { reply, consumed, swallow } => {
                self.state = State::Swallow { left: swallow, reply };
                consumed
            }
            Decoded::BinaryError { .. } | Decoded::Auth { .. } | Decoded::Login { .. } => {
                unreachable!("the session is text")
            }
            Decoded::Close => {
                self.state = State::Closed;
                input.len()
            }
        }
    }

    fn request(&mut self, request: Request<'_>) {
        match request {
            Request::Get(get) => {
                for key in get.keys {
                    let (with_cas, exptime) = (get.with_cas, get.exptime);
                    self.key_request(&KeyRequest::Get { key, with_cas, exptime }, false);
                }
                self.reply(END.to_vec());
            }
            Request::Touch { key, exptime, noreply } => {
                self.key_request(&KeyRequest::Touch { key, exptime }, noreply);
            }
            Request::Delete { key, noreply } => {
                self.key_request(&KeyRequest::Delete { key }, noreply);
            }
            Request::Arithmetic { key, delta, incr, noreply } => {
                self.key_request(&KeyRequest::Arithmetic { key, delta, incr }, noreply);
            }
            // The memory fields of `me` depend on the number of shards.
            Request::Meta(MetaRequest { command, key, flags }) => {
                let mut bytes = [0; DECODED_KEY_BYTES_MAX];
                let key = flags.item_key(key, &mut bytes);
                if names_unique(&flags) || command == MetaCommand::Debug {
                    self.line_reply(Reply::Reset);
                } else {
                    self.key_request(&KeyRequest::Meta { command, key, flags }, false);
                }
            }
            Request::MetaNoop => self.line_reply(Reply::MetaNoop),
            Request::ServerCommand {
                command: ServerCommand::FlushAll { delay: None },
                noreply,
            } => {
                if !noreply {
                    self.line_reply(Reply::Error(error_lines::INVALID_EXPTIME));
                }
            }
            Request::ServerCommand {
                command: ServerCommand::FlushAll { delay: Some(delay) },
                noreply,
            } => {
                let at = self.now.flush_time(delay);
                self.shards[0].flush_all(self.now, at);
                for batch in self.batches.iter_mut().skip(1) {
                    batch.push(&ForwardedRequest::Flush(at), None);
                }
                if !noreply {
                    self.line_reply(Reply::Ok);
                }
            }
            Request::ServerCommand { command: ServerCommand::Verbosity(_), noreply } => {
                if !noreply {
                    self.line_reply(Reply::Ok);
                }
            }
            Request::Version => self.line_reply(Reply::Version),
            Request::ServerCommand { command: ServerCommand::Shutdown(_), .. } => {
                self.line_reply(Reply::Error(error_lines::SHUTDOWN_NOT_ENABLED));
            }
            // Counters differ by shards, and the server executes these, not a shard.
            Request::Stats(_)
            | Request::Dump { .. }
            | Request::Snapshot { .. }
            | Request::Watch(_)
            | Request::ServerCommand { .. } => self.line_reply(Reply::Reset),
            Request::Quit => self.state = State::Quit,
            Request::Binary(_) | Request::BinaryServer(..) => unreachable!("the session is text"),
        }
    }

    /// Returns how many bytes after the line are consumed.
    fn store(&mut self, store: StoreRequest<'_>, behind: &[u8]) -> usize {
        let limit = ItemSizeLimit { item_bytes_max: ITEM_BYTES_MAX, cas: true };
        let mut bytes = [0; DECODED_KEY_BYTES_MAX];
        let key = store.meta().map_or(store.key, |flags| flags.item_key(store.key, &mut bytes));
        let form = match store.meta() {
            Some(flags) if names_unique(&flags) => StoreForm::Meta(b""),
            _ => store.form,
        };
        let verb = if form == store.form { store.verb } else { Verb::Set };
        let store = StoreRequest { key, form, verb, ..store };
        if limit.is_exceeded(store.key.len(), store.flags, store.value_bytes as usize) {
            self.key_request(&KeyRequest::TooLarge { store }, true);
            let reply = (!store.noreply).then_some(error_lines::TOO_LARGE);
            self.state = State::Swallow { left: u64::from(store.value_bytes) + 2, reply };
            return 0;
        }
        let store = self.with_unique(store);
        match store.data_block(behind) {
            DataBlock::Whole { value, consumed } => {
                self.key_request(&KeyRequest::Store { store, value }, store.noreply);
                consumed
            }
            DataBlock::Bad { consumed } => {
                if !store.noreply {
                    self.line_reply(Reply::Error(error_lines::BAD_DATA_CHUNK));
                }
                consumed
            }
            DataBlock::Cut => {
                self.upload_begin(store);
                0
            }
        }
    }

    /// Replaces the client's number of a cas unique by the unique itself.
    fn with_unique<'a>(&mut self, store: StoreRequest<'a>) -> StoreRequest<'a> {
        if store.verb != Verb::Cas {
            return store;
        }
        self.deliver_batches();
        StoreRequest { cas_unique: self.uniques.meant(store.cas_unique), ..store }
    }

    fn upload_begin(&mut self, store: StoreRequest<'_>) {
        let route = self.router.route(store.key);
        let id = UploadId { source: ShardId::new(0), number: self.uploads % UPLOAD_NUMBERS };
        self.uploads += 1;
        if route.shard.index() == 0 {
            self.shards[0].upload_begin(self.now, route.key, id, &store);
        } else {
            let request = ForwardedRequest::UploadBegin(route.key, id, store);
            self.batches[route.shard.index()].push(&request, None);
        }
        let upload = Upload { shard: route.shard.index(), id, noreply: store.noreply };
        self.state = match store.value_bytes {
            0 => State::LineEnd(upload),
            left => State::Upload { upload, left },
        };
    }

    fn upload_bytes(&mut self, Upload { shard, id, .. }: Upload, bytes: &[u8]) {
        if shard == 0 {
            self.shards[0].upload_bytes(self.now, id, bytes);
        } else {
            self.batches[shard].push(&ForwardedRequest::UploadBytes(id, bytes), None);
        }
    }

    fn upload_end(&mut self, Upload { shard, id, noreply }: Upload, good: bool) {
        if shard != 0 {
            let ticket = (!noreply).then(|| self.open());
            self.batches[shard].push(&ForwardedRequest::UploadEnd(id, good), ticket);
            return;
        }
        let mut out = Vec::new();
        self.shards[0].upload_end(self.now, id, good, Some(&mut out));
        if !noreply {
            self.reply(out);
        }
    }

    fn key_request(&mut self, request: &KeyRequest<'_>, noreply: bool) {
        let route = self.router.route(request.key());
        if route.shard.index() != 0 {
            let ticket = (!noreply).then(|| self.open());
            self.batches[route.shard.index()]
                .push(&ForwardedRequest::Key(route.key, *request), ticket);
            return;
        }
        let response = self.shards[0].execute(self.now, route.key, request);
        let mut out = Vec::new();
        response.encode(&mut out);
        if let Response::Large { flags, cas, value_bytes } = response {
            encode_value_header(&mut out, request.key(), flags, value_bytes, cas);
            let hold = self.shards[0].hold(route.key);
            self.append_held(0, hold, &mut out);
        } else if let Response::LargeWithHead { head, .. } = response {
            out.extend_from_slice(&head);
            let hold = self.shards[0].hold(route.key);
            self.append_held(0, hold, &mut out);
        }
        if !noreply {
            self.reply(out);
        }
    }

    fn line_reply(&mut self, reply: Reply) {
        let mut out = Vec::new();
        reply.encode(&mut out);
        self.reply(out);
    }

    fn reply(&mut self, bytes: Vec<u8>) {
        self.slots.push(Slot::Ready(bytes));
    }

    fn open(&mut self) -> Ticket {
        self.slots.push(Slot::Open);
        Ticket { connection: 0, generation: 0, slot: self.slots.len() as u32 - 1 }
    }

    /// Sends each batch to its shard and takes its replies.
    fn deliver_batches(&mut self) {
        for shard in 1..self.shards.len() {
            let mut batch =
                std::mem::replace(&mut self.batches[shard], Batch::new(ShardId::new(0)));
            self.shards[shard].execute_batch(self.now, &mut batch);
            for (ticket, part) in batch.take_replies() {
                let bytes = match part {
                    ReplyPart::Bytes(bytes) => bytes.to_vec(),
                    ReplyPart::Held { hold, head, .. } => {
                        let mut out = head.to_vec();
                        self.append_held(shard, hold, &mut out);
                        out
                    }
                };
                let slot = &mut self.slots[ticket.slot as usize];
                assert!(matches!(slot, Slot::Open), "a slot is filled once");
                *slot = Slot::Ready(bytes);
            }
            batch.recycle();
            assert!(batch.is_empty() && batch.take_replies().next().is_none());
            self.batches[shard] = batch;
        }
        self.number_uniques();
    }

    /// Replaces cas uniques in complete replies by the client's numbers of them.
    fn number_uniques(&mut self) {
        for slot in &mut self.slots[self.numbered..] {
            let Slot::Ready(bytes) = slot else { panic!("a request has no reply") };
            let line_end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(0);
            let (head, value) = bytes.split_at(line_end);
            let mut words: Vec<&[u8]> =
                head.strip_suffix(b"\r").unwrap_or(head).split(|byte| *byte == b' ').collect();
            let [b"VALUE", _, _, _, unique] = words[..] else { continue };
            let unique = std::str::from_utf8(unique).ok().and_then(|unique| unique.parse().ok());
            let number = self.uniques.number(unique.expect("a unique is a number")).to_string();
            words[4] = number.as_bytes();
            *bytes = [&words.join(&b' '), value].concat();
        }
        self.numbered = self.slots.len();
    }

    /// The replies so far, in the order of their requests.
    fn take_replies(&mut self) -> Vec<u8> {
        self.numbered = 0;
        let slots = std::mem::take(&mut self.slots);
        let bytes = slots.into_iter().map(|slot| match slot {
            Slot::Ready(bytes) => bytes,
            Slot::Open => panic!("a request has no reply"),
        });
        bytes.flatten().collect()
    }

    /// Appends a held value and releases it.
    fn append_held(&mut self, shard: usize, hold: Hold, out: &mut Vec<u8>) {
        let head_bytes = out.len();
        hold.parts(0).for_each(|part| out.extend_from_slice(part));
        assert_eq!(out.len() - head_bytes, hold.value_bytes());
        out.extend_from_slice(VALUE_END);
        self.shards[shard].release(hold);
    }

    fn check(&self) {
        for shard in &self.shards {
            if let Err(wrong) = shard.store().check() {
                panic!("{wrong}");
            }
        }
    }

    /// Ends the session from the client's side.
    fn end(mut self) {
        if let State::Upload { upload, .. } | State::LineEnd(upload) = self.state {
            let (shard, mut batch) = (upload.shard, Batch::new(ShardId::new(0)));
            batch.push(&ForwardedRequest::UploadAbandon(upload.id), None);
            self.shards[shard].execute_batch(self.now, &mut batch);
        }
        self.check();
        for shard in &self.shards {
            let stats = shard.store().stats();
            assert_eq!((stats.reservations, stats.holds), (0, 0));
            assert_eq!(stats.counters.evicted, 0, "nothing is evicted where there is room");
        }
    }
}

/// Whether a meta command returns, sets or compares a cas unique. Uniques depend on the number of
/// shards.
fn names_unique(flags: &MetaFlags<'_>) -> bool {
    flags.has(b'c') || flags.has(b'C') || flags.has(b'E')
}
