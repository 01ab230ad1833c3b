//! N shards, their connections, and the batches between them, moved in a random order.

use std::collections::VecDeque;
use std::sync::Arc;

use slabcore_metrics::ShardMetrics;
use slabcore_shard::{Batch, Now, Router, Shard, ShardId, Ticket, UploadId};
use slabcore_storage::{Config, ItemRef, KeyHasher, PAGE_BYTES, PagePool, Region};

use crate::model::{Held, Model};
use crate::random::Random;
use crate::request::{Ask, Name, Sent, Storage, ask, storage};
use crate::strings::{DATABASES, string_ask, string_name};

/// Connections per shard.
const CONNECTIONS: usize = 3;
/// Keys that all connections share.
const KEYS: usize = 24;
/// Bytes of a piece of an uploaded value at most.
const PIECE_BYTES_MAX: usize = 30_000;

/// A batch with what its requests were.
struct Carried {
    batch: Batch,
    sent: Vec<Sent>,
    /// Names of the held values that it gives back.
    released: Vec<Name>,
}

/// A value on its way up.
struct Upload {
    shard: usize,
    key: Vec<u8>,
    hash: u64,
    id: UploadId,
    rest: Vec<u8>,
}

/// A held value on its way down.
struct Download {
    shard: usize,
    held: Held,
    offset: usize,
}

#[derive(Default)]
struct Connection {
    requests: u64,
    /// Tickets open at each shard, in the order in which they were given out.
    open: Vec<VecDeque<u32>>,
    slots: u32,
    upload: Option<Upload>,
    downloads: Vec<Download>,
}

struct Node {
    shard: Shard,
    model: Model,
    now: Now,
    upload_numbers: Vec<u32>,
    /// To each shard: what is gathered, and what was sent.
    gathered: Vec<Carried>,
    requests: Vec<VecDeque<Carried>>,
    /// From each shard.
    replies: Vec<VecDeque<Carried>>,
}

/// The shards of one test, with their connections and batches.
pub(crate) struct Cluster {
    nodes: Vec<Node>,
    router: Router,
    pool: Arc<PagePool>,
    connections: Vec<Connection>,
    tight: bool,
    /// Milliseconds of the clock.
    clock: u64,
    pub(crate) random: Random,
}

impl Cluster {
    /// `pages` for all of `shards` shards; `tight`: fewer than the stored items need.
    pub(crate) fn new(seed: u64, shards: usize, pages: usize, tight: bool) -> Self {
        let pool = PagePool::new(Region::new(Box::new(vec![0xa5_u8; pages * PAGE_BYTES])));
        let (pool, hasher) = (Arc::new(pool), KeyHasher::new(seed));
        let node = |number: usize| {
            let config = Config {
                shards: shards as u32,
                shard: number as u32,
                fair_share_pages: pages / shards,
                ..Config::default()
            };
            let metrics = Arc::new(ShardMetrics::new());
            let shard = Shard::new(&config, Arc::clone(&pool), hasher.clone(), metrics);
            let empty = || (0..shards).map(|_| VecDeque::new()).collect();
            Node {
                shard: shard.expect("pages enough"),
                model: Model::new(tight),
                now: now(2_000),
                upload_numbers: (0..CONNECTIONS as u32).collect(),
                gathered: (0..shards).map(|_| Carried::from(number)).collect(),
                requests: empty(),
                replies: empty(),
            }
        };
        let connection = |_| Connection {
            open: (0..shards).map(|_| VecDeque::new()).collect(),
            ..Connection::default()
        };
        Self {
            nodes: (0..shards).map(node).collect(),
            router: Router::new(hasher, shards),
            pool: Arc::clone(&pool),
            connections: (0..shards * CONNECTIONS).map(connection).collect(),
            tight,
            clock: 2_000,
            random: Random::new(seed),
        }
    }

