//! The loads whose instructions are counted.
//!
//! Every run is the same: the keys, their order, the hash seed, and the clients that send in each
//! turn.

use slabcore_server::{InMemoryConnection, InMemoryServer};

use slabcore_bench::load::item_format::ItemFormat;

/// Requests per write. The table has a column for each.
pub const DEPTHS: [usize; 2] = [1, 16];
/// The function whose instructions are counted, as callgrind names it.
pub const COUNTED_FUNCTION: &str = concat!(module_path!(), "::counted_turns");

/// Clients that all send one write in each turn.
const CLIENTS: usize = 16;
/// Turns that are counted.
const TURNS: usize = 25;
/// Turns before the counted ones, in which buffers grow to their size.
const WARM_UP_TURNS: usize = 10;
/// Distinct keys of a load: one for each request, so that a delete finds its item.
const KEYS: usize = (WARM_UP_TURNS + TURNS) * CLIENTS * DEPTHS[1];
const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 100;
const MEMORY_BYTES: usize = 64 << 20;
/// The seed, which may be any number.
const HASH_SEED: u64 = 1;

/// The form of a load's requests.
#[derive(Clone, Copy, Debug)]
enum Request {
    /// A line: the text before the keys, and the text after them.
    Line(&'static str, &'static str),
    /// A set of each key.
    Set,
    /// A binary get of each key.
    BinaryGet,
    /// A `GET` of each key, in Redis' dialect.
    RedisGet,
    /// A `SET` of each key, in Redis' dialect.
    RedisSet,
}

