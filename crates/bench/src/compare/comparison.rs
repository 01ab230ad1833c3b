//! Two servers under the same load in alternating windows, and a responder beside them.
//!
//! All run all the time with the same open connections, and only one has work at a time. So all are
//! measured on the same machine, in the same minute, with the same noise.

use std::time::Duration;

use crate::compare::ratio::Ratio;
use crate::compare::rows::{ComparisonRow, Pace, Tls};
use crate::load::generator::{Generator, Until};
use crate::load::handshakes;
use crate::load::load_error::LoadError;
use crate::load::tally::Tally;
use crate::load::workload::{Operation, Workload};
use crate::servers::server_process::ServerProcess;
use crate::servers::stream::Endpoint;
use crate::splitmix64::Splitmix64;
use crate::table::median;

/// Seed of the order of windows: the same in each run.
const ORDER_SEED: u64 = 1;

/// The windows of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Windows per server and row, at least 1.
    pub windows: usize,
    /// Length of a window.
    pub window: Duration,
    /// Load before the first window, per server.
    pub warm_up: Duration,
}

/// The servers of one comparison.
#[derive(Debug)]
pub struct Pair {
    /// The server to compare with.
    pub memcached: ServerProcess,
    /// The server that is compared with it.
    pub slabcore: ServerProcess,
}

/// The figures of one server in one window.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Requests per second.
    pub throughput: f64,
    /// Server CPU per request, user and system, in microseconds.
    pub cpu_micros: f64,
    /// Cores that the server kept busy: its CPU time divided by the window's length.
    pub busy_cores: f64,
    /// Median latency of a write, in microseconds.
    pub p50_micros: f64,
    /// 99th percentile of it.
    pub p99_micros: f64,
    /// 99.9th percentile of it.
    pub p999_micros: f64,
    /// Keys that gets found.
    pub hits: u64,
    /// Keys that gets did not find.
    pub misses: u64,
    /// Requests that were due and found no free connection before the window's end.
    pub unsent: u64,
    /// Handshakes of other clients, in a second.
    pub handshakes_per_second: f64,
}

/// The windows of one row.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The row.
    pub row: ComparisonRow,
    /// memcached's windows in order.
    pub memcached: Vec<Window>,
    /// Slabcore's, each next to memcached's of the same position.
    pub slabcore: Vec<Window>,
    /// The responder's; none where there is no responder.
    pub responder: Vec<Window>,
    /// Resident memory of memcached after the row, in bytes.
    pub memcached_bytes: u64,
    /// Resident memory of Slabcore after the row, in bytes.
    pub slabcore_bytes: u64,
}

impl Outcome {
    /// memcached's figure divided by ours, of neighbouring windows.
    #[must_use]
    pub fn ratio(&self) -> Ratio {
        let figure = self.figure();
        let pairs = self.memcached.iter().zip(&self.slabcore);
        Ratio::of_pairs(pairs.map(|(memcached, slabcore)| (figure(memcached), figure(slabcore))))
    }

    /// The responder's CPU per request in microseconds, and how many times as much ours is.
    #[must_use]
    pub fn over_responder(&self) -> Option<(f64, f64)> {
        let cpu = |windows: &[Window]| median_of(windows, |window| window.cpu_micros);
        let responder = cpu(&self.responder);
        (!self.responder.is_empty()).then(|| (responder, cpu(&self.slabcore) / responder))
    }

    /// What the row compares.
    fn figure(&self) -> fn(&Window) -> f64 {
        match self.row.pace {
            Pace::Closed => |window| window.cpu_micros,
            Pace::ShareOfPeak(_) => |window| window.p99_micros,
        }
    }

    /// Whether the row reaches its minimum.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.ratio().ratio >= self.row.floor
    }

    /// Keys not found in all windows of both servers; a figure with misses compares nothing.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.windows().map(|window| window.misses).sum()
    }

    /// Requests that were due and not sent, in all windows of both servers.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.windows().map(|window| window.unsent).sum()
    }

    /// The smaller of the two servers' shares of their core, in a closed loop against servers with
    /// one thread. If it is much less than 1, the generator or another process was measured.
    #[must_use]
    pub fn least_busy(&self) -> Option<f64> {
        // With two threads the generator runs on the same cores.
        let measures_all = self.row.pace == Pace::Closed && self.row.threads == 1;
        let busy = |windows: &[Window]| median_of(windows, |window| window.busy_cores);
        measures_all.then(|| busy(&self.memcached).min(busy(&self.slabcore)))
    }

    fn windows(&self) -> impl Iterator<Item = &Window> {
        self.memcached.iter().chain(&self.slabcore)
    }
}

/// The median over windows of one of their figures.
#[must_use]
pub fn median_of(windows: &[Window], figure: impl Fn(&Window) -> f64) -> f64 {
    median(&windows.iter().map(figure).collect::<Vec<f64>>())
}

impl Pair {
    /// Stores every key of the load on both servers.
    pub fn preload(&self, workload: &Workload) -> Result<(), LoadError> {
        let preload = workload.preload();
        for server in [&self.memcached, &self.slabcore] {
            let mut generator = Generator::connect(server.address(), &preload, 0)?;
            generator.closed_loop(Until::Requests(u64::from(preload.keys)))?;
        }
        Ok(())
    }

