//! Replays recorded requests, and counts misses and items held, side by side with stock memcached.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use slabcore_bench::host::{cores, machine};
use slabcore_bench::servers::{binaries, session::Session};
use slabcore_bench::{ServerOptions, ServerProcess, table};
use slabcore_benches::replay::curve_check::CurveCheck;
use slabcore_benches::replay::exact_lru::{ExactLru, Weight};
use slabcore_benches::replay::held_items::{self, HeldItems, Offer};
use slabcore_benches::replay::mix::{MIXES, Mix, MixTally};
use slabcore_benches::replay::replay_row::{ReplayRow, SHARES};
use slabcore_benches::replay::trace::Record;
use slabcore_benches::replay::trace_copies::ValueSizes;
use slabcore_benches::{LocalStore, MissTally, Preset, TraceCopies, WireReplay};

const DETAILS: &str = "\
Servers: memcached from $MEMCACHED, else the PATH; slabcore from $SLABCORE, else beside this program
or the PATH; on the first cores that this process may use, the replay on the last. Ratios are
slabcore's figure divided by memcached's.";

/// Bytes of an item besides key and value in the simulated LRU.
const LRU_ITEM_BYTES: u32 = 50;
/// Capacity in items and hit ratio in percent of an LRU on OLTP: Megiddo and Modha, FAST 2003.
const OLTP_HITS: [(u64, f64); 4] =
    [(1_000, 32.83), (2_000, 42.47), (5_000, 53.65), (10_000, 60.70)];
/// Largest deviation from a published ratio, which is rounded.
const ROUNDING: f64 = 0.005_001;

fn folder() -> Arg {
    Arg::new("folder")
        .value_name("DIR")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("Holds replays.csv, replays-unit.csv and traces/NAME.bin.zst")
}

fn option(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("LIST").default_value(default).help(help)
}

fn unit() -> Arg {
    let help = "All values of one size: the rows of replays-unit.csv";
    Arg::new("unit").long("unit").action(ArgAction::SetTrue).help(help)
}

fn names() -> Arg {
    Arg::new("names").long("names").value_name("LIST").help("Only these traces")
}

fn curve_command() -> Command {
    let curve = Command::new("curve")
        .about("Misses that slabcore predicts for other sizes of its memory, and those of them.")
        .arg(folder())
        .arg(names())
        .arg(option("scales", "10,30", "Memory in percent of the footprint"))
        .arg(unit())
        .arg(number("speed", "100", "Seconds of the trace that --store plays in one second"));
    with_target(curve)
}

fn command() -> Command {
    let baseline = Arg::new("baseline").long("baseline").value_name("FILE");
    let traces = Command::new("traces")
        .about("Misses of traces, as a cache-aside client meets them.")
        .arg(folder())
        .arg(names())
        .arg(option("scales", "1,10,30", "Memory in percent of the footprint"))
        .arg(unit())
        .arg(
            number("speed", "1", "Seconds of the trace that --store plays in one second")
                .conflicts_with("servers"),
        )
        .arg(
            baseline
                .conflicts_with("servers")
                .value_parser(value_parser!(PathBuf))
                .help("memcached's figures for --store, in lines of name,MiB,percent missed"),
        );
    let held = Command::new("held")
        .about("Items that are held when several times the memory is offered.")
        .arg(
            Arg::new("presets")
                .value_name("CSV")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Table of presets with name, key_dist, value_dist and ttl_dist"),
        )
        .arg(option("names", "twitter-c52,twitter-c25,fb-etc,fb-usr", "Presets"))
        .arg(number("memory", "256", "-m in MiB"))
        .arg(number("times", "3", "Offered bytes divided by the memory"));
    let mix = Command::new("mix")
        .about("Hits of small items and of a few large values that are read often.")
        .arg(Arg::new("names").long("names").value_name("LIST").help("Only these mixes"))
        .arg(number("memory", "64", "-m in MiB"));
    let verify = Command::new("verify")
        .about("Plays the traces to an exact LRU, whose figures are known.")
        .arg(folder())
        .arg(names())
        .arg(unit());
    Command::new("replay")
        .about("Replays recorded requests against a store or against two servers.")
        .after_help(DETAILS)
        .subcommand_required(true)
        .subcommands([
            with_target(traces),
            curve_command(),
            with_target(held),
            with_target(mix),
            verify,
        ])
}

