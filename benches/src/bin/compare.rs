//! Compares slabcore with stock memcached: same cores, same load, alternating windows.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use slabcore_benches::comparison::{Outcome, Pair, Schedule, Window, median_of};
use slabcore_benches::rows::{ROWS, Row};
use slabcore_benches::{
    ServerOptions, ServerProcess, binaries, cores, machine, session::Session, table,
};

const DETAILS: &str = "\
Servers: stock memcached from $MEMCACHED, else tests/stock-memcached; slabcore from $SLABCORE, else
the release build. The servers run on the first core that this process may use, the generator on
the last; rows with -t 2 use the first two, and share them with the generator where there is no
third. CPU is user and system time of all the server's threads, per request; ratio is memcached's
divided by slabcore's, of the medians, with the smallest and largest of neighbouring windows.";

fn command() -> Command {
    let option = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").default_value(default).help(help)
    };
    Command::new("compare")
        .about("Compares slabcore with stock memcached, side by side.")
        .after_help(DETAILS)
        .arg(
            option("windows", "5", "Windows per server and row")
                .value_parser(value_parser!(u16).range(1..=1000)),
        )
        .arg(option("seconds", "2", "Length of a window").value_parser(value_parser!(f64)))
        .arg(
            option("keys", "1000000", "Distinct keys")
                .value_parser(value_parser!(u32).range(1..=100_000_000)),
        )
        .arg(option("value-bytes", "100", "Bytes of a value").value_parser(value_parser!(usize)))
        .arg(option("memory", "1024", "-m of both servers").value_parser(value_parser!(usize)))
        .arg(
            Arg::new("rows")
                .long("rows")
                .value_name("TEXT[;TEXT...]")
                .help("Only rows whose name contains one of these texts"),
        )
        .arg(
            Arg::new("quick")
                .long("quick")
                .action(ArgAction::SetTrue)
                .help("One window of 0.2 s and 20,000 keys: shows that it works, not how fast"),
        )
        .arg(
            Arg::new("list")
                .long("list")
                .action(ArgAction::SetTrue)
                .help("Print the names of the rows and stop"),
        )
}

/// What the command line asks for.
struct Plan {
    rows: Vec<Row>,
    schedule: Schedule,
    keys: u32,
    value_bytes: usize,
    memory_mib: usize,
}

impl Plan {
    fn of(matches: &ArgMatches) -> Result<Self, Box<dyn Error>> {
        let quick = matches.get_flag("quick");
        let wanted: Option<&String> = matches.get_one("rows");
        let rows: Vec<Row> = ROWS
            .iter()
            .filter(|row| {
                wanted.is_none_or(|texts| texts.split(';').any(|text| row.name.contains(text)))
            })
            .copied()
            .collect();
        if rows.is_empty() {
            return Err("no row has such a name; --list names them".into());
        }
        let seconds = if quick { 0.2 } else { required::<f64>(matches, "seconds") };
        let window = Duration::try_from_secs_f64(seconds)?;
        let windows = if quick { 1 } else { required::<u16>(matches, "windows").into() };
        let plan = Self {
            rows,
            schedule: Schedule { windows, window, warm_up: window / 2 },
            keys: if quick { 20_000 } else { required(matches, "keys") },
            value_bytes: required(matches, "value-bytes"),
            memory_mib: required(matches, "memory"),
        };
        for row in &plan.rows {
            row.workload(plan.keys, plan.value_bytes).validate()?;
        }
        Ok(plan)
    }
}

fn required<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> T {
    matches.get_one::<T>(name).expect("it has a default").clone()
}

/// Who runs where.
struct Placement {
    allowed: Vec<usize>,
}

impl Placement {
    fn server(&self, threads: usize) -> Vec<usize> {
        self.allowed[..threads.min(self.allowed.len())].to_vec()
    }

    fn generator(&self, threads: usize) -> Vec<usize> {
        let free = self.allowed.get(threads..).unwrap_or_default();
        free.last().map_or_else(|| self.allowed.clone(), |&last| vec![last])
    }
}

fn measure_all(
    plan: &Plan,
    placement: &Placement,
    memcached: &Path,
    slabcore: &Path,
) -> Result<(String, Vec<Outcome>), Box<dyn Error>> {
    let mut version = String::new();
    let mut outcomes = Vec::new();
    for rows in plan.rows.chunk_by(|one, next| one.threads == next.threads) {
        let threads = rows[0].threads;
        let options = ServerOptions {
            memory_mib: plan.memory_mib,
            threads,
            connections: 2048,
            cores: placement.server(threads),
        };
        cores::pin(&placement.allowed)?;
        let pair = Pair {
            memcached: ServerProcess::start(memcached, &options)?,
            slabcore: ServerProcess::start(slabcore, &options)?,
        };
        cores::pin(&placement.generator(threads))?;
        version = Session::open(pair.memcached.address())?.version()?;
        pair.preload(&rows[0].workload(plan.keys, plan.value_bytes))?;
        for row in rows {
            let workload = row.workload(plan.keys, plan.value_bytes);
            let outcome = pair.measure(*row, &workload, plan.schedule)?;
            eprintln!("{}: {:.2}", row.name, outcome.ratio());
            outcomes.push(outcome);
        }
    }
    Ok((version, outcomes))
}

fn cells(outcome: &Outcome) -> Vec<String> {
    let both = |figure: fn(&Window) -> f64, scale: f64, digits: usize| {
        let of = |windows: &[Window]| median_of(windows, figure) / scale;
        let (memcached, slabcore) = (of(&outcome.memcached), of(&outcome.slabcore));
        format!("{memcached:.digits$} / {slabcore:.digits$}")
    };
    let (low, high) = outcome.ratio_spread();
    let verdict = match outcome.passes() {
        Some(true) => "PASS",
        Some(false) => "short",
        None => "",
    };
    vec![
        outcome.row.name.to_owned(),
        both(|window| window.throughput, 1000.0, 0),
        both(|window| window.cpu_micros, 1.0, 3),
        format!("{:.2} ({low:.2} to {high:.2})", outcome.ratio()),
        outcome.row.floor.map_or(String::new(), |floor| format!("{floor:.2}")),
        verdict.to_owned(),
        both(|window| window.p50_micros, 1.0, 0),
        both(|window| window.p99_micros, 1.0, 0),
    ]
}

fn run(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    if matches.get_flag("list") {
        for row in ROWS {
            println!("{}", row.name);
        }
        return Ok(());
    }
    let plan = Plan::of(matches)?;
    cores::raise_open_files()?;
    let (memcached, slabcore) = (binaries::memcached()?, binaries::slabcore()?);
    let machine = machine::describe();
    let placement = Placement { allowed: cores::allowed()? };
    let (version, outcomes) = measure_all(&plan, &placement, &memcached, &slabcore)?;
    println!(
        "memcached {version} / slabcore. {} keys, {}-byte values, -m {}, medians of {} windows of \
         {:?} each. {machine}.\n",
        plan.keys, plan.value_bytes, plan.memory_mib, plan.schedule.windows, plan.schedule.window,
    );
    let head = ["load", "1000 req/s", "CPU µs/req", "ratio", "floor", "", "p50 µs", "p99 µs"];
    let rows: Vec<Vec<String>> = outcomes.iter().map(cells).collect();
    print!("{}", table::markdown(&head, &rows));
    for outcome in outcomes.iter().filter(|outcome| outcome.misses() > 0) {
        println!("\n{}: {} keys were not found", outcome.row.name, outcome.misses());
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&command().get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}
