//! After start-up a request allocates nothing: not where its connection is served, not on the way
//! to another shard and back.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use slabcore_server::{InMemoryConnection, InMemoryServer};

/// The system's allocator, which counts what each thread asks of it.
struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // Of a thread that is ending nobody asks.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call is passed on to the system's allocator as it came; counting touches a
// thread-local number without a destructor and allocates nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the allocator's contract, which is the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, bytes) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Turns that are counted, unless that takes more than [`KEYS_MAX`].
const TURNS: usize = 10_000;
/// Keys that each client asks for at most while it is counted.
const KEYS_MAX: usize = 50_000;
/// Of that many turns, one goes before the count: buffers grow to their size.
const WARM_UP_SHARE: usize = 4;
/// Allocations of a whole run that are let pass: which client gets which buffer changes, so a small
/// one may meet its first long reply late, and grow; where the machine stops this process, a turn
/// ends early, and more clients have replies at the same time. One per write would be 240 and more.
const GROWTHS_MAX: u64 = 60;
/// Clients that all send something in each turn.
const CLIENTS: usize = 4;
/// Different writes of a client.
const WRITES: usize = 20;

/// Whose keys a client asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Owner {
    /// The client's own shard.
    Own,
    /// Another one.
    Foreign,
    /// All shards, as it comes.
    Any,
}

/// One request for these keys, each of which is stored, and its reply.
type Exchange = fn(keys: &[String]) -> (String, String);

/// What all clients send.
#[derive(Clone, Copy)]
struct Load {
    exchange: Exchange,
    /// Keys of one request.
    keys: usize,
    /// Requests of one write.
    depth: usize,
    /// Whether a write arrives in halves, with a turn between.
    cut: bool,
}

/// One client with all that it sends, and the replies.
struct Client {
    connection: InMemoryConnection,
    writes: Vec<(String, String)>,
    output: Vec<u8>,
}

impl Client {
    /// Stores the keys that its requests need.
    fn new(server: &mut InMemoryServer, number: usize, owner: Owner, load: Load) -> Self {
        let connection = server.connect();
        let names = (0..).map(|name| format!("client{number}-key{name}"));
        let mut names = names.filter(|key| match owner {
            Owner::Own => server.shard_of(key.as_bytes()) == connection.shard(),
            Owner::Foreign => server.shard_of(key.as_bytes()) != connection.shard(),
            Owner::Any => true,
        });
        let mut writes = Vec::new();
        let mut stored = String::new();
        for _ in 0..WRITES {
            let (mut requests, mut replies) = (String::new(), String::new());
            for _ in 0..load.depth {
                let keys: Vec<String> = names.by_ref().take(load.keys).collect();
                let (request, reply) = (load.exchange)(&keys);
                requests += &request;
                replies += &reply;
                stored.extend(keys.iter().map(|key| set(key)));
            }
            writes.push((requests, replies));
        }
        drop(names);
        let mut output = Vec::new();
        server.receive(connection, stored.as_bytes());
        server.turn(|_, bytes| output.extend_from_slice(bytes));
        assert!(output == b"STORED\r\n".repeat(WRITES * load.depth * load.keys));
        Self { connection, writes, output }
    }
}

/// Takes all clients through some turns, and checks every reply.
fn run(server: &mut InMemoryServer, clients: &mut [Client], cut: bool, turns: usize) {
    for turn in 0..turns {
        let at = turn % WRITES;
        for client in &mut *clients {
            client.output.clear();
        }
        for half in 0..=usize::from(cut) {
            for client in &*clients {
                let write = client.writes[at].0.as_bytes();
                let (head, rest) = write.split_at(if cut { write.len() / 2 } else { 0 });
                server.receive(client.connection, if cut && half == 0 { head } else { rest });
            }
            server.turn(|connection, bytes| {
                let client = clients.iter_mut().find(|client| client.connection == connection);
                client.expect("it is one of them").output.extend_from_slice(bytes);
            });
        }
        for client in &*clients {
            assert!(client.output == client.writes[at].1.as_bytes(), "a wrong reply");
        }
    }
}