fn number(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    let range = value_parser!(u32).range(1..=1 << 20);
    Arg::new(name).long(name).value_name("N").default_value(default).value_parser(range).help(help)
}

fn with_target(command: Command) -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    command
        .arg(flag("store", "Within this process: one store, time from the trace"))
        .arg(flag("servers", "Over the wire: stock memcached and slabcore"))
        .group(ArgGroup::new("target").args(["store", "servers"]).required(true))
        .arg(number("threads", "1", "-t of both servers").conflicts_with("store"))
}

/// Starts servers and describes them.
struct Servers {
    memcached: PathBuf,
    slabcore: PathBuf,
    threads: usize,
    allowed: Vec<usize>,
    machine: String,
}

impl Servers {
    /// `None` for a replay to the store within this process.
    fn of(matches: &ArgMatches) -> Result<Option<Self>, Box<dyn Error>> {
        if matches.get_flag("store") {
            return Ok(None);
        }
        // The description must precede the pinning of this process to one core.
        let (allowed, machine) = (cores::allowed()?, machine::describe());
        cores::pin(&allowed[allowed.len() - 1..])?;
        let (memcached, slabcore) = (binaries::memcached(None)?, binaries::slabcore(None)?);
        let threads = matches.get_one::<u32>("threads").map_or(1, |threads| *threads as usize);
        Ok(Some(Self { memcached, slabcore, threads, allowed, machine }))
    }

    fn start(&self, binary: &Path, memory_mib: usize) -> std::io::Result<ServerProcess> {
        let cores = self.allowed[..self.threads.min(self.allowed.len())].to_vec();
        let options =
            ServerOptions { memory_mib, threads: self.threads, connections: 64, cores, tls: None };
        ServerProcess::start(binary, &options)
    }

    fn describe(&self) -> Result<String, Box<dyn Error>> {
        let server = self.start(&self.memcached, 64)?;
        let version = Session::open(server.address())?.version()?;
        Ok(format!("memcached {version} / slabcore, -t {}. {}.", self.threads, self.machine))
    }
}

/// One replay's result.
#[derive(Clone, Copy)]
struct Outcome {
    tally: MissTally,
    memory_bytes: u64,
}

/// The results of both servers with one memory limit.
struct Measured {
    name: String,
    share: u32,
    memory_mib: usize,
    /// Percentage of misses; read from a file for a replay to the store.
    baseline: Option<f64>,
    memcached: Option<Outcome>,
    slabcore: Outcome,
}

impl Measured {
    fn ratio(&self) -> Option<f64> {
        Some(self.slabcore.tally.miss_percent() / self.baseline?)
    }

    fn cells(&self) -> Vec<String> {
        let known = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let mib = |outcome: &Outcome| outcome.memory_bytes as f64 / f64::from(1 << 20);
        let theirs = self.memcached;
        let (own, own_mib) = (&self.slabcore.tally, mib(&self.slabcore));
        let byte_ratio =
            theirs.map(|other| own.byte_miss_percent() / other.tally.byte_miss_percent());
        vec![
            self.name.clone(),
            format!("{} %", self.share),
            self.memory_mib.to_string(),
            known(self.baseline.map(|percent| format!("{percent:.2}"))),
            format!("{:.2}", own.miss_percent()),
            known(self.ratio().map(|ratio| format!("{ratio:.3}"))),
            known(theirs.map(|other| format!("{:.2}", other.tally.byte_miss_percent()))),
            format!("{:.2}", own.byte_miss_percent()),
            known(byte_ratio.map(|ratio| format!("{ratio:.3}"))),
            known(theirs.map(|other| format!("{:.1}", mib(&other)))),
            format!("{own_mib:.1}"),
            known(theirs.map(|other| other.tally.refused.to_string())),
            own.refused.to_string(),
        ]
    }
}

