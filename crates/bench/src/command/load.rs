//! Sends load to a server that speaks memcached's text protocol, and checks every reply.

use std::error::Error;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::host::cores;
use crate::load::generator::{Generator, Until};
use crate::load::load_error::LoadError;
use crate::load::tally::Tally;
use crate::load::workload::{KeyOrder, Operation, Workload};

const DETAILS: &str = "\
A latency is that of a write: from the moment it leaves (with --rate: from the moment it was due)
to the last of its replies. The first wrong reply ends the run with status 1.";

fn option(name: &'static str, value: &'static str, default: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).default_value(default)
}

/// The command line.
#[must_use]
pub fn command() -> Command {
    Command::new("load")
        .about("Sends load to a memcached-compatible server and checks every reply.")
        .after_help(DETAILS)
        .arg(option("address", "HOST:PORT", "127.0.0.1:11211").help("Server"))
        .arg(
            option("operation", "NAME", "get")
                .value_parser(["get", "mg", "set", "mix"])
                .help("Command; mix: get, and set in --sets-percent of the requests"),
        )
        .arg(option("keys-per-get", "N", "1").help("Keys that one get names"))
        .arg(option("sets-percent", "N", "10").help("Share of sets in a mix"))
        .arg(option("keys", "N", "1000000").help("Distinct keys"))
        .arg(
            Arg::new("zipf")
                .long("zipf")
                .value_name("EXPONENT")
                .help("Skewed keys, such as 0.99; without it every key is equally likely"),
        )
        .arg(option("key-bytes", "N", "16").help("Bytes of a key"))
        .arg(option("value-bytes", "N[,N...]", "100").help("Bytes of a value, dealt out in turn"))
        .arg(option("connections", "N", "50").help("Connections over all threads"))
        .arg(option("depth", "N", "1").help("Requests per write"))
        .arg(option("threads", "N", "1").help("Threads of the generator"))
        .arg(option("seconds", "N", "5").help("Length of the run"))
        .arg(
            Arg::new("rate").long("rate").value_name("PER-SECOND").help(
                "Open loop: requests are due at this rate, whether the server keeps up or not",
            ),
        )
        .arg(
            Arg::new("cores")
                .long("cores")
                .value_name("N[,N...]")
                .help("Cores of the generator; without it those of the process"),
        )
        .arg(
            Arg::new("preload")
                .long("preload")
                .action(ArgAction::SetTrue)
                .help("Store every key once before the run"),
        )
        .arg(Arg::new("seed").long("seed").value_name("N").default_value("1").help("Key order"))
}

fn number<T>(matches: &ArgMatches, name: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text = matches.get_one::<String>(name).ok_or_else(|| format!("--{name} is missing"))?;
    text.parse().map_err(|error| format!("--{name} {text}: {error}"))
}

fn list(matches: &ArgMatches, name: &str) -> Result<Vec<usize>, String> {
    let Some(text) = matches.get_one::<String>(name) else { return Ok(Vec::new()) };
    let parse = |word: &str| word.parse().map_err(|error| format!("--{name} {text}: {error}"));
    text.split(',').map(parse).collect()
}

fn workload(matches: &ArgMatches) -> Result<Workload, String> {
    let operation = match matches.get_one::<String>("operation").map(String::as_str) {
        Some("mg") => Operation::MetaGet,
        Some("set") => Operation::Set,
        Some("mix") => Operation::Mixed { sets_percent: number(matches, "sets-percent")? },
        _ => Operation::Get { keys: number(matches, "keys-per-get")? },
    };
    let order = if matches.contains_id("zipf") {
        KeyOrder::Zipf(number(matches, "zipf")?)
    } else {
        KeyOrder::Uniform
    };
    Ok(Workload {
        operation,
        keys: number(matches, "keys")?,
        order,
        key_bytes: number(matches, "key-bytes")?,
        value_bytes: list(matches, "value-bytes")?,
        connections: number(matches, "connections")?,
        depth: number(matches, "depth")?,
    })
}

/// What every thread of the generator does.
struct Run {
    address: SocketAddr,
    threads: usize,
    time: Duration,
    rate: Option<f64>,
    seed: u64,
}

impl Run {
    fn of(matches: &ArgMatches) -> Result<Self, Box<dyn Error>> {
        let address: String = number(matches, "address")?;
        let seconds: f64 = number(matches, "seconds")?;
        let rate =
            if matches.contains_id("rate") { Some(number::<f64>(matches, "rate")?) } else { None };
        if rate.is_some_and(|rate| !(1.0..=1e9).contains(&rate)) {
            return Err("--rate is not within 1 to 1000000000".into());
        }
        Ok(Self {
            address: address.to_socket_addrs()?.next().ok_or("the address names no host")?,
            threads: number(matches, "threads")?,
            time: Duration::try_from_secs_f64(seconds)?,
            rate,
            seed: number(matches, "seed")?,
        })
    }

    /// The threads' connections are shares of the load's, as equal as possible.
    fn start(&self, workload: &Workload) -> Result<Tally, LoadError> {
        let share = |at: usize| {
            let (each, more) =
                (workload.connections / self.threads, workload.connections % self.threads);
            Workload { connections: each + usize::from(at < more), ..workload.clone() }
        };
        let results: Vec<_> = thread::scope(|scope| {
            let spawn = |at| scope.spawn(move || self.one_thread(&share(at), at));
            let threads: Vec<_> = (0..self.threads).map(spawn).collect();
            threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
        });
        let mut total = Tally::default();
        for result in results {
            total.merge(&result.expect("a generator thread does not panic")?);
        }
        Ok(total)
    }

    fn one_thread(&self, workload: &Workload, at: usize) -> Result<Tally, LoadError> {
        let seed = self.seed.wrapping_add(at as u64);
        let mut generator = Generator::connect(self.address, workload, seed)?;
        match self.rate {
            Some(rate) => generator.open_loop(rate / self.threads as f64, self.time),
            None => generator.closed_loop(Until::Elapsed(self.time)),
        }
    }
}

/// Runs the load and prints its figures.
pub fn run(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let workload = workload(matches)?;
    workload.validate()?;
    let run = Run::of(matches)?;
    if run.threads == 0 || run.threads > workload.connections {
        return Err("--threads is not within 1 to --connections".into());
    }
    let cores = list(matches, "cores")?;
    if !cores.is_empty() {
        cores::pin(&cores)?;
    }
    if matches.get_flag("preload") {
        let preload = workload.preload();
        let mut generator = Generator::connect(run.address, &preload, 0)?;
        let tally = generator.closed_loop(Until::Requests(u64::from(preload.keys)))?;
        println!("preload     {} sets, {:.0}/s", tally.sets, tally.requests_per_second());
    }
    let tally = run.start(&workload)?;
    println!("requests    {}, {:.0}/s", tally.requests, tally.requests_per_second());
    println!(
        "keys        {} hits, {} misses, {} sets, {} refused",
        tally.hits, tally.misses, tally.sets, tally.refused
    );
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
        println!("{name:<11} {:.1} us", tally.latency_at(share).as_secs_f64() * 1e6);
    }
    if run.rate.is_some() {
        println!("unsent      {} (due, and no connection was free before the end)", tally.unsent);
    }
    Ok(())
}
