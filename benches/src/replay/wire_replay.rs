//! A replay over the wire: batches of requests on a few connections. Each key belongs to one
//! connection.
//!
//! ```text
//! lane 0   fills, sets | gets, deletes ->        <- replies   fills, sets | ...
//! lane 1            fills, sets | gets, deletes ->        <- replies   ...
//! ```
//!
//! Invariants: a batch has at most one request of a key, and the next batch of its lane begins with
//! the fills for its misses. So each key's requests keep their order, and a request for a key whose
//! fill is under way comes after the fill. Requests of different keys may be reordered by a batch.
//! In a batch large requests come first and those with large replies last, so that neither end
//! waits for the other to read.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::SocketAddr;

use crate::MissTally;
use crate::replay::trace::Verb;
use crate::replay::trace_copies::TraceRequest;
use crate::replay::wire_connection::WireConnection;
use slabcore_bench::splitmix64::Splitmix64;

/// Connections. While one's replies are read, the server works for the other.
const LANES: usize = 2;
/// Requests of a batch besides its fills.
const BATCH_REQUESTS: usize = 128;
/// Bytes of values in a batch, except its last request. The reordering must be small compared with
/// a small cache.
const BATCH_VALUE_BYTES: usize = 256 << 10;
/// Keys of one get.
const KEYS_PER_GET: usize = 16;

/// A running replay.
#[derive(Debug)]
pub struct WireReplay {
    lanes: Vec<Lane>,
}

impl WireReplay {
    /// Connects to a server.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let lanes: io::Result<_> = (0..LANES).map(|_| Lane::open(address)).collect();
        Ok(Self { lanes: lanes? })
    }

    /// Plays requests as a cache-aside client does, and returns their counts. Fails as
    /// [`play_counting`](Self::play_counting).
    pub fn play(&mut self, requests: impl Iterator<Item = TraceRequest>) -> io::Result<MissTally> {
        let mut tally = MissTally::default();
        let count = |get: &TraceRequest, hit| tally.count(get.value_bytes, hit);
        tally.refused = self.play_counting(requests, count)?;
        Ok(tally)
    }

    /// Plays requests as a cache-aside client does, tells `count` each get and whether it hit, and
    /// returns how many sets were refused. Fails if the connection fails, or if a reply does not
    /// answer its request, such as a value other than the last written.
    pub fn play_counting(
        &mut self,
        requests: impl Iterator<Item = TraceRequest>,
        mut count: impl FnMut(&TraceRequest, bool),
    ) -> io::Result<u64> {
        let mut refused = 0;
        for request in requests {
            let lane = Splitmix64::new(request.key).draw() as usize % LANES;
            let lane = &mut self.lanes[lane];
            lane.wait(request);
            while lane.has_batch() {
                refused += lane.turn(&mut count)?;
            }
        }
        for lane in &mut self.lanes {
            while !lane.is_done() {
                refused += lane.turn(&mut count)?;
            }
        }
        Ok(refused)
    }
}

/// One connection with its share of the keys.
#[derive(Debug)]
struct Lane {
    connection: WireConnection,
    /// Requests that no batch has taken yet, in order.
    waiting: VecDeque<TraceRequest>,
    waiting_bytes: usize,
    /// Keys of the batch that is under way.
    keys: HashSet<u64>,
    /// Fills and sets with outstanding replies.
    sets: usize,
    /// Gets and deletes with outstanding replies, in the order sent.
    gets: Vec<TraceRequest>,
    deletes: usize,
    /// Misses in the last replies.
    fills: Vec<TraceRequest>,
    /// Key of the value being read.
    key: Vec<u8>,
}

impl Lane {
    fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            connection: WireConnection::open(address)?,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            keys: HashSet::new(),
            sets: 0,
            gets: Vec::new(),
            deletes: 0,
            fills: Vec::new(),
            key: Vec::new(),
        })
    }

    fn wait(&mut self, request: TraceRequest) {
        self.waiting_bytes += request.value_bytes as usize;
        self.waiting.push_back(request);
    }

    fn has_batch(&self) -> bool {
        self.waiting.len() >= BATCH_REQUESTS || self.waiting_bytes >= BATCH_VALUE_BYTES
    }

    fn is_done(&self) -> bool {
        let owed = self.sets + self.gets.len() + self.deletes + self.fills.len();
        self.waiting.is_empty() && owed == 0
    }

    /// Reads the replies to the last batch and sends the next. Returns how many of the sets were
    /// refused.
    fn turn(&mut self, count: &mut impl FnMut(&TraceRequest, bool)) -> io::Result<u64> {
        let refused = self.read_replies(count)?;
        for fill in self.fills.drain(..) {
            self.connection.push_set(&fill.key_text(), fill.value_bytes as usize, 0);
            self.sets += 1;
        }
        let mut deletes = Vec::new();
        for request in self.take_batch() {
            match request.verb {
                Verb::Get => self.gets.push(request),
                Verb::Delete => deletes.push(request),
                Verb::Set => {
                    let bytes = request.value_bytes as usize;
                    self.connection.push_set(&request.key_text(), bytes, 0);
                    self.sets += 1;
                }
            }
        }
        for request in &deletes {
            self.connection.push_delete(&request.key_text());
        }
        self.deletes = deletes.len();
        for gets in self.gets.chunks(KEYS_PER_GET) {
            self.connection.push_get(gets.iter().map(TraceRequest::key_text));
        }
        self.connection.send()?;
        Ok(refused)
    }

    /// The first waiting requests, except those whose key is already in the batch.
    fn take_batch(&mut self) -> Vec<TraceRequest> {
        let mut batch = Vec::with_capacity(BATCH_REQUESTS);
        let mut passed = Vec::new();
        let mut bytes = 0;
        self.keys.clear();
        while batch.len() < BATCH_REQUESTS && bytes < BATCH_VALUE_BYTES {
            let Some(request) = self.waiting.pop_front() else { break };
            if self.keys.insert(request.key) {
                bytes += request.value_bytes as usize;
                batch.push(request);
            } else {
                passed.push(request);
            }
        }
        for request in passed.into_iter().rev() {
            self.waiting.push_front(request);
        }
        self.waiting_bytes -= bytes;
        batch
    }

    fn read_replies(&mut self, count: &mut impl FnMut(&TraceRequest, bool)) -> io::Result<u64> {
        let mut refused = 0;
        for _ in 0..std::mem::take(&mut self.sets) {
            refused += u64::from(!self.connection.read_stored()?);
        }
        for _ in 0..std::mem::take(&mut self.deletes) {
            self.connection.read_deleted()?;
        }
        for gets in self.gets.chunks(KEYS_PER_GET) {
            let mut rest = gets.iter();
            while let Some(value_bytes) = self.connection.read_value(&mut self.key)? {
                // Values come in the order of the keys; those left out were missed.
                loop {
                    let Some(request) = rest.next() else { return Err(wrong(&self.key)) };
                    let found = request.key_text()[..] == self.key[..];
                    count(request, found);
                    if !found {
                        self.fills.push(*request);
                    } else if value_bytes == request.value_bytes as usize {
                        break;
                    } else {
                        return Err(wrong(&self.key));
                    }
                }
            }
            for request in rest {
                count(request, false);
                self.fills.push(*request);
            }
        }
        self.gets.clear();
        Ok(refused)
    }
}