    /// One thing happens somewhere.
    pub(crate) fn step(&mut self) {
        let from = self.random.below(self.nodes.len());
        let to = self.random.below(self.nodes.len());
        let connection = self.random.below(self.connections.len());
        match self.random.below(100) {
            0..50 => self.client_asks(connection),
            50..62 => self.dispatch(from, to),
            62..74 => {
                self.execute_front(from, to);
            }
            74..84 => {
                self.deliver_front(from, to);
            }
            84..90 => self.begin_turn(from),
            90..92 => self.clock += self.random.pick(&[1, 400, 1_000, 1_600]),
            92 if self.random.chance(30) => self.flush_database(from),
            92 => self.flush(connection),
            96 => self.scan(from),
            93..95 => self.want_pages(from),
            95 => self.hang_up(connection),
            _ => {
                let budget = self.random.below(50) as u32;
                let node = &mut self.nodes[from];
                node.shard.maintain(node.now, budget);
            }
        }
    }

    /// Every shard recounts itself, and no page is lost.
    pub(crate) fn check(&self) {
        // An interpreter takes half a minute for a recount; it looks at each access by itself.
        if !cfg!(miri) {
            for node in &self.nodes {
                node.shard.store().check().unwrap();
            }
        }
        let owned: usize = self.nodes.iter().map(|node| node.shard.pages_owned()).sum();
        assert_eq!(owned + self.pool.pages_free(), self.pool.pages_total());
    }

    /// Lets everything arrive: then each ticket was answered, and nothing is held or reserved.
    pub(crate) fn settle(&mut self) {
        for connection in 0..self.connections.len() {
            self.hang_up(connection);
        }
        for _ in 0..2 {
            for from in 0..self.nodes.len() {
                for to in 0..self.nodes.len() {
                    self.dispatch(from, to);
                    while self.execute_front(from, to) {}
                    while self.deliver_front(from, to) {}
                }
            }
            for connection in 0..self.connections.len() {
                self.hang_up(connection);
            }
        }
        for connection in &self.connections {
            assert!(connection.open.iter().all(VecDeque::is_empty), "a reply is missing");
        }
        for node in &self.nodes {
            let stats = node.shard.store().stats();
            assert_eq!((stats.reservations, stats.holds), (0, 0));
        }
        self.check();
    }

    /// Live items that were pushed out, over all shards.
    pub(crate) fn evicted(&self) -> u64 {
        self.nodes.iter().map(|node| node.shard.store().stats().counters.evicted).sum()
    }

    fn client_asks(&mut self, connection: usize) {
        if self.connections[connection].upload.is_some() {
            self.go_on_uploading(connection);
        } else if !self.connections[connection].downloads.is_empty() && self.random.chance(60) {
            self.go_on_downloading(connection);
        } else if self.random.chance(50) {
            let name = string_name(&mut self.random, KEYS);
            let route = self.router.route_in(name.0, &name.1);
            let (shard, hash) = (route.shard.index(), route.key.hash());
            let unix_ms = self.nodes[connection / CONNECTIONS].now.unix_ms();
            let ask = string_ask(&mut self.random, &name, unix_ms, self.tight);
            self.send(connection, shard, name, hash, ask, true);
        } else {
            let key = format!("key{}", self.random.below(KEYS)).into_bytes();
            let route = self.router.route(&key);
            let uniques = &self.nodes[route.shard.index()].model.uniques;
            if self.random.chance(8) {
                let value_bytes = self.random.below(90_000);
                let storage = storage(&mut self.random, value_bytes, uniques);
                self.start_upload(connection, key, storage);
            } else {
                let ask = ask(&mut self.random, uniques);
                let (shard, hash) = (route.shard.index(), route.key.hash());
                self.send(connection, shard, (0, key), hash, ask, true);
            }
        }
    }

    /// Puts a request into the batch to its shard; one to the own shard does not wait.
    fn send(
        &mut self,
        number: usize,
        to: usize,
        (database, key): Name,
        hash: u64,
        ask: Ask,
        answered: bool,
    ) {
        let (home, connection) = (number / CONNECTIONS, &mut self.connections[number]);
        let ticket = answered.then(|| {
            connection.open[to].push_back(connection.slots);
            connection.slots += 1;
            Ticket { connection: number as u32, generation: 0, slot: connection.slots - 1 }
        });
        connection.requests += 1;
        let sent = Sent {
            database,
            key,
            hash,
            ask,
            ticket,
            connection: number,
            number: connection.requests,
        };
        let gathered = &mut self.nodes[home].gathered[to];
        gathered.batch.push(&sent.forwarded(), ticket);
        gathered.sent.push(sent);
        if home == to || gathered.batch.is_full() {
            self.dispatch(home, to);
        }
        if home == to {
            assert!(self.execute_front(home, home) && self.deliver_front(home, home));
        }
    }