const HEAD: [&str; 13] = [
    "trace",
    "share",
    "-m",
    "memcached miss %",
    "slabcore",
    "ratio",
    "memcached byte miss %",
    "slabcore",
    "ratio",
    "memcached MiB",
    "slabcore MiB",
    "memcached refused",
    "slabcore",
];

fn rows(matches: &ArgMatches) -> Result<(PathBuf, Vec<ReplayRow>), Box<dyn Error>> {
    let folder: &PathBuf = matches.get_one("folder").expect("it is required");
    let file = if matches.get_flag("unit") { "replays-unit.csv" } else { "replays.csv" };
    let mut rows = ReplayRow::read_all(&folder.join(file))?;
    if let Some(names) = matches.get_one::<String>("names") {
        let names: Vec<&str> = names.split(',').collect();
        if let Some(unknown) = names.iter().find(|name| !rows.iter().any(|row| row.name == **name))
        {
            return Err(format!("{file} has no trace {unknown}").into());
        }
        rows.retain(|row| names.contains(&row.name.as_str()));
    }
    Ok((folder.join("traces"), rows))
}

/// Name, MiB and percent of every line.
/// Miss percentage of memcached by trace and `-m`.
type Baseline = Vec<(String, usize, f64)>;

fn baseline(matches: &ArgMatches) -> Result<Baseline, Box<dyn Error>> {
    let Some(path) = matches.get_one::<PathBuf>("baseline") else { return Ok(Vec::new()) };
    let line = |line: &str| {
        let mut words = line.split(',').map(str::trim);
        let (name, mib, percent) = (words.next()?, words.next()?, words.next()?);
        Some((name.to_owned(), mib.parse().ok()?, percent.parse().ok()?))
    };
    let lines: Option<Vec<_>> = std::fs::read_to_string(path)?.lines().map(line).collect();
    lines.ok_or_else(|| format!("{} is no baseline", path.display()).into())
}

fn replay_server(
    servers: &Servers,
    binary: &Path,
    memory_mib: usize,
    requests: TraceCopies<'_>,
) -> Result<Outcome, Box<dyn Error>> {
    let server = servers.start(binary, memory_mib)?;
    let tally = WireReplay::connect(server.address())?.play(requests)?;
    Ok(Outcome { tally, memory_bytes: server.resident_bytes()? })
}

fn replay_store(memory_mib: usize, speed: u32, requests: TraceCopies<'_>) -> Outcome {
    let mut store = LocalStore::new(memory_mib);
    let tally = store.play(requests, speed);
    Outcome { tally, memory_bytes: store.used_bytes() }
}

fn replay(
    servers: Option<&Servers>,
    speed: u32,
    row: &ReplayRow,
    share: u32,
    records: &[Record],
) -> Result<Measured, Box<dyn Error>> {
    let memory_mib = row.memory_mib(share).ok_or("--scales takes some of 1,10,30")?;
    let requests = TraceCopies::new(records, row.copies, row.sizes);
    let start = Instant::now();
    let (memcached, slabcore) = match servers {
        None => (None, replay_store(memory_mib, speed, requests)),
        Some(servers) => {
            let memcached =
                replay_server(servers, &servers.memcached, memory_mib, requests.clone())?;
            (Some(memcached), replay_server(servers, &servers.slabcore, memory_mib, requests)?)
        }
    };
    let replays = 1 + u32::from(memcached.is_some());
    let rate = (records.len() * row.copies) as f64 * f64::from(replays)
        / start.elapsed().as_secs_f64()
        / 1000.0;
    eprintln!("{} at {share} %: {rate:.0} thousand requests per second", row.name);
    let baseline = memcached.map(|outcome| outcome.tally.miss_percent());
    Ok(Measured { name: row.name.clone(), share, memory_mib, baseline, memcached, slabcore })
}