/// Allocations of a whole run once buffers have their size.
fn allocations(shards: usize, owner: Owner, load: Load) -> u64 {
    let mut server = InMemoryServer::new(shards, 64 << 20, 1).unwrap();
    let mut clients: Vec<Client> =
        (0..CLIENTS).map(|number| Client::new(&mut server, number, owner, load)).collect();
    let turns = TURNS.min(KEYS_MAX / (load.keys * load.depth));
    run(&mut server, &mut clients, load.cut, turns / WARM_UP_SHARE);
    let before = ALLOCATIONS.get();
    run(&mut server, &mut clients, load.cut, turns);
    ALLOCATIONS.get() - before
}

/// Runs the exchange with 1 and 16 requests per write, whole and cut, and over own and foreign
/// keys; no request may allocate.
fn check(keys: usize, exchange: Exchange) {
    let places =
        [(1, Owner::Own), (2, Owner::Own), (2, Owner::Foreign), (2, Owner::Any), (3, Owner::Any)];
    let mut failures = Vec::new();
    for (shards, owner) in places {
        for (depth, cut) in [(1, false), (1, true), (16, false), (16, true)] {
            let load = Load { exchange, keys, depth, cut };
            let count = allocations(shards, owner, load);
            if count > GROWTHS_MAX {
                let cut = if cut { "cut" } else { "whole" };
                failures.push(format!(
                    "{count}: {owner:?} keys of {shards} shards, {depth} per write, {cut}"
                ));
            }
        }
    }
    assert!(failures.is_empty(), "allocations:\n{}", failures.join("\n"));
}

const VALUE_BYTES: usize = 100;

fn value(key: &str) -> String {
    format!("{key:_<VALUE_BYTES$}")
}

fn set(key: &str) -> String {
    format!("set {key} 7 0 {VALUE_BYTES}\r\n{}\r\n", value(key))
}

fn get(keys: &[String]) -> (String, String) {
    let values =
        keys.iter().map(|key| format!("VALUE {key} 7 {VALUE_BYTES}\r\n{}\r\n", value(key)));
    (format!("get {}\r\n", keys.join(" ")), values.collect::<String>() + "END\r\n")
}

#[test]
fn get_hit() {
    check(1, get);
}

#[test]
fn get_miss() {
    // Deleted before, so that the key is of the wanted shard and absent.
    check(1, |keys| {
        let key = &keys[0];
        (format!("delete {key} noreply\r\nget {key}\r\n"), "END\r\n".to_owned())
    });
}

#[test]
fn get_of_50_keys() {
    check(50, get);
}

#[test]
fn set_overwriting() {
    check(1, |keys| (set(&keys[0]), "STORED\r\n".to_owned()));
}

#[test]
fn delete_and_set() {
    check(1, |keys| {
        let request = format!("delete {}\r\n{}", keys[0], set(&keys[0]));
        (request, "DELETED\r\nSTORED\r\n".to_owned())
    });
}

#[test]
fn touch_and_gets() {
    check(1, |keys| {
        let request = format!("touch {} 0\r\nget {} absent\r\n", keys[0], keys[0]);
        (request, "TOUCHED\r\n".to_owned() + &get(keys).1)
    });
}

/// Sets that evict, and reads of what is there and of what is not: the orders of eviction are
/// simulated, too.
#[test]
fn sets_and_gets_of_a_full_store() {
    const KEYS: usize = 150_000;
    // More than the memory holds, so the load comes back to keys that were evicted.
    const MEMORY: usize = 4 << 20;
    let mut server = InMemoryServer::new(1, MEMORY, 1).unwrap();
    let connection = server.connect();
    let mut output = Vec::with_capacity(1 << 16);
    let requests: Vec<String> = (0..KEYS)
        .map(|number| {
            let [new, old] = [number, number / 2].map(|key| format!("key{}", key % 60_000));
            format!("{}get {old}\r\n", set(&new))
        })
        .collect();
    let (warm_up, counted) = requests.split_at(KEYS / 2);
    let mut hits = 0;
    let mut run = |requests: &[String]| {
        for request in requests {
            output.clear();
            server.receive(connection, request.as_bytes());
            server.turn(|_, bytes| output.extend_from_slice(bytes));
            assert!(output.starts_with(b"STORED\r\n") && output.ends_with(b"END\r\n"));
            hits += usize::from(output.len() > b"STORED\r\nEND\r\n".len());
        }
    };
    run(warm_up);
    let before = ALLOCATIONS.get();
    run(counted);
    let count = ALLOCATIONS.get() - before;
    assert!((1..KEYS).contains(&hits), "nothing was evicted, or all");
    assert!(count <= GROWTHS_MAX, "{count} allocations");
}