    fn start_upload(&mut self, connection: usize, key: Vec<u8>, storage: Storage) {
        let home = connection / CONNECTIONS;
        let route = self.router.route(&key);
        let number = self.nodes[home].upload_numbers.pop().expect("one per connection");
        let id = UploadId { source: ShardId::new(home), number };
        let rest = storage.value.clone();
        let begin = Ask::UploadBegin { id, storage };
        self.send(
            connection,
            route.shard.index(),
            (0, key.clone()),
            route.key.hash(),
            begin,
            false,
        );
        let (shard, hash) = (route.shard.index(), route.key.hash());
        let upload = Upload { shard, key, hash, id, rest };
        self.connections[connection].upload = Some(upload);
    }

    fn go_on_uploading(&mut self, connection: usize) {
        let piece_bytes = self.random.below(PIECE_BYTES_MAX) + 1;
        let upload = self.connections[connection].upload.as_mut().expect("asked for by its owner");
        let (id, shard, hash, key) = (upload.id, upload.shard, upload.hash, upload.key.clone());
        if upload.rest.is_empty() {
            let good = self.random.chance(85);
            self.end_upload(connection);
            self.send(connection, shard, (0, key), hash, Ask::UploadEnd { id, good }, true);
        } else if self.random.chance(4) {
            self.end_upload(connection);
            self.send(connection, shard, (0, key), hash, Ask::UploadAbandon { id }, false);
        } else {
            let rest = upload.rest.split_off(piece_bytes.min(upload.rest.len()));
            let bytes = std::mem::replace(&mut upload.rest, rest);
            self.send(connection, shard, (0, key), hash, Ask::UploadBytes { id, bytes }, false);
        }
    }

    fn end_upload(&mut self, connection: usize) {
        let upload = self.connections[connection].upload.take().expect("asked for by its owner");
        let home = &mut self.nodes[connection / CONNECTIONS];
        home.upload_numbers.insert(0, upload.id.number);
    }

    fn go_on_downloading(&mut self, connection: usize) {
        let (skipped, ends) = (self.random.below(PIECE_BYTES_MAX), self.random.chance(5));
        let download = &mut self.connections[connection].downloads[0];
        let Held { hold, value, .. } = &download.held;
        let rest = &value[download.offset..];
        assert!(hold.parts(download.offset).flatten().eq(rest), "a held value changed");
        if ends || rest.is_empty() {
            let download = self.connections[connection].downloads.remove(0);
            self.release(connection, download);
            return;
        }
        download.offset = (download.offset + skipped + 1).min(value.len());
    }

    /// Puts a held value into the batch to its shard.
    fn release(&mut self, connection: usize, download: Download) {
        let (home, to) = (connection / CONNECTIONS, download.shard);
        let gathered = &mut self.nodes[home].gathered[to];
        gathered.batch.push_release(download.held.hold);
        gathered.released.push(download.held.name);
        if home == to {
            self.dispatch(home, home);
            assert!(self.execute_front(home, home) && self.deliver_front(home, home));
        }
    }

    /// The connection's socket closes: what it has at the shards is given back.
    fn hang_up(&mut self, connection: usize) {
        if let Some(upload) = &self.connections[connection].upload {
            let (id, shard, hash, key) = (upload.id, upload.shard, upload.hash, upload.key.clone());
            self.end_upload(connection);
            self.send(connection, shard, (0, key), hash, Ask::UploadAbandon { id }, false);
        }
        for download in std::mem::take(&mut self.connections[connection].downloads) {
            self.release(connection, download);
        }
    }

    fn flush(&mut self, connection: usize) {
        let delay = self.random.pick(&[0, 0, 3]);
        let at = self.nodes[connection / CONNECTIONS].now.flush_time(delay);
        let answered = self.random.chance(50);
        for shard in 0..self.nodes.len() {
            self.send(connection, shard, Name::default(), 0, Ask::Flush { at }, answered);
        }
    }