impl Request {
    /// Appends one request for these keys.
    fn push(self, out: &mut Vec<u8>, format: &ItemFormat, keys: &[u32]) {
        match self {
            Self::Line(before, after) => {
                out.extend_from_slice(before.as_bytes());
                for &key in keys {
                    out.push(b' ');
                    format.push_key(out, key);
                }
                out.extend_from_slice(after.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            Self::Set => keys.iter().for_each(|&key| push_set(out, format, key)),
            Self::BinaryGet => keys.iter().for_each(|&key| push_binary_get(out, format, key)),
            Self::RedisGet => keys.iter().for_each(|&key| push_redis(out, format, key, false)),
            Self::RedisSet => keys.iter().for_each(|&key| push_redis(out, format, key, true)),
        }
    }

    const fn is_redis(self) -> bool {
        matches!(self, Self::RedisGet | Self::RedisSet)
    }
}

fn push_set(out: &mut Vec<u8>, format: &ItemFormat, key: u32) {
    out.extend_from_slice(b"set ");
    format.push_key(out, key);
    out.extend_from_slice(b" 0 0 ");
    out.extend_from_slice(format.value_bytes_text(key));
    out.extend_from_slice(b"\r\n");
    format.push_value(out, key);
    out.extend_from_slice(b"\r\n");
}

fn push_redis(out: &mut Vec<u8>, format: &ItemFormat, key: u32, is_set: bool) {
    let command: &[u8] = if is_set { b"*3\r\n$3\r\nSET\r\n" } else { b"*2\r\n$3\r\nGET\r\n" };
    out.extend_from_slice(command);
    out.extend_from_slice(format!("${KEY_BYTES}\r\n").as_bytes());
    format.push_key(out, key);
    if is_set {
        out.extend_from_slice(b"\r\n$");
        out.extend_from_slice(format.value_bytes_text(key));
        out.extend_from_slice(b"\r\n");
        format.push_value(out, key);
    }
    out.extend_from_slice(b"\r\n");
}

fn push_binary_get(out: &mut Vec<u8>, format: &ItemFormat, key: u32) {
    const HEADER_BYTES: usize = 24;
    let start = out.len();
    out.resize(start + HEADER_BYTES, 0);
    format.push_key(out, key);
    let key_bytes = (out.len() - start - HEADER_BYTES) as u8;
    // Magic, lengths of key and body. All other fields are 0, the opcode included.
    for (at, byte) in [(0, 0x80), (3, key_bytes), (11, key_bytes)] {
        out[start + at] = byte;
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct InstructionLoad {
    /// The name in the table.
    pub name: &'static str,
    request: Request,
    /// The start of the reply to each request.
    reply: &'static [u8],
    /// Keys of one request.
    keys: usize,
    /// Whether the keys belong to another shard than the one that serves the clients.
    foreign: bool,
    /// Whether the keys are stored.
    stored: bool,
    /// Whether the items could outlive the process.
    kept: bool,
}

const fn load(name: &'static str, request: Request, reply: &'static [u8]) -> InstructionLoad {
    InstructionLoad { name, request, reply, keys: 1, foreign: false, stored: true, kept: false }
}

const GET: Request = Request::Line("get", "");

const SET_NEW: InstructionLoad =
    InstructionLoad { stored: false, ..load("set of a new key", Request::Set, b"STORED\r\n") };

/// All rows in the table's order.
pub const LOADS: &[InstructionLoad] = &[
    load("get hit", GET, b"VALUE "),
    InstructionLoad { stored: false, ..load("get miss", GET, b"END\r\n") },
    load("set", Request::Set, b"STORED\r\n"),
    SET_NEW,
    load("delete", Request::Line("delete", ""), b"DELETED\r\n"),
    load("mg hit", Request::Line("mg", " v"), b"VA "),
    load("binary get hit", Request::BinaryGet, &[0x81, 0, 0, 0, 4]),
    load("redis get hit", Request::RedisGet, b"$100\r\n"),
    InstructionLoad { stored: false, ..load("redis get miss", Request::RedisGet, b"$-1\r\n") },
    load("redis set", Request::RedisSet, b"+OK\r\n"),
    InstructionLoad { keys: 50, ..load("get of 50 keys", GET, b"VALUE ") },
    InstructionLoad { foreign: true, ..load("foreign get hit", GET, b"VALUE ") },
    kept(load("get hit, kept memory", GET, b"VALUE ")),
    kept(load("set, kept memory", Request::Set, b"STORED\r\n")),
    kept(InstructionLoad { name: "set of a new key, kept memory", ..SET_NEW }),
    kept(load("delete, kept memory", Request::Line("delete", ""), b"DELETED\r\n")),
];

/// The same load on items that could outlive the process.
const fn kept(load: InstructionLoad) -> InstructionLoad {
    InstructionLoad { kept: true, ..load }
}

/// The clients of one load, and the writes of each turn.
struct Script {
    server: InMemoryServer,
    connections: Vec<InMemoryConnection>,
    /// One write per connection and turn.
    turns: Vec<Vec<Vec<u8>>>,
}

impl InstructionLoad {
    /// Requests that [`Self::run`] counts.
    #[must_use]
    pub fn requests(depth: usize) -> u64 {
        (TURNS * CLIENTS * depth) as u64
    }

    /// Runs the load with this many requests per write. The counted work is in the function
    /// [`COUNTED_FUNCTION`]. Panics if a reply is wrong.
    pub fn run(&self, depth: usize) {
        let mut script = self.script(depth);
        let (warm_up, counted) = script.turns.split_at(WARM_UP_TURNS);
        let mut turn_bytes = 0;
        for turn in warm_up {
            turn_bytes = 0;
            run_turn(&mut script.server, &script.connections, turn, |bytes| {
                assert!(turn_bytes > 0 || bytes.starts_with(self.reply), "{}", self.name);
                turn_bytes += bytes.len();
            });
        }
        let bytes = counted_turns(&mut script.server, &script.connections, counted);
        // All keys and all values have one size, so all replies have one size.
        assert_eq!(bytes, TURNS * turn_bytes, "{}: a reply is wrong", self.name);
    }

    fn script(&self, depth: usize) -> Script {
        let shards = if self.foreign { 2 } else { 1 };
        let make = if self.kept { InMemoryServer::with_kept_memory } else { InMemoryServer::new };
        let server = make(shards, MEMORY_BYTES, HASH_SEED);
        let mut server = server.expect("memory for the items is to be had");
        let is_redis = self.request.is_redis();
        let storing = is_redis.then(|| server.connect());
        let mut connect = || if is_redis { server.connect_redis() } else { server.connect() };
        let all: Vec<_> = (0..CLIENTS * shards).map(|_| connect()).collect();
        let connections: Vec<_> = all.into_iter().filter(|it| it.shard() == 0).collect();
        let format = ItemFormat::new(KEY_BYTES, &[VALUE_BYTES]);
        let owner = usize::from(self.foreign);
        let mut text = Vec::new();
        let keys = (0..).filter(|&key| {
            text.clear();
            format.push_key(&mut text, key);
            server.shard_of(&text) == owner
        });
        let keys: Vec<u32> = keys.take(KEYS).collect();
        if self.stored {
            store(&mut server, storing.unwrap_or(connections[0]), &format, &keys);
        }
        if let Request::BinaryGet = self.request {
            // The first read gives the item its cas unique.
            let client = server.connect();
            for keys in keys.chunks(100) {
                let mut gets = Vec::new();
                self.request.push(&mut gets, &format, keys);
                server.receive(client, &gets);
                server.turn(|_, _| ());
            }
        }
        let mut next = keys.iter().copied().cycle();
        let mut turns = vec![vec![Vec::new(); CLIENTS]; WARM_UP_TURNS + TURNS];
        for write in turns.iter_mut().flatten() {
            for _ in 0..depth {
                let keys: Vec<u32> = next.by_ref().take(self.keys).collect();
                self.request.push(write, &format, &keys);
            }
        }
        Script { server, connections, turns }
    }
}

fn store(
    server: &mut InMemoryServer,
    connection: InMemoryConnection,
    format: &ItemFormat,
    keys: &[u32],
) {
    let mut sets = Vec::new();
    let mut replies = Vec::new();
    for keys in keys.chunks(100) {
        sets.clear();
        replies.clear();
        Request::Set.push(&mut sets, format, keys);
        server.receive(connection, &sets);
        server.turn(|_, bytes| replies.extend_from_slice(bytes));
        assert_eq!(replies, b"STORED\r\n".repeat(keys.len()), "the memory holds all items");
    }
}

/// Runs the counted turns. Returns the bytes of all replies.
#[inline(never)]
fn counted_turns(
    server: &mut InMemoryServer,
    connections: &[InMemoryConnection],
    turns: &[Vec<Vec<u8>>],
) -> usize {
    let mut sum = 0;
    for turn in turns {
        run_turn(server, connections, turn, |bytes| sum += bytes.len());
    }
    sum
}

#[inline]
fn run_turn(
    server: &mut InMemoryServer,
    connections: &[InMemoryConnection],
    writes: &[Vec<u8>],
    mut send: impl FnMut(&[u8]),
) {
    for (connection, write) in connections.iter().zip(writes) {
        server.receive(*connection, write);
    }
    server.turn(|_, bytes| send(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_load_gets_its_replies() {
        for load in LOADS {
            load.run(DEPTHS[0]);
        }
    }
}
