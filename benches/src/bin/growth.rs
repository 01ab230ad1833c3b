//! Times every store operation while one store grows from nothing: is there a pause?

use std::error::Error;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use hdrhistogram::Histogram;
use slabcore_bench::host::disturbances::Disturbances;
use slabcore_bench::host::{cores, machine};
use slabcore_bench::table;
use slabcore_benches::growth::growth::{
    Growth, PAUSE_NANOS, Run, SLOW_NANOS, SlowOperation, clock_nanos,
};
use slabcore_benches::growth::mapped_store::Populate;
use slabcore_benches::growth::own_work::{OwnWork, SlowInAll, cause};

const DETAILS: &str = "\
One store within this process; the keys are the same in every run, so each operation's work is too.
Own work is the least of an operation's times over all runs; where all were above 20 us, the least
of those in which the thread had no page fault and stayed on its core. Without --populate the first
write to new memory is a page fault (of 2 MiB where there are huge pages) that recurs in every run
and hides what the operation did beside it; --populate shows that part.";

/// Largest number of operations that are listed one by one.
const LISTED_MAX: usize = 8;

fn command() -> Command {
    let option = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("N").default_value(default).help(help)
    };
    let range = |min: i64, max: i64| value_parser!(u32).range(min..=max);
    Command::new("growth")
        .about("Times every store operation while a store grows from nothing.")
        .after_help(DETAILS)
        .arg(option("items", "20000000", "Items stored").value_parser(range(1, 1_000_000_000)))
        .arg(option("memory", "4096", "MiB of the store").value_parser(range(1, 1 << 20)))
        .arg(option("runs", "3", "Runs of the same work").value_parser(range(1, 100)))
        .arg(option("key-bytes", "30", "Bytes of a key").value_parser(range(9, 250)))
        .arg(option("value-bytes", "64", "Bytes of a value").value_parser(range(0, 1 << 20)))
        .arg(
            Arg::new("populate")
                .long("populate")
                .action(ArgAction::SetTrue)
                .help("Have the kernel give all memory before the first operation"),
        )
}

fn micros(nanos: u64) -> String {
    format!("{:.2}", nanos as f64 / 1000.0)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// A line of the table: its name, the cell for a run, the cell for the own work.
type Line<'a> = (String, Box<dyn Fn(&Run) -> String>, String);

fn quantile_line(name: &str, quantile: f64, own: &OwnWork) -> Line<'static> {
    let cell = move |times: &Histogram<u64>| micros(times.value_at_quantile(quantile));
    let own = cell(&own.times);
    (format!("{name}, us"), Box::new(move |run| cell(&run.times)), own)
}

fn lines(own: &OwnWork) -> Vec<Line<'static>> {
    let slow_us = SLOW_NANOS / 1000;
    let pause_us = PAUSE_NANOS / 1000;
    let undisturbed = |run: &Run, nanos: u32| {
        let slow = run.slow.iter().filter(|slow| slow.met.is_none() && slow.nanos > nanos);
        slow.count().to_string()
    };
    let mut lines = vec![
        quantile_line("p50", 0.5, own),
        quantile_line("p99", 0.99, own),
        quantile_line("p99.99", 0.9999, own),
        quantile_line("p99.9999", 0.999_999, own),
        quantile_line("longest", 1.0, own),
    ];
    let mut line = |name: String, cell: Box<dyn Fn(&Run) -> String>, own: String| {
        lines.push((name, cell, own));
    };
    line(
        format!("above {slow_us} us"),
        Box::new(|run| run.slow.len().to_string()),
        own.slow.len().to_string(),
    );
    line(
        "- with a page fault".to_owned(),
        Box::new(|run| run.slow.iter().filter(|slow| slow.met.page_faults > 0).count().to_string()),
        own.faults_in_all().count().to_string(),
    );
    let longest_fault = |slow: &mut dyn Iterator<Item = SlowOperation>| {
        let faults = slow.filter(|slow| slow.met.page_faults > 0).map(|slow| slow.nanos);
        faults.max().map_or_else(|| "-".to_owned(), |nanos| micros(nanos.into()))
    };
    line(
        "- longest of these, us".to_owned(),
        Box::new(move |run| longest_fault(&mut run.slow.iter().copied())),
        longest_fault(&mut own.faults_in_all().filter_map(SlowInAll::least)),
    );
    line(
        "- switched out".to_owned(),
        Box::new(|run| {
            let switched = |met: Disturbances| met.page_faults == 0 && met.switches > 0;
            run.slow.iter().filter(|slow| switched(slow.met)).count().to_string()
        }),
        own.disturbed_in_all().to_string(),
    );
    line(
        "- undisturbed".to_owned(),
        Box::new(move |run| undisturbed(run, SLOW_NANOS)),
        own.count_above(SLOW_NANOS).to_string(),
    );
    line(
        format!("undisturbed above {pause_us} us"),
        Box::new(move |run| undisturbed(run, PAUSE_NANOS)),
        own.pauses().to_string(),
    );
    line("page faults".to_owned(), Box::new(|run| run.met.page_faults.to_string()), String::new());
    line("left the core".to_owned(), Box::new(|run| run.met.switches.to_string()), String::new());
    line(
        "stolen by the hypervisor, ms".to_owned(),
        Box::new(|run| run.stolen.as_millis().to_string()),
        String::new(),
    );
    line(
        "whole run, s".to_owned(),
        Box::new(|run| format!("{:.1}", run.elapsed.as_secs_f64())),
        String::new(),
    );
    lines
}