fn wrong(key: &[u8]) -> io::Error {
    let text = format!("key {}: not the value that was last written", key.escape_ascii());
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};
    use std::thread;

    use super::*;

    type Items = Arc<Mutex<HashMap<String, Vec<u8>>>>;

    /// A cache without limits.
    fn serve(stream: TcpStream, items: &Items) {
        stream.set_nodelay(true).unwrap();
        let mut input = BufReader::new(stream);
        let mut line = String::new();
        while input.read_line(&mut line).unwrap() > 0 {
            let words: Vec<String> = line.split_ascii_whitespace().map(str::to_owned).collect();
            let mut items = items.lock().unwrap();
            let mut reply = Vec::new();
            match words[0].as_str() {
                "set" => {
                    let mut value = vec![0; words[4].parse::<usize>().unwrap() + 2];
                    input.read_exact(&mut value).unwrap();
                    value.truncate(value.len() - 2);
                    items.insert(words[1].clone(), value);
                    reply.extend_from_slice(b"STORED\r\n");
                }
                "get" => {
                    for key in &words[1..] {
                        let Some(value) = items.get(key) else { continue };
                        write!(reply, "VALUE {key} 0 {}\r\n", value.len()).unwrap();
                        reply.extend_from_slice(value);
                        reply.extend_from_slice(b"\r\n");
                    }
                    reply.extend_from_slice(b"END\r\n");
                }
                _ => {
                    let found = items.remove(&words[1]).is_some();
                    let text: &[u8] = if found { b"DELETED\r\n" } else { b"NOT_FOUND\r\n" };
                    reply.extend_from_slice(text);
                }
            }
            input.get_mut().write_all(&reply).unwrap();
            line.clear();
        }
    }

    /// Plays against that cache, and against a model of it that takes one request at a time.
    fn check(requests: &[TraceRequest]) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let peer = thread::spawn(move || {
            let items = Items::default();
            let serve_next = |_| {
                let (stream, _) = listener.accept().unwrap();
                let items = Arc::clone(&items);
                thread::spawn(move || serve(stream, &items))
            };
            let lanes: Vec<_> = (0..LANES).map(serve_next).collect();
            for lane in lanes {
                lane.join().unwrap();
            }
        });
        let tally = WireReplay::connect(address).unwrap().play(requests.iter().copied()).unwrap();
        peer.join().unwrap();
        let mut held = HashSet::new();
        let mut expected = MissTally::default();
        for request in requests {
            match request.verb {
                Verb::Get => expected.count(request.value_bytes, !held.insert(request.key)),
                Verb::Set => _ = held.insert(request.key),
                Verb::Delete => _ = held.remove(&request.key),
            }
        }
        assert_eq!(tally, expected);
    }

    #[test]
    fn the_order_of_each_key_s_requests_is_kept() {
        let mut random = Splitmix64::new(7);
        let mut sizes: HashMap<u64, u32> = HashMap::new();
        let requests: Vec<TraceRequest> = (0..20_000)
            .map(|number| {
                // A few keys are in nearly every batch several times.
                let key = if random.draw().is_multiple_of(2) {
                    random.draw() % 3
                } else {
                    random.draw() % 999
                };
                let verb = match random.draw() % 10 {
                    0 => Verb::Set,
                    1 => Verb::Delete,
                    _ => Verb::Get,
                };
                if verb == Verb::Set {
                    sizes.insert(key, number % 5000);
                }
                let value_bytes = *sizes.entry(key).or_insert(10);
                TraceRequest { time_s: 0, verb, value_bytes, key }
            })
            .collect();
        check(&requests);
    }

    #[test]
    fn short_and_empty_replays_end() {
        check(&[]);
        check(&[TraceRequest { time_s: 0, verb: Verb::Get, value_bytes: 9, key: 1 }]);
    }
}
