//! The resources of an idle server, and the number of items within a memory limit.

use std::error::Error;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::load::generator::{Generator, Until};
use crate::load::workload::{Operation, Workload};
use crate::servers::server_process::{ServerOptions, ServerProcess};
use crate::servers::session::Session;
use crate::table::median;

/// Connections that are held idle.
pub const IDLE_CONNECTIONS: usize = 1000;
/// `-m` of the fill, in MiB.
pub const FILL_MIB: usize = 256;
/// `-m` of the start, in MiB.
pub const START_MIB: usize = 1024;
/// Starts of which the median is taken.
const STARTS: usize = 5;
/// Sets between two checks of the eviction count.
const FILL_STEP: u32 = 100_000;
/// Sets after the first eviction, as share of those before it: memory must not creep up later.
const FILL_BEYOND: f64 = 0.5;

/// The figures of one server.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// CPU used over [`idle_time`](Self::idle_time) with [`IDLE_CONNECTIONS`] connections.
    pub idle_cpu: Duration,
    /// How long it was watched.
    pub idle_time: Duration,
    /// Resident bytes of one idle connection that has been served before.
    pub connection_bytes: f64,
    /// Resident bytes after filling [`FILL_MIB`] with 100-byte values well into eviction.
    pub filled_bytes: u64,
    /// Items that it then holds.
    pub filled_items: u64,
    /// From spawn to first reply with `-m` [`START_MIB`], median.
    pub start: Duration,
}

/// Measures a server with one thread on these cores; `idle_time` long for the idle part.
pub fn measure(
    binary: &Path,
    cores: &[usize],
    idle_time: Duration,
) -> Result<Footprint, Box<dyn Error>> {
    let (idle_cpu, connection_bytes) = idle(binary, &options(64, cores), idle_time)?;
    let (filled_bytes, filled_items) = fill(binary, &options(FILL_MIB, cores))?;
    let mut starts = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let server = ServerProcess::start(binary, &options(START_MIB, cores))?;
        starts.push(server.started_in().as_secs_f64());
    }
    let start = Duration::from_secs_f64(median(&starts));
    Ok(Footprint { idle_cpu, idle_time, connection_bytes, filled_bytes, filled_items, start })
}

fn options(memory_mib: usize, cores: &[usize]) -> ServerOptions {
    ServerOptions {
        memory_mib,
        threads: 1,
        connections: 2 * IDLE_CONNECTIONS,
        cores: cores.to_vec(),
        tls: None,
    }
}

/// CPU time while idle, and resident bytes per connection.
fn idle(
    binary: &Path,
    options: &ServerOptions,
    time: Duration,
) -> Result<(Duration, f64), Box<dyn Error>> {
    let server = ServerProcess::start(binary, options)?;
    let workload = Workload { keys: 1000, ..Workload::default() };
    // A first connection also touches code and shared buffers, which are not counted for a
    // connection.
    let mut first = Generator::connect(server.address(), &workload.preload(), 0)?;
    first.closed_loop(Until::Requests(1000))?;
    let mut few =
        Generator::connect(server.address(), &Workload { connections: 10, ..workload.clone() }, 0)?;
    few.closed_loop(Until::Requests(1000))?;
    let before = server.resident_bytes()?;
    let load = Workload { connections: IDLE_CONNECTIONS, ..workload };
    let mut many = Generator::connect(server.address(), &load, 0)?;
    many.closed_loop(Until::Requests(IDLE_CONNECTIONS as u64))?;
    let grown = server.resident_bytes()?.saturating_sub(before);
    let cpu_before = server.cpu_time()?;
    // The measurement needs this time to pass.
    sleep(time);
    let cpu = server.cpu_time()?.saturating_sub(cpu_before);
    Ok((cpu, grown as f64 / IDLE_CONNECTIONS as f64))
}

/// Resident bytes and items of a server whose memory is full.
fn fill(binary: &Path, options: &ServerOptions) -> Result<(u64, u64), Box<dyn Error>> {
    let server = ServerProcess::start(binary, options)?;
    let mut session = Session::open(server.address())?;
    let all = Workload { operation: Operation::Set, keys: 50_000_000, ..Workload::default() };
    let mut generator = Generator::connect(server.address(), &all.preload(), 0)?;
    let mut sets = 0;
    while number(&mut session, "evictions")? == 0 {
        generator.closed_loop(Until::Requests(u64::from(FILL_STEP)))?;
        sets += u64::from(FILL_STEP);
        if sets > u64::from(all.keys) {
            return Err("no eviction: the memory limit is not kept".into());
        }
    }
    generator.closed_loop(Until::Requests((sets as f64 * FILL_BEYOND) as u64))?;
    Ok((server.resident_bytes()?, number(&mut session, "curr_items")?))
}

fn number(session: &mut Session, name: &str) -> Result<u64, Box<dyn Error>> {
    let value = session.stat(name)?.ok_or_else(|| format!("stats has no {name}"))?;
    Ok(value.parse()?)
}
