//! Compares what stock memcached and slabcore cost at rest: idle CPU, memory per connection, memory
//! when full, time to the first reply.

use std::error::Error;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};

use crate::command::options;
use crate::compare::footprint::{self, FILL_MIB, Footprint, IDLE_CONNECTIONS, START_MIB};
use crate::host::{cores, machine};
use crate::servers::server_process::{ServerOptions, ServerProcess};
use crate::servers::session;
use crate::table;

/// The command line.
#[must_use]
pub fn command() -> Command {
    Command::new("fill")
        .about("Shows what both servers cost at rest: idle CPU, memory, items held, start.")
        .args(options::server_options())
        .arg(
            Arg::new("seconds")
                .long("seconds")
                .value_name("N")
                .default_value("10")
                .value_parser(clap::value_parser!(f64))
                .help("How long the idle server is watched"),
        )
}

/// One line of the table: name, text, value, and bound if it has one.
struct Figure {
    name: String,
    text: fn(&Footprint) -> String,
    value: fn(&Footprint) -> f64,
    bound: Option<(&'static str, f64)>,
}

fn figures(idle_seconds: f64) -> Vec<Figure> {
    vec![
        Figure {
            name: format!("CPU over {idle_seconds} s with {IDLE_CONNECTIONS} idle connections"),
            text: |footprint| {
                let percent = idle_percent(footprint);
                format!("{percent:.2} % ({:.1} ms)", footprint.idle_cpu.as_secs_f64() * 1e3)
            },
            value: idle_percent,
            // The clock's tick takes some CPU; a share that rounds to 0 % counts as none.
            bound: Some(("0 %", 0.5)),
        },
        Figure {
            name: "memory per idle connection".to_owned(),
            text: |footprint| format!("{:.0} B", footprint.connection_bytes),
            value: |footprint| footprint.connection_bytes,
            bound: Some(("< 1024 B", 1023.0)),
        },
        Figure {
            name: format!("resident, -m {FILL_MIB} filled with 100-byte values"),
            text: |footprint| format!("{:.1} MiB", mib(footprint.filled_bytes)),
            value: |footprint| mib(footprint.filled_bytes),
            bound: Some(("<= 313.6 MiB", FILL_MIB as f64 * 1.10 + 32.0)),
        },
        Figure {
            name: "items it then holds".to_owned(),
            text: |footprint| footprint.filled_items.to_string(),
            value: |footprint| footprint.filled_items as f64,
            bound: None,
        },
        Figure {
            name: format!("start to first reply, -m {START_MIB}"),
            text: |footprint| format!("{:.1} ms", footprint.start.as_secs_f64() * 1e3),
            value: |footprint| footprint.start.as_secs_f64() * 1e3,
            bound: Some(("< 100 ms", 100.0)),
        },
    ]
}

fn idle_percent(footprint: &Footprint) -> f64 {
    footprint.idle_cpu.as_secs_f64() / footprint.idle_time.as_secs_f64() * 100.0
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Measures both servers and prints the table.
pub fn run(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let idle_seconds: f64 = *matches.get_one("seconds").expect("it has a default");
    cores::raise_open_files()?;
    let [memcached, slabcore] = options::servers(matches)?;
    let machine = machine::describe();
    let allowed = cores::allowed()?;
    let (first, last) = (allowed[0], allowed[allowed.len() - 1]);
    cores::pin(&[last])?;
    let options = ServerOptions {
        memory_mib: 64,
        threads: 1,
        connections: 1024,
        cores: vec![first],
        tls: None,
    };
    let version = {
        let server = ServerProcess::start(&memcached, &options)?;
        session::Session::open(server.address())?.version()?
    };
    let idle = Duration::try_from_secs_f64(idle_seconds)?;
    let of_memcached = footprint::measure(&memcached, &[first], idle)?;
    let of_slabcore = footprint::measure(&slabcore, &[first], idle)?;
    let row = |figure: &Figure| {
        let verdict = figure.bound.map_or("", |(_, bound)| {
            if (figure.value)(&of_slabcore) <= bound { "PASS" } else { "short" }
        });
        vec![
            figure.name.clone(),
            (figure.text)(&of_memcached),
            (figure.text)(&of_slabcore),
            figure.bound.map_or("", |(text, _)| text).to_owned(),
            verdict.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = figures(idle_seconds).iter().map(row).collect();
    println!("At rest, -t 1, against memcached {version}. {machine}.\n");
    print!("{}", table::markdown(&["figure", "memcached", "slabcore", "bound", ""], &rows));
    Ok(())
}
