//! Compares slabcore with stock memcached: same cores, same load, alternating windows.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use slabcore_testkit::tls_files::TlsFiles;

use crate::command::options;
use crate::compare::comparison::{Outcome, Pair, Schedule, Window, median_of};
use crate::compare::data_set::{DataSet, DataSets, Items};
use crate::compare::report::Report;
use crate::compare::rows::{ComparisonRow, ROWS, Tls};
use crate::host::{cores, machine};
use crate::load::workload::Workload;
use crate::servers::server_process::{ServerOptions, ServerProcess};
use crate::servers::session::Session;
use crate::table;

const DETAILS: &str = "\
Both servers are started with the same options on the first cores that this process may use, and
the generator runs on the last; with more threads than there are cores but one they share. Every
reply is checked byte by byte; the first wrong one ends the run. Windows of both servers alternate
in random order, with all connections open all the time. CPU is user and system time of all
threads of a server, per request. ratio is the other server's figure divided by Slabcore's: the
CPU per request, in rows of an open loop the p99 latency; with the interval in which it is with a
probability of 95 %. The rate of an open loop is a share of the other server's peak, measured just
before over the same connections. --keys, --value-bytes and --memory are for all rows that do not
name other items. bare is the CPU per request of a responder: a server on the same kind of ring
without a cache, which answers every request with the same bytes. So it is what this kernel costs;
times bare is Slabcore's CPU divided by it. Rows that it cannot answer on one thread have a dash.";

/// The servers' key: RSA of 2,048 bits, like most certificates. It protects nothing.
const SERVER_KEY: &str = include_str!("../../measured-server.key");

/// The smallest share of its core that a server must use in a closed loop. With less, the figures
/// show something other than the server.
const LEAST_BUSY: f64 = 0.9;

/// The command line.
#[must_use]
pub fn command() -> Command {
    let option = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").default_value(default).help(help)
    };
    Command::new("compare")
        .about("Compares Slabcore with another server, side by side.")
        .args(options::server_options())
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
            Arg::new("out")
                .long("out")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Write every window and facts about the machine as JSON"),
        )
        .arg(
            Arg::new("floors").long("floors").action(ArgAction::SetTrue).help(
                "Show the ratio that each row is to have in this project, and whether it has",
            ),
        )
        .arg(
            Arg::new("quick")
                .long("quick")
                .action(ArgAction::SetTrue)
                .help("One window of 0.2 s and few keys: shows that it works, not how fast"),
        )
        .arg(
            Arg::new("list")
                .long("list")
                .action(ArgAction::SetTrue)
                .help("Print the names of the rows and stop"),
        )
}

/// The options of the command line.
struct Plan {
    rows: Vec<ComparisonRow>,
    schedule: Schedule,
    data_sets: DataSets,
}

impl Plan {
    fn of(matches: &ArgMatches) -> Result<Self, Box<dyn Error>> {
        let quick = matches.get_flag("quick");
        let wanted: Option<&String> = matches.get_one("rows");
        let rows: Vec<ComparisonRow> = ROWS
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
        let chosen = DataSet {
            keys: required(matches, "keys"),
            value_bytes: required(matches, "value-bytes"),
            memory_mib: required(matches, "memory"),
        };
        let plan = Self {
            rows,
            schedule: Schedule { windows, window, warm_up: window / 2 },
            data_sets: DataSets { chosen, quick },
        };
        for row in &plan.rows {
            row.workload(plan.data_sets.of(row.items)).validate()?;
        }
        Ok(plan)
    }
}

fn required<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> T {
    matches.get_one::<T>(name).expect("it has a default").clone()
}

/// The cores of the servers and of the generator.
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
) -> Result<Measured, Box<dyn Error>> {
    let mut versions = [String::new(), String::new()];
    let mut outcomes = Vec::new();
    let mut responders = Responders::found();
    for rows in plan.rows.chunk_by(ComparisonRow::shares_servers) {
        let (threads, data_set) = (rows[0].threads, plan.data_sets.of(rows[0].items));
        let options = ServerOptions {
            memory_mib: data_set.memory_mib,
            threads,
            connections: 2048,
            cores: placement.server(threads),
            tls: (rows[0].tls != Tls::Nothing)
                .then(|| Arc::new(TlsFiles::with_server_key(SERVER_KEY))),
        };
        cores::pin(&placement.allowed)?;
        let pair = Pair {
            memcached: ServerProcess::start(memcached, &options)?,
            slabcore: ServerProcess::start(slabcore, &options)?,
        };
        cores::pin(&placement.generator(threads))?;
        for (version, server) in versions.iter_mut().zip([&pair.memcached, &pair.slabcore]) {
            *version = Session::open(server.address())?.version()?;
        }
        pair.preload(&rows[0].workload(data_set))?;
        for row in rows {
            let started = responders.start(row, data_set, &placement.server(threads));
            let responder = started.as_ref().map(|(server, workload)| (server, workload));
            let workload = row.workload(data_set);
            let outcome = pair.measure(*row, &workload, responder, plan.schedule)?;
            eprintln!("{}: {}", row.name, outcome.ratio().text());
            outcomes.push(outcome);
        }
    }
    Ok(Measured { versions, outcomes, no_responder: responders.missing })
}

/// What was measured.
struct Measured {
    /// The versions that the other server and Slabcore gave.
    versions: [String; 2],
    outcomes: Vec<Outcome>,
    /// Why there is no responder.
    no_responder: Option<String>,
}

/// Starts responders as long as that works.
struct Responders {
    binary: PathBuf,
    /// Why it does not work.
    missing: Option<String>,
}