    /// `FLUSHDB` on one shard.
    fn flush_database(&mut self, number: usize) {
        let (node, database) = (&mut self.nodes[number], self.random.pick(&DATABASES));
        node.shard.flush_database(database);
        node.model.items.retain(|name, _| name.0 != database);
        assert_eq!(node.shard.items_in(database), 0);
    }

    /// A `SCAN` of one shard from begin to end shows the live items of a database, each once.
    fn scan(&mut self, number: usize) {
        let (node, database) = (&self.nodes[number], self.random.pick(&DATABASES));
        let (mut keys, mut cursor) = (Vec::new(), 0);
        loop {
            let show = |item: ItemRef<'_>| keys.push(item.key().to_vec());
            cursor = node.shard.scan(node.now, cursor, database, 3, show);
            if cursor == 0 {
                break;
            }
        }
        keys.sort_unstable();
        let live = node.model.live_keys(node.now, database);
        if self.tight {
            assert!(keys.iter().all(|key| live.contains(key)), "a dead item is shown");
        } else {
            assert_eq!(keys, live);
        }
        let word = self.random.below(usize::MAX) as u64;
        let random_key = node.shard.random_key(node.now, database, word);
        assert_eq!(random_key.is_some(), !keys.is_empty());
        assert!(random_key.is_none_or(|key| keys.contains(&key)));
    }

    fn want_pages(&mut self, from: usize) {
        let Some(wish) = self.nodes[from].shard.take_page_wish() else { return };
        for shard in (0..self.nodes.len()).filter(|&shard| shard != from) {
            let ask = Ask::PagesWanted { wish };
            self.send(from * CONNECTIONS, shard, Name::default(), 0, ask, false);
        }
    }

    /// A shard may learn of the time later than others.
    fn begin_turn(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        node.now = now(self.clock);
        node.shard.begin_turn(node.now);
        node.model.begin_turn(node.now);
    }

    fn dispatch(&mut self, from: usize, to: usize) {
        let gathered = &mut self.nodes[from].gathered[to];
        if gathered.batch.is_empty() {
            return;
        }
        let carried = std::mem::replace(gathered, Carried::from(from));
        assert_eq!(carried.batch.requests() as usize, carried.sent.len());
        self.nodes[from].requests[to].push_back(carried);
    }

    /// Executes the oldest batch between two shards; false if there is none.
    fn execute_front(&mut self, from: usize, to: usize) -> bool {
        let Some(mut carried) = self.nodes[from].requests[to].pop_front() else { return false };
        let owner = &mut self.nodes[to];
        for name in carried.released.drain(..) {
            owner.model.released(&name);
        }
        owner.shard.execute_batch(owner.now, &mut carried.batch);
        let mut replies = carried.batch.take_replies();
        for sent in &carried.sent {
            let reply = sent.ticket.map(|ticket| {
                let (answered, reply) = replies.next().expect("one reply per ticket");
                assert_eq!(answered, ticket, "replies come in the order of the requests");
                reply
            });
            if let Some(held) = owner.model.executed(owner.now, sent, reply) {
                let download = Download { shard: to, held, offset: 0 };
                self.connections[sent.connection].downloads.push(download);
            }
        }
        assert!(replies.next().is_none(), "one reply per ticket");
        drop(replies);
        self.nodes[from].replies[to].push_back(carried);
        true
    }

    /// Brings the replies of the oldest executed batch home; false if there is none.
    fn deliver_front(&mut self, home: usize, owner: usize) -> bool {
        let Some(mut carried) = self.nodes[home].replies[owner].pop_front() else { return false };
        assert_eq!(carried.batch.source().index(), home);
        // What the replies are was looked at when they were made.
        for ticket in carried.sent.iter().filter_map(|sent| sent.ticket) {
            let open = &mut self.connections[ticket.connection as usize].open[owner];
            assert_eq!(open.pop_front(), Some(ticket.slot), "a shard's replies keep their order");
        }
        carried.batch.recycle();
        assert!(carried.batch.is_empty() && carried.batch.take_replies().next().is_none());
        true
    }
}

impl Carried {
    fn from(source: usize) -> Self {
        Self { batch: Batch::new(ShardId::new(source)), sent: Vec::new(), released: Vec::new() }
    }
}

fn now(clock: u64) -> Now {
    Now::at((clock / 1_000) as u32, 1_700_000_000).with_milliseconds((clock % 1_000) as u16, 0)
}