    /// Reads every key of the load once. The first binary read of an item stored by text gives it a
    /// cas unique, which must not be measured.
    fn read_all(&self, workload: &Workload) -> Result<(), LoadError> {
        let reads = Workload { operation: workload.operation, ..workload.preload() };
        for server in [&self.memcached, &self.slabcore] {
            let mut generator = Generator::connect(server.address(), &reads, 0)?;
            generator.closed_loop(Until::Requests(u64::from(reads.keys)))?;
        }
        Ok(())
    }

    /// Measures one row. The servers must hold its keys. The responder has a load of its own.
    pub fn measure(
        &self,
        row: ComparisonRow,
        workload: &Workload,
        responder: Option<(&ServerProcess, &Workload)>,
        schedule: Schedule,
    ) -> Result<Outcome, LoadError> {
        // The same seed requests the same keys of both servers.
        let mut of_memcached = Generator::connect(endpoint(&self.memcached, row), workload, 1)?;
        let mut of_slabcore = Generator::connect(endpoint(&self.slabcore, row), workload, 1)?;
        if row.operation == Operation::BinaryGet {
            self.read_all(workload)?;
        }
        for generator in [&mut of_memcached, &mut of_slabcore] {
            generator.closed_loop(Until::Elapsed(schedule.warm_up))?;
        }
        let mut of_responder = None;
        if let Some((server, workload)) = responder {
            let mut generator = Generator::connect(server.address(), workload, 1)?;
            generator.closed_loop(Until::Elapsed(schedule.warm_up))?;
            of_responder = Some((server, generator));
        }
        let rate = match row.pace {
            Pace::Closed => None,
            Pace::ShareOfPeak(share) => Some(peak(&mut of_memcached, schedule)? * share),
        };
        let load = Load { row, rate, length: schedule.window };
        let mut of_memcached = |server| load.window(server, &mut of_memcached);
        let mut of_slabcore = |server| load.window(server, &mut of_slabcore);
        let mut outcome = Outcome {
            row,
            memcached: Vec::new(),
            slabcore: Vec::new(),
            responder: Vec::new(),
            memcached_bytes: 0,
            slabcore_bytes: 0,
        };
        let mut order = Splitmix64::new(ORDER_SEED);
        for _ in 0..schedule.windows {
            // The order is random, so that no drift and no rhythm of the machine favours a server.
            let slabcore_first = order.below(2) == 1;
            if slabcore_first {
                outcome.slabcore.push(of_slabcore(&self.slabcore)?);
            }
            outcome.memcached.push(of_memcached(&self.memcached)?);
            if !slabcore_first {
                outcome.slabcore.push(of_slabcore(&self.slabcore)?);
            }
            if let Some((server, generator)) = &mut of_responder {
                outcome.responder.push(load.window(server, generator)?);
            }
        }
        outcome.memcached_bytes = self.memcached.resident_bytes()?;
        outcome.slabcore_bytes = self.slabcore.resident_bytes()?;
        Ok(outcome)
    }
}

/// The largest rate of a server in requests per second, as the median over the windows of a row.
fn peak(generator: &mut Generator, schedule: Schedule) -> Result<f64, LoadError> {
    let mut rates = Vec::new();
    for _ in 0..schedule.windows {
        let tally = generator.closed_loop(Until::Elapsed(schedule.window))?;
        rates.push(tally.requests_per_second());
    }
    Ok(median(&rates))
}

/// The addresses of a row's connections.
fn endpoint(server: &ServerProcess, row: ComparisonRow) -> Endpoint {
    match row.tls {
        Tls::Connections => server.tls_endpoint().clone(),
        Tls::Nothing | Tls::Handshakes(_) => server.address().into(),
    }
}

/// What happens in a window.
#[derive(Clone, Copy)]
struct Load {
    row: ComparisonRow,
    /// Requests per second of an open loop; `None`: a closed one.
    rate: Option<f64>,
    length: Duration,
}

impl Load {
    fn window(
        self,
        server: &ServerProcess,
        generator: &mut Generator,
    ) -> Result<Window, LoadError> {
        let before = server.cpu_time()?;
        let (tally, handshakes) = match self.row.tls {
            Tls::Nothing | Tls::Connections => (self.run(generator)?, 0),
            Tls::Handshakes(rate) => {
                let load = || self.run(generator);
                let (tally, count) = handshakes::beside(server.tls_endpoint(), rate, load)?;
                (tally?, count)
            }
        };
        let cpu = server.cpu_time()?.saturating_sub(before);
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        Ok(Window {
            throughput: tally.requests_per_second(),
            cpu_micros: micros(cpu) / tally.requests.max(1) as f64,
            busy_cores: cpu.as_secs_f64() / tally.elapsed.as_secs_f64().max(f64::EPSILON),
            p50_micros: micros(tally.latency_at(0.50)),
            p99_micros: micros(tally.latency_at(0.99)),
            p999_micros: micros(tally.latency_at(0.999)),
            hits: tally.hits,
            misses: tally.misses,
            unsent: tally.unsent,
            handshakes_per_second: handshakes as f64 / tally.elapsed.as_secs_f64(),
        })
    }

    fn run(self, generator: &mut Generator) -> Result<Tally, LoadError> {
        match self.rate {
            None => generator.closed_loop(Until::Elapsed(self.length)),
            Some(rate) => generator.open_loop(rate, self.length),
        }
    }
}