fn print(runs: &[Run], own: &OwnWork) {
    let names: Vec<String> = (1..=runs.len()).map(|number| format!("run {number}")).collect();
    let mut head = vec!["store operations"];
    head.extend(names.iter().map(String::as_str));
    head.push("own work");
    let row = |(name, cell, own): Line<'_>| {
        [name].into_iter().chain(runs.iter().map(cell)).chain([own]).collect()
    };
    let rows: Vec<Vec<String>> = lines(own).into_iter().map(row).collect();
    println!("{}", table::markdown(&head, &rows));
    let longest = own.longest(LISTED_MAX);
    if !longest.is_empty() {
        head[0] = "longest own work: operation";
        let times = |slow: &SlowInAll| {
            let of_run =
                |slow: &SlowOperation| format!("{} {}", micros(slow.nanos.into()), cause(slow.met));
            let runs = slow.runs.iter().map(of_run);
            let own = micros(slow.own_nanos.unwrap_or_default().into());
            [slow.number.to_string()].into_iter().chain(runs).chain([own]).collect()
        };
        let rows: Vec<Vec<String>> = longest.into_iter().map(times).collect();
        println!("{}", table::markdown(&head, &rows));
    }
}

fn print_memory(run: &Run) {
    let items = run.stats.curr_items;
    let bytes = |figure: u64| format!("{:.1} B", figure as f64 / items as f64);
    let rows = [
        ("region", run.region_bytes),
        ("resident", run.resident_bytes),
        ("pages in use", run.used_bytes),
        ("hash table", run.stats.hash_bytes),
    ]
    .map(|(name, figure)| vec![name.to_owned(), mib(figure), bytes(figure)]);
    println!("{}", table::markdown(&["memory at the end", "", "per item"], &rows));
}

fn run(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let number = |name: &str| *matches.get_one::<u32>(name).expect("it has a default") as usize;
    let core = *cores::allowed()?.last().ok_or("no core is allowed")?;
    cores::pin(&[core])?;
    let populate = if matches.get_flag("populate") { Populate::Ahead } else { Populate::OnUse };
    let growth = Growth {
        items: number("items"),
        memory_mib: number("memory"),
        key_bytes: number("key-bytes"),
        value_bytes: number("value-bytes"),
        populate,
        core,
    };
    let mut least = vec![u32::MAX; growth.items];
    let mut runs = Vec::new();
    for number in 1..=number("runs") {
        let run = growth.run(&mut least)?;
        eprintln!("run {number}: {:.1} s", run.elapsed.as_secs_f64());
        runs.push(run);
    }
    println!(
        "{} items of {} + {} bytes into {} MiB, memory given {}, in-process on core {core}. {}. \
         Reading the clock is {} ns of every time.\n",
        growth.items,
        growth.key_bytes,
        growth.value_bytes,
        growth.memory_mib,
        if populate == Populate::Ahead { "ahead" } else { "on use" },
        machine::describe(),
        clock_nanos(),
    );
    print(&runs, &OwnWork::of(&runs, &least));
    print_memory(runs.last().expect("one run at least"));
    Ok(())
}

fn main() -> ExitCode {
    match run(&command().get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("growth: {error}");
            ExitCode::FAILURE
        }
    }
}