impl Responders {
    fn found() -> Self {
        match std::env::current_exe() {
            Ok(binary) => Self { binary, missing: None },
            Err(error) => Self { binary: PathBuf::new(), missing: Some(error.to_string()) },
        }
    }

    /// A responder for this row, and its load; `None` where it cannot answer.
    fn start(
        &mut self,
        row: &ComparisonRow,
        data_set: DataSet,
        cores: &[usize],
    ) -> Option<(ServerProcess, Workload)> {
        if self.missing.is_some() {
            return None;
        }
        let (workload, fixed) = row.fixed_load(data_set)?;
        let (bytes, reply) = (fixed.request_bytes, &fixed.reply);
        match ServerProcess::start_responder(&self.binary, bytes, reply, cores) {
            Ok(server) => Some((server, workload)),
            Err(error) => {
                self.missing = Some(error.to_string());
                None
            }
        }
    }
}

fn cells(outcome: &Outcome, with_floors: bool) -> Vec<String> {
    let both = |figure: fn(&Window) -> f64, scale: f64, digits: usize| {
        let of = |windows: &[Window]| median_of(windows, figure) / scale;
        let (memcached, slabcore) = (of(&outcome.memcached), of(&outcome.slabcore));
        format!("{memcached:.digits$} / {slabcore:.digits$}")
    };
    let (bare, over_bare) = match outcome.over_responder() {
        Some((micros, times)) => (format!("{micros:.3}"), format!("{times:.2}")),
        None => ("-".to_owned(), "-".to_owned()),
    };
    let floors = with_floors.then(|| {
        let verdict = if outcome.passes() { "PASS" } else { "short" };
        let row = &outcome.row;
        [format!("{:.2}", row.floor), format!("{:.2}", row.aim), verdict.to_owned()]
    });
    let mut cells = vec![
        outcome.row.name.to_owned(),
        both(|window| window.throughput, 1000.0, 0),
        both(|window| window.cpu_micros, 1.0, 3),
        outcome.ratio().text(),
    ];
    cells.extend(floors.into_iter().flatten());
    cells.extend([
        bare,
        over_bare,
        both(|window| window.p50_micros, 1.0, 0),
        both(|window| window.p99_micros, 1.0, 0),
        both(|window| window.p999_micros, 1.0, 0),
        format!("{} / {}", outcome.memcached_bytes >> 20, outcome.slabcore_bytes >> 20),
    ]);
    cells
}

/// Measures the rows and prints the table.
pub fn run(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    if matches.get_flag("list") {
        for row in ROWS {
            println!("{}", row.name);
        }
        return Ok(());
    }
    let plan = Plan::of(matches)?;
    cores::raise_open_files()?;
    let [memcached, slabcore] = options::servers(matches)?;
    let machine = machine::describe();
    let placement = Placement { allowed: cores::allowed()? };
    let Measured { versions: [version, slabcore_version], outcomes, no_responder } =
        measure_all(&plan, &placement, &memcached, &slabcore)?;
    if let Some(path) = matches.get_one::<PathBuf>("out") {
        let command = std::env::args().collect();
        let (other_version, slabcore_version) = (&*version, &*slabcore_version);
        let (machine, outcomes) = (&*machine, &*outcomes);
        let report = Report { command, machine, other_version, slabcore_version, outcomes };
        let text = serde_json::to_string_pretty(&report.to_json())?;
        std::fs::write(path, text + "\n")
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let chosen = plan.data_sets.of(Items::Chosen);
    println!(
        "memcached {version} / slabcore. {} keys, {}-byte values, -m {} where a row names no \
         others, medians of {} windows of {:?} each. {machine}.\n",
        chosen.keys,
        chosen.value_bytes,
        chosen.memory_mib,
        plan.schedule.windows,
        plan.schedule.window,
    );
    let with_floors = matches.get_flag("floors");
    let mut head = vec!["load", "1000 req/s", "CPU µs/req", "ratio"];
    if with_floors {
        head.extend(["floor", "aim", ""]);
    }
    head.extend(["bare µs/req", "times bare", "p50 µs", "p99 µs", "p99.9 µs", "MiB"]);
    let rows: Vec<Vec<String>> = outcomes.iter().map(|it| cells(it, with_floors)).collect();
    print!("{}", table::markdown(&head, &rows));
    if let Some(why) = no_responder {
        println!("\nno bare responder: {why}");
    }
    for outcome in &outcomes {
        print_doubts(outcome);
    }
    Ok(())
}

/// Prints what makes a row's figures doubtful.
fn print_doubts(outcome: &Outcome) {
    let name = outcome.row.name;
    if let Tls::Handshakes(wanted) = outcome.row.tls {
        let done = |windows: &[Window]| median_of(windows, |window| window.handshakes_per_second);
        let (memcached, slabcore) = (done(&outcome.memcached), done(&outcome.slabcore));
        println!("\n{name}: {memcached:.0} / {slabcore:.0} of {wanted} handshakes a second");
    }
    if outcome.misses() > 0 {
        println!("\n{name}: {} keys were not found", outcome.misses());
    }
    if outcome.unsent() > 0 {
        println!("\n{name}: {} requests were due and not sent", outcome.unsent());
    }
    if let Some(share) = outcome.least_busy().filter(|&share| share < LEAST_BUSY) {
        println!(
            "\n{name}: a server used {:.0} % of its core and waited for the generator, or for \
             other processes",
            share * 100.0
        );
    }
    let busy = median_of(&outcome.responder, |window| window.busy_cores);
    if !outcome.responder.is_empty() && busy < LEAST_BUSY {
        println!("\n{name}: the responder used {:.0} % of its core and waited", busy * 100.0);
    }
}