fn traces(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let (folder, rows) = rows(matches)?;
    let scales: &String = matches.get_one("scales").expect("it has a default");
    let scales = scales.split(',').map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    let baseline = baseline(matches)?;
    let servers = Servers::of(matches)?;
    let speed = *matches.get_one::<u32>("speed").expect("it has a default");
    let mut measured = Vec::new();
    for row in &rows {
        let records = row.read_trace(&folder)?;
        for &share in &scales {
            let mut new = replay(servers.as_ref(), speed, row, share, &records)?;
            let published =
                baseline.iter().find(|(name, mib, _)| *name == row.name && *mib == new.memory_mib);
            new.baseline = new.baseline.or(published.map(|(_, _, percent)| *percent));
            measured.push(new);
        }
    }
    match &servers {
        Some(servers) => println!("{} MiB are resident.\n", servers.describe()?),
        None => println!("One store within the process; MiB are pages in use.\n"),
    }
    let cells: Vec<Vec<String>> = measured.iter().map(Measured::cells).collect();
    print!("{}", table::markdown(&HEAD, &cells));
    for share in SHARES {
        let own = measured.iter().filter(|row| row.share == share);
        let logarithms: Vec<f64> = own.filter_map(Measured::ratio).map(f64::ln).collect();
        if !logarithms.is_empty() {
            let mean = (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp();
            println!("\nGeometric mean of the miss ratios at {share} %: {mean:.3}");
        }
    }
    Ok(())
}

fn curve(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let (folder, rows) = rows(matches)?;
    let scales: &String = matches.get_one("scales").expect("it has a default");
    let scales = scales.split(',').map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    let servers = Servers::of(matches)?;
    let speed = *matches.get_one::<u32>("speed").expect("it has a default");
    let mut cells = Vec::new();
    for row in &rows {
        let records = row.read_trace(&folder)?;
        for &share in &scales {
            let memory_mib = row.memory_mib(share).ok_or("--scales takes some of 1,10,30")?;
            let requests = TraceCopies::new(&records, row.copies, row.sizes);
            let check = match &servers {
                None => CurveCheck::of_stores(memory_mib, speed, &requests),
                Some(servers) => CurveCheck::of_servers(memory_mib, &requests, |memory_mib| {
                    servers.start(&servers.slabcore, memory_mib)
                })?,
            };
            eprintln!("{} at {share} %: {:.2} points at most", row.name, check.error());
            let mut line = vec![row.name.clone(), memory_mib.to_string()];
            let pairs = check.predicted.iter().zip(&check.measured);
            line.extend(
                pairs.map(|(predicted, measured)| format!("{predicted:.2} / {measured:.2}")),
            );
            line.push(format!("{:.2}", check.error()));
            cells.push(line);
        }
    }
    match &servers {
        Some(servers) => println!("{}\n", servers.describe()?),
        None => println!("Stores within the process.\n"),
    }
    let factors = CurveCheck::factors().map(|factor| format!("{factor} x"));
    let mut head = vec!["trace", "-m"];
    head.extend(factors.iter().map(String::as_str));
    head.push("largest error");
    println!("Percent missed, predicted / measured.\n");
    print!("{}", table::markdown(&head, &cells));
    Ok(())
}

fn held(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let path: &PathBuf = matches.get_one("presets").expect("it is required");
    let names: &String = matches.get_one("names").expect("it has a default");
    let memory_mib = *matches.get_one::<u32>("memory").expect("it has a default") as usize;
    let times = *matches.get_one::<u32>("times").expect("it has a default");
    let presets = Preset::read_all(path)?;
    let servers = Servers::of(matches)?;
    let mut cells = Vec::new();
    for name in names.split(',') {
        let preset = presets.iter().find(|preset| preset.name == name);
        let preset = preset.ok_or_else(|| format!("no preset {name}"))?;
        let offer = || Offer::new(preset, memory_mib, times);
        let of_server = |servers: &Servers, binary: &Path| -> Result<_, Box<dyn Error>> {
            let server = servers.start(binary, memory_mib)?;
            let held = held_items::offer_to_server(offer(), server.address())?;
            Ok((held, server.resident_bytes()?))
        };
        let (memcached, slabcore) = match &servers {
            None => {
                let mut store = LocalStore::new(memory_mib);
                let held = held_items::offer_to_store(offer(), &mut store);
                (None, (held, store.used_bytes()))
            }
            Some(servers) => (
                Some(of_server(servers, &servers.memcached)?),
                of_server(servers, &servers.slabcore)?,
            ),
        };
        eprintln!("{name}: {} held", slabcore.0.held);
        cells.push(held_cells(name, memcached, slabcore));
    }
    match &servers {
        Some(servers) => println!("{} -m {memory_mib}; MiB are resident.\n", servers.describe()?),
        None => println!("One store of {memory_mib} MiB within the process.\n"),
    }
    let head = [
        "preset",
        "offered",
        "memcached held",
        "slabcore",
        "ratio",
        "memcached MiB",
        "slabcore MiB",
        "memcached refused",
        "slabcore",
    ];
    print!("{}", table::markdown(&head, &cells));
    Ok(())
}

fn held_cells(
    name: &str,
    memcached: Option<(HeldItems, u64)>,
    (slabcore, own_bytes): (HeldItems, u64),
) -> Vec<String> {
    let known = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    let ratio = memcached.map(|(other, _)| slabcore.held as f64 / other.held.max(1) as f64);
    vec![
        name.to_owned(),
        slabcore.offered.to_string(),
        known(memcached.map(|(other, _)| other.held.to_string())),
        slabcore.held.to_string(),
        known(ratio.map(|ratio| format!("{ratio:.3}"))),
        known(memcached.map(|(_, bytes)| mib(bytes))),
        mib(own_bytes),
        known(memcached.map(|(other, _)| other.refused.to_string())),
        slabcore.refused.to_string(),
    ]
}

fn mix(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let memory_mib = *matches.get_one::<u32>("memory").expect("it has a default") as usize;
    let mut mixes = MIXES.to_vec();
    if let Some(names) = matches.get_one::<String>("names") {
        let names: Vec<&str> = names.split(',').collect();
        if let Some(unknown) = names.iter().find(|name| !MIXES.iter().any(|it| it.name == **name)) {
            return Err(format!("no mix {unknown}").into());
        }
        mixes.retain(|mix| names.contains(&mix.name));
    }
    let servers = Servers::of(matches)?;
    let mut cells = Vec::new();
    for mix in &mixes {
        let start = Instant::now();
        let (memcached, slabcore) = match &servers {
            None => (None, mix_of_store(mix, memory_mib)),
            Some(servers) => (
                Some(mix_of_server(servers, &servers.memcached, mix, memory_mib)?),
                mix_of_server(servers, &servers.slabcore, mix, memory_mib)?,
            ),
        };
        eprintln!("{}: {:.1} s", mix.name, start.elapsed().as_secs_f64());
        cells.extend(mix_cells(mix, memcached.as_ref(), &slabcore));
    }
    match &servers {
        Some(servers) => println!("{} -m {memory_mib}.\n", servers.describe()?),
        None => println!("One store of {memory_mib} MiB within the process.\n"),
    }
    let head = [
        "mix",
        "values",
        "keys",
        "requests",
        "memcached hits",
        "slabcore",
        "memcached byte hits",
        "slabcore",
        "memcached refused",
        "slabcore",
    ];
    print!("{}", table::markdown(&head, &cells));
    Ok(())
}

fn mix_of_server(
    servers: &Servers,
    binary: &Path,
    mix: &Mix,
    memory_mib: usize,
) -> Result<MixTally, Box<dyn Error>> {
    let server = servers.start(binary, memory_mib)?;
    let mut replay = WireReplay::connect(server.address())?;
    let mut requests = mix.requests();
    let warm_up = replay.play(requests.by_ref().take(mix.warm_up))?;
    let mut tally = MixTally::new(mix);
    let counted = requests.take(mix.counted);
    let refused = replay.play_counting(counted, |get, hit| tally.count(get, hit))?;
    tally.refused = warm_up.refused + refused;
    Ok(tally)
}

fn mix_of_store(mix: &Mix, memory_mib: usize) -> MixTally {
    let mut store = LocalStore::new(memory_mib);
    let mut requests = mix.requests();
    let warm_up = store.play(requests.by_ref().take(mix.warm_up), 1);
    let mut tally = MixTally::new(mix);
    let counted = requests.take(mix.counted);
    let refused = store.play_counting(counted, 1, |get, hit| tally.count(get, hit));
    tally.refused = warm_up.refused + refused;
    tally
}

/// A row for each group, and one for all of them.
fn mix_cells(mix: &Mix, memcached: Option<&MixTally>, slabcore: &MixTally) -> Vec<Vec<String>> {
    let known = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let hits = |tally: &MissTally| format!("{:.3}", 1.0 - tally.miss_percent() / 100.0);
    let byte_hits = |tally: &MissTally| format!("{:.3}", 1.0 - tally.byte_miss_percent() / 100.0);
    let mut rows = Vec::new();
    for (number, group) in mix.groups.iter().enumerate() {
        let (theirs, own) = (memcached.map(|it| &it.groups[number]), &slabcore.groups[number]);
        rows.push(vec![
            mix.name.to_owned(),
            group.sizes(),
            group.keys.to_string(),
            format!("{} %", f64::from(group.share) / 10.0),
            known(theirs.map(hits)),
            hits(own),
            known(theirs.map(byte_hits)),
            byte_hits(own),
            String::new(),
            String::new(),
        ]);
    }
    let (theirs, own) = (memcached.map(MixTally::all), slabcore.all());
    rows.push(vec![
        mix.name.to_owned(),
        "all".to_owned(),
        mix.groups.iter().map(|group| group.keys).sum::<u32>().to_string(),
        "100 %".to_owned(),
        known(theirs.as_ref().map(hits)),
        hits(&own),
        known(theirs.as_ref().map(byte_hits)),
        byte_hits(&own),
        known(theirs.map(|it| it.refused.to_string())),
        own.refused.to_string(),
    ]);
    rows
}

fn verify(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let (folder, rows) = rows(matches)?;
    let mut cells = Vec::new();
    for row in &rows {
        let records = row.read_trace(&folder)?;
        for share in SHARES {
            let memory_mib = row.memory_mib(share).expect("one of the shares");
            let mut lru = ExactLru::new((memory_mib as u64) << 20, Weight::Bytes(LRU_ITEM_BYTES));
            let tally = lru.play(TraceCopies::new(&records, row.copies, row.sizes));
            let percent = format!("{:.2}", tally.miss_percent());
            cells.push(vec![row.name.clone(), memory_mib.to_string(), percent]);
        }
        if row.name == "oltp" {
            verify_oltp(&records)?;
        }
    }
    println!("\nExact LRU at key + value + {LRU_ITEM_BYTES} bytes an item.\n");
    print!("{}", table::markdown(&["trace", "MiB", "miss %"], &cells));
    Ok(())
}

fn verify_oltp(records: &[Record]) -> Result<(), Box<dyn Error>> {
    for (capacity, published) in OLTP_HITS {
        let mut lru = ExactLru::new(capacity, Weight::Unit);
        let tally = lru.play(TraceCopies::new(records, 1, ValueSizes::Unit(1)));
        let hits = 100.0 - tally.miss_percent();
        println!("oltp, LRU of {capacity} items: {hits:.2} % hits, published {published:.2} %");
        if (hits - published).abs() > ROUNDING {
            return Err("the trace is not read or not played as it should be".into());
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let matches = command().get_matches();
    let result = match matches.subcommand() {
        Some(("traces", matches)) => traces(matches),
        Some(("curve", matches)) => curve(matches),
        Some(("held", matches)) => held(matches),
        Some(("mix", matches)) => mix(matches),
        Some(("verify", matches)) => verify(matches),
        _ => unreachable!("clap requires one of these"),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::FAILURE
        }
    }
}
